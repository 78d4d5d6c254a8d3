// What the server has put into the page: its version, its addresses, and all sentences in the language of the browser.
(function (pilot) {
  "use strict";

  const data = JSON.parse(document.getElementById("pilot-data").textContent);

  pilot.build = data.build;
  pilot.paths = { api: data.api, socket: data.socket, page: data.page };

  // A sentence; `{…}` in it is replaced by the values.
  pilot.say = function (key, values) {
    const sentence = data.text[key] || key;
    return sentence.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
  };

  // What stops a flow and is shown to the pilot: `title` and `hints` are sentences, `code` is the raw one.
  pilot.Trouble = class extends Error {
    constructor(kind, code, title, message, hints) {
      super(title);
      this.kind = kind;
      this.code = code;
      this.title = title;
      this.detail = message || "";
      this.hints = hints || [];
    }
  };
})((window.pilot = window.pilot || {}));
