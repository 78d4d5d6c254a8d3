// Buttons, fields, Pilot's back key, and the beginning.
(function (pilot) {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const on = (id, event, action) => byId(id).addEventListener(event, action);

  on("login", "submit", (event) => {
    event.preventDefault();
    document.activeElement.blur(); // closes the keyboard over the answer
    pilot.entry.logIn(byId("username").value.trim(), byId("password").value);
  });
  on("password-toggle", "click", () => {
    const hidden = byId("password").type === "password";
    byId("password").type = hidden ? "text" : "password";
    byId("password-toggle").textContent = pilot.say(hidden ? "password.hide" : "password.show");
  });

  // The keyboard covers the lower half of the screen, and not every web view makes room for it.
  ["username", "password"].forEach((id) => {
    on(id, "focus", () => byId("login").scrollIntoView({ block: "start" }));
  });
  window.addEventListener("resize", () => {
    const field = document.activeElement;
    if (field && field.tagName === "INPUT") field.scrollIntoView({ block: "center" });
  });

  on("change-workspace", "click", () => pilot.view.workspaces(pilot.entry.enterWorkspace));

  // A path that no cache has seen: web views keep pages longer than they are told to.
  on("reload", "click", () => location.replace(pilot.paths.page + "r/" + Date.now() + "/"));

  const exitIsAsked = (asked) => {
    byId("exit-question").hidden = !asked;
    byId(asked ? "exit-no" : "exit").focus();
  };
  on("exit", "click", () => exitIsAsked(true));
  on("exit-no", "click", () => exitIsAsked(false));
  on("exit-yes", "click", () => {
    exitIsAsked(false);
    pilot.entry.exit();
  });

  // Pilot's back arrow: true means that the page has used it, false leaves the page (Pilot stays connected).
  function goBack() {
    if (!byId("exit-question").hidden) exitIsAsked(false);
    else if (!byId("log-list").hidden) pilot.log.toggle(false);
    else if (pilot.view.name() === "workspaces" && pilot.link.isUp()) pilot.view.show("main");
    else return false;
    return true;
  }

  // The documents name these on the bridge; some versions look for them on the window.
  window.onBackClick = goBack;
  window.onStopPlatform = () => pilot.entry.leave();

  if (pilot.bridge.exists()) {
    window.djiBridge.onBackClick = window.onBackClick;
    window.djiBridge.onStopPlatform = window.onStopPlatform;
    pilot.entry.start();
  } else {
    pilot.view.show("browser");
  }
})((window.pilot = window.pilot || {}));
