// Streets that are drawn or closed where a server measures: clicks make the corners, the ends lie on streets that are
// there, the figure follows, and the map is drawn again when the drawing is done. Without a server nothing is drawn.
const pencil = (() => {
  const [REACH_PX, REACH_M, SAME_PX] = [14, 25, 8];  // how near a street a click means it: on the screen, and at least
  const LOOK = { color: "#6a1b9a", weight: 4, opacity: 0.9, interactive: false };
  const factor = Object.assign(document.createElement("input"), { type: "number", min: 0.05, max: 20, step: "any", value: 0.5 });
  const area = (at) => `POLYGON ((${text([...at, at[0]])}))`;
  const text = (corners) => corners.map((at) => at.join(" ")).join(", ");
  // What clicks draw, how many corners it needs, and the edit that they make.
  const TOOLS = {
    street: { least: 2, ends: true, make: (at) => ({ add: at }) },
    bridge: { least: 2, ends: true, make: (at) => ({ add: at, bridge: true }) },
    steps: { least: 2, ends: true, make: (at) => ({ add: at, steps: true }) },
    works: { least: 1, picks: true, make: (_, rows) => ({ close: rows }) },
    barrier: { least: 2, make: (at) => ({ close: `LINESTRING (${text(at)})` }) },
    closure: { least: 3, round: true, make: (at) => ({ close: area(at) }) },
    pace: { least: 3, round: true, make: (at) => ({ pace: factor.valueAsNumber, area: area(at) }) },
    compound: { least: 1, one: true, make: ([at]) => ({ open_compound: at }) },
  };
  let server = null, map = null, name = "", corners = [], busy = false, asked = 0;
  const shown = L.layerGroup(), box = document.createElement("div");

  const round = ({ lng, lat }) => [Number(lng.toFixed(6)), Number(lat.toFixed(6))];
  const there = ([lng, lat]) => [lat, lng];
  const reach = (latlng) => map.distance(latlng, map.containerPointToLatLng(map.latLngToContainerPoint(latlng).add([REACH_PX, 0])));
  // The ends lie on the streets that were found there, a corner between them where it was clicked.
  const places = () => corners.map(({ clicked, at }, k) => ([0, corners.length - 1].includes(k) && at) || clicked);
  const made = () => (corners.length < TOOLS[name].least || (name === "pace" && !factor.checkValidity()) ? null : TOOLS[name].make(places(), corners.map(({ row }) => row)));

  const paint = () => {
    shown.clearLayers();
    const lines = TOOLS[name].picks ? corners.map(({ line }) => line) : [places()];
    for (const line of lines) L[TOOLS[name].round ? "polygon" : "polyline"](line.map(there), LOOK).addTo(shown);
    if (TOOLS[name].picks) return;
    places().forEach((place, k) => L.circleMarker(there(place), {
      ...LOOK, radius: 5, weight: 2, fill: true, fillOpacity: 1, fillColor: place === corners[k].at ? LOOK.color : "#fff",
    }).addTo(shown));
  };
  const part = (kind) => box.querySelector(kind);
  const tell = (said, wrong = false) => {
    part(".told").textContent = said;
    part(".told").classList.toggle("bad", wrong);
  };
  const figure = ({ people, covered }) => {
    const step = covered - living.figures().total.covered, change = whole(Math.abs(step));
    const signed = change === "0" ? "\u00b10" : `${step < 0 ? "\u2212" : "+"}${change}`;
    return words("measured_drawn", { people: whole(people), covered: whole(covered), percent: percentSaid(covered, people), change: signed });
  };
  const refresh = async () => {
    paint();
    const edit = made(), mine = ++asked, tool = TOOLS[name];
    part(".finish").disabled = !edit;
    part(".back").disabled = !corners.length;
    part(".how").textContent = words(tool.picks ? "draw_streets" : tool.one ? "draw_compound" : tool.round ? "draw_area" : "draw_line");
    part(".pace").hidden = name !== "pace";
    tell("");
    if (!edit) return;
    const told = await server.measure({ edit, ...living.asked() });
    if (mine === asked && name) tell(told.error || figure(told), Boolean(told.error));
  };

  const finish = async () => {
    const edit = name && made();
    if (!edit || busy) return;
    busy = true;
    if (await server.edit(edit)) choose("");
    busy = false;
  };
  const back = () => {
    corners.pop();
    refresh();
  };

  // Click after click, each after the one before has found its street.
  let clicks = Promise.resolve();
  const put = (latlng) => { clicks = clicks.then(() => (name ? corner(latlng) : null)); };
  const corner = async (latlng) => {
    const { picks, ends, one } = TOOLS[name], before = corners.at(-1), clicked = round(latlng);
    const from = (place) => map.latLngToContainerPoint(there(place)).distanceTo(map.latLngToContainerPoint(latlng));
    if (before && !picks && !one && Math.min(from(before.clicked), from(places().at(-1))) <= SAME_PX) {
      await finish();
      return;
    }
    const asks = { at: clicked, near_m: picks ? reach(latlng) : Math.max(reach(latlng), REACH_M), closes: Boolean(picks) };
    const found = picks || ends ? await server.street(asks) : {};
    if (!name) return;
    if (found.error || (picks && !found.at)) {
      tell(found.error || words("no_street_here"), true);
      return;
    }
    const rest = corners.filter(({ row }) => !picks || row !== found.row);
    corners = rest.length < corners.length ? rest : [...(one ? [] : corners), { ...found, clicked }];  // a street once more stays open
    await refresh();
  };

  const choose = (wanted) => {
    name = wanted;
    corners = [];
    asked += 1;
    shown.clearLayers();
    box.hidden = !name;
    document.body.classList.toggle("drawing", Boolean(name));
    map.doubleClickZoom[name ? "disable" : "enable"]();
    if (name) refresh();
    document.dispatchEvent(new CustomEvent("drawn", { detail: name }));
  };

  // By keys: the arrows move the map below the cross, Enter puts a corner there.
  const KEYS = { Enter: () => put(map.getCenter()), Backspace: back, Escape: () => choose("") };
  const pressed = (event) => {
    if (name && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      back();
    }
    if (!name || (event.key !== "Escape" && event.target !== map.getContainer()) || !KEYS[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    KEYS[event.key]();
  };

  const button = (kind, label, act) => {
    const one = document.createElement("button");
    Object.assign(one, { type: "button", className: kind, textContent: words(label) });
    one.addEventListener("click", act);
    return one;
  };
  const build = () => {
    const line = (kind) => Object.assign(document.createElement("p"), { className: kind });
    const buttons = Object.assign(document.createElement("div"), { className: "buttons" });
    buttons.append(button("finish", "finish", finish), button("back", "corner_back", back), button("leave", "leave", () => choose("")));
    box.className = "drawbox";
    box.hidden = true;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", words("draw_group"));
    const pace = Object.assign(document.createElement("label"), { className: "pace", textContent: `${words("pace_factor")} ` });
    pace.append(factor);
    factor.addEventListener("input", refresh);
    box.append(line("how"), pace, line("told"), buttons, Object.assign(line("small"), { textContent: words("draw_keys") }));
    part(".told").setAttribute("role", "status");
    document.querySelector("main").append(box);
  };

  const start = async (theMap, waiting) => {
    map = theMap;
    server = await waiting;
    build();
    shown.addTo(map);
    map.on("click", ({ latlng }) => put(latlng));
    document.addEventListener("keydown", pressed, true);
    document.addEventListener("undo", (event) => {  // the last corner goes before the last step
      if (!name || !corners.length) return;
      event.stopImmediatePropagation();
      back();
    }, true);
    document.addEventListener("draw", ({ detail }) => choose(detail));
  };

  return { start };
})();
