// Which part of the plane is on the screen, how it follows the devices, and how a hand moves it.

const GLIDE_MS = 300;
const PADDING = 64; // at most; less where there is little room
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Viewport {
  origin = null; // latitude and longitude of 0/0; set once, by the first position
  following = true;
  scale = 1; // pixels per metre
  #x = 0;
  #y = 0;
  #target = null;
  #svg;
  #changed;
  #steppedAt = 0;

  constructor(svg, changed) {
    this.#svg = svg;
    this.#changed = changed;
    svg.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.#drag(event));
  }

  get size() {
    return { width: this.#svg.clientWidth || 1, height: this.#svg.clientHeight || 1 };
  }

  toScreen({ x, y }) {
    const { width, height } = this.size;
    return { x: width / 2 + (x - this.#x) * this.scale, y: height / 2 + (y - this.#y) * this.scale };
  }

  follow() {
    this.following = true;
  }

  // Makes `box` visible. While it fits well the view stays calm, unless `isExact`.
  show(box, smallest, isExact) {
    if (!this.following) return;
    const { width, height } = this.size;
    const padding = Math.min(PADDING, width / 6, height / 6);
    const wide = Math.max(smallest, box.right - box.left);
    const high = Math.max(smallest, box.bottom - box.top);
    const scale = Math.min((width - 2 * padding) / wide, (height - 2 * padding) / high);
    const target = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, scale };
    const view = this.#target ?? { x: this.#x, y: this.#y, scale: this.scale };
    const isVisible =
      Math.max(view.x - box.left, box.right - view.x) * view.scale < width / 2 - padding / 2 &&
      Math.max(view.y - box.top, box.bottom - view.y) * view.scale < height / 2 - padding / 2;
    if (isVisible && !isExact && scale < view.scale * 1.8) return;
    const isFirst = this.#steppedAt === 0;
    this.#target = { ...target, scale: isExact || isFirst ? scale : scale * 0.85 };
    if (isFirst || still.matches) this.#jump();
  }

  // Moves towards the target; true while there is way to go.
  step(time) {
    const passed = Math.min(100, time - this.#steppedAt);
    this.#steppedAt = time;
    if (!this.#target) return false;
    const share = 1 - Math.exp((-4 * passed) / GLIDE_MS);
    this.#x += (this.#target.x - this.#x) * share;
    this.#y += (this.#target.y - this.#y) * share;
    this.scale *= (this.#target.scale / this.scale) ** share;
    const isThere =
      Math.abs(this.#target.scale / this.scale - 1) < 0.002 &&
      Math.hypot(this.#target.x - this.#x, this.#target.y - this.#y) * this.scale < 0.5;
    if (isThere) this.#jump();
    return !isThere;
  }

  zoom(factor, at = null) {
    const { width, height } = this.size;
    const fromCentre = at ? { x: at.x - width / 2, y: at.y - height / 2 } : { x: 0, y: 0 };
    const scale = Math.min(50, Math.max(1e-5, this.scale * factor));
    this.#take();
    this.#x += fromCentre.x / this.scale - fromCentre.x / scale;
    this.#y += fromCentre.y / this.scale - fromCentre.y / scale;
    this.scale = scale;
    this.#changed();
  }

  #jump() {
    ({ x: this.#x, y: this.#y, scale: this.scale } = this.#target);
    this.#target = null;
  }

  // From here on the view is in the user's hand, until "Fit".
  #take() {
    this.following = false;
    this.#target = null;
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), { x: event.offsetX, y: event.offsetY });
  }

  #drag(down) {
    if (down.button !== 0 || !down.isPrimary) return;
    let last = down;
    const move = (event) => {
      if (last === down && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < 4) return;
      this.#take();
      this.#svg.setPointerCapture(down.pointerId);
      this.#x -= (event.clientX - last.clientX) / this.scale;
      this.#y -= (event.clientY - last.clientY) / this.scale;
      last = event;
      this.#changed();
    };
    const stop = () => {
      this.#svg.removeEventListener("pointermove", move);
      for (const end of ["pointerup", "pointercancel"]) removeEventListener(end, stop);
    };
    this.#svg.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, stop);
  }
}
