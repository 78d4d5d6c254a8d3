// The MQTT link of Pilot: told by its callback, and asked every second, since the callback is not dependable.
(function (pilot) {
  "use strict";

  const bridge = pilot.bridge;
  const REFUSED_SECONDS = 5;
  const CONNECT_AGAIN_SECONDS = 12;
  const HELP_SECONDS = 30;
  const CALLBACK = "pilotThingConnected";

  let timer = null;
  let link = null;

  // Follows the link that loading `thing` has begun. `credentials` is null for a link that is up already.
  function follow(credentials, events) {
    stop();
    link = {
      credentials: credentials,
      events: events,
      up: credentials === null,
      everUp: credentials === null,
      since: Date.now(),
      refusedAt: 0,
      askedAgain: false,
      helped: false,
    };
    timer = setInterval(look, 1000);
    look();
  }

  function stop() {
    clearInterval(timer);
    link = null;
  }

  function look() {
    if (link) change(bridge.isTrue(bridge.watch("thingGetConnectState")));
  }

  function change(up) {
    if (up !== link.up) {
      link.up = up;
      link.since = Date.now();
      link.refusedAt = 0;
      link.askedAgain = false;
      link.helped = false;
      if (up) {
        const first = !link.everUp;
        link.everUp = true;
        link.events.up(first);
      } else {
        link.events.lost();
      }
    } else if (!up) {
      wait();
    }
  }

  // Loading the module connects by itself. One more request if nothing at all happens, then advice; Pilot goes on trying.
  function wait() {
    const seconds = (Date.now() - link.since) / 1000;
    const refused = link.refusedAt > 0 && (Date.now() - link.refusedAt) / 1000 >= REFUSED_SECONDS;
    if (!link.askedAgain && !link.everUp && !link.refusedAt && seconds >= CONNECT_AGAIN_SECONDS) {
      link.askedAgain = true;
      bridge.call("thingConnect", link.credentials.mqtt_username, link.credentials.mqtt_password, CALLBACK);
    }
    if (!link.helped && (refused || seconds >= HELP_SECONDS)) {
      link.helped = true;
      link.events.help();
    }
  }

  // Pilot calls these by name, with a boolean, a string or JSON.
  window[CALLBACK] = function (raw) {
    const result = bridge.parse(raw);
    pilot.log.add("connectCallback thing", result.code, result.message || String(raw));
    if (!link) return;
    const up = bridge.isTrue(result);
    if (!up && !link.up && !link.refusedAt) link.refusedAt = Date.now();
    change(up);
  };
  window.pilotWsConnected = function (raw) {
    const result = bridge.parse(raw);
    pilot.log.add("connectCallback ws", result.code, result.message || String(raw));
  };

  pilot.link = { follow: follow, stop: stop, isUp: () => Boolean(link && link.up) };
})((window.pilot = window.pilot || {}));
