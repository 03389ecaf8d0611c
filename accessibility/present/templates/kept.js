// What a reader has switched, and what is counted: kept in the address and in the browser over a reload, undone and done again.
// On the page of a server also what its map is drawn with, which stands in the address before that.
const kept = (() => {
  const path = location.pathname.replace(/^\/[\w-]+(?=\/tab\/[^/]+\/map\/)/, "");  // a server has another token at every start
  const key = `accessibility ${path} ${document.title}`;
  // Where the state is: in the address and the browser; in a page without an address, in a notebook, on its frame.
  const frame = window.frameElement, framed = frame && frame.dataset.search !== undefined ? frame.dataset : null;
  const place = framed || location;
  const MOST = 100;  // steps that are kept over a reload
  const of = data.switches;
  const past = [], future = [];
  const waiting = [];  // what was asked while another map is on its way
  let now = "", moving = false, leaving = false;

  const told = () => {
    if (living.off) return "";
    const ids = of.rows.filter((row) => living.isOpen(row) !== Boolean(of.drawn[row])).map((row) => written(of.ids[row])).filter(Boolean);
    return [...(ids.length ? [`switched=${ids.join(",")}`] : []), ...filters.told()].join("&");
  };
  const partsOf = (text) => new Map(text.split("&").filter(Boolean).map((part) => {
    const [name] = part.split("=", 1);
    return [name, part.slice(name.length + 1)];
  }));
  // A state is the address from its question mark on.
  const stateOf = (text) => `${place.search}#${text}`;
  const show = (state, stay) => {
    const [search, text] = [state.split("#", 1)[0], state.slice(state.indexOf("#") + 1)];
    if (search !== place.search) {  // of another map: the page of the server shows it
      const detail = { search, hash: text && `#${text}`, stay };
      store(state);
      leaving = !document.dispatchEvent(new CustomEvent("wanted", { cancelable: true, detail }));
      if (leaving) return;
    }
    if (!living.off) set(text);
    keep();
  };
  const set = (text) => {
    const parts = partsOf(text), wanted = new Set((parts.get("switched") || "").split(",").filter(Boolean));
    moving = true;
    living.set(of.rows.map((row) => [row, Boolean(of.drawn[row]) !== wanted.has(written(of.ids[row]))]), filters.asked(parts));
    moving = false;
  };

  // A frame may forbid the address to change, a browser may keep nothing for a file: the page works all the same.
  const attempt = (step) => { try { return step() || ""; } catch { return ""; } };
  const isOurs = (part) => ["switched", ...filters.NAMES].includes(part.split("=", 1)[0]);
  const ours = (is) => place.hash.slice(1).split("&").filter((part) => part && isOurs(part) === is);
  const addressed = () => ours(true).join("&");
  const store = (state) => {
    const steps = { now: state, past: past.slice(-MOST), future: future.slice(-MOST) };
    const any = state !== "#" || past.length || future.length;
    if (framed) framed.steps = JSON.stringify(steps);
    else attempt(() => (any ? localStorage.setItem(key, JSON.stringify(steps)) : localStorage.removeItem(key)));
  };
  const keep = () => {
    const text = told(), parts = [...ours(false), ...(text ? [text] : [])].join("&");
    now = stateOf(text);
    if (framed) framed.hash = parts && `#${parts}`;
    else attempt(() => history.replaceState(null, "", `${location.pathname}${location.search}${parts ? `#${parts}` : ""}`));
    store(now);
    for (const [name, steps] of [["undo", past], ["redo", future]]) {
      document.body.dataset[name] = steps.length;
      for (const button of document.querySelectorAll(`.${name}`)) button.disabled = !steps.length;
    }
    document.dispatchEvent(new CustomEvent("kept"));
  };

  const step = (from, to) => {
    if (leaving) waiting.push(() => step(from, to));
    if (leaving || !from.length) return;
    to.push(now);
    const wanted = from.pop();
    show(wanted, () => {  // where the other map does not come
      leaving = false;
      from.push(wanted);
      to.pop();
      keep();
    });
  };
  const undo = () => step(past, future), redo = () => step(future, past);
  const changed = () => {
    if (moving || stateOf(told()) === now) return;
    past.push(now);
    future.length = 0;
    keep();
  };
  const pressed = (event) => {
    const typing = event.target.closest && event.target.closest("input[type=search], textarea");
    const letter = event.key.toLowerCase();
    if (typing || !(event.ctrlKey || event.metaKey) || !"yz".includes(letter)) return;
    event.preventDefault();
    if (letter === "y" || event.shiftKey) redo(); else undo();
  };

  // Other pages of this computer may write there, too: only texts are taken, and a text only names sites.
  const texts = (steps) => (Array.isArray(steps) ? steps.filter((text) => typeof text === "string") : []);
  const stored = () => {
    const kept = attempt(() => JSON.parse(framed ? framed.steps : localStorage.getItem(key))) || {};
    return { now: texts([kept.now])[0] ?? null, past: texts(kept.past), future: texts(kept.future) };
  };
  const begin = () => {
    [leaving, past.length, future.length] = [false, 0, 0];
    const before = stored(), asked = place.search || addressed() ? stateOf(addressed()) : null;
    const was = before.now ?? stateOf(place.search && addressed()), wanted = asked ?? was;
    past.push(...before.past);
    if (wanted === was) future.push(...before.future);
    else past.push(was);  // a link that somebody sent: what was here is a step away
    show(wanted);
    waiting.shift()?.();
  };
  // The page shows another map by now, which is in the address.
  const renew = ({ search, hash }) => {
    if (framed) Object.assign(framed, { search, hash });
    else history.replaceState(null, "", `${location.pathname}${search}${hash}`);
    begin();
  };
  const start = () => {
    begin();
    if (!living.off) living.listen(changed);
    for (const [name, go] of [["undo", undo], ["redo", redo]]) {
      for (const button of document.querySelectorAll(`.${name}`)) button.addEventListener("click", go);
      document.addEventListener(name, go);  // from the page around this one
    }
    document.addEventListener("awaited", ({ detail }) => {
      leaving = detail;
      if (!leaving) waiting.length = 0;  // the other map does not come: no step follows it
    });
    document.addEventListener("keydown", pressed);
    window.addEventListener("hashchange", () => {
      if (!addressed() || stateOf(addressed()) === now) return;
      past.push(now);
      future.length = 0;
      show(stateOf(addressed()));
    });
  };

  return { start, renew };
})();
