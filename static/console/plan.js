// A plan of the workspace without map tiles: where the devices are, how they move, north up.

import { byId, setAttribute, setText, shape } from "./dom.js";
import { distance, name, t } from "./format.js";
import { bounds, niceStep, placeLabels, projection, span } from "./geometry.js";
import { PlanMark } from "./plan_mark.js";
import { fix } from "./values.js";
import { Viewport } from "./viewport.js";

const SMALLEST_SPAN = 150; // metres: one device alone is not zoomed in to its antenna
const FAR_APART = 20; // a selection is zoomed to when its family is this much smaller than the whole
const FRAME_MS = 40;

const point = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;

export class PlanView {
  #store;
  #select;
  #selected = "";
  #svg = byId("plan");
  #grid = shape("path", { class: "grid" });
  #links = shape("path", { class: "links" });
  #trails = shape("g", { class: "trails" });
  #marks = shape("g", { class: "marks" });
  #byDevice = new Map();
  #viewport;
  #frame = 0;
  #drawnAt = 0;

  constructor(store, select) {
    this.#store = store;
    this.#select = select;
    this.#svg.append(this.#grid, this.#links, this.#trails, this.#marks);
    this.#viewport = new Viewport(this.#svg, () => this.#schedule());
    byId("plan-in").addEventListener("click", () => this.#viewport.zoom(1.6));
    byId("plan-out").addEventListener("click", () => this.#viewport.zoom(1 / 1.6));
    byId("plan-fit").addEventListener("click", () => {
      this.#viewport.follow();
      this.#fit(true);
    });
    new ResizeObserver(() => this.#fit(true)).observe(this.#svg);
  }

  render() {
    const seen = [...this.#store.devices.values()].filter(fix);
    const sns = new Set(seen.map((device) => device.sn));
    for (const [sn, mark] of this.#byDevice) {
      if (sns.has(sn)) continue;
      mark.remove();
      this.#byDevice.delete(sn);
    }
    for (const device of seen) {
      this.#mark(device.sn).update(device, name(device), device.sn === this.#selected);
    }
    setAttribute(this.#svg, "aria-label", t("plan.summary", { count: seen.length }));
    byId("plan-empty").hidden = seen.length > 0;
    setAttribute(this.#svg.parentElement, "data-empty", seen.length === 0);
    setText(byId("plan-empty"), t("plan.empty"));
    this.#fit(false);
  }

  mark(selected) {
    this.#selected = selected;
    this.render();
  }

  #mark(sn) {
    if (!this.#byDevice.has(sn)) this.#byDevice.set(sn, new PlanMark(sn, this.#marks, this.#trails, this.#select));
    return this.#byDevice.get(sn);
  }

  // Keeps everything (or what was selected, where the whole is too wide to see it) in view.
  #fit(isExact) {
    const devices = [...this.#store.devices.values()].filter(fix);
    if (devices.length) {
      if (!this.#viewport.origin) this.#viewport.origin = fix(devices[0]);
      const project = projection(this.#viewport.origin);
      const place = (group) => bounds(group.flatMap((device) => [fix(device), ...device.trail]).map(project));
      const whole = place(devices);
      const chosen = this.#store.devices.get(this.#selected);
      const root = chosen && (chosen.gateway_sn || chosen.sn);
      const family = devices.filter((device) => chosen && (device.sn === root || device.gateway_sn === root));
      const near = family.length ? place(family) : whole;
      const isTiny = span(near) + SMALLEST_SPAN < span(whole) / FAR_APART;
      this.#viewport.show(isTiny ? near : whole, SMALLEST_SPAN, isExact);
    }
    this.#schedule();
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame((time) => this.#draw(time));
  }

  #draw(time) {
    this.#frame = 0;
    if (time - this.#drawnAt < FRAME_MS) {
      this.#schedule();
      return;
    }
    this.#drawnAt = time;
    if (!this.#viewport.origin) return;
    const viewMoves = this.#viewport.step(time);
    const project = projection(this.#viewport.origin);
    const toScreen = (point) => this.#viewport.toScreen(project(point));
    const marks = [...this.#byDevice.values()];
    const marksMove = marks.map((mark) => mark.draw(toScreen, time)).some(Boolean);
    this.#drawLinks();
    this.#drawLabels(marks);
    this.#drawScale();
    setAttribute(byId("plan-fit"), "aria-pressed", this.#viewport.following ? "true" : "false");
    if (viewMoves || marksMove) this.#schedule();
  }

  // Who is connected to whom.
  #drawLinks() {
    const lines = [...this.#byDevice.values()].map(({ device, place }) => {
      const gateway = device.online && this.#byDevice.get(device.gateway_sn)?.place;
      return gateway ? `M${point(gateway)}L${point(place)}` : "";
    });
    setAttribute(this.#links, "d", lines.join(""));
  }

  #drawLabels(marks) {
    const ordered = [...marks].sort((a, b) => b.importance - a.importance);
    const tools = byId("plan-fit").parentElement;
    const covered = { x: tools.offsetLeft, y: tools.offsetTop, width: tools.offsetWidth, height: tools.offsetHeight };
    const places = placeLabels(ordered.map((mark) => mark.label), this.#viewport.size, [covered]);
    ordered.forEach((mark, index) => mark.putLabel(places[index]));
  }

  #drawScale() {
    const { scale, size } = this.#viewport;
    const step = niceStep(140 / scale);
    byId("plan-scale").style.width = `${step * scale}px`;
    setText(byId("plan-scale-text"), distance(step));
    const start = this.#viewport.toScreen({ x: 0, y: 0 });
    const gap = step * scale;
    let path = "";
    for (let x = ((start.x % gap) + gap) % gap; x < size.width; x += gap) path += `M${x.toFixed(1)} 0V${size.height}`;
    for (let y = ((start.y % gap) + gap) % gap; y < size.height; y += gap) path += `M0 ${y.toFixed(1)}H${size.width}`;
    setAttribute(this.#grid, "d", path);
  }
}
