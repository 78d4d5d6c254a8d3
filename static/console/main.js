// The operator's console: frames from the server go into the store, and the views show what the store holds.

import { Connection } from "./connection.js";
import { DetailsView } from "./details.js";
import { byId } from "./dom.js";
import { useWords } from "./format.js";
import { PlanView } from "./plan.js";
import { StatusView } from "./status.js";
import { Store } from "./store.js";
import { TreeView } from "./tree.js";

const data = JSON.parse(byId("console-data").textContent);
useWords(data, document.documentElement.lang);

const store = new Store();
const connection = new Connection(data.socket_path);
const askFor = (sn) => sn && connection.say({ type: "open", sn });
const details = new DetailsView(
  store,
  data.devices_path,
  (sn) => {
    askFor(sn);
    tree.mark(sn);
    plan.mark(sn);
  },
  (sn) => {
    connection.say({ type: "close", sn });
    store.forgetDetails(sn);
  },
);
const select = (sn, opener) => details.open(sn, opener);
const tree = new TreeView(store, select);
const plan = new PlanView(store, select);
const status = new StatusView(connection, store, data.urls);

connection.addEventListener("frame", ({ detail: frame }) => {
  const change = store.apply(frame);
  if (frame.type !== "details") {
    tree.render(change);
    plan.render();
  }
  if (change.restructured || change.changed.has(details.selected)) details.render();
});

// Whatever was said on an earlier connection is forgotten.
connection.addEventListener("state", () => connection.state === "open" && askFor(details.selected));

setInterval(() => {
  connection.check();
  status.render();
  tree.tick();
  details.tick();
}, 1000);

connection.open();
