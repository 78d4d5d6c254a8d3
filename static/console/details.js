// Everything that is known about one device.

import { byId, element, setAttribute, setChildren, setText } from "./dom.js";
import { clockWarning, explanation, hint } from "./explain.js";
import { allFacts, FactList } from "./facts.js";
import { age, model, name, none, raw, t } from "./format.js";
import { TimelineView } from "./timeline.js";
import { flatten } from "./values.js";

const MOST_ROWS = 500;

export class DetailsView {
  selected = "";
  #store;
  #panel = byId("details");
  #filter = byId("values-filter");
  #facts;
  #rows = new Map();
  #identity = new Map();
  #opener = null;
  #onChange;
  #onLeave;
  #timeline;

  constructor(store, devicesPath, onChange, onLeave) {
    this.#store = store;
    this.#timeline = new TimelineView(devicesPath);
    this.#onChange = onChange;
    this.#onLeave = onLeave;
    byId("details-close").addEventListener("click", () => this.close());
    this.#filter.addEventListener("input", () => this.render());
    addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  open(sn, opener = null) {
    if (sn === this.selected) {
      this.close();
      return;
    }
    this.#leave();
    this.selected = sn;
    this.#opener = opener;
    this.#rows.clear();
    this.#facts = new FactList(byId("details-facts"));
    byId("details-values").replaceChildren();
    this.#panel.hidden = false;
    document.body.classList.add("has-details");
    this.render();
    this.#panel.querySelector(".details-body").scrollTop = 0;
    if (opener) byId("details-title").focus();
    this.#onChange(sn);
  }

  close() {
    if (!this.selected) return;
    this.#leave();
    this.#panel.hidden = true;
    this.#timeline.close();
    document.body.classList.remove("has-details");
    if (this.#opener?.isConnected) this.#opener.focus();
    this.#onChange("");
  }

  #leave() {
    if (this.selected) this.#onLeave(this.selected);
    this.selected = "";
  }

  render() {
    if (!this.selected) return;
    const device = this.#store.devices.get(this.selected);
    if (!device) {
      this.close(); // it left the workspace
      return;
    }
    setText(byId("details-title"), name(device));
    const values = { ...device.values, ...device.details };
    this.#facts.render(allFacts({ ...device, values }));
    this.#renderClock(device);
    this.tick();
    this.#renderValues(values);
  }

  tick() {
    const device = this.#store.devices.get(this.selected);
    if (!device) return;
    const now = this.#store.now();
    const [sentence, help] = byId("details-explanation").children;
    setAttribute(byId("details-explanation"), "data-online", String(device.online));
    setText(sentence, explanation(device, now));
    setText(help, hint(device));
    this.#timeline.render(device, now);
    const gateway = this.#store.devices.get(device.gateway_sn);
    this.#renderIdentity({
      kind: t(`kind.${device.kind}`),
      model: model(device),
      model_key: device.model_key || none(),
      sn: device.sn,
      gateway: gateway ? `${name(gateway)} · ${gateway.sn}` : device.gateway_sn || none(),
      heard: age(device.last_seen_at, now),
    });
  }

  #renderClock(device) {
    const warning = clockWarning(device);
    const [sentence, help] = byId("details-clock").children;
    byId("details-clock").hidden = !warning;
    setText(sentence, warning);
    setText(help, t("clock.hint"));
  }

  #renderIdentity(lines) {
    for (const [key, text] of Object.entries(lines)) {
      if (!this.#identity.has(key)) {
        const value = element("dd");
        byId("details-identity").append(element("dt", { text: t(`identity.${key}`) }), value);
        this.#identity.set(key, value);
      }
      setText(this.#identity.get(key), text);
    }
  }

  #renderValues(values) {
    const wanted = this.#filter.value.trim().toLowerCase();
    const { rows, left } = flatten(values, MOST_ROWS);
    const shown = rows.filter(([path, value]) => !wanted || `${path} ${raw(value)}`.toLowerCase().includes(wanted));
    setChildren(byId("details-values"), shown.map(([path, value]) => this.#valueRow(path, raw(value))));
    let note = left ? t("details.more", { count: left }) : "";
    if (!rows.length) note = t("details.none");
    else if (!shown.length) note = t("details.no_match");
    byId("details-note").hidden = !note;
    setText(byId("details-note"), note);
  }

  #valueRow(path, text) {
    if (!this.#rows.has(path)) {
      const value = element("td", { text });
      // A long key may break after its dots.
      const key = element("th", { scope: "row" });
      path.split(".").forEach((step, index) => key.append(...(index ? [element("wbr"), `.${step}`] : [step])));
      this.#rows.set(path, { row: element("tr", {}, key, value), value });
    }
    const { row, value } = this.#rows.get(path);
    if (value.textContent !== text) {
      value.textContent = text;
      value.getAnimations().forEach((animation) => animation.cancel());
      value.classList.remove("changed");
      requestAnimationFrame(() => value.classList.add("changed"));
    }
    return row;
  }
}
