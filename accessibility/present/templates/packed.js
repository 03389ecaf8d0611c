"use strict";
// Reads what pages.py packs: bytes deflated and as text, whole numbers of seven bits a byte, differences.
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const unzipped = async (bytes, how) => {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(how));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
const unpack = (text) => unzipped(bytesOf(text), "deflate");

const reader = (bytes) => {
  let at = 0;
  const next = () => {
    let byte = bytes[at++], value = byte & 127;
    for (let place = 128; byte > 127; place *= 128) {
      byte = bytes[at++];
      value += (byte & 127) * place;  // not by shifting: people are whole numbers up to 2^52
    }
    return value;
  };
  return {
    varints: (into) => {
      for (let i = 0; i < into.length; i++) into[i] = next();
      return into;
    },
    steps: (into) => {
      for (let i = 0, value = 0; i < into.length; i++) {
        const step = next();
        into[i] = value += step % 2 ? -(step + 1) / 2 : step / 2;
      }
      return into;
    },
    bytes: (n) => bytes.subarray(at, at += n),
  };
};

const written = (text) => { try { return encodeURIComponent(text); } catch { return ""; } };  // half a character has no code

// The letters of a text that is spelt as markup.
const plain = (markup) => new DOMParser().parseFromString(String(markup ?? ""), "text/html").body.textContent;
const data = JSON.parse(document.getElementById("map-data").textContent);
const narrow = () => window.innerWidth <= 760;

// A text with its {places} filled; a value may differ by language.
const filled = (language, text, values) => text.replace(/\{(\w+)\}/g, (place, name) => {
  const value = values[name] ?? place;
  return typeof value === "object" ? value[language] : value;
});
// A sentence in each language of the map.
const lines = (key, values = {}) => data.words[key].map(([language, text]) => [
  language, filled(language, text, values),
]);
const words = (key, values) => [...new Set(lines(key, values).map(([, text]) => text))].join(" ");

// Figures exactly as Python writes them: halves to the even number, after what lies a hair beside a half is one.
const halfEven = (value) => {
  const below = Math.floor(value), over = value - below;
  return over > 0.5 || (over === 0.5 && below % 2) ? below + 1 : below;
};
const whole = (people) => halfEven(Number(people.toFixed(6))).toString().replace(/\B(?=(\d{3})+$)/g, ",");
const percentIn = (language, part, all) => {
  if (!(all > 0)) return "";
  const tenths = halfEven(Number((1000 * part / all).toFixed(9)));
  const shown = part > 0 && part < all ? Math.min(Math.max(tenths, 1), 999) : tenths;
  return `${(shown / 10).toFixed(1)}${language.startsWith("zh") ? "" : " "}%`;
};
// A share to stand in a table, and one to stand in sentences, where each language writes its own.
const percent = (part, all) => percentIn(document.documentElement.lang, part, all);
const percentSaid = (part, all) => Object.fromEntries(["en", "zh-Hans"].map((language) => [
  language, percentIn(language, part, all),
]));

// What draws people in any way: whether the browser can, colours as pixels, and the box that tells what the pointer reads.
const canUnpack = () => {
  if (window.DecompressionStream) return true;
  const note = document.createElement("p");
  note.textContent = words("old_browser");
  document.querySelector("header").append(note);
  return false;
};
const colourBits = (colour) => {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
};
const reading = (map, read) => {
  const control = L.control({ position: "bottomleft" }), box = L.DomUtil.create("div", "reading");
  const rest = words(matchMedia("(hover: none)").matches ? "tap" : "point");
  let last = 0;
  control.onAdd = () => box;
  control.addTo(map);
  box.textContent = rest;
  map.on("mousemove click", async ({ latlng }) => {
    const mine = ++last, found = read(latlng, map), said = found instanceof Promise ? await found : found;
    if (mine === last) box.textContent = said.join(" \u00b7 ") || rest;  // no slow answer over a later one
  });
};
