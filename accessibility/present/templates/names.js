// Names find room on the map, or wait until there is some: no name covers a site, a pin or another name.
const names = (() => {
  const PAD = 2, FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif";
  const LOOKS = { district: [600, 12.5], settlement: [400, 12], site: [500, 11.5], street: [400, 11] };
  // The most metres to a pixel at which a kind of name is tried, by its rank.
  const COARSEST = { district: [1e9], settlement: [60, 24, 12], site: [8], street: [12, 5, 2.5] };
  const MOST = 300;  // names in view
  let pins = [], signs = [], named = [];
  const pen = document.createElement("canvas").getContext("2d");
  let pane = null, leaders = null;

  const widths = new Map();
  const widthOf = (text, kind) => {
    const [weight, size] = LOOKS[kind], key = `${kind} ${text}`;
    if (!widths.has(key)) {
      pen.font = `${weight} ${size}px ${FONT}`;
      widths.set(key, pen.measureText(text).width + 2 * PAD);
    }
    return widths.get(key);
  };
  const metresOf = (map) => 40075017 * Math.cos(map.getCenter().lat * Math.PI / 180) / (256 * 2 ** map.getZoom());

  // Pins that overlap step aside, each with a line to its place; where they are too many for that they are dots.
  const SIDE = 25, MOST_OF_VIEW = 1 / 6;
  const spread = (map) => {
    const view = map.getBounds(), size = map.getSize();
    const shown = pins.filter(({ marker }) => map.hasLayer(marker) && marker.getElement());
    const seen = shown.filter(({ marker }) => view.contains(marker.getLatLng())).length;
    const dense = seen * SIDE ** 2 > MOST_OF_VIEW * size.x * size.y;
    map.getContainer().classList.toggle("dense", dense);
    const home = shown.map(({ marker }) => map.latLngToLayerPoint(marker.getLatLng())), at = home.map(({ x, y }) => ({ x, y }));
    const order = at.map((_, k) => k);
    for (let round = 0; round < (dense ? 0 : 60); round++) {
      let still = true;
      order.sort((i, k) => at[i].x - at[k].x || i - k);
      order.forEach((i, place) => {
        for (let next = place + 1; next < order.length && at[order[next]].x - at[i].x < SIDE; next++) {
          const k = order[next], apart = { x: at[k].x - at[i].x, y: at[k].y - at[i].y }, far = Math.hypot(apart.x, apart.y);
          if (far >= SIDE) continue;
          const turn = far > 0.5 ? { x: apart.x / far, y: apart.y / far } : { x: Math.cos(i + k), y: Math.sin(i + k) };
          const step = (SIDE + 0.5 - far) / 2;
          at[i] = { x: at[i].x - step * turn.x, y: at[i].y - step * turn.y };
          at[k] = { x: at[k].x + step * turn.x, y: at[k].y + step * turn.y };
          still = false;
        }
      });
      if (still) break;
    }
    leaders.clearLayers();
    shown.forEach(({ marker }, k) => {
      const aside = L.point(at[k]).subtract(home[k]), style = marker.getElement().style;
      marker.aside = aside;
      style.marginLeft = `${Math.round(aside.x) - 11}px`;
      style.marginTop = `${Math.round(aside.y) - 11}px`;
      if (Math.hypot(aside.x, aside.y) < 6) return;
      const line = [marker.getLatLng(), map.layerPointToLatLng(L.point(at[k]))];
      leaders.addLayer(L.polyline(line, { color: "#08519c", weight: 1.6, interactive: false }));
      leaders.addLayer(L.circleMarker(line[0], { radius: 2.5, stroke: false, fillColor: "#08519c", fillOpacity: 1, interactive: false }));
    });
  };

  const box = (at, wide, tall) => [at.x - wide / 2 - PAD, at.y - tall / 2 - PAD, at.x + wide / 2 + PAD, at.y + tall / 2 + PAD];
  const meet = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  // Where a name may stand, the best place first: its middle, its angle, the boxes it covers.
  const stands = (item, wide, tall, map) => {
    if (item.line) return along(item.line.map((place) => map.latLngToLayerPoint(place)), wide, tall);
    const at = map.latLngToLayerPoint(item.at), gap = item.kind === "site" ? 14 : 0;
    const [right, down] = [wide / 2 + (gap || 12), tall / 2 + (gap || 9)];
    const steps = gap ? [[right, 0], [-right, 0], [0, down], [0, -down]]
      : [[0, 0], [0, -down], [0, down], [right, 0], [-right, 0], [0, -2 * down], [0, 2 * down]];
    return steps.map((step) => at.add(step)).map((middle) => ({ middle, turn: 0, boxes: [box(middle, wide, tall)] }));
  };
  // Along a line where it runs straight for as long as the name is.
  const along = (line, wide, tall) => {
    const ends = [0];
    for (let k = 1; k < line.length; k++) ends.push(ends[k - 1] + line[k].distanceTo(line[k - 1]));
    const length = ends.at(-1);
    if (length < wide) return [];
    const on = (way) => {
      let k = 1;
      while (k < line.length - 1 && ends[k] < way) k++;
      const part = (way - ends[k - 1]) / (ends[k] - ends[k - 1] || 1);
      return line[k - 1].add(line[k].subtract(line[k - 1]).multiplyBy(part));
    };
    return [0.5, 0.25, 0.75].map((part) => {
      const way = Math.min(Math.max(part * length, wide / 2), length - wide / 2);
      const [from, to] = [on(way - wide / 2), on(way + wide / 2)], chord = to.subtract(from);
      if (Math.hypot(chord.x, chord.y) < 0.96 * wide) return null;
      const middle = from.add(to).divideBy(2);
      let turn = Math.atan2(chord.y, chord.x) * 180 / Math.PI;
      if (Math.abs(turn) > 90) turn -= 180 * Math.sign(turn);
      const n = Math.max(2, Math.ceil(wide / tall));
      const boxes = Array.from({ length: n }, (_, k) => box(from.add(chord.multiplyBy((k + 0.5) / n)), tall, tall));
      return { middle, turn, boxes };
    }).filter(Boolean);
  };

  const draw = (map) => {
    const view = map.getBounds(), metres = metresOf(map), made = [];
    const inside = ({ at, line }) => (line ? line.some((place) => view.contains(place)) : view.contains(at));
    const taken = [];
    for (const { marker, side } of [...signs, ...pins]) {
      if (!map.hasLayer(marker) || !view.contains(marker.getLatLng())) continue;
      const at = map.latLngToLayerPoint(marker.getLatLng());
      taken.push(box(marker.aside ? at.add(marker.aside) : at, side, side));
    }
    const wanted = named.filter((item) => metres <= COARSEST[item.kind][item.rank || 0]
      && (!item.marker || map.hasLayer(item.marker)) && inside(item)).slice(0, MOST);
    for (const item of wanted) {
      const wide = widthOf(item.text, item.kind), tall = LOOKS[item.kind][1] * 1.3;
      const stand = stands(item, wide, tall, map).find(({ boxes }) => !boxes.some((one) => taken.some((other) => meet(one, other))));
      if (!stand) continue;
      taken.push(...stand.boxes);
      const label = document.createElement("div");
      label.className = `place ${item.kind}`;
      label.dir = "auto";
      label.textContent = item.text;
      label.style.transform = `translate(${stand.middle.x}px, ${stand.middle.y}px) translate(-50%, -50%) rotate(${stand.turn.toFixed(1)}deg)`;
      made.push(label);
    }
    pane.replaceChildren(...made);
  };

  const Names = L.Layer.extend({
    onAdd(map) {
      pane = map.getPane("names") || map.createPane("names");
      pane.classList.add("leaflet-zoom-hide");
      map.on("moveend zoomend viewreset named", this._redraw, this);
      this._redraw();
    },
    onRemove(map) {
      map.off("moveend zoomend viewreset named", this._redraw, this);
      pane.replaceChildren();
    },
    _redraw() { draw(this._map); },
  });
  let shown = null;
  const layer = () => { return shown = new Names(); };

  // Every name there is, the most important first. Those of the ground stay: to read them takes longer than all else anew.
  let ground = null;
  const read = ({ districts, places, streets }) => ({
    places: [...districts.map(([text, at]) => ({ text: plain(text), kind: "district", at })),
      ...places.map(([text, at, rank]) => ({ text: plain(text), kind: "settlement", at, rank }))],
    lines: streets.flatMap(({ text, rank, lines: found }) => {
      const said = plain(text);
      return found.map((line) => ({ text: said, kind: "street", rank, line }));
    }),
  });
  const gather = () => {
    ground ??= read(data.names);
    const sites = signs.filter(({ text }) => text).map(({ marker, text }) => ({ text, kind: "site", at: marker.getLatLng(), marker }));
    named = [...ground.places, ...sites, ...ground.lines];
  };

  const start = (map) => {
    leaders = L.layerGroup().addTo(map);
    gather();
    spread(map);
    map.on("zoomend resize", () => spread(map));
    let waits = false;  // all pins of a layer come and go together
    map.on("layeradd layerremove", ({ layer: one }) => {
      if (waits || !pins.some(({ marker }) => marker === one)) return;
      waits = true;
      queueMicrotask(() => {
        waits = false;
        spread(map);
      });
    });
    let asked = 0;
    map.on("overlayadd overlayremove", () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => map.fire("named"));
    });
    map.fire("named");
  };

  return {
    layer, start, gather, shown: () => shown,
    forget: (group) => { [signs, pins] = [signs, pins].map((all) => all.filter(({ marker }) => !group.hasLayer(marker))); },
    sign: (marker, text) => signs.push({ marker, text, side: 16 }),
    pin: (marker) => pins.push({ marker, side: 24 }),
  };
})();
