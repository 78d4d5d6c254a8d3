// The state of the workspace as the server last told it: a snapshot, then what changed. `values` are the few that the
// list and the plan show; `details` are all of them, for the device that is opened.

import { fix } from "./values.js";

const KINDS = ["dock", "controller", "aircraft", "payload", "unknown"];
const TRAIL_POINTS = 200;
const TRAIL_MS = 10 * 60_000;
const TRAIL_JUMP = 0.05; // degrees, about 5 km: no flight between two reports, so a new trail begins

const string = (value) => (typeof value === "string" ? value : "");
const milliseconds = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const record = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

const blank = (sn) => ({
  sn, kind: "unknown", model: "", model_key: "", callsign: "", gateway_sn: "", online: false,
  offline_reason: "", last_seen_at: null, clock_skew_ms: null, values: {}, details: {}, trail: [],
});

const READ = {
  kind: (value) => (KINDS.includes(value) ? value : "unknown"),
  model: string,
  model_key: string,
  callsign: string,
  gateway_sn: string,
  online: (value) => value === true,
  offline_reason: string,
  last_seen_at: milliseconds,
  clock_skew_ms: milliseconds,
};

export class Store {
  devices = new Map();
  loaded = false;
  #clockAt = 0;
  #clockRead = 0;
  #dataAt = 0;

  // The server's clock: ages must not depend on how well the browser's clock is set.
  now() {
    return this.#clockAt + (performance.now() - this.#clockRead);
  }

  // When a device was last heard, as far as frames tell.
  get dataAt() {
    return this.#dataAt;
  }

  get online() {
    return [...this.devices.values()].filter((device) => device.online).length;
  }

  // Takes a frame; returns the SNs that changed, and whether the tree did.
  apply(frame) {
    const at = milliseconds(frame.at) ?? Date.now();
    this.#clockAt = at;
    this.#clockRead = performance.now();
    const isDetails = frame.type === "details";
    const reports = Array.isArray(frame.devices) ? frame.devices.map(record).filter((report) => string(report.sn)) : [];
    const changed = new Set();
    let restructured = false;
    if (frame.type === "snapshot") {
      const named = new Set(reports.map((report) => report.sn));
      for (const sn of [...this.devices.keys()]) if (!named.has(sn)) this.devices.delete(sn);
      restructured = true;
    }
    for (const report of reports) {
      if (isDetails) this.#detail(report);
      else restructured = this.#take(report, frame.type === "snapshot", at) || restructured;
      changed.add(report.sn);
    }
    if (isDetails) return { changed, restructured };
    this.#dataAt = frame.type === "snapshot" ? this.#lastHeard(at) : at;
    this.loaded = true;
    return { changed, restructured };
  }

  #take(report, isWhole, at) {
    const before = this.devices.get(report.sn);
    if (report.removed === true) return this.devices.delete(report.sn);
    const { trail, details } = before ?? blank(report.sn);
    const device = { ...(isWhole || !before ? blank(report.sn) : before), trail, details };
    for (const [key, read] of Object.entries(READ)) if (key in report) device[key] = read(report[key]);
    if ("values" in report) device.values = { ...device.values, ...record(report.values) };
    this.devices.set(device.sn, device);
    if (device.kind === "aircraft") this.#extendTrail(device, at);
    return !before || ["gateway_sn", "kind", "callsign", "model"].some((key) => before[key] !== device[key]);
  }

  #detail(report) {
    const device = this.devices.get(report.sn);
    if (device) device.details = { ...device.details, ...record(report.values) };
  }

  // Nobody looks at its details any more, so they are not kept up to date.
  forgetDetails(sn) {
    const device = this.devices.get(sn);
    if (device) device.details = {};
  }

  #extendTrail(device, at) {
    const here = fix(device);
    const last = device.trail.at(-1);
    if (!here || (last && last.lat === here.lat && last.lng === here.lng)) return;
    const jumped = last && Math.hypot(here.lat - last.lat, here.lng - last.lng) > TRAIL_JUMP;
    const kept = jumped ? [] : device.trail.filter((point) => at - point.at < TRAIL_MS).slice(1 - TRAIL_POINTS);
    device.trail = [...kept, { ...here, at }];
  }

  // A snapshot says how things stand, not that somebody was just heard.
  #lastHeard(at) {
    const heard = [...this.devices.values()].filter((device) => device.online && device.last_seen_at !== null);
    return heard.length ? Math.min(at, Math.max(...heard.map((device) => device.last_seen_at))) : at;
  }

  // Gateways with their sub-devices; a sub-device whose gateway is not in this workspace stands by itself.
  tree() {
    const all = [...this.devices.values()].sort(
      (a, b) =>
        KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
        (a.callsign || a.model).localeCompare(b.callsign || b.model) ||
        (a.sn < b.sn ? -1 : 1),
    );
    const isChild = (device) => this.devices.has(device.gateway_sn) && device.gateway_sn !== device.sn &&
      this.devices.get(device.gateway_sn).gateway_sn !== device.sn;
    return all
      .filter((device) => !isChild(device) || isChild(this.devices.get(device.gateway_sn)))
      .map((device) => ({
        device,
        children: isChild(device) ? [] : all.filter((child) => isChild(child) && child.gateway_sn === device.sn),
      }));
  }
}
