// The panel of a map whose sites can be switched: figures, the list of sites, the proposal, the scenario to copy.
const panel = (() => {
  const of = data.switches;
  const find = (name) => document.querySelector(name);
  const every = (name) => [...document.querySelectorAll(name)];
  const [MOST, CROWDED, SMALL] = [100, 250, 9];
  const LOOK = `<svg xmlns="http://www.w3.org/2000/svg" width="14" height="14" viewBox="0 0 14 14" fill="none" stroke="#5b6873">
    <circle cx="7" cy="7" r="4"/><path d="M7 0v5M7 9v5M0 7h5M9 7h5"/></svg>`;
  const markers = new Map(), pins = new Map();
  let map = null, changes = null, control = null, layers = null, before = null, listed = [];

  const element = (tag, kind = "", text = "") => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.textContent = text;
    return made;
  };
  // Drawings are made of constants alone: no text of the data is ever parsed.
  const drawings = new Map();
  const drawing = (text) => {
    if (!drawings.has(text)) drawings.set(text, new DOMParser().parseFromString(text, "image/svg+xml").documentElement);
    return document.importNode(drawings.get(text), true);
  };

  const symbol = (row) => {
    const kind = of.kinds[row], ink = of.inks[kind], on = living.isOpen(row);
    const paint = on ? `fill="${ink}" stroke="#fff" stroke-width="1.4"` : `fill="#fff" stroke="${ink}" stroke-width="2"`;
    const ring = on === Boolean(of.today[row]) ? ""
      : `<circle cx="8" cy="8" r="11" fill="none" stroke="${on ? "#08519c" : "#9c3d06"}" stroke-width="2.5"/>`;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16" overflow="visible" ${paint}>${ring}${of.shapes[kind]}</svg>`;
  };
  const signed = (row) => {
    const text = whole(living.effect(row));
    return text === "0" ? "0" : `${living.isOpen(row) ? "\u2212" : "+"}${text}`;
  };

  const lookOf = (row, on) => `${on} ${on === Boolean(of.today[row])}`;
  const paintMarker = (row) => {
    const marker = markers.get(row), look = lookOf(row, living.isOpen(row));
    if (!marker || marker.look === look) return;
    marker.look = look;
    if (marker.setStyle) {
      const ink = of.inks[of.kinds[row]], on = living.isOpen(row), same = on === Boolean(of.today[row]);
      marker.setStyle({ fillColor: on ? ink : "#fff", weight: same ? 1.5 : 4 });
      return;
    }
    marker.options.icon.options.html = drawing(symbol(row));
    marker.setIcon(marker.options.icon);
  };

  // A site that is switched is seen, even where the layer of its kind is off.
  const showChanged = () => {
    for (const [row, marker] of markers) {
      const same = living.isOpen(row) === Boolean(of.today[row]) && living.isOpen(row) === Boolean(of.drawn[row]);
      if (!same && living.takes(row) && !map.hasLayer(marker)) map.addLayer(marker);
    }
  };

  // Sites that do not count now are not on the map; each layer says how many of its sites are.
  const homes = new Map();
  const showCounted = () => {
    for (const [row, group] of homes) {
      const marker = markers.get(row);
      if (living.takes(row)) {
        group.addLayer(marker);
      } else {
        group.removeLayer(marker);
        map.removeLayer(marker);  // one that was switched stood on the map by itself
      }
    }
    for (const one of control._layers) {
      const sites = one.layer.getLayers && [...layers.values()].includes(one.layer) ? one.layer.getLayers().length : -1;
      if (sites >= 0) one.name = one.name.replace(/<b>[^<]*<\/b>/, `<b>${whole(sites)}</b>`);
    }
    control._update();
    crowd(map);
  };

  // A click reads a site; what it opens has the switch.
  const reading = (row, card) => {
    const box = element("div", "reads");
    box.append(card);
    if (living.off || !living.canSwitch(row) || !living.takes(row)) return box;
    const button = element("button", "", words(living.isOpen(row) ? "close_site" : "open_site"));
    button.type = "button";
    button.addEventListener("click", (event) => {
      L.DomEvent.stopPropagation(event);
      living.toggle(row);
      const other = find(".reads button");  // the card was written anew: the keyboard stays in it
      if (other) other.focus();
    });
    box.append(button);
    return box;
  };
  const read = (row) => {
    const marker = [pins.get(row), markers.get(row)].find((one) => one && (one === markers.get(row) || map.hasLayer(one)));
    if (!marker) return;
    if (!map.hasLayer(marker)) map.addLayer(marker);
    marker.openPopup();
  };

  // Called by the layers of sites, before anything else is there.
  const site = ({ properties }, marker) => {
    const { row } = properties;
    markers.set(row, marker);
    marker.look = `${Boolean(of && of.drawn[row])} true`;
    if (living.off) return;
    const texts = {
      what: () => of.what[`${of.kinds[row]}_${living.isOpen(row) ? "open" : "closed"}`],
      people: () => living.canSwitch(row)
        ? words(living.isOpen(row) ? "closing_loses" : "opening_gains", { people: whole(living.effect(row)) })
        : words("not_switchable"),
    };
    for (const [name, text] of Object.entries(texts)) Object.defineProperty(properties, name, { get: text });
  };

  const cells = (row, texts) => texts.forEach((text, k) => {
    if (row.cells[k].textContent !== text) row.cells[k].textContent = text;
  });
  const difference = ({ covered, before: past }) => {
    const text = whole(Math.abs(covered - past));
    return text === "0" ? "0" : `${covered < past ? "\u2212" : "+"}${text}`;
  };
  // Rows of the tables of figures, with what each tells.
  const tables = [];
  const makeTables = () => {
    const now = living.figures();
    const settings = of.settings.map((name, k) => [name, ({ settings: all }) => all[k]]).filter(([, pick]) => pick(now).people > 0);
    const districts = of.districts.map((name, k) => [name, ({ districts: all }) => all[k]]);
    if (now.districts.at(-1).people > 0) districts.push([words("no_district"), ({ districts: all }) => all.at(-1)]);
    for (const [by, rows] of [["setting", settings], ["district", districts]]) {
      const table = find(`.figures[data-by="${by}"] table`);
      const last = [[words("total"), ({ total }) => total]];
      for (const [body, told] of [[table.tBodies[0], rows], [table.tFoot, last]]) {
        for (const [name, pick] of told) {
          const row = body.insertRow();
          for (let k = 0; k < 5; k++) row.insertCell();
          row.cells[0].dir = "auto";
          tables.push({ row, name, pick });
        }
      }
    }
  };
  const tell = ({ row, name, pick }, now) => {
    const sum = pick(now);
    row.hidden = living.filtered() && !sum.people;
    cells(row, [name, whole(sum.people), whole(sum.covered), percent(sum.covered, sum.people), difference(sum)]);
  };

  const sentences = (box, pairs) => box.replaceChildren(...pairs.map(([language, text]) => {
    const made = element("p", "", text);
    made.lang = language;
    made.dir = "auto";
    return made;
  }));

  let drawnHeadline = [], drawnComparison = [];
  const drawn = () => {
    [drawnHeadline, drawnComparison] = ["headline", "sentence"].map((name) => every(`header .${name} p`).map((p) => p.cloneNode(true)));
  };
  const head = (total) => {
    const moved = living.moved(), counted = filters.said(whole(total.people));
    for (const button of every(".reset")) button.disabled = !moved;
    find("header .counted").hidden = !counted.length;
    sentences(find("header .counted"), counted);
    find("header .reset").hidden = !moved;
    find("header .sentence").classList.toggle("rest", !moved && !of.compares);
    if (!moved) {
      find("header .headline").replaceChildren(...drawnHeadline);
      find("header .sentence").replaceChildren(...drawnComparison);
      return;
    }
    const values = { percent: percentSaid(total.covered, total.people), people: whole(total.people), covered: whole(total.covered) };
    sentences(find("header .headline"), of.headline.map(([language, form]) => [language, filled(language, form, values)]));
    const past = of.against === "today" ? of.today : of.drawn;
    const [opened, closed] = [true, false].map((on) => of.ids.filter(
      (_, row) => living.isOpen(row) === on && Boolean(past[row]) !== on).length);
    const said = {
      opened: String(opened), closed: String(closed), gained: whole(total.gained), lost: whole(total.lost),
      percent: percentSaid(total.before, total.people), covered: whole(total.before),
    };
    const key = opened + closed ? "switched" : living.counted().sites ? "alone" : "";
    sentences(find("header .sentence"), key ? lines(key, said) : []);
  };

  const legend = (total) => {
    const rows = find(".classes.changes").querySelector("tbody").rows;
    const found = [total.before - total.lost, total.people - total.before - total.gained, total.gained, total.lost];
    found.forEach((people, k) => {
      rows[k].cells[2].textContent = whole(people);
      rows[k].cells[3].textContent = percent(people, total.people);
    });
    find(".classes.changes tfoot").rows[0].cells[2].textContent = whole(total.people);
  };

  const paintRow = ({ row, item, box, effect }, changed) => {
    const text = signed(row);
    if (effect.textContent !== text) effect.textContent = text;
    if (!changed) return;
    box.checked = living.isOpen(row);
    item.querySelector("svg").replaceWith(drawing(symbol(row)));
  };
  const makeRow = (row) => {
    const item = element("li"), label = element("label"), box = element("input");
    const look = element("button", "find");
    look.append(drawing(LOOK));
    box.type = "checkbox";
    const name = element("span", "", of.names[row] || of.ids[row]);
    name.dir = "auto";
    name.title = of.ids[row];
    box.addEventListener("change", () => living.toggle(row));
    look.type = "button";
    look.title = words("find");
    look.addEventListener("click", () => {
      map.setView(of.places[row], Math.max(map.getZoom(), 15), { animate: false });
      read(row);
    });
    const effect = element("b");
    label.append(box, drawing(symbol(row)), name, effect);
    item.append(label, look);
    return { row, item, box, effect };
  };
  // What could open first, the greatest gain on top; then what is open, the least loss on top.
  const listSites = () => {
    const asked = find(".search").value.trim().toLowerCase();
    const hit = of.rows.filter((row) => living.takes(row) && `${of.names[row]} ${of.ids[row]}`.toLowerCase().includes(asked));
    const rank = new Map(hit.map((row) => [row, living.effect(row)]));
    hit.sort((a, b) => living.isOpen(a) - living.isOpen(b)
      || (living.isOpen(a) ? rank.get(a) - rank.get(b) : rank.get(b) - rank.get(a)) || a - b);
    listed = hit.slice(0, MOST).map(makeRow);
    for (const line of listed) paintRow(line, true);
    find("ul.sites").replaceChildren(...listed.map(({ item }) => item));
    const more = hit.length - listed.length;
    find("p.rest").textContent = more ? words("more_sites", { n: more }) : hit.length ? "" : words("no_match");
  };

  const scenario = () => {
    const box = find(".scenario"), same = of.today.every((on, row) => Boolean(on) === living.isOpen(row)) && !of.fixed;
    box.hidden = same;
    find(".copy").disabled = same;
    find(".copy").textContent = words("copy");
    box.value = living.scenario();
  };

  const planned = () => every(".plan tbody tr").map((line) => Number(line.dataset.row)).filter((row) => row >= 0);
  const plan = ({ covered, people: everyone }) => {
    for (const [row, pin] of pins) if (pin.getElement()) pin.getElement().classList.toggle("on", living.isOpen(row));
    const slider = find(".first-sites");
    if (!slider) return;
    const rows = planned(), next = rows.findIndex((row) => !living.isOpen(row)), k = next < 0 ? rows.length : next;
    slider.value = k;
    const said = { k, n: rows.length, percent: percentSaid(covered, everyone), covered: whole(covered) };
    find(".first-said").textContent = words("first_sites", said);
    for (const line of every(".plan tbody tr")) {
      const on = living.isOpen(Number(line.dataset.row)), box = line.querySelector("input");
      line.classList.toggle("on", on);
      if (box) box.checked = on;
    }
  };

  // What comes later stands in the list of layers where it would have stood.
  const list = (layer, name, next, base = false) => {
    control[base ? "addBaseLayer" : "addOverlay"](layer, name);
    const entries = control._layers, place = entries.findIndex((entry) => entry.layer === next);
    if (place < 0) return;
    entries.splice(place, 0, entries.pop());
    control._update();
  };
  const legendOf = (name) => {
    for (const section of every(".classes")) section.hidden = section.dataset.layer !== name;
  };
  const baseShown = () => control._layers.find(({ layer, overlay }) => !overlay && map.hasLayer(layer));
  const showBase = (layer, name) => {
    map.removeLayer(baseShown().layer);
    map.addLayer(layer);
    map.fire("baselayerchange", { name, layer });
  };
  // Gained and lost are a layer of their own, there as long as the map is of something else than today. Where another
  // layer is shown then, it has drawn people as they are now.
  const showChanges = () => {
    if (!people.switched) return false;
    const wanted = living.moved() || of.against === "today", was = baseShown();
    if (wanted && !before) {
      before = baseShown();
      list(changes, of.change.name, of.change.first && control._layers.find(({ overlay }) => !overlay).layer, true);
      if (living.moved() || of.change.first) showBase(changes, of.change.name);
    } else if (!wanted && before) {
      if (map.hasLayer(changes)) showBase(before.layer, before.name);
      control.removeLayer(changes);
      before = null;
    }
    const shown = baseShown();
    legendOf(shown.name);
    return shown.layer !== was.layer;
  };

  // What a district shows: the figures of its row in the table while sites are switched, else those it was drawn with.
  const districtRows = (name, drawn) => {
    if (!of || living.off || !living.moved()) return drawn;
    const row = of.districts.indexOf(name), { people: chosen } = living.counted();
    if (chosen && !chosen.has(row)) return [["", words("not_counted")]];
    const told = row < 0 ? { people: 0, covered: 0, before: 0 } : living.figures().districts[row];
    const share = (part) => words("share_of", { part: whole(part), whole: whole(told.people), percent: percentSaid(part, told.people) });
    return [[words("people"), whole(told.people)], [words("covered"), `${share(told.covered)}, ${difference(told)}`],
      [words("uncovered"), share(told.people - told.covered)]];
  };

  const refresh = (rows, recounted) => {
    if (recounted) {
      listSites();
      showCounted();
    }
    const now = living.figures(), { total } = now;
    rows.forEach(paintMarker);
    head(total);
    legend(total);
    for (const row of tables) tell(row, now);
    const changed = new Set(rows);
    for (const line of listed) paintRow(line, changed.has(line.row));
    scenario();
    plan(total);
    for (const note of every(".as-drawn")) note.hidden = !living.moved();
    if (!showChanges()) people.redraw();
    showChanged();
    for (const marker of [...markers.values(), ...pins.values()]) if (marker.isPopupOpen()) marker.getPopup().update();
    map.fire("named");
  };

  const copy = async () => {
    const box = find(".scenario");
    try {
      await navigator.clipboard.writeText(box.value);
    } catch {
      box.select();
      document.execCommand("copy");  // where the page may not use the clipboard
    }
    find(".copy").textContent = words("copied");
  };

  // People are coloured in other ways, the layers of all of them by name. A map that would show another one first shows
  // that; else what is shown stays, if it is still there.
  const recolour = (ways) => {
    const listed = () => control._layers.filter(({ layer, overlay }) => !overlay && layer !== changes);
    const was = listed(), wanted = [...ways.keys()], [first] = wanted, other = was[0].name !== first;
    if (other && before) {
      before = null;
      if (map.hasLayer(changes)) showBase(was[0].layer, was[0].name);
      control.removeLayer(changes);
    }
    const after = (k) => wanted.slice(k + 1).find((name) => was.some((one) => one.name === name));
    const overlay = control._layers.find((one) => one.overlay)?.layer;
    wanted.forEach((name, k) => {
      if (!was.some((one) => one.name === name)) list(ways.get(name), name, ways.get(after(k)) ?? overlay, true);
    });
    const gone = was.filter(({ name }) => !ways.has(name));
    if (other || gone.some(({ layer }) => map.hasLayer(layer))) showBase(ways.get(first), first);
    if (before && gone.includes(before)) before = listed()[0];
    for (const { layer } of gone) control.removeLayer(layer);
  };
  // Sites that are gone, and what there is instead.
  const forget = (group) => group.eachLayer(({ feature }) => {
    markers.delete(feature.properties.row);
    homes.delete(feature.properties.row);
  });
  const settle = () => {
    drawn();
    for (const group of layers.values()) group.eachLayer((marker) => homes.set(marker.feature.properties.row, group));
  };
  const renew = () => {
    settle();
    filters.fill();
    moving.enable();
    for (const row of markers.keys()) paintMarker(row);
  };

  const start = async (theMap, theControl, theLayers) => {
    [map, control, layers] = [theMap, theControl, theLayers];
    living.load(await unpack(of.packed));
    window.counted = living.asked;  // for the page around this one, which compares two
    changes = people.layer(() => changeLook);
    makeTables();
    listSites();
    settle();
    living.listen(refresh);
    filters.start();
    refresh(of.rows.filter((row) => living.isOpen(row) !== Boolean(of.today[row])));
    kept.start();
    for (const button of every(".reset")) button.addEventListener("click", living.reset);
    find(".copy").addEventListener("click", copy);
    find(".search").addEventListener("input", listSites);
    map.on("overlayremove", showChanged);
    document.addEventListener("tab", ({ detail }) => {
      if (detail === "living") for (const group of layers.values()) map.addLayer(group);
    });
    const plans = find("#tab-plan"), lineOf = (target) => target.closest(".plan tbody tr");
    plans.addEventListener("input", ({ target }) => {
      if (target.matches(".first-sites")) living.set(planned().map((row, k) => [row, k < Number(target.value)]));
    });
    plans.addEventListener("change", ({ target }) => {
      if (lineOf(target)) living.set([[Number(lineOf(target).dataset.row), target.checked]]);
    });
    plans.addEventListener("click", ({ target }) => {
      if (lineOf(target) && !target.closest("label")) read(Number(lineOf(target).dataset.row));
    });
    moving.start(map, markers);
    pencil.start(map, moving.served);
    explaining.start(map, moving.served);
  };

  const changeLook = of && {
    kindOf: (i) => living.changeOf(people.classOf(i)),
    paint: people.paintOf({ colours: of.change.colours.map((colour) => [colour]), limits: [] }),
  };
  // The pin of a proposed site switches it, as its symbol would.
  const pin = (rank, marker) => {
    const row = rowOf(rank);
    if (living.off || row < 0) return;
    pins.set(row, marker);
    const { properties } = marker.feature, drawn = properties.people;
    Object.defineProperty(properties, "people", { get: () => (!living.takes(row) ? words("not_counted") : living.moved() && living.canSwitch(row)
      ? words(living.isOpen(row) ? "closing_loses" : "opening_gains", { people: whole(living.effect(row)) }) : drawn) });
  };
  const rowOf = (rank) => {
    const line = find(`.plan tbody tr:nth-child(${rank})`);
    return line ? Number(line.dataset.row) : -1;
  };

  // Where there are very many sites in view their symbols are small, and dots where these would cover a third of it.
  const crowd = (view) => {
    const bounds = view.getBounds();
    let seen = 0;
    for (const marker of markers.values()) if (view.hasLayer(marker) && bounds.contains(marker.getLatLng())) seen++;
    const { x, y } = view.getSize(), kinds = view.getContainer().classList;
    kinds.toggle("crowded", seen > CROWDED);
    kinds.toggle("dotted", seen > CROWDED && seen * SMALL ** 2 > x * y / 3);
  };

  return { start, renew, recolour, forget, list, legendOf, site, pin, rowOf, reading, districtRows, crowd };
})();
