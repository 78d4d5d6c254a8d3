// What is visible: one of the views, the problem above it, and the words of the link. Text only, never markup.
(function (pilot) {
  "use strict";

  const byId = (id) => document.getElementById(id);
  let retry = null;

  // "start", "browser", "login", "workspaces" or "main". Which elements that shows is in pilot.css.
  function show(name) {
    document.body.dataset.view = name;
    byId("exit").hidden = name !== "main" && name !== "workspaces";
    byId("log-card").hidden = name === "browser";
    window.scrollTo(0, 0);
  }

  // Shows what went wrong; `again` is what "Try again" does, none hides the button.
  function problem(trouble, again) {
    const known = trouble instanceof pilot.Trouble;
    byId("problem-title").textContent = known ? trouble.title : pilot.say("problem.bridge");
    byId("problem-message").textContent = known ? trouble.detail : String(trouble && trouble.message);
    byId("problem-code").textContent = known && trouble.code !== "" ? pilot.say("problem.code", { code: trouble.code }) : "";
    const hints = byId("problem-hints");
    hints.textContent = "";
    (known ? trouble.hints : []).forEach((hint) => {
      hints.appendChild(document.createElement("li")).textContent = hint;
    });
    retry = again || null;
    byId("retry").hidden = !retry;
    byId("problem").hidden = false;
    window.scrollTo(0, 0);
  }

  function clearProblem() {
    retry = null;
    byId("problem").hidden = true;
  }

  // The big line of the main view: "starting", "up", "lost" or "stopped", and what is being done.
  function link(state, doing, values) {
    byId("link").dataset.state = state;
    byId("link-title").textContent = pilot.say("link." + state);
    byId("link-detail").textContent = doing ? pilot.say("doing." + doing, values) : "";
  }

  function workspace(name) {
    byId("workspace-name").textContent = name || "—";
    byId("user-name").textContent = pilot.session.username;
    byId("change-workspace").hidden = pilot.session.workspaces.length < 2;
  }

  // Buttons to choose from; resolves never by itself, `choose` gets the workspace_id.
  function workspaces(choose) {
    const list = byId("workspace-list");
    list.textContent = "";
    pilot.session.workspaces.forEach((each) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = each.workspace_name;
      button.addEventListener("click", () => choose(each.workspace_id));
      list.appendChild(document.createElement("li")).appendChild(button);
    });
    show("workspaces");
  }

  byId("retry").addEventListener("click", () => {
    const again = retry;
    clearProblem();
    if (again) again();
  });

  pilot.view = {
    show: show,
    name: () => document.body.dataset.view,
    problem: problem,
    clearProblem: clearProblem,
    link: link,
    workspace: workspace,
    workspaces: workspaces,
  };
})((window.pilot = window.pilot || {}));
