// The platform's HTTP interface: envelope {code, message, data}, token in a header, HTTP 401 for token trouble only.
(function (pilot) {
  "use strict";

  const SECONDS = 15;

  async function fetched(method, path, body, options) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 1000 * (options.seconds || SECONDS));
    const headers = { "Content-Type": "application/json" };
    if (pilot.session.token && !options.anonymous) headers["X-Auth-Token"] = pilot.session.token;
    try {
      const answer = await fetch(pilot.paths.api + path, {
        method: method,
        headers: headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        keepalive: Boolean(options.last),
        signal: abort.signal,
      });
      return { status: answer.status, text: await answer.text() };
    } finally {
      clearTimeout(timer);
    }
  }

  function networkTrouble(error) {
    const hint = pilot.say("problem.network_hint", { address: location.origin });
    return new pilot.Trouble("network", "network", pilot.say("problem.network"), String(error && error.message), [hint]);
  }

  function opened(answer) {
    if (answer.status === 401) {
      return new pilot.Trouble("token", 401, pilot.say("problem.token"), "", [pilot.say("problem.token_hint")]);
    }
    let envelope = null;
    try {
      envelope = JSON.parse(answer.text);
    } catch (error) {
      envelope = null;
    }
    if (answer.status !== 200 || !envelope || typeof envelope.code !== "number") {
      return new pilot.Trouble("server", "HTTP " + answer.status, pilot.say("problem.server"));
    }
    if (envelope.code !== 0) {
      return new pilot.Trouble("refused", envelope.code, pilot.say("problem.server"), envelope.message);
    }
    return envelope.data;
  }

  // The data of the answer. Throws Trouble of the kinds network, token (401), server (no envelope), refused (code).
  async function ask(method, path, body, options) {
    const how = options || {};
    let result = null;
    try {
      result = opened(await fetched(method, path, body, how));
    } catch (error) {
      result = networkTrouble(error);
    }
    const failed = result instanceof pilot.Trouble;
    if (!how.quiet) pilot.log.add(method + " " + path, failed ? result.code : 0, failed ? result.detail : "");
    if (failed) throw result;
    return result;
  }

  const post = (path, body, options) => ask("POST", path, body, options);
  const workspacePath = () => "/devices/" + encodeURIComponent(pilot.session.workspaceId) + "/devices/";

  pilot.api = {
    login: (username, password) => post("/login", { username: username, password: password, flag: 2 }, { anonymous: true }),
    refresh: (workspaceId) => post("/token/refresh", workspaceId ? { workspace_id: workspaceId } : {}),
    logout: () => post("/logout", {}, { seconds: 5, last: true }),
    licence: () => ask("GET", "/pilot/license"),
    workspace: () => ask("GET", "/workspaces/current"),
    credentials: (sn) => post("/users/current/mqtt", { gateway_sn: sn }),
    bind: (sn) =>
      post("/devices/" + encodeURIComponent(sn) + "/binding", {
        device_sn: sn,
        user_id: pilot.session.userId,
        workspace_id: pilot.session.workspaceId,
      }),
    device: (sn) => ask("GET", workspacePath() + encodeURIComponent(sn), undefined, { quiet: true }),
  };
})((window.pilot = window.pilot || {}));
