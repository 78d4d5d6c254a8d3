// Whether what is on the page can be believed: live, reconnecting, stale or ended.

import { byId, setAttribute, setText } from "./dom.js";
import { clock, t } from "./format.js";

const STALE_AFTER_MS = 10_000;
const ANNOUNCE_AFTER_MS = 800; // a state that passes at once is not worth interrupting somebody's screen reader

export class StatusView {
  #connection;
  #store;
  #urls;
  #announced = "";
  #announceTimer = 0;

  constructor(connection, store, urls) {
    this.#connection = connection;
    this.#store = store;
    this.#urls = urls;
    byId("banner-retry").addEventListener("click", () => connection.retryNow());
    connection.addEventListener("state", () => this.render());
  }

  get state() {
    const { state } = this.#connection;
    if (state !== "open") return state;
    const silence = this.#store.now() - this.#store.dataAt;
    return this.#store.online > 0 && silence > STALE_AFTER_MS ? "stale" : "live";
  }

  render() {
    const { state } = this;
    const now = this.#store.now();
    const time = this.#store.loaded ? clock(this.#store.dataAt, now) : "";
    const seconds = Math.max(1, Math.ceil((this.#connection.retryAt - performance.now()) / 1000));
    setAttribute(byId("status"), "data-state", state);
    setAttribute(document.body, "data-state", state);
    setText(byId("status-text"), t(`status.${state}`, { seconds, time }));
    this.#banner(state, time);
    this.#announce(state, t(`status.${state}`, { seconds, time }));
  }

  #banner(state, time) {
    const { reason } = this.#connection;
    if (reason === "session_ended" && byId("banner-link").hidden) location.assign(this.#urls.login);
    const text = {
      waiting: time && t("banner.waiting", { time }),
      connecting: time && t("banner.waiting", { time }),
      stale: t("banner.stale", { time }),
      ended: reason && t(`banner.${reason}`),
    }[state];
    byId("banner").hidden = !text;
    setText(byId("banner-text"), text || "");
    byId("banner-retry").hidden = state !== "waiting";
    byId("banner-link").hidden = state !== "ended";
    setAttribute(byId("banner-link"), "href", reason === "session_ended" ? this.#urls.login : this.#urls.home);
  }

  #announce(state, text) {
    if (state === this.#announced) return;
    this.#announced = state;
    clearTimeout(this.#announceTimer);
    this.#announceTimer = setTimeout(() => setText(byId("announcer"), text), ANNOUNCE_AFTER_MS);
  }
}
