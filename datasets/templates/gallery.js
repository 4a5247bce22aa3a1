"use strict";
// All images are in the page as data; a card is made for each, and filters hide and show cards.
const { images, colours, filters } = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let shown = [];
let current = null;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function figure(image, source, named) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${image.width} ${image.height}`);
  const add = (tag, attributes, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    svg.append(made);
  };
  for (const mark of image.marks) {
    const [x, y, width, height] = mark.box;
    add("rect", { class: "rim", x, y, width, height });
    add("rect", { x, y, width, height, stroke: colours[mark.label] });
  }
  if (named && image.marks.length <= 12) {
    for (const mark of image.marks) {
      const [x, y, , height] = mark.box;
      add("text", { x: x + 2, y: y > 16 ? y - 5 : Math.min(y + height + 15, image.height - 3), fill: colours[mark.label] }, mark.label);
    }
  }
  const picture = element("img", { src: source, alt: `${image.view} view of ${image.parcel}`, loading: named ? "eager" : "lazy" });
  return element("span", { class: "figure" }, picture, svg);
}

function namesOf(image) {
  const counts = new Map();
  for (const mark of image.marks) counts.set(mark.label, (counts.get(mark.label) ?? 0) + 1);
  return [...counts].map(([label, count]) => (count > 1 ? `${label} × ${count}` : label)).join(", ") || "nothing to find";
}

function level(value) {
  return value ? element("span", { class: `level ${value}` }, value) : "";
}

function card(image) {
  const text = element("p", {}, element("span", { class: "names", title: namesOf(image) }, namesOf(image)));
  text.append(level(image.difficulty), element("small", {}, `${image.difficulty ? " · " : ""}${image.view} · ${image.scanner}`));
  const made = element("button", { class: "card", type: "button" }, figure(image, image.small, false), text);
  made.addEventListener("click", () => open(image));
  return made;
}

function fits(image) {
  return filters.every(({ key }) => {
    const wanted = byId(`filter-${key}`).value;
    if (!wanted) return true;
    if (key !== "label") return image[key] === wanted;
    return wanted === "nothing to find" ? !image.marks.length : image.marks.some((mark) => mark.label === wanted);
  });
}

function filter() {
  shown = images.filter((image) => (image.card.hidden = !fits(image), !image.card.hidden));
  byId("shown").textContent = `${shown.length.toLocaleString("en")} of ${images.length.toLocaleString("en")} images`;
  byId("none").hidden = shown.length > 0;
}

function measured(list, name, value) {
  if (value === null) return;
  const bar = element("span", { class: "gauge" }, element("i", { style: `width: ${100 * value}%` }));
  list.append(element("dt", {}, name), element("dd", {}, bar, `${Math.round(100 * value)} %`));
}

function open(image) {
  current = image;
  byId("file").textContent = image.parcel;
  const views = [image, ...images.filter((other) => other.parcel === image.parcel && other !== image)];
  // Wide pictures lie over each other, tall ones stand side by side: so both are as large as they can be.
  byId("stage").classList.toggle("stacked", views.length > 1 && image.width > 1.2 * image.height);
  byId("stage").replaceChildren(...views.slice(0, 2).map((one) =>
    element("figure", {}, figure(one, one.file, true), element("figcaption", {}, `${one.view} view, ${one.scanner}`))));
  const facts = element("dl");
  for (const [name, value] of [["Labels", namesOf(image)], ["View", image.view], ["Scanner", image.scanner], ["Split", image.split], ["Source", image.source], ["Licence", image.licence], ["File", image.name]])
    facts.append(element("dt", {}, name), element("dd", {}, value));
  measured(facts, "Complexity", image.complexity);
  const parts = [element("h2", {}, "Image", level(image.difficulty)), facts];
  for (const mark of image.marks.slice(0, 30)) {
    const list = element("dl");
    measured(list, "View difficulty", mark.view);
    measured(list, "Superposition", mark.superposition);
    measured(list, "Visibility", mark.visibility);
    if (mark.attributes.length) list.append(element("dt", {}, "Attributes"), element("dd", {}, mark.attributes.join(", ")));
    const swatch = element("i", { style: `--c: ${colours[mark.label]}` });
    parts.push(element("h2", {}, swatch, mark.label, level(mark.difficulty)), list);
  }
  if (image.marks.length > 30) parts.push(element("p", {}, `and ${image.marks.length - 30} more`));
  parts.push(element("p", { class: "help" }, "Arrow keys: next and previous. B: boxes. Esc: close. Hide the boxes first and decide what you see; then show them."));
  byId("facts").replaceChildren(...parts);
  if (!byId("dialog").open) byId("dialog").showModal();
}

function step(by) {
  const place = shown.indexOf(current);
  if (shown.length) open(shown[(place + by + shown.length) % shown.length]);
}

function toggleBoxes() {
  const plain = document.body.classList.toggle("plain");
  for (const id of ["boxes", "boxes2"]) byId(id).setAttribute("aria-pressed", String(!plain));
}

for (const { key, name, values } of filters) {
  const select = element("select", { id: `filter-${key}` }, element("option", { value: "" }, "all"));
  for (const [value, count] of values) select.append(element("option", { value }, `${value} (${count})`));
  select.addEventListener("change", filter);
  byId("boxes").before(element("label", {}, name, select));
}
for (const image of images) image.card = card(image);
byId("cards").append(...images.map((image) => image.card));
byId("reset").addEventListener("click", () => {
  for (const { key } of filters) byId(`filter-${key}`).value = "";
  filter();
});
byId("boxes").addEventListener("click", toggleBoxes);
byId("boxes2").addEventListener("click", toggleBoxes);
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => byId("dialog").close());
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "b" || event.key === "B") toggleBoxes();
  if (byId("dialog").open && event.key === "ArrowLeft") step(-1);
  if (byId("dialog").open && event.key === "ArrowRight") step(1);
});
filter();
