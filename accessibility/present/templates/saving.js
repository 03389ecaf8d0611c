// What the page shows, as files: its figures as a table, and a picture of headline, map and legend.
const saving = (() => {
  const every = (name, inside = document) => [...inside.querySelectorAll(name)];
  const said = (one) => one.textContent.replace(/\s+/g, " ").trim();
  const [title, day] = [() => said(document.querySelector("h1")), () => said(document.querySelector(".date").firstChild)];
  const save = (parts, type, suffix) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type }));
    link.download = `${title().replace(/[^\p{L}\p{N}]+/gu, "-")}-${day()}.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  // Numbers stand bare, and what a spreadsheet would take for a formula behind an apostrophe, as in the tables of a run.
  const cell = (text) => {
    if (/^[+\u2212]?[\d,]+$/.test(text)) return text.replace(/[,+]/g, "").replace("\u2212", "-");
    return `"${(/^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  };
  // Title and day, the sentences of the headline, the rules they rest on; then people by setting and by district.
  const table = () => {
    const sentences = every(".headline p, .counted p, .compared p", document.querySelector("header"));
    const above = [[title()], [day()], ...sentences.filter((one) => !one.closest("[hidden], .rest")).map((one) => [said(one)])];
    const rules = every("[data-part=rules] dt").map((setting) => [said(setting), said(setting.nextElementSibling)]);
    const figures = every(".figures").map((section) => every("tr", section).filter((row) => !row.hidden)
      .map((row, k) => [...row.cells].map((one, column) => said(k || column ? one : section.querySelector("h2")))));
    const blocks = [above, rules, ...figures].map((rows) => rows.map((row) => `${row.map(cell).join(",")}\r\n`).join(""));
    save(["\ufeff", blocks.join("\r\n")], "text/csv", "csv");  // with a mark, so that Excel reads its letters
  };

  // The page as a drawing of SVG: what the canvases show as images, what the boxes hold as their text.
  const drawing = ({ width, height }) => {
    const copy = document.body.cloneNode(true);
    const pairs = (name) => every(name).map((one, k) => [one, every(name, copy)[k]]);
    for (const [box, drawn] of pairs("input")) drawn.toggleAttribute("checked", box.checked);
    for (const [canvas, drawn] of pairs("canvas").reverse()) {
      const image = document.createElement("img");
      for (const { name, value } of canvas.attributes) image.setAttribute(name, value);
      image.src = canvas.toDataURL();
      drawn.replaceWith(image);
    }
    for (const one of every("script, .printing, .leaflet-bar, .reading, .buttons, .reset, .scenario, .search, .compared:has(.rest)", copy)) one.remove();
    copy.style.cssText += `; width: ${width}px; height: ${height}px; margin: 0`;
    const style = document.createElement("style");
    style.textContent = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
    style.textContent += "* { scrollbar-width: none }";
    copy.prepend(style);
    const page = new XMLSerializer().serializeToString(copy);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><foreignObject width="100%" height="100%">${page}</foreignObject></svg>`;
  };
  const picture = async () => {
    const size = { width: window.innerWidth, height: window.innerHeight };
    const shown = new Image();
    shown.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawing(size))}`;
    try {
      await shown.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: 2 * size.width, height: 2 * size.height });
      canvas.getContext("2d").drawImage(shown, 0, 0, canvas.width, canvas.height);
      const png = await new Promise((resolve) => { canvas.toBlob(resolve); });
      save([png], "image/png", "png");
    } catch {
      window.print();  // a browser that draws no page into a picture prints one
    }
  };

  const start = () => {
    const buttons = { table, picture };
    for (const button of every("[data-save]")) button.addEventListener("click", buttons[button.dataset.save]);
  };
  return { start };
})();
