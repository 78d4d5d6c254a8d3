// What survives leaving the page, in the web view's storage: the login. It survives restarts too, so it is cleared on
// exit, when the platform refuses the token, and when somebody else logs in.
(function (pilot) {
  "use strict";

  const KEY = "cloudapi.pilot";
  const EMPTY = { token: "", userId: "", username: "", workspaceId: "", workspaces: [] };

  function read() {
    try {
      return Object.assign({}, EMPTY, JSON.parse(localStorage.getItem(KEY) || "{}"));
    } catch (error) {
      return Object.assign({}, EMPTY);
    }
  }

  const session = read();

  function save() {
    try {
      localStorage.setItem(KEY, JSON.stringify(session));
    } catch (error) {
      pilot.log.add("localStorage", "exception", String(error && error.message));
    }
  }

  pilot.session = session;

  // Takes over what login or refresh have answered.
  pilot.session.take = function (user) {
    session.userId = user.user_id;
    session.username = user.username;
    session.workspaceId = user.workspace_id;
    session.token = user.access_token;
    session.workspaces = user.workspaces;
    save();
  };

  pilot.session.useToken = function (token) {
    session.token = token;
  };

  pilot.session.useWorkspace = function (workspace) {
    session.workspaceId = workspace.workspace_id;
    save();
  };

  pilot.session.forget = function () {
    Object.assign(session, EMPTY);
    try {
      localStorage.clear();
      sessionStorage.clear();
    } catch (error) {
      pilot.log.add("localStorage", "exception", String(error && error.message));
    }
  };
})((window.pilot = window.pilot || {}));
