// The way in and out: the three token situations, login, the choice of a workspace, exit.
(function (pilot) {
  "use strict";

  const bridge = pilot.bridge;
  const session = pilot.session;
  const byId = (id) => document.getElementById(id);

  // Pilot keeps the token of its api module; before the licence is verified it tells nothing, and ours counts.
  function tokens() {
    const verified = bridge.isTrue(bridge.call("platformIsVerified"));
    const pilots = verified ? bridge.text(bridge.call("apiGetToken")) : "";
    return [pilots, session.token].filter((token, index, all) => token && all.indexOf(token) === index);
  }

  // No token: login. A valid one: main view. Invalid or expired ones: the code, and login.
  async function start() {
    const candidates = tokens();
    if (candidates.length === 0) return askLogin();
    pilot.view.show("main");
    pilot.view.link("starting", "token");
    let refused = null;
    for (const token of candidates) {
      session.useToken(token);
      try {
        session.useWorkspace(await pilot.api.workspace());
        if (!session.userId) session.take(await pilot.api.refresh()); // Pilot's token, and our storage was cleared
        return pilot.connect.start({});
      } catch (trouble) {
        refused = trouble;
        if (trouble.kind !== "token") break;
      }
    }
    if (refused.kind === "token") return tokenEnded(refused);
    pilot.view.link("stopped");
    return pilot.view.problem(refused, start);
  }

  function askLogin() {
    pilot.connect.stop();
    pilot.view.show("login");
  }

  // The platform does not take the token any more: nothing of it stays here, and the pilot logs in again.
  function tokenEnded(trouble) {
    session.forget();
    askLogin();
    pilot.view.problem(trouble, null);
  }

  async function logIn(username, password) {
    pilot.view.clearProblem();
    byId("login-button").disabled = true;
    try {
      session.forget();
      session.take(await pilot.api.login(username, password));
      byId("login").reset();
      if (session.workspaces.length > 1) pilot.view.workspaces(enterWorkspace);
      else pilot.connect.start({ fresh: true });
    } catch (trouble) {
      if (trouble.kind === "refused") trouble.title = pilot.say("problem.login");
      pilot.view.problem(trouble, null);
    } finally {
      byId("login-button").disabled = false;
    }
  }

  async function enterWorkspace(workspaceId) {
    if (workspaceId === session.workspaceId && pilot.link.isUp()) return pilot.view.show("main");
    pilot.connect.stop();
    pilot.view.show("main");
    pilot.view.link("starting", "token");
    try {
      if (workspaceId !== session.workspaceId) session.take(await pilot.api.refresh(workspaceId));
      await pilot.connect.start({ fresh: true });
    } catch (trouble) {
      if (trouble.kind === "token") return tokenEnded(trouble);
      pilot.view.problem(trouble, () => enterWorkspace(workspaceId));
    }
  }

  // Leaves nothing behind: modules first, or Pilot would knock with a revoked token, then the platform's side, then ours.
  async function exit() {
    pilot.connect.stop();
    pilot.modules.unloadAll();
    try {
      await pilot.api.logout();
    } catch (trouble) {
      pilot.log.add("exit", trouble.code, trouble.detail); // without a network the login ends by its age, its account a day later
    }
    session.forget();
    askLogin();
    bridge.call("platformStopSelf");
  }

  // Pilot itself leaves the platform, and waits only until this returns.
  function leave() {
    if (session.token) pilot.api.logout().catch(() => undefined);
    pilot.connect.stop();
    session.forget();
  }

  pilot.entry = {
    start: start,
    logIn: logIn,
    tokenEnded: tokenEnded,
    enterWorkspace: enterWorkspace,
    exit: exit,
    leave: leave,
  };
})((window.pilot = window.pilot || {}));
