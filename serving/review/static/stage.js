// The picture with its boxes: zoom, pan, draw, move, resize. Everything is in pixels of the view.
import { ordered } from "./boxes.js";

const SVG = "http://www.w3.org/2000/svg";
const SMALLEST_PX = 4;

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Stage {
  constructor(svg, boxes, colours) {
    this.svg = svg;
    this.picture = svg.querySelector("#picture");
    this.layer = svg.querySelector("#boxes");
    this.boxes = boxes;
    this.colours = colours;
    this.tool = "select";
    this.label = "handgun";
    this.drag = null;
    boxes.onChange(() => this.render());
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.drag?.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      svg.addEventListener(name, (event) => { this.drag?.end?.(event); this.drag = null; svg.classList.remove("panning"); });
    }
    new ResizeObserver(() => this.render()).observe(svg);
  }

  show(view) {
    this.view = view;
    for (const [key, value] of Object.entries({ href: view.image, width: view.width, height: view.height })) {
      this.picture.setAttribute(key, value);
    }
    this.boxes.picked = null;
    this.fit();
  }

  fit() {
    const margin = 0.02 * Math.max(this.view.width, this.view.height);
    this.frame = [-margin, -margin, this.view.width + 2 * margin, this.view.height + 2 * margin];
    this.render();
  }

  useTool(tool) {
    this.tool = tool;
    this.svg.classList.toggle("draw", tool === "draw");
  }

  point(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
  }

  wheel(event) {
    event.preventDefault();
    const at = this.point(event);
    const [x, y, width, height] = this.frame;
    const smallest = this.view.width / 40;
    const wanted = Math.exp(Math.max(-240, Math.min(240, event.deltaY)) * 0.0016);
    const factor = Math.max(smallest / width, Math.min((this.view.width * 3) / width, wanted));
    this.frame = [at.x - (at.x - x) * factor, at.y - (at.y - y) * factor, width * factor, height * factor];
    this.render();
  }

  down(event) {
    if (!this.view || event.button > 1) return;
    this.svg.setPointerCapture(event.pointerId);
    const grip = event.target.dataset?.grip;
    const index = event.target.closest("[data-box]")?.dataset.box;
    if (event.button === 1) this.startPan(event);
    else if (grip) this.startResize(grip);
    else if (this.tool === "draw") this.startDraw(event);
    else if (index !== undefined) this.startMove(event, Number(index));
    else { this.boxes.pick(null); this.startPan(event); }
    event.preventDefault();
    this.svg.focus({ preventScroll: true });
  }

  startPan(event) {
    const scale = this.svg.getScreenCTM().a;
    const [x, y, width, height] = this.frame;
    const from = [event.clientX, event.clientY];
    this.svg.classList.add("panning");
    this.drag = {
      move: (now) => {
        this.frame = [x - (now.clientX - from[0]) / scale, y - (now.clientY - from[1]) / scale, width, height];
        this.render();
      },
    };
  }

  startDraw(event) {
    const from = this.point(event);
    const rubber = node("rect", { class: "box", stroke: this.colours[this.label] });
    const { width, height, name } = this.view;
    let xyxy = null;
    this.layer.append(rubber);
    this.drag = {
      move: (now) => {
        const to = this.point(now);
        xyxy = ordered([from.x, from.y, to.x, to.y], width, height);
        const [x0, y0, x1, y1] = xyxy;
        for (const [key, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) rubber.setAttribute(key, value);
      },
      end: () => {
        rubber.remove();
        if (!xyxy || xyxy[2] - xyxy[0] < SMALLEST_PX || xyxy[3] - xyxy[1] < SMALLEST_PX) return;
        this.boxes.add({ view: name, xyxy, label: this.label, attributes: [], origin: "person", score: null });
        this.onDrawn?.();
      },
    };
  }

  startMove(event, index) {
    this.boxes.pick(index);
    this.boxes.remember();
    const from = this.point(event);
    const [x0, y0, x1, y1] = this.boxes.current.xyxy;
    const { width, height } = this.view;
    this.drag = {
      move: (now) => {
        const to = this.point(now);
        const dx = Math.max(-x0, Math.min(width - x1, to.x - from.x));
        const dy = Math.max(-y0, Math.min(height - y1, to.y - from.y));
        // A hand that shakes while it clicks moves nothing.
        if (Math.hypot(dx, dy) * this.svg.getScreenCTM().a < 3) return;
        this.boxes.update({ xyxy: ordered([x0 + dx, y0 + dy, x1 + dx, y1 + dy], width, height) });
      },
    };
  }

  startResize(grip) {
    this.boxes.remember();
    const [x0, y0, x1, y1] = this.boxes.current.xyxy;
    const fixed = [grip.includes("w") ? x1 : x0, grip.includes("n") ? y1 : y0];
    const { width, height } = this.view;
    this.drag = {
      move: (now) => {
        const to = this.point(now);
        const xyxy = ordered([...fixed, to.x, to.y], width, height);
        if (xyxy[2] - xyxy[0] >= SMALLEST_PX && xyxy[3] - xyxy[1] >= SMALLEST_PX) this.boxes.update({ xyxy });
      },
    };
  }

  render() {
    if (!this.view) return;
    this.svg.setAttribute("viewBox", this.frame.join(" "));
    const pixel = 1 / (this.svg.getScreenCTM()?.a || 1);
    const shown = [];
    this.boxes.items.forEach((box, index) => {
      if (box.view === this.view.name) shown.push(this.drawBox(box, index, pixel));
    });
    this.layer.replaceChildren(...shown);
  }

  drawBox(box, index, pixel) {
    const [x0, y0, x1, y1] = box.xyxy;
    const picked = index === this.boxes.picked;
    const group = node("g", { "data-box": index, class: `${box.origin}${picked ? " picked" : ""}` });
    const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    const colour = this.colours[box.label];
    group.append(node("rect", { class: "under", ...place }), node("rect", { class: "box", stroke: colour, ...place }));
    const text = box.label.replaceAll("_", " ") + (box.score === null ? "" : ` ${box.score.toFixed(2)}`);
    const tag = node("text", { x: x0 + 5 * pixel, y: y0 - 6 * pixel, "font-size": 12 * pixel });
    tag.textContent = text;
    group.append(node("rect", { class: "tag", x: x0 - pixel, y: y0 - 20 * pixel, width: (text.length * 7.7 + 11) * pixel, height: 19 * pixel, rx: 3 * pixel, fill: colour }), tag);
    if (picked) {
      const side = 9 * pixel;
      for (const [name, x, y] of [["nw", x0, y0], ["ne", x1, y0], ["sw", x0, y1], ["se", x1, y1]]) {
        group.append(node("rect", { class: `grip ${name}`, "data-grip": name, x: x - side / 2, y: y - side / 2, width: side, height: side }));
      }
    }
    return group;
  }
}
