// The main view's facts, asked every few seconds: Pilot's modules, the controller and the aircraft.
(function (pilot) {
  "use strict";

  const bridge = pilot.bridge;
  const SECONDS = 3;
  const byId = (id) => document.getElementById(id);

  let timer = null;
  let controllerSn = "";
  let asking = false;

  function showModules() {
    document.querySelectorAll("[data-module]").forEach((row) => {
      const name = row.dataset.module;
      const loaded = bridge.isTrue(bridge.watch("platformIsComponentLoaded", name));
      let state = loaded ? "on" : "off";
      if (loaded && name === "thing" && !bridge.isTrue(bridge.watch("thingGetConnectState"))) state = "loaded";
      if (loaded && name === "ws" && !bridge.isTrue(bridge.watch("wsGetConnectState"))) state = "loaded";
      row.dataset.state = state;
      row.querySelector(".module-state").textContent = pilot.say("module." + state);
    });
  }

  function showDevice(prefix, sn, device) {
    byId(prefix + "-sn").textContent = sn || pilot.say("device.none");
    const name = device ? [device.device_name, device.nickname].filter(Boolean) : [];
    byId(prefix + "-name").textContent = name.filter((part, index) => name.indexOf(part) === index).join(" · ");
    const tag = byId(prefix + "-state");
    tag.dataset.state = device && device.status ? "online" : "offline";
    tag.textContent = !sn ? "" : pilot.say(!device ? "device.not_there" : device.status ? "device.online" : "device.offline");
  }

  async function device(sn) {
    try {
      return await pilot.api.device(sn);
    } catch (trouble) {
      if (trouble.kind === "token") throw trouble;
      return null; // not in this workspace yet, or no network: the link's state says which
    }
  }

  // Pilot's own answer is "" or an error without an aircraft; the platform knows the pair from the topology.
  async function showDevices() {
    const controller = controllerSn ? await device(controllerSn) : null;
    const child = controller && controller.children && controller.children.status ? controller.children : null;
    const told = bridge.text(bridge.watch("platformGetAircraftSN"));
    showDevice("controller", controllerSn, controller);
    if (child && (!told || told === child.device_sn)) showDevice("aircraft", child.device_sn, child);
    else showDevice("aircraft", told, told ? await device(told) : null);
  }

  async function refresh() {
    if (pilot.view.name() !== "main") return;
    showModules();
    if (pilot.link.isUp()) pilot.modules.keepSocket();
    if (asking) return;
    asking = true;
    try {
      await showDevices();
    } catch (trouble) {
      if (timer !== null) pilot.entry.tokenEnded(trouble);
    } finally {
      asking = false;
    }
  }

  function start(sn) {
    stop();
    controllerSn = sn;
    timer = setInterval(refresh, 1000 * SECONDS);
    refresh();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
  }

  pilot.status = { start: start, stop: stop, refresh: refresh };
})((window.pilot = window.pilot || {}));
