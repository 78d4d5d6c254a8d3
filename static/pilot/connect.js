// From a valid token to a controller on the platform, in the order that Pilot needs.
(function (pilot) {
  "use strict";

  const bridge = pilot.bridge;
  const BIND_AGAIN_SECONDS = 2;
  const BIND_HELP_AFTER = 8; // tries
  const NOT_YET = -1; // the platform's code until the controller's topology has arrived

  // A newer run makes an older one stop at its next step.
  let run = 0;

  const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

  // The answer, or the platform's refusal under a title of its own.
  async function asking(answer, title, hints) {
    try {
      return await answer;
    } catch (trouble) {
      if (trouble.kind === "refused") {
        trouble.title = pilot.say("problem." + title);
        trouble.hints = hints.map((key) => pilot.say("problem." + key));
      }
      throw trouble;
    }
  }

  // DJI's application of the organization. Verifying again over a live link would disconnect it, so it is asked first.
  async function verifyLicence() {
    if (bridge.isTrue(bridge.call("platformIsVerified"))) return;
    const application = await asking(pilot.api.licence(), "licence_missing", ["licence_missing_hint"]);
    const result = bridge.call("platformVerifyLicense", application.app_id, application.app_key, application.license);
    if (bridge.accepted(result) && bridge.isTrue(bridge.call("platformIsVerified"))) return;
    const hints = ["licence_match", "licence_type", "licence_network"].map((key) => pilot.say("problem." + key));
    throw new pilot.Trouble("licence", result.code, pilot.say("problem.licence"), result.message, hints);
  }

  function readControllerSn() {
    const result = bridge.call("platformGetRemoteControllerSN");
    const sn = bridge.text(result);
    if (sn) return sn;
    throw new pilot.Trouble("sn", result.code, pilot.say("problem.sn"), result.message, [pilot.say("problem.sn_hint")]);
  }

  function mqttTrouble(host) {
    const keys = ["mqtt_address", "mqtt_tls", "mqtt_other", "mqtt_again"];
    const hints = keys.map((key) => pilot.say("problem." + key, { host: host }));
    return new pilot.Trouble("mqtt", "", pilot.say("problem.mqtt"), "", hints);
  }

  // The topology travels by MQTT while this call goes by HTTP, so it may come too early.
  async function bind(sn, current) {
    for (let tries = 1; run === current; tries += 1) {
      try {
        await asking(pilot.api.bind(sn), "binding", ["binding_aircraft", "binding_waits"]);
        if (tries > BIND_HELP_AFTER) pilot.view.clearProblem();
        return;
      } catch (trouble) {
        if (trouble.kind !== "network" && trouble.code !== NOT_YET) throw trouble;
        if (tries === BIND_HELP_AFTER && run === current) pilot.view.problem(trouble, null);
      }
      await wait(BIND_AGAIN_SECONDS);
    }
  }

  function linkEvents(sn, workspace, host, current) {
    return {
      up: (first) => {
        pilot.view.clearProblem();
        if (first) guard(current, () => linked(sn, workspace, current));
        else pilot.view.link("up", "nothing");
      },
      lost: () => pilot.view.link("lost", "lost"),
      help: () => pilot.view.problem(mqttTrouble(host), () => again({ fresh: true })),
    };
  }

  // The link is up: what depends on it, and the controller's place in the workspace.
  async function linked(sn, workspace, current) {
    pilot.view.link("up", "binding");
    pilot.modules.loadLive();
    pilot.modules.setNames(workspace);
    pilot.status.refresh();
    await bind(sn, current);
    if (run !== current) return;
    if (pilot.link.isUp()) pilot.view.link("up", "nothing");
    pilot.status.refresh();
  }

  async function connect(fresh, current) {
    pilot.view.link("starting", "licence");
    await verifyLicence();
    if (run !== current) return;
    const resumed = !fresh && pilot.modules.isLinkLive();
    if (resumed) {
      pilot.modules.keepToken();
    } else {
      pilot.modules.unloadAll();
      if (!fresh) pilot.session.take(await pilot.api.refresh()); // the next hours on a token of full age
    }
    if (run !== current) return;

    pilot.view.link("starting", "workspace");
    const workspace = await pilot.api.workspace();
    if (run !== current) return;
    pilot.view.workspace(workspace.workspace_name);
    if (!resumed) {
      pilot.modules.setWorkspace(workspace);
      pilot.modules.loadApi();
    }
    const sn = readControllerSn();
    pilot.status.start(sn);
    if (resumed) {
      pilot.link.follow(null, linkEvents(sn, workspace, "", current));
      await linked(sn, workspace, current);
      return;
    }
    pilot.view.link("starting", "credentials");
    const credentials = await asking(pilot.api.credentials(sn), "credentials", []);
    if (run !== current) return;
    pilot.view.link("starting", "thing", { host: credentials.mqtt_addr });
    pilot.modules.loadThing(credentials);
    pilot.link.follow(credentials, linkEvents(sn, workspace, credentials.mqtt_addr, current));
  }

  async function guard(current, steps) {
    try {
      await steps();
    } catch (trouble) {
      if (run !== current) return;
      if (trouble.kind === "token") return pilot.entry.tokenEnded(trouble);
      if (!pilot.link.isUp()) pilot.view.link("stopped");
      pilot.view.problem(trouble, () => again({}));
    }
  }

  // Connects. `fresh` gives up a link that is there, for another login or workspace; else a live link is taken over.
  function again(how) {
    stop();
    const current = run;
    pilot.view.clearProblem();
    pilot.view.show("main");
    pilot.view.workspace("");
    return guard(current, () => connect(Boolean(how.fresh), current));
  }

  function stop() {
    run += 1;
    pilot.link.stop();
    pilot.status.stop();
  }

  pilot.connect = { start: again, stop: stop };
})((window.pilot = window.pilot || {}));
