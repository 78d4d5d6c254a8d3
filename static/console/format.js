// Texts, labels, numbers and times in the language of the page.

let words = { text: {}, reasons: {}, labels: {} };
let clockFormat;
let dateFormat;

export function useWords(data, language) {
  words = data;
  const digits = "2-digit";
  clockFormat = new Intl.DateTimeFormat(language, { hour: digits, minute: digits, second: digits, hourCycle: "h23" });
  dateFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
}

export function t(key, filling = {}) {
  const text = words.text[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in filling ? String(filling[name]) : whole));
}

const own = (table, key) => (table && Object.hasOwn(table, key) ? table[key] : undefined);

export const none = () => t("value.none");
export const reason = (code) => own(words.reasons, code) ?? t("reason.other", { code });

// The word for a reported number; a number that is not known is shown as it is.
export function label(table, code) {
  if (code === null) return none();
  return own(words.labels[table], String(code)) ?? t("value.unknown", { code });
}

export function mode(kind, code) {
  if (code === null) return none();
  return own(words.labels[`${kind}_mode`], String(code)) ?? t("mode.unknown", { code });
}

export const unit = (value, digits, name) => (value === null ? none() : `${value.toFixed(digits)} ${name}`);
export const percent = (value) => (value === null ? none() : `${Math.round(value)} %`);
export const position = (fix) => (fix ? `${fix.lat.toFixed(5)}, ${fix.lng.toFixed(5)}` : t("position.none"));
export const distance = (metres) => (metres >= 1000 ? `${metres / 1000} km` : `${metres} m`);

export function age(at, now) {
  if (at === null) return t("age.never");
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 2) return t("age.now");
  if (seconds < 60) return t("age.seconds", { n: seconds });
  if (seconds < 3600) return t("age.minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 86_400) return t("age.hours", { n: Math.floor(seconds / 3600) });
  return t("age.days", { n: Math.floor(seconds / 86_400) });
}

export function clock(at, now) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return none();
  return (Math.abs(now - at) < 43_200_000 ? clockFormat : dateFormat).format(date);
}

export const clockWarnAbove = () => words.clock_warn_above;

// As devices/clock_text.py says it.
export function duration(milliseconds) {
  if (milliseconds < 9_950) return t("duration.seconds", { s: Number((milliseconds / 1000).toFixed(1)) });
  const seconds = Math.round(milliseconds / 1000);
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit));
  if (!minutes) return t("duration.seconds", { s: seconds });
  if (!hours) return t("duration.minutes", { m: minutes, s: seconds % 60 });
  return days ? t("duration.days", { d: days, h: hours % 24 }) : t("duration.hours", { h: hours, m: minutes % 60 });
}

export const name = (device) => device.callsign || model(device);

export function model(device) {
  if (device.model && device.model !== device.model_key) return device.model;
  return device.model_key ? t("model.unknown_key", { key: device.model_key }) : t("model.unknown");
}

export function raw(value) {
  if (value === null || value === undefined) return t("value.none");
  if (value === "" || typeof value === "object") return t("value.empty");
  const text = String(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
