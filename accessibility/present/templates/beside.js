"use strict";
// Two maps beside each other: A, which is held, and B, on which the bar works. They show the same
// place in the same way, and a line says who gains and who loses from one to the other.
const other = find("held"), strip = find("beside"), PAIR = [other, frame];
let following = false, latest = 0;

const pageOf = (one) => (one.contentDocument && one.contentWindow.counted ? one.contentDocument : null);
const bothThere = () => held && !frame.hidden && PAIR.every(pageOf);

// What stands in the layer list of a map, by name without its numbers.
const layersOf = (one) => new Map([...one.contentDocument.querySelectorAll(".layers label")].map((label) => {
  const name = label.cloneNode(true);
  for (const number of name.querySelectorAll("b")) number.remove();
  return [name.textContent.trim(), label.querySelector("input")];
}));
const alike = (from, to) => {
  const there = layersOf(to);
  for (const [name, box] of layersOf(from)) {
    const twin = there.get(name);
    if (twin && twin.checked !== box.checked && (box.type === "checkbox" || box.checked)) twin.click();
  }
};
const lead = (from, to) => (step) => {
  if (following || !bothThere()) return;
  following = true;
  step(from, to);
  following = false;
};
const look_ = (from, to) => {
  const map = mapOf(from.contentWindow);
  mapOf(to.contentWindow).setView(map.getCenter(), map.getZoom(), { animate: false });
};

const cells = (row, texts_, tag) => row.replaceChildren(...texts_.map((text) => {
  const cell = document.createElement(tag);
  cell.textContent = text;
  return cell;
}));
const tellApart = async () => {
  if (!bothThere()) return;
  const mine = ++latest, [one, two] = PAIR.map((map) => map.contentWindow.counted());
  const told_ = await told("compare", { ...view, ...two, against: { ...held.view, ...one } });
  if (mine !== latest || !held) return;
  const said = told_.error ? [["", told_.error]] : told_.said;
  strip.querySelector(".said").replaceChildren(...said.map(([language, text]) => {
    const line = document.createElement("p");
    [line.lang, line.textContent] = [language, text];
    return line;
  }));
  cells(strip.querySelector("thead tr"), ["", ...(told_.head ?? [])], "th");
  strip.querySelector("tbody").replaceChildren(...(told_.rows ?? []).map((texts_) => {
    const row = document.createElement("tr");
    cells(row, texts_, "td");
    return row;
  }));
};

const seen = (name) => {
  find("maps").dataset.seen = name;
  for (const button of strip.querySelectorAll("[data-map]")) button.setAttribute("aria-pressed", button.dataset.map === name);
};
const dress = () => {
  for (const one of PAIR) if (one.contentDocument && one.contentDocument.body) one.contentDocument.body.classList.toggle("beside", Boolean(held));
  if (other.contentDocument && other.contentDocument.body) other.contentDocument.body.classList.toggle("held", Boolean(held));
  [strip.hidden, find("left").hidden] = [!held, !held];
  find("maps").classList.toggle("two", Boolean(held));
  find("compare").setAttribute("aria-pressed", Boolean(held));
};
// Two maps that have come to stand beside each other show the same.
const pair = () => {
  dress();
  if (!bothThere()) return;
  lead(frame, other)(look_);
  lead(frame, other)(alike);  // who gains and who loses is a layer that today has not: it shows who is covered
  tellApart();
};
const watch = (from, to) => {
  const map = from.contentDocument && mapOf(from.contentWindow);
  if (!map) return;
  map.on("move", () => lead(from, to)(look_));
  if (from === frame) map.on("baselayerchange overlayadd overlayremove", () => lead(from, to)(alike));  // B has the list
  from.contentDocument.addEventListener("kept", () => {
    if (from === other && held) held.tried = place(other).hash;
    pair();
    if (from === other && held) address();
  });
};
other.addEventListener("load", () => watch(other, frame));
frame.addEventListener("load", () => watch(frame, other));

const hold = (wanted) => attempt(async () => {
  await done(await asked(`map/${encodeURIComponent(study)}`, wanted.view), say("working"));
  held = wanted;
  dress();
  await engine.show(other, { study, tried: wanted.tried, search: `?view=${encodeURIComponent(JSON.stringify(wanted.view))}` });
  address();
  return true;
});
const release = () => {
  held = null;
  for (const name of ["src", "srcdoc"]) other.removeAttribute(name);
  dress();
};
find("compare").addEventListener("click", () => {
  if (!held) {
    hold({ view: NOTHING, tried: "" });  // today
    return;
  }
  release();
  address();
});
find("hold").addEventListener("click", () => hold({ view, tried: triedOn() }));
for (const button of strip.querySelectorAll("[data-map]")) button.addEventListener("click", () => seen(button.dataset.map));
seen("map");
