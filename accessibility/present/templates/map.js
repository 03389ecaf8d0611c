// The parts of the map that folium has no element for. Text reaches the page as text only.
const coverageMap = (() => {
  const ground = new Set();  // what lies below the streets that are edited
  const legend = document.querySelector(".legend");
  legend.open = !narrow();  // before the map measures the room it has

  const unfold = ({ counts, steps, origin }) => {
    let at = 0;
    return counts.map((n) => {
      let [x, y] = origin;
      return Array.from({ length: n }, () => {
        x += steps[at++];
        y += steps[at++];
        return [y / 1e5, x / 1e5];
      });
    });
  };

  // Minor streets and paths come in as one zooms in: from so many metres to a pixel on.
  const streets = () => {
    const pens = Object.fromEntries(["streets", "main-streets"].map((pane) => [pane, L.canvas({ pane, padding: 0.5 })]));
    const draw = (found, pane, style) => L.polyline(found, {
      ...style, pane, renderer: pens[pane], smoothFactor: 1.5, fill: false, interactive: false,
    });
    const group = L.layerGroup();
    const classes = data.streets.lines.map(({ weight, coarsest, counts, steps }) => {
      const found = unfold({ counts, steps, origin: data.streets.origin });
      // Grey below the people; main streets again above them, in white, so that no colour turns darker.
      const below = draw(found, "streets", { color: "#3f4a54", opacity: 0.4, weight });
      const above = draw(found, "main-streets", { color: "#fff", opacity: 0.55, weight: 1 });
      return { coarsest, layers: weight > 1 ? [below, above] : [below] };
    });
    const choose = (map) => {
      const { lat } = map.getCenter();
      const metres = 40075017 * Math.cos(lat * Math.PI / 180) / (256 * 2 ** map.getZoom());
      for (const { coarsest, layers } of classes) {
        for (const layer of layers) metres <= coarsest ? group.addLayer(layer) : group.removeLayer(layer);
      }
    };
    group.on("add", ({ target }) => {
      choose(target._map);
      target._map.on("zoomend", ({ target: map }) => choose(map));
    });
    ground.add(group);
    return group;
  };

  const water = () => {
    const made = L.polygon(unfold(data.water), {
      pane: "water", renderer: L.canvas({ pane: "water", padding: 0.5 }), interactive: false, smoothFactor: 0.5,
      color: "#a9c3c8", weight: 0.8, fillColor: "#d3e4e6", fillOpacity: 1,  // rings within rings are islands
    });
    ground.add(made);
    return made;
  };

  const ways = new Map();  // layers of people, by name
  const peopleLayer = (row) => {
    const { name } = data.people.layers[row];
    ways.set(name, ways.get(name) ?? people.layer(() => people.look(name)));
    return ways.get(name);
  };

  // What the pointer reads of a site or a district: rows of a heading and a text; a row without a text is left out.
  // The texts of the features are spelt as markup that shows them letter by letter.
  const card = (rows) => {
    const table = document.createElement("table");
    for (const [heading, text] of rows) {
      if (!text) continue;
      const row = table.insertRow();
      if (heading) row.appendChild(document.createElement("th")).textContent = heading;
      const cell = row.insertCell();
      cell.colSpan = heading ? 1 : 2;
      cell.dir = "auto";
      cell.textContent = text;
    }
    return table;
  };
  const TIP = { className: "tip", sticky: true };
  L.Popup.mergeOptions({ className: "tip", maxWidth: 320, autoPan: false });  // the popup moves, not the map
  const siteCard = ({ name, what, people: effect, room, id }) =>
    card([["", plain(name)], ["", what], ["", effect], ...(room ? [["", room]] : []), ["", plain(id)]]);
  const describe = (marker, content, name) => {
    marker.bindTooltip(content, TIP);
    marker.on("tooltipopen", () => { if (marker.isPopupOpen()) marker.closeTooltip(); });
    marker.on("popupopen", () => marker.closeTooltip());
    marker.on("add", () => {
      const sign = marker.getElement();
      if (sign) sign.setAttribute("aria-label", name);
    });
  };
  const site = (feature, marker) => {
    const { properties } = feature;
    names.sign(marker, plain(properties.name));
    describe(marker, () => siteCard(properties), plain(properties.name));
    marker.bindPopup(() => panel.reading(properties.row, siteCard(properties)));
    panel.site(feature, marker);
  };
  const groups = new Map();  // layers of sites, by kind and whether they count
  const sites = (row) => {
    const { key, features, svg, ink, counts } = data.sites[row];
    const group = L.geoJson(features, {
      pointToLayer: (_, at) => (svg
        ? L.marker(at, { icon: L.divIcon({ html: svg, iconSize: [16, 16], iconAnchor: [8, 8], className: "site" }) })
        : L.circleMarker(at, { radius: 4, color: ink, weight: 1.5, fillColor: counts ? ink : "#fff", fillOpacity: 1 })),
      onEachFeature: site,
    });
    groups.set(key, group);
    return group;
  };
  let edits = [];
  const edited = (row) => {
    const { style, features } = data.edited[row];
    const onEachFeature = ({ properties: { name } }, line) => line.bindTooltip(() => card([["", name]]), TIP);
    edits.push(L.geoJson(features, { style, onEachFeature }));
    return edits.at(-1);
  };
  const areas = [], borders = [];
  let border = { weight: 1.4, opacity: 0.75 };
  const district = ({ properties }, shape) => {
    areas.push(properties);
    borders.push(shape);
    shape.on("mouseover", () => shape.setStyle({ weight: 3.2, opacity: 1 }));
    shape.on("mouseout", () => shape.setStyle(border));
    const rows = () => panel.districtRows(plain(properties.name), properties.figures);
    shape.bindTooltip(() => card([["", plain(properties.name)], ...rows()]), { ...TIP, className: "tip area" });
    shape.on("add", () => shape.bringToBack());
  };

  // Where districts are small, as in a whole country, their borders are thin: they would hide the people.
  const thin = (map) => {
    const box = L.latLngBounds(data.bounds), size = map.project(box.getSouthEast()).subtract(map.project(box.getNorthWest()));
    const side = Math.sqrt(size.x * size.y / borders.length), weight = Math.max(0.2, Math.min(1.4, side / 40));
    if (weight === border.weight) return;
    border = { ...border, weight };
    for (const shape of borders) shape.setStyle(border);
  };

  // Tooltips stay inside the map, on a phone too.
  const placed = L.Tooltip.prototype._setPosition;
  L.Tooltip.include({
    _setPosition(at) {
      placed.call(this, at);
      const room = this._map.getContainer().getBoundingClientRect(), box = this._container.getBoundingClientRect();
      const push = (low, high, from, to) => (low < from + 4 ? from + 4 - low : Math.max(Math.min(0, to - 4 - high), from + 4 - low));
      const step = [push(box.left, box.right, room.left, room.right), push(box.top, box.bottom, room.top, room.bottom)];
      L.DomUtil.setPosition(this._container, L.DomUtil.getPosition(this._container).add(step));
    },
  });

  const pin = ({ properties }, marker) => {
    const { rank } = properties, svg = document.createElement("div");
    svg.innerHTML = marker.options.icon.options.html;
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.textContent = rank;
    for (const [name, value] of Object.entries({ x: 11, y: 15, "text-anchor": "middle" })) {
      text.setAttribute(name, value);
    }
    if (rank > 99) text.style.fontSize = rank > 999 ? "7px" : "8.5px";
    svg.firstChild.append(text);
    marker.options.icon.options.html = svg.firstChild;
    marker.setZIndexOffset(1000 - rank);
    names.pin(marker);
    describe(marker, () => siteCard(properties), `${rank} ${plain(properties.name)}`);
    marker.bindPopup(() => panel.reading(panel.rowOf(rank), siteCard(properties)));
    panel.pin(rank, marker);
  };
  let pins = null;
  const proposed = () => {
    const { features, svg } = data.proposed;
    pins = L.geoJson(features, {
      pointToLayer: (_, at) => L.marker(at, { icon: L.divIcon({ html: svg, iconSize: [22, 22], iconAnchor: [11, 11], className: "site proposed" }) }),
      onEachFeature: pin,
    });
    return pins;
  };

  const tabs = () => {
    if (living.off) for (const dead of document.querySelectorAll("[data-tab=living], .sentence.rest, .first")) dead.remove();
    const buttons = [...document.querySelectorAll(".tabs button")], there = (name) => buttons.some((one) => one.dataset.tab === name && !one.hidden);
    const choose = (name) => {
      for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.tab === name);
      for (const tab of document.querySelectorAll(".tab")) tab.hidden = tab.id !== `tab-${name}`;
      legend.scrollTop = 0;
      document.dispatchEvent(new CustomEvent("tab", { detail: name }));
    };
    for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.tab));
    if (buttons.length) choose(there("plan") ? "plan" : "map");
  };

  const FIT = `<svg width="14" height="14" viewBox="0 0 14 14" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">
    <path d="M1 5V1h4M9 1h4v4M13 9v4H9M5 13H1V9"/></svg>`;
  // A map that is not shown, as in a tab behind others, has no room, and Leaflet finds no zoom for none: it shows the area
  // once it has some, unless something else was looked at meanwhile.
  const MARGIN = 12, hasRoom = ({ x, y }) => Math.min(x, y) > 2 * MARGIN;
  const showArea = (map, animate = false) => {
    const area = L.latLngBounds(data.bounds);
    if (hasRoom(map.getSize())) {
      map.fitBounds(area, { padding: [MARGIN, MARGIN], animate });
      return;
    }
    map.setView(area.getCenter(), 10, { animate: false });
    const again = () => showArea(map);
    map.once("resize", again);
    map.once("movestart", () => map.off("resize", again));
  };

  // One that shows the whole area does so in another size, too: beside another map, or where the window has become narrow.
  const keepWhole = (map) => {
    const area = L.latLngBounds(data.bounds);
    let size = map.getSize(), whole = true;
    const isWhole = () => map.getBounds().contains(area) && map.getZoom() >= map.getBoundsZoom(area, false, L.point(2 * MARGIN, 2 * MARGIN));
    map.on("moveend", () => { if (map.getSize().equals(size)) whole = isWhole(); });
    map.on("resize", () => {
      if (!hasRoom(map.getSize())) return;
      size = map.getSize();
      if (whole && !document.body.classList.contains("paper")) showArea(map);
    });
  };

  // A popup whose place is near the edge stands beside it, or below where there is no room above.
  const keepInside = (map) => {
    const EDGE = 12, TIP_HALF = 20;
    const fit = (popup) => {
      const box = popup.getElement(), size = map.getSize(), at = map.latLngToContainerPoint(popup.getLatLng());
      if (!box || !hasRoom(size)) return;
      const tip = box.querySelector(".leaflet-popup-tip-container");
      box.style.translate = tip.style.translate = "";
      const inside = L.bounds([0, 0], size).contains(at);  // one that was dragged away goes
      const { x, y } = map.getContainer().getBoundingClientRect(), { left, top, width, height } = box.getBoundingClientRect();
      const right = Math.max(EDGE, Math.min(left - x, size.x - EDGE - width)) - (left - x);
      const above = top - y >= EDGE, below = at.y + EDGE + height <= size.y - EDGE;
      const down = above ? 0 : below ? at.y + EDGE - (top - y) : EDGE - (top - y);
      tip.hidden = inside && !above;
      if (!inside) return;
      box.style.translate = `${right}px ${down}px`;
      const most = width / 2 - TIP_HALF;
      tip.style.translate = `${Math.max(-most, Math.min(-right, most))}px 0`;
    };
    map.on("popupopen", ({ popup }) => {
      if (!map.getBounds().contains(popup.getLatLng())) map.panInside(popup.getLatLng(), { padding: [3 * EDGE, 3 * EDGE], animate: false });
      const sized = new ResizeObserver(() => fit(popup)), again = () => fit(popup);
      sized.observe(popup.getElement());
      map.on("moveend resize", again);
      popup.once("remove", () => {
        sized.disconnect();
        map.off("moveend resize", again);
      });
    });
  };

  // The whole area again, by a button; nobody loses the map by zooming out or dragging it away.
  const keepInSight = (map) => {
    const area = L.latLngBounds(data.bounds);
    const limit = () => map.setMinZoom(Math.max(1, Math.min(map.getBoundsZoom(area) - 3, 13)));
    limit();
    map.on("resize", limit);
    map.setMaxBounds(area.pad(1.5));
    const control = L.control({ position: "topleft" });
    control.onAdd = () => {
      const bar = L.DomUtil.create("div", "leaflet-bar"), button = L.DomUtil.create("a", "fit", bar);
      Object.assign(button, { href: "#", role: "button", title: words("fit") });
      button.innerHTML = FIT;
      button.setAttribute("aria-label", words("fit"));
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.on(button, "click", (event) => {
        L.DomEvent.preventDefault(event);
        showArea(map, true);
      });
      return bar;
    };
    control.addTo(map);
  };

  // On paper the map fills the sheet, in the same extent; the legend and the figures follow.
  const paper = (map) => {
    let view = null;
    const lay = () => {
      view = view || [map.getCenter(), map.getZoom(), map.getBounds()];
      document.body.classList.add("paper");
      legend.open = true;
      map.invalidateSize({ animate: false });
      const area = L.latLngBounds(data.bounds), whole = view[2].contains(area);
      map.fitBounds(whole ? area : view[2], { animate: false });
      map.eachLayer((layer) => { if (layer instanceof L.Canvas) layer._redraw(); });  // a sheet waits for no frame
      // What a canvas was cleared of stays away from the sheet, and all drawn there later with it: a copy prints whole.
      for (const drawn of map.getContainer().querySelectorAll("canvas")) {
        const copy = drawn.cloneNode();
        copy.getContext("2d").drawImage(drawn, 0, 0);
        copy.classList.add("copy");
        drawn.after(copy);
      }
    };
    const lift = () => {
      document.body.classList.remove("paper");
      for (const copy of map.getContainer().querySelectorAll("canvas.copy")) copy.remove();
      map.invalidateSize({ animate: false });
      if (view) map.setView(view[0], view[1], { animate: false });
      view = null;
    };
    window.addEventListener("beforeprint", lay);
    window.addEventListener("afterprint", lift);
    for (const button of document.querySelectorAll("[data-paper]")) {
      button.addEventListener("click", () => {
        document.body.classList.toggle("a3", button.dataset.paper === "A3");
        window.print();
      });
    }
  };

  // The page of a map becomes that of another one of the same study: what differs is taken, all else stays.
  const renew = (map, control) => async ({ page, data: fresh, points, packed }, place) => {
    const { switches, layers, ...rest } = fresh, gone = (layer) => {
      control.removeLayer(layer);
      map.removeLayer(layer);
    };
    const [dots, sums] = await Promise.all([packed, switches.packed ?? data.switches.packed].map(unpack));
    map.closePopup();  // from here on at once: nobody finds half of it
    Object.assign(data.switches, switches);
    people.renew(points, dots, layers);
    living.load(sums);
    const shown = new DOMParser().parseFromString(page, "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      part.replaceChildren(...shown.querySelector(`[data-part=${part.dataset.part}]`).childNodes);
    }
    const plan = document.querySelector("[data-tab=plan]");
    plan.hidden = shown.querySelector("[data-tab=plan]").hidden;
    if (plan.hidden && plan.getAttribute("aria-pressed") === "true") document.querySelector("[data-tab=map]").click();
    if (layers) panel.recolour(new Map(layers.map(({ name }, row) => [name, peopleLayer(row)])));
    const was = new Map(data.sites.map((layer) => [layer.key, layer]));
    Object.assign(data, rest, { sites: rest.sites.map((layer) => was.get(layer) ?? layer) });
    if (rest.figures) areas.forEach((properties, k) => { properties.figures = rest.figures[k]; });
    if (rest.edited) {
      for (const layer of edits) gone(layer);
      edits = [];
      const overlays = control._layers.filter(({ overlay }) => overlay);
      const next = overlays[overlays.findLastIndex(({ layer }) => ground.has(layer) || layer instanceof L.TileLayer) + 1]?.layer;
      data.edited.forEach(({ name }, row) => panel.list(edited(row).addTo(map), name, next));
    }
    const there = new Map(data.sites.map((layer) => [layer.key, layer]));
    const others = [...was.keys()].filter((key) => there.get(key) !== was.get(key));
    for (const group of others.map((key) => groups.get(key))) {  // all before any other comes: it may stand in the row of one
      panel.forget(group);
      names.forget(group);
      group.clearLayers();
    }
    for (const key of others) {
      if (there.has(key)) groups.get(key).addData(there.get(key).features);
      else gone(groups.get(key));
      if (!there.has(key)) groups.delete(key);
    }
    if (rest.proposed !== undefined) {
      if (pins) {
        gone(pins);
        names.forget(pins);
        pins = null;
      }
      if (data.proposed) panel.list(proposed().addTo(map), data.proposed.name, names.shown());
    }
    data.sites.forEach(({ key, name, counts }, row) => {
      if (groups.has(key)) return;
      const next = [...data.sites.slice(row + 1).map((layer) => groups.get(layer.key)), pins, names.shown()].find(Boolean);
      panel.list(counts ? sites(row).addTo(map) : sites(row), name, next);
    });
    names.gather();
    panel.renew();
    kept.renew(place);
  };

  const start = (map, control) => {
    showArea(map);
    document.querySelector(".layers").append(document.querySelector(".leaflet-control-layers"));
    tabs();
    new ResizeObserver(() => { if (!document.body.classList.contains("paper")) map.invalidateSize(); }).observe(map.getContainer());
    window.addEventListener("resize", () => { legend.open = legend.open || !narrow(); });
    map.on("baselayerchange", ({ name }) => panel.legendOf(name));
    document.addEventListener("keydown", ({ key }) => { if (key === "Escape") map.closePopup(); });
    keepInSight(map);
    keepWhole(map);
    keepInside(map);
    paper(map);
    saving.start();
    names.start(map);
    map.on("zoomend", () => thin(map));
    thin(map);
    map.on("moveend overlayadd overlayremove", () => panel.crowd(map));
    panel.crowd(map);
    const ready = people.start(map).then(() => (living.off ? kept.start() : panel.start(map, control, groups)));
    if (!living.off && people.switched) window.renew = (...changes) => ready.then(() => renew(map, control)(...changes));
  };

  return { streets, water, names: names.layer, people: peopleLayer, sites, edited, district, proposed, start };
})();
