// What an operator wants to know first, by kind of device. Shared by the tree and the details.

import { element, setAttribute, setChildren, setText } from "./dom.js";
import * as format from "./format.js";
import * as values from "./values.js";

const LOW_BATTERY = 30;
const EMPTY_BATTERY = 15;

const mode = (device) => ["mode", format.mode(device.kind, values.mode(device))];
const position = (device) => ["position", format.position(values.fix(device))];

function charge(key, device) {
  const level = values.battery(device);
  return [key, format.percent(level), level];
}

function weather(device) {
  const parts = [];
  if (values.rain(device) !== null) parts.push(format.label("rainfall", values.rain(device)));
  if (values.wind(device) !== null) parts.push(format.unit(values.wind(device), 1, "m/s"));
  return ["weather", parts.join(" · ") || format.none()];
}

const SHORT = {
  aircraft: (device) => [
    mode(device),
    charge("battery", device),
    ["height", format.unit(values.height(device), 1, "m")],
    ["speed", format.unit(values.speed(device), 1, "m/s")],
    position(device),
  ],
  dock: (device) => [
    mode(device),
    charge("charge", device),
    ["cover", format.label("cover", values.cover(device))],
    ["drone", format.label("drone_in_dock", values.droneInDock(device))],
    position(device),
  ],
  controller: (device) => [charge("battery", device), position(device)],
};
const MORE = {
  aircraft: (device) => [
    ["heading", format.unit(values.heading(device), 0, "°").replace(" °", "°")],
    ["altitude", format.unit(values.altitude(device), 1, "m")],
  ],
  dock: (device) => [
    weather(device),
    ["temperature", format.unit(values.temperature(device), 1, "°C")],
    ["network", format.label("network_type", values.networkType(device))],
  ],
};

// [key, text, battery level or undefined], the most important first.
export const shortFacts = (device) => (SHORT[device.kind] ?? (() => [position(device)]))(device);
export const allFacts = (device) => [...shortFacts(device), ...(MORE[device.kind]?.(device) ?? [])];

export class FactList {
  #list;
  #items = new Map();

  constructor(list) {
    this.#list = list;
  }

  render(facts) {
    setChildren(this.#list, facts.map(([key]) => this.#item(key).box));
    for (const [key, text, level] of facts) {
      const { value, bar } = this.#item(key);
      setText(value, text);
      setAttribute(value, "title", text);
      bar.hidden = typeof level !== "number";
      if (bar.hidden) continue;
      bar.firstChild.style.width = `${level}%`;
      setAttribute(bar, "data-level", level <= EMPTY_BATTERY ? "empty" : level <= LOW_BATTERY ? "low" : "good");
    }
  }

  #item(key) {
    if (!this.#items.has(key)) {
      const value = element("span", { class: "fact-text" });
      const bar = element("span", { class: "bar", "aria-hidden": "true", hidden: true }, element("span"));
      const box = element(
        "div", { class: "fact", "data-fact": key },
        element("dt", { text: format.t(`fact.${key}`) }), element("dd", {}, value, bar),
      );
      this.#items.set(key, { box, value, bar });
    }
    return this.#items.get(key);
  }
}
