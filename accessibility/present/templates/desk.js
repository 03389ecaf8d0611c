"use strict";
// The bar and its map, wherever they are: `root` is what holds them, `texts` what they say, and `engine` answers them: the
// server (http.js) or the kernel of a notebook (widget.js). What somebody tries is in the address of the map alone.
const find = (name) => root.getElementById(name);
const say = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const asked = engine.ask;
const NOTHING = { added: [], moved: {} };
let view = NOTHING, study = "", work = null, look = null, held = null;  // held: what stands beside the map

const state = (text, share = null, bad = false, lost = false) => {
  const line = find("state"), elsewhere = find("elsewhere");
  if (elsewhere) elsewhere.hidden = !lost;
  line.hidden = !text;
  line.classList.toggle("bad", bad);
  line.querySelector("span").textContent = text;
  for (const part of [line.querySelector("progress"), find("cancel")]) part.hidden = share === null;
  if (share !== null) line.querySelector("progress").value = share;
};
// Wait for a piece of work and say how far it is.
const done = async (begun, text) => {
  const { job } = begun;
  for (let told = begun;; told = await asked(`jobs/${job}`)) {
    if (told.state === "done") { state(""); return { job, result: told.result }; }
    if (told.state === "failed") throw new Error(told.error);
    if (told.state === "cancelled") throw new DOMException(say("cancelled"), "AbortError");
    work = job;  // of several pieces of work the one that is told of can be cancelled
    state(say(text, { rest: told.text || "\u2026" }), Math.min(told.done / told.steps, 0.98));
  }
};
// What takes its time says so, where nothing says how far it is.
const waiting = say("slow"), wait = () => state(waiting);
// A button that is disabled or hidden loses the keyboard: it goes back, or to the first of the bar.
const KEYED = "button, input, select, summary, iframe, a";
const refocus = (before) => [before, find("menu"), find("home"), find("add")].find((one) => one?.getClientRects().length)?.focus({ preventScroll: true });
const attempt = async (step) => {
  const buttons = [...root.querySelectorAll("button:enabled:not(#cancel, #undo, #redo)")];  // the map keeps its steps in order
  const before = root.activeElement;
  for (const button of buttons) button.disabled = true;
  const waits = setTimeout(wait, 400);
  try {
    const found = await step();
    if (find("state").querySelector("span").textContent === waiting) state("");
    return found;
  } catch (error) {
    if (error.name === "AbortError") state(error.message);
    else state(say("failed", { rest: error.message }), null, true, error.lost);
    return null;
  } finally {
    clearTimeout(waits);
    for (const button of buttons) button.disabled = false;
    follow();
    if (buttons.includes(before) && !root.activeElement?.matches(KEYED)) refocus(before);
  }
};

const frame = find("map");
const mapOf = (of = frame.contentWindow) => of[Object.keys(of).find((name) => /^map_[0-9]+$/.test(name))];
// Where the map says what it shows: in its address; where it has none, in a notebook, on its frame.
const place = (of = frame) => (of.dataset.search === undefined ? of.contentWindow.location : of.dataset);
const triedOn = () => (frame.hidden || !frame.contentDocument ? "" : place().hash);
const tries = () => [view.added, view.edits, view.moved, view.base].some((part) => Object.keys(part ?? {}).some((key) => key !== "name"));
const tell = (event, detail) => frame.contentDocument?.dispatchEvent(new CustomEvent(event, { detail }));
// The buttons follow the map, and the address where it is there.
const follow = () => {
  const { undo = 0, redo = 0 } = (!frame.hidden && frame.contentDocument?.body?.dataset) || {};  // one that loads has none yet
  find("undo").disabled = undo < 1;
  find("redo").disabled = redo < 1;
  find("sure").setAttribute("aria-pressed", Boolean(view.sure));
  find("clear").disabled = !tries() && view.budget === undefined && view.sites === undefined && !triedOn();
};
const address = () => {
  engine.keep({ study, view, tried: triedOn(), ...(held && { held }) });
  follow();
  root.dispatchEvent(new CustomEvent("shown"));
};
// The map of what a step makes of the view; what is switched and counted on it stays so, and it is seen as it was.
const sight = () => {
  const map = frame.hidden ? null : mapOf();
  if (!map) return null;
  const tab = frame.contentDocument.querySelector(".tabs [aria-pressed=true]"), layers = [...layersOf(frame)].map(([name, box]) => [name, box.checked]);
  return { centre: map.getCenter(), zoom: map.getZoom(), tab: tab ? tab.dataset.tab : "", layers };
};
const taken = (step, { fresh = false, tried = null, search = "", was = null }) => attempt(async () => {
  const wanted = step(view), before = !frame.hidden && frame.contentDocument && frame.contentWindow.renew ? { before: view } : {};  // what differs is enough
  const { result } = await done(await asked(`map/${encodeURIComponent(study)}`, { ...wanted, ...before }), "working");
  const now = sight();
  look = now ? { ...now, layers: [], ...(fresh && { tab: "" }) } : was;
  view = wanted;
  frame.hidden = false;
  find("bar").hidden = false;
  find("name").textContent = engine.name(study);
  const found = search || `?view=${encodeURIComponent(JSON.stringify(view))}`;
  if (result === true) wait();  // for the page of the map
  if (result === true) frame.contentWindow.renew = null;  // a page that is left takes no more changes
  const hash = tried ?? (fresh ? "" : triedOn());  // with what was switched while it was worked out
  await engine.show(frame, { study, tried: hash, search: found, change: result === true ? null : result });
  const plan = fresh && result !== true && frame.contentDocument.querySelector("[data-tab=plan]:not([hidden])");
  if (plan) plan.click();
  return true;
});
// One step after another: each goes on from the view that the one before has left.
let turn = Promise.resolve();
const show = (step, given = {}) => {
  turn = turn.then(async () => {
    tell("awaited", true);
    const there = await taken(step, given);
    if (!there) tell("awaited", false);
    return there;
  });
  return turn;
};
const open = (key, wanted = NOTHING, tried = "", search = "", was = null) => show(() => {
  study = key;
  frame.hidden = true;
  return wanted;
}, { fresh: true, tried, search, was });

// A view in which a site stands elsewhere: one of one's own, or one of the study.
const placed = ({ added, moved = {}, ...rest }, id, at) => {
  const taken = new Set((rest.base?.add ?? []).map((site) => site.id)), names = [];
  for (let k = 1; names.length < added.length; k++) if (!taken.has(`X${k}`)) names.push(`X${k}`);
  const own = names.indexOf(id);
  if (own in added) return { ...rest, added: added.map((one, k) => (k === own ? [...at, ...one.slice(2)] : one)), moved };
  return { ...rest, added, moved: { ...moved, [id]: at } };
};
// One in which a street more is drawn or closed.
const edited = ({ edits = [], ...rest }, edit) => ({ ...rest, edits: [...edits, edit] });
const told = (what, body) => asked(`ask/${what}/${encodeURIComponent(study)}`, body).catch(({ message }) => ({ error: message }));
const server = {
  measure: ({ id, at, edit, ...about }) => told("figure", { ...(edit ? edited(view, edit) : placed(view, id, at)), ...about }),
  street: (click) => told("street", { ...view, ...click }),
  explain: (about) => asked(`ask/explain/${encodeURIComponent(study)}`, { ...view, ...about }),
  move: (id, at) => show((now) => placed(now, id, at)),
  edit: (edit) => show((now) => edited(now, edit)),
};
frame.addEventListener("load", () => {
  const map = frame.contentDocument && mapOf(), page = frame.contentDocument;
  if (!map) return;
  if (look) {
    map.setView(look.centre, look.zoom, { animate: false });
    const tab = look.tab && page.querySelector(`.tabs [data-tab=${look.tab}]`);
    if (tab) tab.click();
    const { layers } = look, dress = () => showLayers(frame, layers);
    if (page.body.dataset.undo === undefined) page.addEventListener("kept", dress, { once: true });  // gained and lost is a layer by then
    else dress();
  }
  page.addEventListener("kept", address);
  page.addEventListener("keydown", ({ key }) => { if (key === "Escape") letGo(); });
  page.addEventListener("drawn", ({ detail }) => { find("draw").value = detail; });
  take("");
  page.addEventListener("wanted", async (event) => {
    event.preventDefault();
    const { search, hash, stay } = event.detail;
    if (!await show(() => JSON.parse(new URLSearchParams(search).get("view")), { tried: hash, search })) stay();
  });
  page.dispatchEvent(new CustomEvent("served", { detail: { ...server, all: find("move").getAttribute("aria-pressed") === "true" } }));
  address();
});
// One tool is in hand at a time: a click adds a place, asks about one, or draws.
const take = (name, drawn = "") => {
  const map = mapOf();
  if (!map) return;  // it loads
  for (const one of ["add", "explain"]) find(one).setAttribute("aria-pressed", one === name);
  find("draw").value = drawn;
  map.off("click", put);
  if (name === "add") map.on("click", put);
  tell("explaining", name === "explain");
  tell("draw", drawn);
  state({ add: say("click_map"), explain: say("explain_how") }[name] ?? "");
  const legend = frame.contentDocument.querySelector(".legend");
  if ((name || drawn) && frame.contentWindow.innerWidth <= 760) legend.open = false;  // a phone needs the room for the map
};
// Escape puts the tool down, on the bar and on the map.
const letGo = () => { if (find("draw").value || ["add", "explain"].some((one) => find(one).getAttribute("aria-pressed") === "true")) take(""); };
const put = ({ latlng }) => {
  take("");
  const kind = find("what").value, at = [Number(latlng.lng.toFixed(6)), Number(latlng.lat.toFixed(6))];
  show((now) => ({ ...now, added: [...now.added, kind === "new" ? at : [...at, kind]] }));
};
for (const name of ["add", "explain"]) {
  find(name).addEventListener("click", ({ target }) => take(target.getAttribute("aria-pressed") === "true" ? "" : name));
}
find("draw").addEventListener("change", ({ target }) => take("draw", target.value));

// On a phone the tools are a menu, which closes when one is taken.
const unfold = (on) => find("menu").setAttribute("aria-expanded", on);
find("menu").addEventListener("click", () => unfold(find("menu").getAttribute("aria-expanded") !== "true"));
find("tools").addEventListener("click", ({ target }) => { if (target.closest("button") && !target.closest("form")) unfold(false); });
find("draw").addEventListener("change", () => unfold(false));
root.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  if (find("menu").getAttribute("aria-expanded") === "true") {
    unfold(false);
    find("menu").focus();
  } else letGo();
});
find("move").addEventListener("click", () => {
  const on = find("move").getAttribute("aria-pressed") !== "true";
  find("move").setAttribute("aria-pressed", on);
  state(on ? say("move_how") : "");
  tell("movable", on);
});
for (const name of ["undo", "redo"]) {
  find(name).addEventListener("click", () => tell(name));
}
root.addEventListener("keydown", (event) => {
  const letter = event.key.toLowerCase();
  if (frame.hidden || event.target.matches("input") || !(event.ctrlKey || event.metaKey) || !"yz".includes(letter)) return;
  event.preventDefault();
  find(letter === "y" || event.shiftKey ? "redo" : "undo").click();
});
find("propose").addEventListener("click", () => {
  const least = find("floor"), share = Number(least.value) / 100;
  if (!least.checkValidity()) {
    state(say("near_wrong", { field: say("floor"), least: least.min, most: least.max }), null, true);
    least.focus();
    return;
  }
  const limit = { [find("kind").value]: Number(find("limit").value), ...(share && { floor: share }) };
  show(({ budget, sites, floor, ...rest }) => ({ ...rest, ...limit }), { fresh: true });
});
find("clear").addEventListener("click", () => show(({ sure }) => ({ ...NOTHING, sure }), { fresh: true }));
find("sure").addEventListener("click", () => show((now) => ({ ...now, sure: !now.sure })));
find("scenario").addEventListener("click", () => attempt(async () => {
  const box = frame.contentDocument?.querySelector(".scenario");
  if (box) state(await engine.save(box.value));
}));
find("cancel").addEventListener("click", () => asked(`jobs/${work}/cancel`, {}));
