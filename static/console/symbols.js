// The signs of the devices, for the tree and the plan. Each is drawn around 0/0 and about 18 wide.

import { shape } from "./dom.js";

const PATHS = {
  dock: "M-7-7H7V7H-7Z M-3.5-3.5H3.5V3.5H-3.5Z",
  controller: "M-8-5H8V5H-8Z M-4-2.5H4V2.5H-4Z",
  aircraft: "M0-9.5 7 8 0 4.5-7 8Z",
  aircraft_unknown_heading: "M0-7 7 0 0 7-7 0Z",
  payload: "M-6-4H6V5H-6Z M0-2A2.5 2.5 0 1 0 0 3 2.5 2.5 0 1 0 0-2Z",
  unknown: "M0-7A7 7 0 1 0 0 7 7 7 0 1 0 0-7Z M0-3A3 3 0 1 0 0 3 3 3 0 1 0 0-3Z",
};

export const outline = (kind) => PATHS[kind] ?? PATHS.unknown;

export function icon(kind) {
  const path = shape("path", { d: outline(kind), "fill-rule": "evenodd" });
  return shape("svg", { viewBox: "-11 -11 22 22", class: `icon ${kind}`, "aria-hidden": "true" }, path);
}
