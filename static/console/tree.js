// The topology: gateways, and under each the devices that are connected to it.

import { byId, element, setAttribute, setChildren, setText } from "./dom.js";
import { clockWarning, explanation } from "./explain.js";
import { FactList, shortFacts } from "./facts.js";
import { age, model, name, t } from "./format.js";
import { icon } from "./symbols.js";

class Row {
  constructor(sn, select) {
    this.name = element("button", { type: "button", class: "row-name", "aria-controls": "details" });
    this.name.addEventListener("click", () => select(sn, this.name));
    this.state = element("span", { class: "state" });
    this.model = element("span", { class: "row-model" });
    this.heard = element("span", { class: "row-heard" });
    this.reason = element("p", { class: "row-reason" });
    this.clock = element("p", { class: "row-warning" });
    const facts = element("dl", { class: "facts" });
    this.facts = new FactList(facts);
    this.sign = element("span", { class: "row-sign" });
    this.children = element("ul", { class: "tree-children" });
    this.node = element(
      "li", { class: "node", "data-sn": sn },
      element(
        "div", { class: "row" },
        this.sign,
        element("div", { class: "row-title" }, this.name, this.state),
        element("div", { class: "row-sub" }, this.model, element("span", { class: "sn", text: sn }), this.heard),
        this.reason,
        this.clock,
        facts,
      ),
      this.children,
    );
  }

  render(device, now) {
    setText(this.name, name(device));
    setText(this.state, t(device.online ? "state.online" : "state.offline"));
    const kindAndModel = device.callsign ? model(device) : t(`kind.${device.kind}`);
    setText(this.model, kindAndModel);
    setAttribute(this.node, "data-online", String(device.online));
    if (this.kind !== device.kind) this.sign.replaceChildren(icon((this.kind = device.kind)));
    this.facts.render(shortFacts(device));
    setText(this.clock, clockWarning(device));
    this.tick(device, now);
  }

  tick(device, now) {
    const seen = device.last_seen_at;
    setText(this.heard, seen === null ? t("heard.never") : t("heard", { age: age(seen, now) }));
    setText(this.reason, device.online ? "" : explanation(device, now));
  }
}

export class TreeView {
  #store;
  #select;
  #rows = new Map();
  #list = byId("tree");

  constructor(store, select) {
    this.#store = store;
    this.#select = select;
    this.#list.addEventListener("keydown", (event) => this.#moveFocus(event));
  }

  render({ changed, restructured }) {
    const now = this.#store.now();
    if (restructured) this.#arrange();
    for (const sn of changed) {
      const device = this.#store.devices.get(sn);
      if (device) this.#row(sn).render(device, now);
    }
    const { online, devices } = this.#store;
    setText(byId("summary"), devices.size ? t("summary.online", { online, total: devices.size }) : "");
    byId("connect-help").hidden = devices.size > 0;
    document.body.classList.toggle("is-empty", devices.size === 0);
    this.#list.hidden = devices.size === 0;
  }

  tick() {
    const now = this.#store.now();
    for (const [sn, device] of this.#store.devices) this.#rows.get(sn)?.tick(device, now);
  }

  mark(selected) {
    for (const [sn, row] of this.#rows) setAttribute(row.name, "aria-current", sn === selected && "true");
  }

  #arrange() {
    for (const sn of [...this.#rows.keys()]) if (!this.#store.devices.has(sn)) this.#rows.delete(sn);
    const tree = this.#store.tree();
    setChildren(this.#list, tree.map(({ device }) => this.#row(device.sn).node));
    for (const { device, children } of tree) {
      const row = this.#row(device.sn);
      setChildren(row.children, children.map((child) => this.#row(child.sn).node));
      row.children.hidden = children.length === 0;
    }
  }

  #row(sn) {
    if (!this.#rows.has(sn)) this.#rows.set(sn, new Row(sn, this.#select));
    return this.#rows.get(sn);
  }

  #moveFocus(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const names = [...this.#list.querySelectorAll(".row-name")];
    const here = names.indexOf(document.activeElement);
    if (!step || here < 0) return;
    event.preventDefault();
    names[Math.min(names.length - 1, Math.max(0, here + step))].focus();
  }
}
