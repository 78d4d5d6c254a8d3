// Injected before the page's scripts: `window.djiBridge` as Pilot 2's web view has it. Calls are synchronous and go to the
// native side (fake_bridge.py), which outlives the page; its callbacks come back by name.
(function () {
  "use strict";

  const native = "__NATIVE__";
  const names = __NAMES__;
  const bridge = {};

  names.forEach((name) => {
    bridge[name] = function (...args) {
      const request = new XMLHttpRequest();
      request.open("POST", native + "/call", false);
      request.send(JSON.stringify({ name: name, args: args }));
      return JSON.parse(request.responseText).result;
    };
  });
  window.djiBridge = bridge;

  // What was called back before this page was there is lost, as on the controller.
  async function listen() {
    let after = "";
    for (;;) {
      const answer = await (await fetch(native + "/callbacks?" + after)).json();
      after = answer.after;
      answer.callbacks.forEach((callback) => {
        if (typeof window[callback.name] === "function") window[callback.name](callback.argument);
      });
    }
  }
  listen().catch(() => undefined); // the native side has gone
})();
