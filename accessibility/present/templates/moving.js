// Sites that are drawn to another place, by the pointer or by keys, where a server measures: the figure follows, and the
// map is drawn again where they are let go. Without a server no site moves.
const moving = (() => {
  const of = data.switches;
  const PUSHES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const [STEP, STRIDE] = [4, 40];  // pixels, without and with Shift
  const served = new Promise((resolve) => { document.addEventListener("served", ({ detail }) => resolve(detail), { once: true }); });
  const note = L.tooltip({ permanent: true, direction: "top", offset: [0, -14], className: "tip measured" });
  let server = null, map = null, markers = new Map(), all = false;
  let held = null, busy = false;  // the site in hand, and whether a figure is asked for

  const movable = (row) => (all || Boolean(of.added[row]));
  const heard = new WeakSet();
  const enable = () => {
    if (!server) return;
    for (const [row, marker] of markers) {
      if (!heard.has(marker)) {
        heard.add(marker);
        marker.on("dragstart", () => hold(row));
        marker.on("drag", () => { if (held) follow(); });
        marker.on("dragend", () => (held ? release(true) : marker.setLatLng(marker.home)));  // given up with Escape
      }
      marker.options.draggable = movable(row);
      if (marker.dragging) marker.dragging[movable(row) ? "enable" : "disable"]();
    }
  };

  const said = ({ people, covered, error }) => {
    if (error) return error;
    const step = covered - living.figures().total.covered, text = whole(Math.abs(step));
    const change = text === "0" ? "\u00b10" : `${step < 0 ? "\u2212" : "+"}${text}`;
    return words("measured_here", { people: whole(people), covered: whole(covered), percent: percentSaid(covered, people), change });
  };
  const text = (content) => {
    const box = document.createElement("div");
    box.setAttribute("role", "status");
    box.textContent = content;
    return box;
  };
  // One question at a time, and then about where the site is by now.
  const follow = async () => {
    note.setLatLng(held.marker.getLatLng());
    held.asked = false;
    if (busy) return;
    busy = true;
    while (held && !held.asked) {
      const mine = held, { lng, lat } = held.marker.getLatLng();
      held.asked = true;
      const told = await server.measure({ id: of.ids[held.row], at: [lng, lat], ...living.asked() });
      if (held === mine) note.setContent(text(said(told)));
    }
    busy = false;
  };

  const hold = (row, keys = false) => {
    const marker = markers.get(row);
    marker.home = marker.getLatLng();
    held = { row, marker, from: marker.home, asked: true, keys };
    document.body.classList.add("moving");
    note.setLatLng(held.from).setContent(text("\u2026")).addTo(map);
  };
  const release = async (stays) => {
    const { row, marker, from, keys } = held, { lng, lat } = marker.getLatLng();
    held = null;
    note.remove();
    document.body.classList.remove("moving");
    const moved = stays && await server.move(of.ids[row], [Number(lng.toFixed(6)), Number(lat.toFixed(6))]);
    if (!moved) marker.setLatLng(from);
    else if (keys) markers.get(row).getElement().focus();  // its symbol is a new one
  };

  const pressed = (event) => {
    const [row, marker] = [...markers].find(([, one]) => one.getElement && one.getElement() === event.target) || [];
    const push = PUSHES[event.key];
    if (!marker || !movable(row) || !(push || (held && ["Enter", "Escape"].includes(event.key)))) return;
    event.preventDefault();
    event.stopPropagation();
    if (!push) {
      release(event.key === "Enter");
      return;
    }
    if (!held) hold(row, true);
    const step = L.point(push).multiplyBy(event.shiftKey ? STRIDE : STEP);
    marker.setLatLng(map.containerPointToLatLng(map.latLngToContainerPoint(marker.getLatLng()).add(step)));
    follow();
  };

  const start = async (theMap, theMarkers) => {
    [map, markers] = [theMap, theMarkers];
    server = await served;
    for (const note of document.querySelectorAll(".unserved")) note.remove();
    all = server.all;
    enable();
    document.addEventListener("movable", ({ detail }) => {
      all = detail;
      enable();
    });
    document.addEventListener("keydown", pressed, true);
    document.addEventListener("focusout", () => { if (held && held.keys) release(false); });
  };

  return { start, served, enable };
})();
