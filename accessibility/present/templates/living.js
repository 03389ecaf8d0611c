// Sites switched on and off: who is covered then. Whole numbers only, so that every sum is exact in any order.
const living = (() => {
  const of = data.switches;
  const listeners = [];
  if (!of || !window.DecompressionStream) return { off: true, read: () => "", site: () => {}, start: () => {} };

  const open = Uint8Array.from(of.drawn);
  const reached = new Map();  // row of a site: the classes within its reach
  const unit = 2 ** of.bits;
  let units, cells, reach;  // of each class: people, district with setting and past, open sites within reach
  let all, covered;  // people of each cell
  let ready = false;

  const add = (row, step) => {
    for (const c of reached.get(row)) {
      const before = reach[c];
      reach[c] += step;
      if (!before !== !reach[c]) covered[cells[c]] += step * units[c];
    }
  };

  const load = async () => {
    const from = reader(await unpack(of.packed));
    units = from.varints(new Float64Array(of.classes));
    cells = from.steps(new Int32Array(of.classes));
    const counts = from.varints(new Int32Array(of.rows.length));
    of.rows.forEach((row, k) => {
      const classes = from.varints(new Int32Array(counts[k]));
      for (let i = 0, last = -1; i < classes.length; i++) last = classes[i] += last + 1;
      reached.set(row, classes);
    });
    reach = new Uint16Array(of.classes);
    all = new Float64Array(6 * (of.districts.length + 1));
    covered = new Float64Array(all.length);
    for (let c = 0; c < of.classes; c++) all[cells[c]] += units[c];
    for (const row of of.rows) if (open[row]) add(row, 1);
    ready = true;
  };

  const canSwitch = (row) => ready && reached.has(row);
  const tell = (rows) => { for (const listener of listeners) listener(rows); };

  // Switch some sites at once; what listens is told once.
  const set = (wanted) => {
    const changed = wanted.filter(([row, on]) => canSwitch(row) && Boolean(open[row]) !== on);
    for (const [row, on] of changed) {
      open[row] = on ? 1 : 0;
      add(row, on ? 1 : -1);
    }
    if (changed.length) tell(changed.map(([row]) => row));
  };

  // People who would be covered if the site opened, or no longer if it closed.
  const effect = (row) => {
    const needed = open[row] ? 1 : 0;
    let people = 0;
    for (const c of reached.get(row)) if (reach[c] === needed) people += units[c];
    return people / unit;
  };

  // People, covered now and before, gained and lost: of everybody, of each setting, of each district.
  const figures = () => {
    const nobody = () => ({ people: 0, covered: 0, before: 0, gained: 0, lost: 0 });
    const found = { total: nobody(), settings: of.settings.map(nobody), districts: [...of.districts, null].map(nobody) };
    for (let cell = 0; cell < all.length; cell++) {
      const here = [found.total, found.settings[Math.floor(cell / 2) % of.settings.length], found.districts[Math.floor(cell / 2 / of.settings.length)]];
      for (const sum of here) {
        sum.people += all[cell];
        sum.covered += covered[cell];
        if (cell % 2) {
          sum.before += all[cell];
          sum.lost += all[cell] - covered[cell];
        } else {
          sum.gained += covered[cell];
        }
      }
    }
    for (const sum of [found.total, ...found.settings, ...found.districts]) {
      for (const name of Object.keys(sum)) sum[name] /= unit;
    }
    return found;
  };

  const changeOf = (c) => {
    const before = cells[c] % 2;
    return reach[c] ? (before ? 0 : 2) : before ? 3 : 1;  // still covered, still not, gained, lost: as changes.py has them
  };
  const moved = () => open.some((on, row) => on !== of.drawn[row]);

  const read = (point) => {
    if (!ready || !moved()) return "";
    return [, , words("read_gained"), words("read_lost")][changeOf(people.classOf(point))] || "";
  };

  const toml = (value) => {
    if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
    if (typeof value === "object") return `{ ${Object.entries(value).map(([k, v]) => `${k} = ${toml(v)}`).join(", ")} }`;
    return JSON.stringify(value).replace(/\x7f/g, "\\u007F");  // a text of TOML is one of JSON
  };

  // The choice as a scenario, against the sites of today.
  const scenario = () => {
    const rows = [...open.keys()];
    const opened = rows.filter((row) => open[row] && !of.today[row] && !of.added[row]).map((row) => of.ids[row]);
    const closed = rows.filter((row) => !open[row] && of.today[row]).map((row) => of.ids[row]);
    const added = rows.filter((row) => open[row] && of.added[row]).map((row) => of.added[row]);
    const steps = [...opened.map((id) => `open ${id}`), ...closed.map((id) => `close ${id}`),
      ...added.map(({ id }) => `add ${id}`)];
    const name = steps.length > 4 ? `${opened.length + added.length} opened, ${closed.length} closed` : steps.join(", ");
    const lists = Object.entries({ open: opened, close: closed, add: added }).filter(([, list]) => list.length);
    const table = ["[[scenario]]", `name = ${toml(name || "as today")}`, ...lists.map(([key, list]) => `${key} = ${toml(list)}`)];
    return `${table.join("\n")}\n${of.fixed}`;
  };

  return {
    load, set, effect, figures, changeOf, moved, read, scenario, canSwitch,
    isOpen: (row) => Boolean(open[row]),
    listen: (listener) => listeners.push(listener),
    toggle: (row) => set([[row, !open[row]]]),
    reset: () => set(of.drawn.map((on, row) => [row, Boolean(on)])),
  };
})();
