// People on the map: dots that are drawn at any zoom, or a picture, and what the pointer reads of them.
const people = (() => {
  const [TOP, NONE] = [250, 255];
  const RADIUS = 6378137, HALF = Math.PI * RADIUS;
  const [LEAST, CROWD] = [2, 20000];
  const of = data.people;
  const pens = [];
  let points = null;

  const shadeOf = (limits, count) => {
    let shade = 0;
    while (shade < limits.length && count >= limits[shade]) shade++;
    return shade;
  };
  const paintOf = ({ colours, limits }) => {
    const bits = colours.map((shades) => shades.map(colourBits));
    return {
      bits: (kind, count) => bits[kind][shadeOf(limits, count)],
      name: (kind, count) => colours[kind][shadeOf(limits, count)],
    };
  };
  const span = (pixels, colour, from, to) => {
    if (to - from > 16) pixels.fill(colour, from, to);
    else for (let at = from; at < to; at++) pixels[at] = colour;
  };

  // What a layer shows: the class of each point (-1 for none) and the colour of a class with so many people.
  const looks = new Map();
  const make = (name) => {
    const row = of.layers.findIndex((way) => way.name === name), plane = points.kinds[row];
    return { kindOf: (i) => plane[i] - 1, paint: paintOf(of.layers[row]) };
  };
  const look = (name) => looks.get(name) || looks.set(name, make(name)).get(name);

  const frame = (pen) => {
    const map = pen._map, box = pen._bounds, canvas = pen._container;
    const ratio = canvas.width / box.getSize().x, origin = map.getPixelOrigin().add(box.min);
    const scale = 128 * 2 ** map.getZoom() / HALF * ratio;  // pixels of the canvas to a metre of the projection
    const side = of.cell * scale / Math.cos(map.getCenter().lat * Math.PI / 180);
    return {
      ratio, side, wide: canvas.width, tall: canvas.height,
      left: (HALF + of.corner[0]) * scale - origin.x * ratio, across: of.unit * scale,
      top: (HALF - of.corner[1]) * scale - origin.y * ratio, up: of.unit * scale,
    };
  };

  // Cells as squares that leave no seam.
  const squares = (view, pixels, { kindOf, paint }) => {
    const { x, y, count } = points, half = view.side * 0.515;
    for (let i = 0; i < x.length; i++) {
      const px = view.left + x[i] * view.across, py = view.top - y[i] * view.up;
      if (px < -half || py < -half || px > view.wide + half || py > view.tall + half) continue;
      const kind = kindOf(i);
      if (kind < 0) continue;
      const colour = paint.bits(kind, count[i] / 10);
      const west = Math.max(0, Math.round(px - half)), east = Math.min(view.wide, Math.round(px + half));
      const south = Math.min(view.tall, Math.round(py + half));
      for (let row = Math.max(0, Math.round(py - half)); row < south; row++) {
        span(pixels, colour, row * view.wide + west, row * view.wide + east);
      }
    }
  };

  // Polygons as they are: their corners lie in one row, each ring's and each place's one after another.
  const polygons = (context, view, { kindOf, paint }) => {
    const { x, y, count, shapes: { rings, corners, xs, ys, box } } = points;
    const [west, north] = [(at) => view.left + at * view.across, (at) => view.top - at * view.up];
    context.lineWidth = 0.7 * view.ratio;  // no seam between neighbours
    for (let i = 0; i < x.length; i++) {
      const kind = kindOf(i);
      if (kind < 0 || rings[i] === rings[i + 1]) continue;
      if (west(box.east[i]) < 0 || west(box.west[i]) > view.wide) continue;
      if (north(box.south[i]) < 0 || north(box.north[i]) > view.tall) continue;
      context.beginPath();
      for (let ring = rings[i]; ring < rings[i + 1]; ring++) {
        for (let at = corners[ring]; at < corners[ring + 1]; at++) {
          if (at === corners[ring]) context.moveTo(west(xs[at]), north(ys[at]));
          else context.lineTo(west(xs[at]), north(ys[at]));
        }
        context.closePath();
      }
      context.fillStyle = context.strokeStyle = paint.name(kind, count[i] / 10);
      context.fill("evenodd");
      context.stroke();
    }
  };
  const bare = () => [...points.x.keys()].filter((i) => points.shapes.rings[i] === points.shapes.rings[i + 1]);
  const holds = (i, column, row) => {
    const { rings, corners, xs, ys, box } = points.shapes;
    if (column < box.west[i] || column > box.east[i] || row < box.south[i] || row > box.north[i]) return false;
    let inside = false;
    for (let ring = rings[i]; ring < rings[i + 1]; ring++) {
      for (let at = corners[ring], before = corners[ring + 1] - 1; at < corners[ring + 1]; before = at++) {
        const over = ys[at] > row !== ys[before] > row;
        if (over && column < (xs[before] - xs[at]) * (row - ys[at]) / (ys[before] - ys[at]) + xs[at]) inside = !inside;
      }
    }
    return inside;
  };

  // Places smaller than a few pixels share them: the class with the most people is seen.
  const shared = (view, pixels, { kindOf, paint }, side) => {
    const { x, y, count } = points;
    const columns = Math.ceil(view.wide / side), rows = Math.ceil(view.tall / side), size = columns * rows;
    const totals = [];
    for (let i = 0; i < x.length; i++) {
      const column = Math.floor((view.left + x[i] * view.across) / side);
      const row = Math.floor((view.top - y[i] * view.up) / side);
      if (column < 0 || row < 0 || column >= columns || row >= rows) continue;
      const kind = kindOf(i);
      if (kind >= 0) (totals[kind] ||= new Float32Array(size))[row * columns + column] += count[i] / 10 + 1e-6;
    }
    for (let at = 0; at < size; at++) {
      let best = -1, most = 0;
      for (let kind = 0; kind < totals.length; kind++) {
        if (totals[kind] && totals[kind][at] > most) [best, most] = [kind, totals[kind][at]];
      }
      if (best < 0) continue;
      const colour = paint.bits(best, most), west = (at % columns) * side, north = Math.floor(at / columns) * side;
      const east = Math.min(view.wide, west + side), south = Math.min(view.tall, north + side);
      for (let row = north; row < south; row++) span(pixels, colour, row * view.wide + west, row * view.wide + east);
    }
  };

  // Places that are no cells are circles: more people, larger, as far as their neighbours leave them room.
  const radiusOf = (view, count) => {
    const wanted = (3 + 9 * Math.sqrt(count / of.most)) * view.ratio;
    return Math.max(1.5 * view.ratio, Math.min(wanted, 1.2 * view.side));
  };
  const circles = (context, view, { kindOf, paint }, seen) => {
    const { x, y, count } = points;
    for (const i of seen) {
      const kind = kindOf(i);
      if (kind < 0) continue;
      const radius = radiusOf(view, count[i] / 10);
      context.beginPath();
      context.arc(view.left + x[i] * view.across, view.top - y[i] * view.up, radius, 0, 2 * Math.PI);
      context.fillStyle = paint.name(kind, count[i] / 10);
      context.fill();
      if (radius < 3 * view.ratio) continue;
      context.strokeStyle = "#fff";
      context.lineWidth = view.ratio;
      context.stroke();
    }
  };

  // The same in pixels, where no circle is large enough to have a rim: thousands of them in no time.
  const masks = new Map();
  const maskOf = (radius) => {
    const key = Math.round(radius * 4);
    if (!masks.has(key)) {
      const reach = Math.ceil(radius), found = [];
      for (let dy = -reach; dy <= reach; dy++) {
        for (let dx = -reach; dx <= reach; dx++) {
          const alpha = Math.min(1, radius + 0.5 - Math.hypot(dx, dy));
          if (alpha > 0) found.push([dx, dy, alpha]);
        }
      }
      masks.set(key, found);
    }
    return masks.get(key);
  };
  const blend = (under, over, alpha) => {
    if (alpha >= 1) return over;
    if (!under) return (over & 0xffffff | Math.round(255 * alpha) << 24) >>> 0;
    let mixed = 0;
    for (const shift of [0, 8, 16]) {
      const below = under >> shift & 255, above = over >> shift & 255;
      mixed |= Math.round(below + (above - below) * alpha) << shift;
    }
    return (mixed | Math.round(Math.max(under >>> 24, 255 * alpha)) << 24) >>> 0;
  };
  const stamps = (view, pixels, { kindOf, paint }, seen) => {
    const { x, y, count } = points;
    for (const i of seen) {
      const kind = kindOf(i);
      if (kind < 0) continue;
      const colour = paint.bits(kind, count[i] / 10);
      const px = Math.round(view.left + x[i] * view.across), py = Math.round(view.top - y[i] * view.up);
      for (const [dx, dy, alpha] of maskOf(radiusOf(view, count[i] / 10))) {
        const column = px + dx, row = py + dy;
        if (column < 0 || row < 0 || column >= view.wide || row >= view.tall) continue;
        const at = row * view.wide + column;
        pixels[at] = blend(pixels[at], colour, alpha);
      }
    }
  };

  // The points in view, the most people first.
  let byPeople = null;
  const inView = (view) => {
    const { x, y, count } = points, seen = [], margin = 15 * view.ratio;
    byPeople ||= Uint32Array.from(x.keys()).sort((a, b) => count[b] - count[a] || a - b);
    for (let k = 0; k < byPeople.length && seen.length <= CROWD; k++) {
      const i = byPeople[k], px = view.left + x[i] * view.across, py = view.top - y[i] * view.up;
      if (px > -margin && py > -margin && px < view.wide + margin && py < view.tall + margin) seen.push(i);
    }
    return seen;
  };

  const draw = (pen) => {
    if (!points || !pen._map || !pen._bounds) return;
    const view = frame(pen), context = pen._ctx, asked = pen.look();
    const shown = { ...asked, kindOf: (i) => (living.shows(i) ? asked.kindOf(i) : -1) };
    const drawn = of.shaped && view.side >= LEAST * view.ratio;
    const seen = of.grid || of.shaped ? [] : inView(view);
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    const few = !of.grid && !of.shaped && seen.length <= CROWD;
    if (drawn) {
      context.clearRect(0, 0, view.wide, view.tall);
      polygons(context, view, shown);
      circles(context, view, shown, bare());
    } else if (few && 1.2 * view.side >= 3 * view.ratio) {
      circles(context, view, shown, seen);
    } else if (view.wide && view.tall) {
      const size = view.wide * view.tall;
      if (!pen.image || pen.image.width !== view.wide || pen.image.height !== view.tall) {
        pen.image = context.createImageData(view.wide, view.tall);
      }
      const pixels = new Uint32Array(pen.image.data.buffer, 0, size), least = Math.ceil(LEAST * view.ratio);
      pixels.fill(0);
      if (few) stamps(view, pixels, shown, seen);
      else if (view.side < least || !of.grid) shared(view, pixels, shown, least);
      else squares(view, pixels, shown);
      context.putImageData(pen.image, 0, 0);
    }
    context.restore();
  };

  const Pen = L.Canvas.extend({ _draw() { draw(this); } });  // a canvas of Leaflet that draws no paths, but people
  const layer = (shown) => {
    const pen = new Pen({ pane: "people", padding: 0.1 });
    pen.look = shown;
    pens.push(pen);
    return pen;
  };
  const redraw = () => { for (const pen of pens) if (pen._map) pen._redraw(); };

  const said = ({ count, minutes, tenths, state }) => {
    if (!state) return [];
    const over = (value, scale) => value > TOP ? words("read_over", { of: TOP / scale }) : (value / scale).toFixed(scale > 1 ? 1 : 0);
    const number = count < 10 ? String(Math.round(count * 10) / 10) : whole(count);
    return [
      words("read_people", { of: number }), words(`setting_${(state >> 2) & 31}`),
      words(state & 1 ? "read_covered" : "read_uncovered"),
      minutes === NONE ? words("read_no_way") : words("read_minutes", { of: over(minutes, 1) }),
      tenths === NONE ? "" : words("read_kilometres", { of: over(tenths, 10) }),
      state & 128 ? words("read_several") : "",
    ].filter(Boolean);
  };

  const readDots = (latlng, map) => {
    if (!points) return [];
    const at = L.CRS.EPSG3857.project(latlng), { x, y, count } = points;
    const column = (at.x - of.corner[0]) / of.unit, row = (at.y - of.corner[1]) / of.unit;
    let best = -1, nearest = Infinity;
    for (let i = 0; i < x.length; i++) {
      if (of.shaped && points.shapes.rings[i] < points.shapes.rings[i + 1]) {
        if (!holds(i, column, row)) continue;
        [best, nearest] = [i, 0];
        break;
      }
      const far = (x[i] - column) ** 2 + (y[i] - row) ** 2;
      if (far < nearest) [best, nearest] = [i, far];
    }
    const wide = Math.cos(latlng.lat * Math.PI / 180);
    const reach = of.grid ? of.cell * 0.7 / wide : 14 * HALF / (128 * 2 ** map.getZoom());
    if (best < 0 || Math.sqrt(nearest) * of.unit > reach) return [];
    const [minutes, tenths, state] = [points.minutes, points.tenths, points.state].map((plane) => plane[best]);
    return [...said({ count: count[best] / 10, minutes, tenths, state }), living.read(best)].filter(Boolean);
  };

  const readPixels = (bytes) => (latlng) => {
    const { west, north, pixel, width, height } = of, size = width * height;
    const at = L.CRS.EPSG3857.project(latlng);
    const column = Math.floor((at.x - west) / pixel), row = Math.floor((north - at.y) / pixel);
    if (column < 0 || row < 0 || column >= width || row >= height) return [];
    const [minutes, tenths, low, high, state] = [0, 1, 2, 3, 4].map((k) => bytes[k * size + row * width + column]);
    return said({ count: low + 256 * high, minutes, tenths, state });
  };

  const firsts = (sizes) => {
    const found = new Int32Array(sizes.length + 1);
    for (let at = 0; at < sizes.length; at++) found[at + 1] = found[at] + sizes[at];
    return found;
  };
  const outlined = (from, n) => {
    const rings = firsts(from.varints(new Int32Array(n)));
    const corners = firsts(from.varints(new Int32Array(rings[n])));
    const [xs, ys] = [0, 1].map(() => from.steps(new Float32Array(corners[rings[n]])));
    const extent = (values, best) => Float32Array.from({ length: n }, (_, i) => {
      const own = values.subarray(corners[rings[i]], corners[rings[i + 1]]);
      return own.length ? own.reduce((one, other) => best(one, other)) : NaN;
    });
    const box = {
      west: extent(xs, Math.min), east: extent(xs, Math.max), south: extent(ys, Math.min), north: extent(ys, Math.max),
    };
    return { rings, corners, xs, ys, box };
  };

  const unpackDots = async () => {
    const from = reader(await unpack(of.packed)), n = of.points;
    const [x, y] = [0, 1].map(() => from.steps(new Float32Array(n)));
    const count = from.varints(new Float32Array(n));
    const [minutes, tenths, state] = [0, 1, 2].map(() => from.bytes(n));
    const kinds = of.layers.map(() => from.bytes(n));
    const classes = of.switched ? from.steps(new Int32Array(n)) : null;
    const shapes = of.shaped ? outlined(from, n) : null;
    return { x, y, count, minutes, tenths, state, kinds, classes, shapes };
  };

  const start = async (map) => {
    if (!canUnpack()) return;
    if (of.planes) {
      reading(map, readPixels(await unpack(of.planes)));
      return;
    }
    points = await unpackDots();
    redraw();
    reading(map, readDots);
  };

  // Some points become what they are on another map, which may colour them in other ways.
  const renew = (count, bytes, layers = of.layers) => {
    const from = reader(bytes), at = from.steps(new Int32Array(count));
    const put = (plane, values) => at.forEach((i, k) => { plane[i] = values[k]; });
    const was = new Map(of.layers.map(({ name }, row) => [name, points.kinds[row]]));
    const stay = layers.map(({ name }) => was.get(name)).filter(Boolean);
    put(points.classes, from.steps(new Int32Array(count)));
    for (const plane of [points.minutes, points.tenths, points.state, ...stay]) put(plane, from.bytes(count));
    points.kinds = layers.map(({ name }) => was.get(name) ?? from.bytes(points.x.length));
    of.layers = layers;
    looks.clear();
  };

  return { layer, look, start, redraw, renew, paintOf, classOf: (i) => points.classes[i], switched: Boolean(of.switched) };
})();
