// Pilot's function modules (DJI's JSBridge page, "function module"), and the names that Pilot shows for this platform.
(function (pilot) {
  "use strict";

  const bridge = pilot.bridge;
  // tsa needs ws and thing, and all need api: unloaded from the end of that chain.
  const UNLOADED_IN_ORDER = ["tsa", "ws", "thing", "api"];

  const isLoaded = (name) => bridge.isTrue(bridge.call("platformIsComponentLoaded", name));

  function load(name, parameters) {
    const result = bridge.call("platformLoadComponent", name, JSON.stringify(parameters));
    if (!bridge.accepted(result)) {
      const hint = pilot.say("problem.module_hint");
      throw new pilot.Trouble("module", result.code, pilot.say("problem.module", { name: name }), result.message, [hint]);
    }
  }

  const socketAddress = () => location.origin.replace(/^http/, "ws") + pilot.paths.socket;

  function loadApi() {
    load("api", { host: location.origin, token: pilot.session.token });
    bridge.call("apiSetToken", pilot.session.token);
  }

  // Over a live link the api module stays loaded: only its token is exchanged, if it has another one.
  function keepToken() {
    if (bridge.text(bridge.call("apiGetToken")) !== pilot.session.token) bridge.call("apiSetToken", pilot.session.token);
  }

  function loadThing(credentials) {
    load("thing", {
      host: credentials.mqtt_addr,
      username: credentials.mqtt_username,
      password: credentials.mqtt_password,
      connectCallback: "pilotThingConnected",
    });
  }

  // What depends on the link. Over a live link only what is missing is loaded or connected.
  function loadLive() {
    if (!isLoaded("ws")) {
      load("ws", { host: socketAddress(), token: pilot.session.token, connectCallback: "pilotWsConnected" });
    } else if (!bridge.isTrue(bridge.call("wsGetConnectState"))) {
      bridge.call("wsConnect", socketAddress(), pilot.session.token, "pilotWsConnected");
    }
    if (!isLoaded("tsa")) load("tsa", {});
  }

  function unloadAll() {
    UNLOADED_IN_ORDER.forEach((name) => {
      if (!isLoaded(name)) return;
      if (name === "thing") bridge.call("thingDisconnect");
      bridge.call("platformUnloadComponent", name);
    });
  }

  function setNames(workspace) {
    bridge.call("platformSetInformation", workspace.platform_name, workspace.workspace_name, workspace.workspace_desc || "");
  }

  // Without both before the link, Pilot drops the link as soon as the pilot leaves this page.
  function setWorkspace(workspace) {
    bridge.call("platformSetWorkspaceId", workspace.workspace_id);
    setNames(workspace);
  }

  pilot.modules = {
    isLoaded: isLoaded,
    isLinkLive: () => isLoaded("thing") && bridge.isTrue(bridge.call("thingGetConnectState")),
    loadApi: loadApi,
    keepToken: keepToken,
    loadThing: loadThing,
    loadLive: loadLive,
    unloadAll: unloadAll,
    setNames: setNames,
    setWorkspace: setWorkspace,
  };
})((window.pilot = window.pilot || {}));
