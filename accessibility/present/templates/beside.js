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
const showLayers = (one, shown) => {
  const there = layersOf(one);
  for (const [name, on] of shown) {
    const box = there.get(name);
    if (box && box.checked !== on && (box.type === "checkbox" || on)) box.click();
  }
};
const alike = (from, to) => showLayers(to, [...layersOf(from)].map(([name, box]) => [name, box.checked]));
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
  const cell = document.createElement(text ? tag : "td");  // a heading without words heads nothing
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
  await done(await asked(`map/${encodeURIComponent(study)}`, wanted.view), "working");
  held = wanted;
  dress();
  await engine.show(other, { study, tried: wanted.tried, search: `?view=${encodeURIComponent(JSON.stringify(wanted.view))}` });
  address();
  return true;
});
// Scenarios of a file, those beside the study or others, to stand on either side.
const picks = { held: find("pick-held"), map: find("pick-map") };
let scenarios = [], offered = null;  // what can be picked, and of which study
const pickOf = (shown, tried) => {
  const { base = {}, added, moved = {}, edits = [] } = shown, own = tried || added.length || edits.length || Object.keys(moved).length;
  if (own || (shown.budget ?? shown.sites) !== undefined) return "";
  const same = scenarios.findIndex((one) => JSON.stringify(one) === JSON.stringify(base));
  return same >= 0 ? String(same) : Object.keys(base).some((key) => key !== "name") ? "" : "today";
};
const mark = () => {
  picks.map.value = pickOf(view, triedOn());
  if (held) picks.held.value = pickOf(held.view, held.tried);
};
const offer = (found) => {
  [scenarios, offered] = [found, study];
  const named = found.map(({ name }, k) => new Option(name, k));
  for (const pick of Object.values(picks)) {
    pick.replaceChildren(new Option(say("as_shown"), ""), new Option(say("as_today"), "today"), ...named.map((one) => one.cloneNode(true)));
  }
  mark();
};
const viewOf_ = (pick) => (pick === "today" ? NOTHING : { ...NOTHING, base: scenarios[pick] });
const put_ = { held: (pick) => hold({ view: viewOf_(pick), tried: "" }), map: (pick) => show(({ sure }) => ({ ...viewOf_(pick), sure }), { fresh: true }) };
for (const [side, pick] of Object.entries(picks)) {
  pick.addEventListener("change", async () => {
    if (pick.value) await put_[side](pick.value);
    mark();
  });
}
root.addEventListener("shown", async () => {
  if (held && offered !== study) {
    offered = study;
    offer((await told("scenarios", {})).scenarios ?? []);
  }
  mark();
});
find("load").addEventListener("click", () => find("toml").click());
find("toml").addEventListener("change", async ({ target }) => {
  const [file] = target.files, found = file && await attempt(async () => asked(`ask/scenarios/${encodeURIComponent(study)}`, { text: await file.text() }));
  target.value = "";
  if (!found) return;
  offer(found.scenarios);
  const several = found.scenarios.length > 1;  // the first two, or the only one beside today
  if (found.scenarios.length && await put_.held(several ? "0" : "today")) await put_.map(several ? "1" : "0");
});
const release = () => {
  held = null;
  other.removeAttribute("srcdoc");
  other.contentWindow.location.replace("about:blank");
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
