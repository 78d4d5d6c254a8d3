// One device on the plan: its sign, its trail and its name. It glides from one report to the next.

import { setAttribute, setText, shape } from "./dom.js";
import { outline } from "./symbols.js";
import { fix, heading } from "./values.js";

const GLIDE_MS = 1000;
const RECENT_POINTS = 20;
const JUMP = 0.02; // degrees: farther than an aircraft flies between two reports, so it is put there at once
const still = matchMedia("(prefers-reduced-motion: reduce)");

const line = (points) => points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
const textWidth = (text) => [...text].reduce((width, letter) => width + (letter.charCodeAt(0) > 0x2e80 ? 12 : 7), 4);

export class PlanMark {
  label = null;
  importance = 0;
  device = null;
  place = { x: 0, y: 0 }; // on the screen
  #isSelected = false;
  #from = null;
  #to = null;
  #movedAt = -Infinity;
  #path = shape("path", { "fill-rule": "evenodd" });
  #ring = shape("circle", { r: 17, class: "ring" });
  #sign;
  #text = shape("text", {});
  #group;
  #old = shape("polyline", { class: "trail old" });
  #recent = shape("polyline", { class: "trail" });

  constructor(sn, marks, trails, select) {
    const backing = shape("circle", { r: 6, class: "backing" }); // no line shows through the hole of a sign
    this.#sign = shape("g", {}, shape("circle", { r: 18, class: "touch" }), backing, this.#path);
    this.#group = shape("g", { class: "mark", "data-sn": sn }, this.#ring, this.#sign, this.#text);
    this.#group.addEventListener("click", () => select(sn));
    marks.append(this.#group);
    trails.append(this.#old, this.#recent);
  }

  remove() {
    for (const node of [this.#group, this.#old, this.#recent]) node.remove();
  }

  update(device, name, isSelected) {
    this.device = device;
    this.#isSelected = isSelected;
    this.importance = (isSelected ? 4 : 0) + (device.online ? 2 : 0) + (device.kind === "aircraft" ? 1 : 0);
    this.#moveTo(fix(device));
    const direction = heading(device);
    const kind = device.kind === "aircraft" && direction === null ? "aircraft_unknown_heading" : device.kind;
    setAttribute(this.#path, "d", outline(kind));
    const turn = device.kind === "aircraft" && direction !== null ? ` rotate(${direction})` : "";
    setAttribute(this.#path, "transform", `scale(1.2)${turn}`);
    setAttribute(this.#group, "class", `mark ${device.kind}${isSelected ? " selected" : ""}`);
    setAttribute(this.#group, "data-online", String(device.online));
    setText(this.#text, name.length > 24 ? `${name.slice(0, 23)}…` : name);
  }

  #moveTo(place) {
    if (this.#to && this.#to.lat === place.lat && this.#to.lng === place.lng) return;
    const now = performance.now();
    const isNear = this.#to && Math.hypot(this.#to.lat - place.lat, this.#to.lng - place.lng) < JUMP;
    this.#from = isNear && !still.matches ? this.#at(now) : place;
    this.#to = place;
    this.#movedAt = now;
  }

  #at(time) {
    const share = Math.min(1, Math.max(0, (time - this.#movedAt) / GLIDE_MS));
    return {
      lat: this.#from.lat + (this.#to.lat - this.#from.lat) * share,
      lng: this.#from.lng + (this.#to.lng - this.#from.lng) * share,
    };
  }

  // Draws it at this time; true while it glides.
  draw(toScreen, time) {
    const here = this.#at(time);
    const { x, y } = (this.place = toScreen(here));
    setAttribute(this.#group, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    const trail = this.device.trail.slice(0, -1).map(toScreen);
    setAttribute(this.#old, "points", line(trail));
    setAttribute(this.#recent, "points", line([...trail.slice(-RECENT_POINTS), { x, y }]));
    const width = textWidth(this.#text.textContent);
    this.label = { x, y, width, height: 16, gap: this.#isSelected ? 20 : 14, must: this.#isSelected };
    return time - this.#movedAt < GLIDE_MS;
  }

  putLabel(place) {
    setAttribute(this.#text, "visibility", place ? null : "hidden");
    if (!place) return;
    setAttribute(this.#text, "x", (place.x - this.label.x + 2).toFixed(1));
    setAttribute(this.#text, "y", (place.y - this.label.y + 12).toFixed(1));
  }
}
