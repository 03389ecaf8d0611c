"use strict";
// The parts of the map that folium has no element for. Text reaches the page as text only.
const coverageMap = (() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const [TOP, NONE] = [250, 255];
  const SETTINGS = ["", "urban", "town", "rural"];
  const narrow = () => window.innerWidth <= 760;

  const legend = document.querySelector(".legend");
  legend.open = !narrow();  // before the map measures the room it has

  const streets = () => {
    const pens = Object.fromEntries(["streets", "main-streets"].map((pane) => [pane, L.canvas({ pane, padding: 0.5 })]));
    const draw = (lines, pane, style) => L.polyline(lines, {
      ...style, pane, renderer: pens[pane], smoothFactor: 1.5, fill: false, interactive: false,
    });
    const all = data.streets.lines.flatMap(({ weight, counts, steps }) => {
      let at = 0;
      const lines = counts.map((n) => {
        let [x, y] = data.streets.origin;
        return Array.from({ length: n }, () => {
          x += steps[at++];
          y += steps[at++];
          return [y / 1e5, x / 1e5];
        });
      });
      // Grey below the people; main streets again above them, in white, so that no colour turns darker.
      const below = draw(lines, "streets", { color: "#3f4a54", opacity: 0.4, weight });
      return weight > 1 ? [below, draw(lines, "main-streets", { color: "#fff", opacity: 0.55, weight: 1 })] : [below];
    });
    return L.layerGroup(all);
  };

  let marks = null;
  const people = (layer) => {
    marks = marks || L.canvas({ pane: "people", padding: 0.3 });
    const { points, colours, cell, most } = data.people;
    const base = { renderer: marks, pane: "people", interactive: false, weight: 1 };
    return L.layerGroup(points.filter((p) => p[6 + layer] >= 0).map((p) => {
      const [lat, lon, count] = p;
      const fillColor = colours[layer][p[6 + layer]];
      if (cell) {
        const half = cell / 2 / 111320, wide = half / Math.cos(lat * Math.PI / 180);
        const corners = [[lat - half, lon - wide], [lat + half, lon + wide]];
        // The outline keeps a cell visible where it is smaller than a pixel.
        return L.rectangle(corners, { ...base, color: fillColor, fillColor, fillOpacity: 1, smoothFactor: 0 });
      }
      const radius = 3 + 9 * Math.sqrt(count / most);
      return L.circleMarker([lat, lon], { ...base, fillColor, fillOpacity: 0.9, radius, color: "#fff" });
    }));
  };

  const words = ({ count, minutes, tenths, state }) => {
    if (!state) return "";
    const way = minutes === NONE ? "no walkable way to a site"
      : `${minutes > TOP ? `over ${TOP}` : minutes} min walk`;
    const far = tenths === NONE ? "" : `${tenths > TOP ? `over ${TOP / 10}` : (tenths / 10).toFixed(1)} km along streets`;
    const shared = state & 16 ? "several cells here, figures of the largest" : "";
    const number = `${count < 10 ? Math.round(count * 10) / 10 : Math.round(count).toLocaleString("en")} people`;
    return [number, SETTINGS[(state >> 2) & 3], state & 1 ? "covered" : "not covered", way, far, shared]
      .filter(Boolean).join(" \u00b7 ");
  };

  const readMarks = () => {
    const { points, cell } = data.people;
    return (latlng, map) => {
      const wide = Math.cos(latlng.lat * Math.PI / 180);
      let best = null, nearest = Infinity;
      for (const p of points) {
        const far = Math.hypot(p[0] - latlng.lat, (p[1] - latlng.lng) * wide);
        if (far < nearest) [best, nearest] = [p, far];
      }
      const reach = cell ? cell * 0.7 / 111320 : 14 * 360 * wide / (256 * 2 ** map.getZoom());
      if (!best || nearest > reach) return "";
      return words({ count: best[2], minutes: best[3], tenths: best[4], state: best[5] });
    };
  };

  const readPixels = async () => {
    const { west, north, pixel, width, height, planes } = data.people;
    const packed = Uint8Array.from(atob(planes), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const size = width * height;
    return (latlng) => {
      const at = L.CRS.EPSG3857.project(latlng);
      const column = Math.floor((at.x - west) / pixel), row = Math.floor((north - at.y) / pixel);
      if (column < 0 || row < 0 || column >= width || row >= height) return "";
      const [minutes, tenths, low, high, state] = [0, 1, 2, 3, 4].map((k) => bytes[k * size + row * width + column]);
      return words({ count: low + 256 * high, minutes, tenths, state });
    };
  };

  const reading = async (map) => {
    if (data.people.planes && !window.DecompressionStream) return;  // an old browser shows the map without it
    const read = data.people.planes ? await readPixels() : readMarks();
    const control = L.control({ position: "bottomleft" });
    const rest = narrow() ? "Tap the map to read a place" : "Point at the map to read a place";
    const box = L.DomUtil.create("div", "reading");
    control.onAdd = () => box;
    control.addTo(map);
    const show = (event) => { box.textContent = read(event.latlng, map) || rest; };
    box.textContent = rest;
    map.on("mousemove click", show);
  };

  const label = ({ properties }, point) => {
    point.bindTooltip(properties.name, { permanent: true, direction: "center", className: "place" });
  };

  const start = (map, districts) => {
    legend.querySelector(".layers").append(document.querySelector(".leaflet-control-layers"));
    new ResizeObserver(() => map.invalidateSize()).observe(map.getContainer());
    window.addEventListener("resize", () => { legend.open = legend.open || !narrow(); });
    map.on("baselayerchange", ({ name }) => {
      for (const section of document.querySelectorAll(".classes")) section.hidden = section.dataset.layer !== name;
    });
    if (districts) districts.on("add", () => districts.bringToBack());
    reading(map);
  };

  return { streets, people, label, start };
})();
