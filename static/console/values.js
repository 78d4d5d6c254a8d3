// Readings of a device, received and not trusted: anything missing, of a wrong type or impossible is null.

const NO_VALUE = new Set([65535, 32767]); // how devices say "not measured"

export function number(value, min = -Infinity, max = Infinity) {
  if (typeof value !== "number" || !Number.isFinite(value) || NO_VALUE.has(value)) return null;
  return value >= min && value <= max ? value : null;
}

// Devices mix true/false and 1/0.
export const code = (value) => {
  if (typeof value === "boolean") return Number(value);
  return Number.isInteger(value) && !NO_VALUE.has(value) ? value : null;
};

const part = (value, key) => (value !== null && typeof value === "object" ? value[key] : undefined);

// {lat, lng}, or null for "no fix": 0/0 is what devices send before they know where they are.
export function fix({ values }) {
  const lat = number(values.latitude, -90, 90);
  const lng = number(values.longitude, -180, 180);
  if (lat === null || lng === null) return null;
  return Math.abs(lat) < 1e-6 && Math.abs(lng) < 1e-6 ? null : { lat, lng };
}

export function battery({ kind, values }) {
  // A dock knows the charge of an aircraft that stands in it; of one that is out it says 0.
  if (kind === "dock" && code(values.drone_in_dock) === 0) return null;
  if (kind === "dock") return number(part(values.drone_charge_state, "capacity_percent"), 0, 100);
  if (kind === "controller") return number(values.capacity_percent, 0, 100);
  return number(part(values.battery, "capacity_percent"), 0, 100);
}

export const mode = ({ values }) => code(values.mode_code);
export const height = ({ values }) => number(values.elevation, -10_000, 100_000);
export const altitude = ({ values }) => number(values.height, -10_000, 100_000);
export const speed = ({ values }) => number(values.horizontal_speed, 0, 1000);
export const temperature = ({ values }) => number(values.temperature, -100, 200);
export const wind = ({ values }) => number(values.wind_speed, 0, 150);
export const rain = ({ values }) => code(values.rainfall);
export const cover = ({ values }) => code(values.cover_state);
export const droneInDock = ({ values }) => code(values.drone_in_dock);
export const networkType = ({ values }) => code(part(values.network_state, "type"));

// Degrees clockwise from north, 0 to 360; devices send -180 to 180.
export function heading({ values }) {
  const degrees = number(values.attitude_head, -360, 360);
  return degrees === null ? null : (degrees + 360) % 360;
}

// Every reported value as [path, value], objects and lists opened, in the order of their names.
export function flatten(values, limit) {
  const rows = [];
  let left = 0;
  const visit = (path, value, depth) => {
    const isBranch = value !== null && typeof value === "object" && depth < 8 && Object.keys(value).length > 0;
    if (!isBranch) {
      if (rows.length < limit) rows.push([path, value]);
      else left += 1;
    } else if (Array.isArray(value)) {
      value.forEach((item, index) => visit(`${path}[${index}]`, item, depth + 1));
    } else {
      for (const key of Object.keys(value).sort()) visit(path ? `${path}.${key}` : key, value[key], depth + 1);
    }
  };
  if (Object.keys(values).length > 0) visit("", values, 0);
  return { rows, left };
}
