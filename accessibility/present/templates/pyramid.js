// People on the map where there are too many for a page: tiles of pixels that stand inside or are read in ranges.
const people = (() => {
  const of = data.people, SIDE = 256;
  const layers = [];
  let sources = [];

  // PMTiles 3: a header of 127 bytes, directories of numbers as differences, tiles.
  const tileNumber = (zoom, x, y) => {
    let number = (4 ** zoom - 1) / 3;
    for (let side = 2 ** zoom / 2; side >= 1; side /= 2) {
      const right = x & side ? 1 : 0, low = y & side ? 1 : 0;
      number += side * side * ((3 * right) ^ low);
      if (low) continue;
      if (right) [x, y] = [side - 1 - (x & side - 1), side - 1 - (y & side - 1)];
      [x, y] = [y & side - 1, x & side - 1];
    }
    return number;
  };
  const directory = async (bytes) => {
    const from = reader(await unzipped(bytes, "gzip")), [n] = from.varints([0]);
    const [steps, runs, lengths, places] = [0, 1, 2, 3].map(() => from.varints(new Array(n).fill(0)));
    let number = 0, end = 0;
    return steps.map((step, i) => {
      const at = places[i] ? places[i] - 1 : end;
      number += step;
      end = at + lengths[i];
      return { number, run: runs[i], at, length: lengths[i] };
    });
  };
  const lastUpTo = (entries, number) => {
    let low = 0, high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle].number <= number) low = middle + 1; else high = middle;
    }
    return entries[low - 1];
  };
  const archive = async (read) => {
    const head = new DataView((await read(0, 127)).slice().buffer);
    const place = (at) => Number(head.getBigUint64(at, true));
    if (head.getUint32(0, true) !== 0x69544d50) throw new Error("not a file of tiles");
    const root = await directory(await read(place(8), place(16)));
    const leaves = new Map();
    const find = async (number) => {
      const entry = lastUpTo(root, number);
      if (!entry || entry.run) return entry;
      if (!leaves.has(entry.at)) leaves.set(entry.at, read(place(40) + entry.at, entry.length).then(directory));
      return lastUpTo(await leaves.get(entry.at), number);
    };
    return {
      deepest: head.getUint8(101),
      tile: async (zoom, x, y) => {
        const number = tileNumber(zoom, x, y), entry = await find(number);
        return entry && number < entry.number + entry.run ? read(place(56) + entry.at, entry.length) : null;
      },
    };
  };
  const inPage = (text) => {
    const bytes = bytesOf(text);
    return archive(async (at, length) => bytes.subarray(at, at + length));
  };
  const inFile = (file) => archive(async (at, length) => new Uint8Array(await file.slice(at, at + length).arrayBuffer()));
  const onServer = (address) => archive(async (at, length) => {
    const answer = await fetch(address, { headers: { Range: `bytes=${at}-${at + length - 1}` } });
    if (answer.status !== 206) throw new Error("no ranges");
    return new Uint8Array(await answer.arrayBuffer());
  });

  // The values of a tile's pixels: a PNG of a byte a pixel, each row after a byte for its filter, which is none.
  const values = new Map();
  const pixels = async (zoom, x, y) => {
    const source = sources.find(({ deepest }) => zoom <= deepest);
    const file = source && await source.tile(zoom, x, y);
    if (!file) return null;
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength), parts = [];
    for (let at = 8; at < file.length; at += 12 + view.getUint32(at)) {
      if (view.getUint32(at + 4) === 0x49444154) parts.push(file.subarray(at + 8, at + 8 + view.getUint32(at)));
    }
    const rows = await unzipped(new Uint8Array(await new Blob(parts).arrayBuffer()), "deflate");
    const found = new Uint8Array(SIDE * SIDE);
    for (let row = 0; row < SIDE; row++) found.set(rows.subarray(row * (SIDE + 1) + 1, (row + 1) * (SIDE + 1)), row * SIDE);
    return found;
  };
  const tile = (zoom, x, y) => {
    const key = `${zoom}/${x}/${y}`;
    if (!values.has(key)) {
      if (values.size > 400) values.delete(values.keys().next().value);
      values.set(key, pixels(zoom, x, y));
    }
    return values.get(key);
  };

  const classIn = (row, value) => {
    for (let k = 0; k < row; k++) value = Math.floor(value / (of.layers[k].colours.length + 1));
    return value % (of.layers[row].colours.length + 1) - 1;
  };
  const look = (name) => of.layers.findIndex((one) => one.name === name);
  const inks = of.layers.map(({ colours }, row) => Uint32Array.from({ length: 256 }, (_, value) => {
    const kind = value ? classIn(row, value) : -1;
    return kind < 0 ? 0 : colourBits(colours[kind]);
  }));

  const Tiles = L.GridLayer.extend({
    createTile({ x, y, z }, done) {
      const canvas = L.DomUtil.create("canvas");
      canvas.width = canvas.height = SIDE;
      tile(z, x, y).then((found) => {
        if (found) {
          const context = canvas.getContext("2d"), image = context.createImageData(SIDE, SIDE);
          const ink = inks[this.row()], bits = new Uint32Array(image.data.buffer);
          for (let at = 0; at < bits.length; at++) bits[at] = ink[found[at]];
          context.putImageData(image, 0, 0);
        }
        done(null, canvas);
      }, (error) => done(error, canvas));
      return canvas;
    },
  });
  const layer = (row) => {
    const made = new Tiles({ pane: "people", className: "people-tiles", maxNativeZoom: of.deepest, updateWhenZooming: false });
    made.row = row;
    layers.push(made);
    return made;
  };
  const redraw = () => {
    values.clear();
    const deepest = Math.max(...sources.map((source) => source.deepest));
    for (const made of layers) {
      made.options.maxNativeZoom = deepest;
      if (!made._map) continue;
      made._removeAllTiles();  // redraw() of Leaflet would ask for tiles of a quarter of a zoom
      made._resetView();
    }
  };

  // What most people in the pixel are, in the words of the legend.
  const read = async (latlng, map) => {
    const zoom = Math.min(Math.round(map.getZoom()), Math.max(...sources.map((source) => source.deepest)));
    const at = map.project(latlng, zoom).floor(), found = await tile(zoom, at.x >> 8, at.y >> 8);
    const value = found ? found[(at.y & 255) * SIDE + (at.x & 255)] : 0;
    return value ? of.layers.map(({ labels }, row) => labels[classIn(row, value)]).filter(Boolean) : [];
  };
  const refine = (source) => {
    sources = [sources[0], source];
    redraw();
  };
  // A page that was opened as a file may not read the one beside it: its reader hands it over.
  const ask = () => {
    const label = document.createElement("label"), input = document.createElement("input");
    label.className = "finer";
    label.append(words("finer", { file: of.file }), " ", input);
    Object.assign(input, { type: "file", accept: ".pmtiles" });
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    label.append(said);
    input.addEventListener("change", async () => {
      try {
        refine(await inFile(input.files[0]));
        label.remove();
      } catch {
        said.textContent = words("not_tiles", { file: of.file });
      }
    });
    document.querySelector("header").append(label);
  };

  const start = async (map) => {
    if (!canUnpack()) return;
    sources = [await inPage(of.archive)];
    redraw();
    reading(map, read);
    if (!of.file) return;
    try {
      if (!location.protocol.startsWith("http")) throw new Error("opened as a file");
      refine(await onServer(of.file));
    } catch {
      ask();
    }
  };

  return { layer, look, start, redraw, paintOf: () => null, classOf: () => -1, switched: false };
})();
