// Pilot's function modules (DJI's JSBridge page, "function module"), and the names that Pilot shows for this platform.
(function (pilot) {
  "use strict";

  const bridge = pilot.bridge;
  const SOCKET_SECONDS = 20;
  // tsa needs ws and thing, and all need api: unloaded from the end of that chain.
  const UNLOADED_IN_ORDER = ["tsa", "ws", "thing", "api"];

  let socketDownSince = 0;

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
      connectSocket();
    }
    if (!isLoaded("tsa")) load("tsa", {});
  }

  const connectSocket = () => bridge.call("wsConnect", socketAddress(), pilot.session.token, "pilotWsConnected");

  // Whether Pilot opens its socket again by itself is not published, so after a while it is asked to.
  function keepSocket() {
    const isDown =
      bridge.isTrue(bridge.watch("platformIsComponentLoaded", "ws")) && !bridge.isTrue(bridge.watch("wsGetConnectState"));
    if (!isDown) {
      socketDownSince = 0;
    } else if (!socketDownSince) {
      socketDownSince = Date.now();
    } else if (Date.now() - socketDownSince > 1000 * SOCKET_SECONDS) {
      socketDownSince = Date.now();
      connectSocket();
    }
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
    keepSocket: keepSocket,
    unloadAll: unloadAll,
    setNames: setNames,
    setWorkspace: setWorkspace,
  };
})((window.pilot = window.pilot || {}));
