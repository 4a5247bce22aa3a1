// The boxes of one scan, with undo. Knows nothing of the page.

export class Boxes {
  constructor(boxes) {
    this.items = boxes;
    this.picked = null;
    this.past = [];
    this.start = JSON.stringify(boxes);
    this.listeners = [];
  }

  onChange(listener) { this.listeners.push(listener); }
  changed() { this.listeners.forEach((listener) => listener()); }

  // Call before a change, once for a whole drag.
  remember() {
    const now = JSON.stringify(this.items);
    if (this.past.at(-1) !== now) this.past.push(now);
    if (this.past.length > 200) this.past.shift();
  }

  undo() {
    // A click that moved nothing leaves a state equal to the present one.
    let state = this.past.pop();
    if (state === JSON.stringify(this.items)) state = this.past.pop();
    if (state === undefined) return false;
    this.items = JSON.parse(state);
    this.picked = null;
    this.changed();
    return true;
  }

  get edited() { return JSON.stringify(this.items) !== this.start; }
  get current() { return this.items[this.picked] ?? null; }

  pick(index) { this.picked = index; this.changed(); }

  add(box) {
    this.remember();
    this.items.push(box);
    this.pick(this.items.length - 1);
  }

  // A box that a person changed is that person's.
  update(changes) {
    if (!this.current) return;
    Object.assign(this.current, changes, { origin: "person", score: null });
    this.changed();
  }

  remove() {
    if (!this.current) return;
    this.remember();
    this.items.splice(this.picked, 1);
    this.pick(null);
  }
}

export function ordered([xa, ya, xb, yb], width, height) {
  const clamp = (value, top) => Math.round(Math.min(Math.max(value, 0), top) * 10) / 10;
  return [
    clamp(Math.min(xa, xb), width), clamp(Math.min(ya, yb), height),
    clamp(Math.max(xa, xb), width), clamp(Math.max(ya, yb), height),
  ];
}
