// What happened to the device in the details: the server tells it in sentences, the newest first.

import { byId, element, setText } from "./dom.js";
import { clock, t } from "./format.js";

const RELOAD_MS = 15_000; // a connection that comes and goes within its grace changes nothing else on the page

export class TimelineView {
  #path;
  #list = byId("details-timeline");
  #sn = "";
  #state = "";
  #askedAt = 0;
  #shown = "";
  #asking = new AbortController();

  constructor(devicesPath) {
    this.#path = devicesPath;
  }

  close() {
    this.#asking.abort();
    this.#sn = this.#state = "";
  }

  // Called whenever something changes, and every second.
  render(device, now) {
    const state = [device.online, device.offline_reason, device.gateway_sn].join(" ");
    const isOther = device.sn !== this.#sn;
    const isOld = document.visibilityState === "visible" && performance.now() - this.#askedAt > RELOAD_MS;
    if (isOther) this.#clear(device.sn);
    if (!isOther && state === this.#state && !isOld) return;
    this.#state = state;
    this.#load(now);
  }

  #clear(sn) {
    this.#sn = sn;
    this.#shown = "";
    this.#list.replaceChildren();
    this.#note("timeline.loading");
  }

  async #load(now) {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#askedAt = performance.now();
    const { signal } = this.#asking;
    try {
      const url = `${this.#path}${encodeURIComponent(this.#sn)}/timeline/`;
      const answer = await fetch(url, { signal, redirect: "manual", cache: "no-store" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.#show((await answer.json()).lines, now);
    } catch {
      if (!signal.aborted) this.#note("timeline.failed"); // what is shown stays, and it is tried again
    }
  }

  #show(lines, now) {
    this.#note(lines.length ? "" : "timeline.empty");
    const shown = lines.map((line) => `${this.#time(line, now)} ${line.text}`).join("\n");
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#list.replaceChildren(...lines.map((line) => this.#line(line, now)));
  }

  #line(line, now) {
    const datetime = new Date(line.until).toISOString();
    return element(
      "li", { "data-event": line.event },
      element("time", { datetime, text: this.#time(line, now) }), element("span", { text: line.text }),
    );
  }

  #time({ since, until }, now) {
    const end = clock(until, now);
    return since === until ? end : `${clock(since, now)} – ${end}`;
  }

  #note(key) {
    byId("timeline-note").hidden = !key;
    setText(byId("timeline-note"), key && t(key));
  }
}
