// Why a device is in the state it is in, in a sentence, and what helps.

import { age, clock, clockWarnAbove, duration, reason, t } from "./format.js";

export function explanation(device, now) {
  const seen = { age: age(device.last_seen_at, now), time: device.last_seen_at && clock(device.last_seen_at, now) };
  if (device.online) return t("explain.online", seen);
  const filling = { ...seen, reason: reason(device.offline_reason || "unknown") };
  return device.last_seen_at === null ? t("explain.offline_unseen", filling) : t("explain.offline", filling);
}

export function hint(device) {
  const key = `hint.${device.offline_reason}`;
  const text = device.online ? key : t(key);
  return text === key ? "" : text;
}

// "" while the clock is good enough or unknown.
export function clockWarning({ clock_skew_ms: skew }) {
  if (skew === null || Math.abs(skew) <= clockWarnAbove()) return "";
  return t(skew > 0 ? "clock.behind" : "clock.ahead", { duration: duration(Math.abs(skew)) });
}
