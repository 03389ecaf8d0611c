// The parts of the map that folium has no element for. Text reaches the page as text only.
const coverageMap = (() => {
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
    const { origin } = data.streets, group = L.layerGroup();
    const classes = data.streets.lines.map(({ weight, coarsest, counts, steps }) => {
      const found = unfold({ counts, steps, origin });
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
    return group;
  };

  const water = () => L.polygon(unfold(data.water), {
    pane: "water", renderer: L.canvas({ pane: "water", padding: 0.5 }), interactive: false, smoothFactor: 0.5,
    color: "#9dbdce", weight: 0.8, fillColor: "#c6dbe6", fillOpacity: 1,  // rings within rings are islands
  });

  // The layer that shows who gains and who loses follows the switches.
  const peopleLayer = (row) => people.layer(() => (
    data.switches && data.switches.change.layer === row && !living.off && living.moved() ? panel.changeLook : people.look(row)
  ));

  const label = ({ properties }, point) => {
    point.bindTooltip(properties.name, { permanent: true, direction: "center", className: "place" });
  };

  const proposed = ({ properties }, marker) => {
    const { rank } = properties, svg = document.createElement("div");
    svg.innerHTML = marker.options.icon.options.html;
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.textContent = rank;
    for (const [name, value] of Object.entries({ x: 11, y: 15, "text-anchor": "middle", "font-size": rank > 99 ? 8 : 11 })) {
      text.setAttribute(name, value);
    }
    svg.firstChild.append(text);
    marker.options.icon.options.html = svg.firstChild;
    marker.setZIndexOffset(1000 - rank);
    panel.pin(rank, marker);
  };

  const tabs = () => {
    if (living.off) for (const dead of document.querySelectorAll("[data-tab=living], .sentence.rest, .first")) dead.remove();
    const buttons = [...document.querySelectorAll(".tabs button")];
    const choose = (name) => {
      for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.tab === name);
      for (const tab of document.querySelectorAll(".tab")) tab.hidden = tab.id !== `tab-${name}`;
      document.dispatchEvent(new CustomEvent("tab", { detail: name }));
    };
    for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.tab));
    if (buttons.length) choose(buttons.some(({ dataset }) => dataset.tab === "plan") ? "plan" : "map");
  };

  const start = (map, { districts, control, sites }) => {
    document.querySelector(".layers").append(document.querySelector(".leaflet-control-layers"));
    tabs();
    new ResizeObserver(() => map.invalidateSize()).observe(map.getContainer());
    window.addEventListener("resize", () => { legend.open = legend.open || !narrow(); });
    map.on("baselayerchange", ({ name }) => {
      for (const section of document.querySelectorAll(".classes")) section.hidden = section.dataset.layer !== name;
    });
    if (districts) districts.on("add", () => districts.bringToBack());
    map.on("moveend overlayadd overlayremove", () => panel.crowd(map));
    panel.crowd(map);
    people.start(map).then(() => living.off || panel.start(map, { control, sites, districts }));
  };

  return { streets, water, people: peopleLayer, label, site: panel.site, proposed, start };
})();
