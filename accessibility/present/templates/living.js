// Sites switched on and off: who is covered then. Whole numbers only, so that every sum is exact in any order.
const living = (() => {
  const of = data.switches;
  const listeners = [];
  if (!of || !window.DecompressionStream) return { off: true, read: () => "", shows: () => true };

  let open = Uint8Array.from(of.drawn);
  const reached = new Map();  // row of a site: the classes within its reach
  let units = [];  // of everybody, of each group
  const maker = (row) => `${of.kinds[row]}:${of.banks[row]}`;
  // What is counted: sites by kind and bank, people by row of their district and by group; null or 0 is all of them.
  let counted = { sites: null, people: null, group: 0 };
  let everyone, cells, reach;  // of each class: people, district with setting and past, counted sites within reach
  let weights;  // people of each class who are counted
  let all, covered;  // people of each cell
  let ready = false;

  const add = (row, step) => {
    for (const c of reached.get(row)) {
      const before = reach[c];
      reach[c] += step;
      if (!before !== !reach[c]) covered[cells[c]] += step * weights[c];
    }
  };

  const takes = (row) => !counted.sites || counted.sites.has(maker(row));
  const isCounted = (c) => !counted.people || counted.people.has(Math.floor(cells[c] / 2 / of.settings.length));
  const weigh = () => {
    all.fill(0);
    covered.fill(0);
    for (let c = 0; c < of.classes; c++) {
      weights[c] = isCounted(c) ? everyone[counted.group][c] : 0;
      all[cells[c]] += weights[c];
      if (reach[c]) covered[cells[c]] += weights[c];
    }
  };

  const load = (bytes) => {
    const from = reader(bytes);
    reached.clear();
    open = Uint8Array.from(of.drawn);
    counted = { sites: null, people: null, group: 0 };
    units = [of.bits, ...of.groups.map(({ bits }) => bits)].map((bits) => 2 ** bits);
    everyone = [from.varints(new Float64Array(of.classes))];
    cells = from.steps(new Int32Array(of.classes));
    const counts = from.varints(new Int32Array(of.rows.length));
    of.rows.forEach((row, k) => {
      const classes = from.varints(new Int32Array(counts[k]));
      for (let i = 0, last = -1; i < classes.length; i++) last = classes[i] += last + 1;
      reached.set(row, classes);
    });
    for (const _ of of.groups) everyone.push(from.varints(new Float64Array(of.classes)));
    reach = new Uint16Array(of.classes);
    all = new Float64Array(6 * (of.districts.length + 1));
    covered = new Float64Array(all.length);
    weights = new Float64Array(of.classes);
    for (const row of of.rows) if (open[row]) add(row, 1);
    weigh();
    ready = true;
  };

  const canSwitch = (row) => ready && reached.has(row);
  const tell = (rows, recounted) => { for (const listener of listeners) listener(rows, recounted); };

  const recount = (wanted) => {
    const before = of.rows.filter((row) => open[row] && takes(row));
    counted = wanted;
    const after = of.rows.filter((row) => open[row] && takes(row));
    for (const row of before) add(row, -1);
    for (const row of after) add(row, 1);
    weigh();
  };

  // Switch some sites, and count other sites and people, at once; what listens is told once.
  const set = (wanted, count = counted) => {
    const changed = wanted.filter(([row, on]) => canSwitch(row) && Boolean(open[row]) !== on), recounted = count !== counted;
    if (recounted) recount(count);
    for (const [row, on] of changed) {
      open[row] = on ? 1 : 0;
      if (takes(row)) add(row, on ? 1 : -1);
    }
    if (changed.length || recounted) tell(changed.map(([row]) => row), recounted);
  };

  // People who would be covered if the site opened, or no longer if it closed.
  const effect = (row) => {
    const needed = open[row] ? 1 : 0;
    let people = 0;
    for (const c of reached.get(row)) if (reach[c] === needed) people += weights[c];
    return people / units[counted.group];
  };

  // People, covered now and before, gained and lost: of all who are counted, of each setting, of each district.
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
      for (const name of Object.keys(sum)) sum[name] /= units[counted.group];
    }
    return found;
  };

  const changeOf = (c) => {
    const before = cells[c] % 2;
    return reach[c] ? (before ? 0 : 2) : before ? 3 : 1;  // still covered, still not, gained, lost: as changes.py has them
  };
  const filtered = () => Boolean(counted.sites || counted.people || counted.group);
  const switched = () => open.some((on, row) => on !== of.drawn[row]);
  const moved = () => switched() || filtered();

  const read = (point) => {
    if (!ready || !moved()) return "";
    if (!isCounted(people.classOf(point))) return words("not_counted");
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
    const said = (key, values) => lines(key, values)[0][1];  // a name is in one language
    const steps = [...opened.map((id) => said("called_open", { id })), ...closed.map((id) => said("called_close", { id })),
      ...added.map(({ id }) => said("called_add", { id }))];
    const many = { opened: opened.length + added.length, closed: closed.length };
    const name = steps.length > 4 ? said("called_many", many) : steps.join(lines("called_today")[0][0].startsWith("zh") ? "\u3001" : ", ");
    const lists = Object.entries({ open: opened, close: closed, add: added }).filter(([, list]) => list.length);
    const table = ["[[scenario]]", `name = ${toml(name || said(of.fixed ? "what_if" : "called_today"))}`, ...lists.map(([key, list]) => `${key} = ${toml(list)}`)];
    return `${table.join("\n")}\n${of.fixed}`;
  };

  return {
    load, set, effect, figures, changeOf, moved, switched, filtered, read, scenario, canSwitch, maker, takes,
    counted: () => counted,
    // The same for a server: which sites count, and whom of the people.
    asked: () => ({
      open: of.ids.filter((_, row) => open[row] && takes(row)),
      districts: counted.people && [...counted.people].map((k) => of.districts[k] ?? null),
      group: counted.group ? of.groups[counted.group - 1].name : null,
    }),
    shows: (point) => !counted.people || isCounted(people.classOf(point)),
    isOpen: (row) => Boolean(open[row]),
    listen: (listener) => listeners.push(listener),
    toggle: (row) => set([[row, !open[row]]]),
    count: (wanted) => set([], wanted),
    reset: () => set(of.drawn.map((on, row) => [row, Boolean(on)]), filtered() ? { sites: null, people: null, group: 0 } : counted),
  };
})();
