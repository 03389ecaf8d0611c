// What a reader has switched, and what is counted: kept in the address and in the browser over a reload, undone and done again.
const kept = (() => {
  const key = `accessibility ${location.pathname} ${document.title}`;
  const MOST = 100;  // steps that are kept over a reload
  const of = data.switches;
  const past = [], future = [];
  let now = "", moving = false;

  const told = () => {
    const ids = of.rows.filter((row) => living.isOpen(row) !== Boolean(of.drawn[row])).map((row) => written(of.ids[row])).filter(Boolean);
    return [...(ids.length ? [`switched=${ids.join(",")}`] : []), ...filters.told()].join("&");
  };
  const partsOf = (text) => new Map(text.split("&").filter(Boolean).map((part) => {
    const [name] = part.split("=", 1);
    return [name, part.slice(name.length + 1)];
  }));
  const show = (text) => {
    const parts = partsOf(text), wanted = new Set((parts.get("switched") || "").split(",").filter(Boolean));
    moving = true;
    living.set(of.rows.map((row) => [row, Boolean(of.drawn[row]) !== wanted.has(written(of.ids[row]))]), filters.asked(parts));
    moving = false;
    keep();
  };

  // A frame may forbid the address to change, a browser may keep nothing for a file: the page works all the same.
  const attempt = (step) => { try { return step() || ""; } catch { return ""; } };
  const isOurs = (part) => ["switched", ...filters.NAMES].includes(part.split("=", 1)[0]);
  const ours = (is) => location.hash.slice(1).split("&").filter((part) => part && isOurs(part) === is);
  const addressed = () => ours(true).join("&");
  const keep = () => {
    now = told();
    const parts = [...ours(false), ...(now ? [now] : [])].join("&");
    attempt(() => history.replaceState(null, "", `${location.pathname}${location.search}${parts ? `#${parts}` : ""}`));
    const steps = { now, past: past.slice(-MOST), future: future.slice(-MOST) };
    const any = now || past.length || future.length;
    attempt(() => (any ? localStorage.setItem(key, JSON.stringify(steps)) : localStorage.removeItem(key)));
    for (const [name, steps] of [["undo", past], ["redo", future]]) document.querySelector(`.${name}`).disabled = !steps.length;
  };

  const step = (from, to) => {
    if (!from.length) return;
    to.push(now);
    show(from.pop());
  };
  const undo = () => step(past, future), redo = () => step(future, past);
  const changed = () => {
    if (moving || told() === now) return;
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
    const kept = attempt(() => JSON.parse(localStorage.getItem(key))) || {};
    return { now: texts([kept.now])[0] || "", past: texts(kept.past), future: texts(kept.future) };
  };
  const start = () => {
    const before = stored(), wanted = addressed() || before.now;
    past.push(...before.past);
    if (wanted === before.now) future.push(...before.future);
    else past.push(before.now);  // a link that somebody sent: what was here is a step away
    show(wanted);
    living.listen(changed);
    document.querySelector(".undo").addEventListener("click", undo);
    document.querySelector(".redo").addEventListener("click", redo);
    document.addEventListener("keydown", pressed);
    window.addEventListener("hashchange", () => {
      if (!addressed() || addressed() === now) return;
      past.push(now);
      future.length = 0;
      show(addressed());
    });
  };

  return { start };
})();
