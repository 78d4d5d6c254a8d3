// The steps with their raw codes, on the page and for copying. Callers never hand it a secret.
(function (pilot) {
  "use strict";

  const MOST = 400;
  const entries = [];
  const byId = (id) => document.getElementById(id);

  const pad = (number) => String(number).padStart(2, "0");

  function now() {
    const at = new Date();
    return pad(at.getHours()) + ":" + pad(at.getMinutes()) + ":" + pad(at.getSeconds());
  }

  function piece(name, text) {
    const node = document.createElement("span");
    node.className = "log-" + name;
    node.textContent = text;
    return node;
  }

  // One step: what was called, the code that came back (0 is good), and a word about it.
  function add(what, code, note) {
    const entry = { at: now(), what: what, code: String(code), note: note || "" };
    entries.push(entry);
    const line = document.createElement("li");
    if (entry.code !== "0") line.className = "bad";
    [piece("at", entry.at), piece("code", entry.code), piece("what", entry.what), piece("note", entry.note)].forEach(
      (node) => line.appendChild(node)
    );
    const list = byId("log-list");
    list.appendChild(line);
    if (entries.length > MOST) {
      entries.shift();
      list.removeChild(list.firstChild);
    }
    list.scrollTop = list.scrollHeight;
    byId("log-last").textContent = entry.what + " · " + entry.code + (entry.note ? " · " + entry.note : "");
  }

  function text() {
    const head = ["cloudapi " + pilot.build, location.href, navigator.userAgent, new Date().toISOString(), ""];
    const lines = entries.map((entry) => [entry.at, entry.code, entry.what, entry.note].join("\t").trim());
    return head.concat(lines).join("\n");
  }

  // navigator.clipboard is missing on plain http, so this is the old way, which works everywhere.
  function copy() {
    const area = document.createElement("textarea");
    area.value = text();
    area.readOnly = true;
    area.className = "log-copy-area";
    document.body.appendChild(area);
    area.select();
    let copied = false;
    try {
      copied = document.execCommand("copy");
    } catch (error) {
      copied = false;
    }
    document.body.removeChild(area);
    return copied;
  }

  function toggle(open) {
    byId("log-list").hidden = !open;
    byId("log-toggle").setAttribute("aria-expanded", String(open));
    byId("log-toggle").textContent = pilot.say(open ? "log.hide" : "log.show");
    if (open) byId("log-list").scrollTop = byId("log-list").scrollHeight;
  }

  byId("log-toggle").addEventListener("click", () => toggle(byId("log-list").hidden));
  byId("log-copy").addEventListener("click", () => {
    const copied = copy();
    byId("log-last").textContent = pilot.say(copied ? "log.copied" : "log.select");
    if (!copied) toggle(true);
  });

  pilot.log = { add: add, text: text, toggle: toggle };
})((window.pilot = window.pilot || {}));
