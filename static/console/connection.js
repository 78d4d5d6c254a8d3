// The WebSocket that never gives up: jittered back-off, at once when the tab is looked at or the network is back.

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;
const DEAD_AFTER_MS = 45_000; // an open socket without a frame for so long may be half-dead: ask for a new snapshot
const ENDED = { 4401: "session_ended", 4403: "not_member", 4404: "not_member" };

export class Connection extends EventTarget {
  state = "connecting"; // connecting | open | waiting | ended
  reason = "";
  retryAt = 0;
  #url;
  #socket = null;
  #timer = 0;
  #failures = 0;
  #frameAt = 0;

  constructor(path) {
    super();
    this.#url = new URL(path, location.href);
    this.#url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retryNow());
    addEventListener("online", () => this.retryNow());
    addEventListener("pageshow", (event) => event.persisted && this.retryNow());
  }

  open() {
    clearTimeout(this.#timer);
    this.#set("connecting");
    const socket = (this.#socket = new WebSocket(this.#url));
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = ({ data }) => this.#socket === socket && this.#receive(data);
    socket.onclose = ({ code }) => this.#socket === socket && this.#lost(code, opened);
  }

  retryNow() {
    if (this.state === "waiting") this.open();
  }

  // Says something to the server; lost when the connection is.
  say(message) {
    if (this.state === "open") this.#socket.send(JSON.stringify(message));
  }

  // Called every second by the page.
  check(now = performance.now()) {
    if (this.state === "open" && now - this.#frameAt > DEAD_AFTER_MS) {
      this.#socket.close();
      this.open();
    }
  }

  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not for us
    }
    if (!["snapshot", "delta", "details"].includes(frame?.type)) return;
    if (frame.type !== "snapshot" && this.state !== "open") return; // nothing to apply it to yet
    this.#frameAt = performance.now();
    this.#failures = 0;
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    this.#set("open");
  }

  #lost(code, opened) {
    this.#socket = null;
    if (code in ENDED) {
      this.#set("ended", ENDED[code]);
      return;
    }
    this.#failures += 1;
    const ceiling = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    const delay = ceiling * (0.5 + Math.random() / 2);
    this.retryAt = performance.now() + delay;
    this.#timer = setTimeout(() => this.open(), delay);
    this.#set("waiting");
    // A refused handshake looks like a dead server here, so the page itself is asked.
    if (!opened) this.#askPage();
  }

  async #askPage() {
    let answer;
    try {
      answer = await fetch(location.pathname, { method: "HEAD", redirect: "manual", cache: "no-store" });
    } catch {
      return; // the server is down: the timer tries again
    }
    if (this.state !== "waiting") return;
    if (answer.type === "opaqueredirect") this.#end("session_ended");
    else if (answer.status === 404) this.#end("not_member");
  }

  #end(reason) {
    clearTimeout(this.#timer);
    this.#set("ended", reason);
  }

  #set(state, reason = "") {
    if (this.state === state && state === "open") return;
    this.state = state;
    this.reason = reason;
    this.dispatchEvent(new Event("state"));
  }
}
