// The workplace for one scan: ties the stage, the list of findings, the keys and the saving together.
import { Boxes } from "./boxes.js";
import { Stage } from "./stage.js";

const page = JSON.parse(document.getElementById("page").textContent);
const by = (id) => document.getElementById(id);
const words = (label) => label.replaceAll("_", " ");

function firstBoxes() {
  if (page.review) return page.review.annotations.map(({ group, ...box }) => ({ ...box, origin: "person", score: null }));
  return page.views.flatMap((view) => view.detections.filter((found) => found.alarm).map((found) => fromModel(view, found)));
}

function fromModel(view, found) {
  return { view: view.name, xyxy: found.xyxy, label: found.label, attributes: [], origin: "model", score: found.score };
}

const boxes = new Boxes(firstBoxes());
const stage = new Stage(by("stage"), boxes, page.colours);
let shown = 0;
let saving = false;

function say(text, bad = false) {
  by("status").textContent = text;
  by("status").classList.toggle("bad", bad);
}

// --- views and picture -------------------------------------------------------------------------------------------

function showView(index) {
  shown = (index + page.views.length) % page.views.length;
  stage.show(page.views[shown]);
  [...by("views").children].forEach((button, at) => button.setAttribute("aria-pressed", at === shown));
}

if (page.views.length > 1) {
  page.views.forEach((view, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = view.name;
    button.title = "Next view: V";
    button.addEventListener("click", () => showView(index));
    by("views").append(button);
  });
}

function toggle(id) {
  const on = by(id).getAttribute("aria-pressed") !== "true";
  by(id).setAttribute("aria-pressed", on);
  return on;
}

function applyPicture() {
  const on = (id) => by(id).getAttribute("aria-pressed") === "true";
  const steps = [];
  if (on("grey")) steps.push("grayscale(1)");
  if (by("light").value !== "100") steps.push(`brightness(${by("light").value}%)`);
  if (by("contrast").value !== "100") steps.push(`contrast(${by("contrast").value}%)`);
  if (on("invert")) steps.push("invert(1)");
  stage.picture.style.filter = steps.join(" ");
}

function useTool(tool) {
  stage.useTool(tool);
  for (const name of ["select", "draw"]) by(`tool-${name}`).setAttribute("aria-pressed", name === tool);
}
stage.onDrawn = () => useTool("select");

// --- findings ----------------------------------------------------------------------------------------------------

function line(label, text, view) {
  const item = document.createElement("li");
  const dot = document.createElement("span");
  dot.className = "dot";
  dot.style.background = page.colours[label];
  const name = document.createElement("span");
  name.className = "grow";
  name.textContent = words(label);
  const more = document.createElement("span");
  more.className = "dim";
  more.textContent = [page.views.length > 1 ? view : "", text].filter(Boolean).join(" · ");
  item.append(dot, name, more);
  return item;
}

function goTo(viewName) {
  const index = page.views.findIndex((view) => view.name === viewName);
  if (index !== shown) showView(index);
}

function renderFindings() {
  by("findings").replaceChildren(...boxes.items.map((box, index) => {
    const item = line(box.label, box.origin === "model" ? box.score.toFixed(2) : "by hand", box.view);
    item.setAttribute("aria-selected", index === boxes.picked);
    item.addEventListener("click", () => { goTo(box.view); boxes.pick(index); });
    return item;
  }));
  by("summary").textContent = boxes.items.length ? "" : "none";
  by("edit").hidden = !boxes.current;
  if (boxes.current) {
    by("label").value = boxes.current.label;
    for (const tick of by("attributes").querySelectorAll("input")) tick.checked = boxes.current.attributes.includes(tick.value);
  }
  by("undo").disabled = !boxes.past.length;
  const decision = acceptDecision();
  by("accept-text").textContent = { confirm: "Confirm", correct: "Save", reject: "Save" }[decision] ?? "Confirm";
  by("accept").disabled = decision === null;
  by("meaning").textContent = {
    confirm: boxes.items.length ? "Confirm: these objects are there, and nothing else." : "Confirm: nothing is there.",
    correct: "Save: these boxes are there, and nothing else.",
    reject: "All boxes are gone: saves that nothing is there.",
  }[decision] ?? "The model has not read every view. Draw what you see, or reject.";
}

function renderWeak() {
  const weak = page.views.flatMap((view) => view.detections.filter((found) => !found.alarm).map((found) => [view, found]));
  by("weak-box").hidden = !weak.length;
  by("weak-count").textContent = weak.length;
  by("weak").replaceChildren(...weak.slice(0, 50).map(([view, found]) => {
    const item = line(found.label, found.score.toFixed(2), view.name);
    item.title = "Add this box";
    item.addEventListener("click", () => { goTo(view.name); boxes.add(fromModel(view, found)); });
    return item;
  }));
}

// --- decisions ---------------------------------------------------------------------------------------------------

function acceptDecision() {
  if (!boxes.edited && !page.review) return page.inferred ? "confirm" : null;
  return boxes.items.length ? "correct" : "reject";
}

async function save(decision) {
  if (saving || decision === null) return;
  const reviewer = by("reviewer").value.trim();
  if (!reviewer) {
    say("Your name goes into the record: fill in Reviewer first.", true);
    by("reviewer").focus();
    return;
  }
  localStorage.setItem("parcelray.reviewer", reviewer);
  const annotations = decision === "correct"
    ? boxes.items.map(({ view, xyxy, label, attributes }) => ({ view, xyxy, label, attributes })) : [];
  saving = true;
  say("Saving…");
  try {
    const answer = await fetch(page.post, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ decision, reviewer, note: by("note").value, annotations }),
    });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    boxes.start = JSON.stringify(boxes.items);
    location.assign(page.next);
  } catch (error) {
    saving = false;
    say(`Not saved: ${error.message}`, true);
  }
}

// --- wiring ------------------------------------------------------------------------------------------------------

const actions = {
  accept: () => save(acceptDecision()),
  reject: () => save("reject"),
  skip: () => location.assign(page.next),
  undo: () => boxes.undo(),
  delete: () => boxes.remove(),
  fit: () => stage.fit(),
  invert: () => { toggle("invert"); applyPicture(); },
  grey: () => { toggle("grey"); applyPicture(); },
  hide: () => by("boxes").classList.toggle("hidden", toggle("hide")),
  "tool-select": () => useTool("select"),
  "tool-draw": () => useTool("draw"),
};
for (const [id, action] of Object.entries(actions)) by(id).addEventListener("click", action);
for (const id of ["light", "contrast"]) by(id).addEventListener("input", applyPicture);
function useLabel(label) {
  stage.label = label;
  boxes.remember();
  boxes.update({ label });
}
by("label").addEventListener("change", () => {
  useLabel(by("label").value);
  by("label").blur(); // so that the next key is a command again
});
by("attributes").addEventListener("change", () => {
  boxes.remember();
  boxes.update({ attributes: [...by("attributes").querySelectorAll(":checked")].map((tick) => tick.value) });
});

const keys = {
  r: "accept", x: "reject", u: "skip", z: "undo", delete: "delete", backspace: "delete", f: "fit", i: "invert",
  g: "grey", h: "hide", s: "tool-select", d: "tool-draw",
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]):not([type=range]), textarea, select");
  const key = event.key.toLowerCase();
  if (key === "escape") { document.activeElement?.blur(); useTool("select"); boxes.pick(null); return; }
  if (typing || event.altKey || event.repeat || ((event.ctrlKey || event.metaKey) && key !== "z")) return;
  if (key === "v") showView(shown + 1);
  const option = by("label").querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (option && boxes.current) useLabel(option.value);
  const id = keys[key];
  if (!id) return;
  event.preventDefault();
  if (!by(id).disabled) actions[id]();
});

window.addEventListener("beforeunload", (event) => { if (boxes.edited && !saving) event.preventDefault(); });
by("reviewer").value = localStorage.getItem("parcelray.reviewer") ?? "";
boxes.onChange(renderFindings);
renderFindings();
renderWeak();
showView(0);
