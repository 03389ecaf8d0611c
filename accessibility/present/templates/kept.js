// What a reader has switched: kept in the address and in the browser over a reload, undone and done again.
const kept = (() => {
  const NAME = "switched=", key = `accessibility ${location.pathname} ${document.title}`;
  const MOST = 100;  // steps that are kept over a reload
  const of = data.switches;
  const past = [], future = [];
  let now = "", moving = false;

  const written = (id) => { try { return encodeURIComponent(id); } catch { return ""; } };  // half a character has no code
  const told = () => of.rows.filter((row) => living.isOpen(row) !== Boolean(of.drawn[row]))
    .map((row) => written(of.ids[row])).filter(Boolean).join(",");
  const show = (text) => {
    const wanted = new Set(text.split(",").filter(Boolean));
    moving = true;
    living.set(of.rows.map((row) => [row, Boolean(of.drawn[row]) !== wanted.has(written(of.ids[row]))]));
    moving = false;
    keep();
  };

  // A frame may forbid the address to change, a browser may keep nothing for a file: the page works all the same.
  const attempt = (step) => { try { return step() || ""; } catch { return ""; } };
  const others = () => location.hash.slice(1).split("&").filter((part) => part && !part.startsWith(NAME));
  const addressed = () => location.hash.slice(1).split("&").find((part) => part.startsWith(NAME));
  const keep = () => {
    now = told();
    const parts = [...others(), ...(now ? [NAME + now] : [])].join("&");
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
    const before = stored(), asked = addressed();
    const wanted = asked === undefined ? before.now : asked.slice(NAME.length);
    past.push(...before.past);
    if (wanted === before.now) future.push(...before.future);
    else past.push(before.now);  // a link that somebody sent: what was here is a step away
    show(wanted);
    living.listen(changed);
    document.querySelector(".undo").addEventListener("click", undo);
    document.querySelector(".redo").addEventListener("click", redo);
    document.addEventListener("keydown", pressed);
    window.addEventListener("hashchange", () => {
      if (addressed() === undefined || addressed().slice(NAME.length) === now) return;
      past.push(now);
      future.length = 0;
      show(addressed().slice(NAME.length));
    });
  };

  return { start };
})();
