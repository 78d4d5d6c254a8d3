// Pure geometry of the plan: metres on a plane that touches the earth near the devices, x to the east, y to the south.

const METRES_PER_DEGREE = 111_195;

export function projection(origin) {
  const shrink = Math.max(0.01, Math.cos((origin.lat * Math.PI) / 180));
  return ({ lat, lng }) => {
    const east = ((lng - origin.lng + 540) % 360) - 180; // the short way, also across the date line
    return { x: east * shrink * METRES_PER_DEGREE, y: (origin.lat - lat) * METRES_PER_DEGREE };
  };
}

export function bounds(points) {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

export const span = ({ left, right, top, bottom }) => Math.max(right - left, bottom - top);

// 1, 2 or 5 times a power of ten, as large as fits.
export function niceStep(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ([5, 2].find((step) => step * power <= most) ?? 1);
}

const overlaps = (a, b) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

// Finds a free place for each label beside its point (most important first); null where there is none.
export function placeLabels(labels, size, obstacles = []) {
  const taken = labels.map(({ x, y }) => ({ x: x - 9, y: y - 9, width: 18, height: 18 }));
  return labels.map(({ x, y, width, height, gap, must }, index) => {
    const places = [
      [x + gap, y - height / 2], // to the right, below, to the left, above
      [x - width / 2, y + gap - 1],
      [x - width - gap, y - height / 2],
      [x - width / 2, y - height - gap + 1],
    ].map(([left, top]) => ({ x: left, y: top, width, height }));
    const others = [...obstacles, ...taken.filter((_box, other) => other !== index)];
    const isInside = (box) => box.x >= 2 && box.x + width <= size.width - 2;
    const isFree = (box) => isInside(box) && !others.some((other) => overlaps(box, other));
    const free = places.find(isFree) ?? (must ? places[0] : null);
    if (free) taken.push(free);
    return free;
  });
}
