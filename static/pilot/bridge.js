// Calls into DJI Pilot 2 (`window.djiBridge`, DJI's JSBridge page). Every call is logged with its raw code.
//
// The published result is a JSON string {code, message, data} with code 0 for success. What really comes are also bare
// booleans, "true", {}, objects and nothing at all.
(function (pilot) {
  "use strict";

  const SECRET = ["apiGetToken"];
  const NAMED_BY_ARGUMENT = ["platformLoadComponent", "platformUnloadComponent", "platformIsComponentLoaded", "platformSetWorkspaceId"];
  const answered = {};

  function parse(raw) {
    let value = raw;
    if (typeof raw === "string") {
      try {
        value = JSON.parse(raw);
      } catch (error) {
        value = raw;
      }
      if (typeof value === "number") value = raw; // a serial number of digits only
    }
    if (value === undefined || value === null) return { code: 0, message: "", data: "" };
    if (typeof value === "object" && "code" in value) {
      return { code: Number(value.code), message: String(value.message || ""), data: value.data };
    }
    return { code: 0, message: "", data: value };
  }

  // A question answered with yes. {} counts as yes, as in the vendor's own page.
  function isTrue(result) {
    const data = result.data;
    if (result.code !== 0 || data === undefined || data === null) return false;
    if (typeof data === "object") return Object.keys(data).every((key) => data[key] !== false && data[key] !== "false");
    return ["true", "1", "{}"].includes(String(data).trim().toLowerCase());
  }

  // A command that was carried out: only a failure or an explicit no counts against it.
  const accepted = (result) => result.code === 0 && result.data !== false && result.data !== "false";

  // The text of an answer, "" for an error and for everything that means "none".
  function text(result) {
    if (result.code !== 0 || !["string", "number"].includes(typeof result.data)) return "";
    const value = String(result.data).trim();
    return ["null", "undefined", "{}"].includes(value) ? "" : value;
  }

  function invoke(name, args) {
    const bridge = window.djiBridge;
    if (!bridge || typeof bridge[name] !== "function") return { code: "missing", message: "", data: undefined };
    try {
      return parse(bridge[name](...args));
    } catch (error) {
      return { code: "exception", message: String(error && error.message), data: undefined };
    }
  }

  function note(name, result) {
    if (result.message && result.message !== "success") return result.message.slice(0, 200);
    const data = result.data;
    if (data === undefined || data === null || data === "") return "";
    if (SECRET.includes(name)) return "‹" + String(data).length + "›";
    return (typeof data === "object" ? JSON.stringify(data) : String(data)).slice(0, 120);
  }

  const label = (name, args) => (NAMED_BY_ARGUMENT.includes(name) ? name + " " + args[0] : name);

  function call(name, ...args) {
    const result = invoke(name, args);
    answered[label(name, args)] = JSON.stringify(result);
    pilot.log.add(label(name, args), result.code, note(name, result));
    return result;
  }

  // For what is asked every few seconds: logged only when the answer changes.
  function watch(name, ...args) {
    const result = invoke(name, args);
    const what = label(name, args);
    if (answered[what] !== JSON.stringify(result)) {
      answered[what] = JSON.stringify(result);
      pilot.log.add(what, result.code, note(name, result));
    }
    return result;
  }

  pilot.bridge = {
    call: call,
    watch: watch,
    parse: parse,
    isTrue: isTrue,
    accepted: accepted,
    text: text,
    exists: () => Boolean(window.djiBridge),
  };
})((window.pilot = window.pilot || {}));
