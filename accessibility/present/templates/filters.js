// What is counted: which sites (what if there were only these?), and which people (whose coverage is asked?).
const filters = (() => {
  const of = data.switches;
  if (living.off) return { NAMES: [] };
  const [FEW, NOWHERE] = [3, ":"];  // names in a sentence; people in no district, in an address
  const NAMES = ["sites", "people", "group"];  // in an address, and of the boxes

  const kinds = () => Object.keys(of.shapes).map((kind) => {
    const keys = [...new Set(of.ids.map((_, row) => living.maker(row)))].filter((key) => key.startsWith(`${kind}:`));
    return { name: words(`kind_${kind}`), keys, inside: keys.map((key) => ({ name: key.slice(kind.length + 1) || words("no_bank"), keys: [key], inside: [] })) };
  }).filter(({ keys }) => keys.length);
  const districts = [...of.districts, words("no_district")].map((name, k) => ({ name, keys: [k], inside: [] }));
  const whole = (name, inside) => ({ name, inside, keys: inside.flatMap(({ keys }) => keys) });
  let trees = {}, codes = {};
  let boxes = [];

  // Names are texts of an address by a code without its signs; what no site and no district is called is nothing.
  const siteCode = (key) => `${key.slice(0, key.indexOf(":"))}:${written(key.slice(key.indexOf(":") + 1))}`;
  const districtCode = (k) => (k < of.districts.length ? written(of.districts[k]) : NOWHERE);
  const told = () => {
    const now = living.counted();
    return [
      now.sites && `sites=${[...now.sites].map(siteCode).join(",")}`,
      now.people && `people=${[...now.people].map(districtCode).join(",")}`,
      now.group && `group=${written(of.groups[now.group - 1].name)}`,
    ].filter(Boolean);
  };
  const asked = (parts) => {
    const chosen = (name) => {
      if (!parts.has(name)) return null;
      const texts = parts.get(name).split(",").filter(Boolean), known = texts.filter((text) => codes[name].has(text));
      return texts.length && !known.length ? null : new Set(known.map((text) => codes[name].get(text)));
    };
    return { sites: chosen("sites"), people: chosen("people"), group: codes.group.get(parts.get("group")) ?? 0 };
  };

  const say = (language, key, values = {}) => filled(language, Object.fromEntries(data.words[key])[language], values);
  // The names of what is ticked, where they are few; a branch that is ticked as a whole by its own name.
  const picked = (node, chosen) => (node.keys.every((key) => chosen.has(key)) ? [node.name] : node.inside.flatMap((one) => picked(one, chosen)));
  const listed = (language, which, all) => {
    const chosen = living.counted()[which];
    if (!chosen) return say(language, all);
    const names = picked(trees[which], chosen);
    if (names.length <= FEW) return names.join(language.startsWith("zh") ? "、" : ", ") || "0";
    return say(language, "some_of", { n: chosen.size, all: trees[which].keys.length });
  };
  // What the figures of the page are about, in each language.
  const said = (people) => {
    const now = living.counted(), group = now.group && of.groups[now.group - 1].name;
    if (!(now.sites || now.people || group)) return [];
    if (now.people && !now.people.size) return lines("counted_nobody");
    return data.words.counted.map(([language, form]) => [language, filled(language, form, {
      people, of: group ? say(language, "counted_group", { group }) : "",
      places: listed(language, "people", "counted_people"), which: listed(language, "sites", "counted_sites"),
    })]);
  };

  const paint = () => {
    const now = living.counted();
    for (const { box, which, keys } of boxes) {
      const on = keys.filter((key) => !now[which] || now[which].has(key)).length;
      [box.checked, box.indeterminate] = [on === keys.length, on > 0 && on < keys.length];
    }
    const group = document.querySelector(".filters select");
    group.value = now.group;
    const first = data.words.counted[0][0];
    const texts = { sites: listed(first, "sites", "counted_sites"), people: listed(first, "people", "counted_people") };
    if (now.group) texts.people += ` · ${of.groups[now.group - 1].name}`;
    for (const which of ["sites", "people"]) document.querySelector(`.counted-${which} .now`).textContent = texts[which];
  };
  const choose = (which, keys, on) => {
    const now = living.counted(), chosen = new Set(now[which] ?? trees[which].keys);
    for (const key of keys) if (on) chosen.add(key); else chosen.delete(key);
    living.count({ ...now, [which]: chosen.size === trees[which].keys.length ? null : chosen });
  };
  const grow = (list, node, which) => {
    const item = document.createElement("li"), label = document.createElement("label");
    const box = document.createElement("input"), name = document.createElement("span");
    box.type = "checkbox";
    box.addEventListener("change", () => choose(which, node.keys, box.checked));
    name.dir = "auto";
    name.textContent = node.name;
    boxes.push({ box, which, keys: node.keys });
    label.append(box, name);
    item.append(label);
    list.append(item);
    if (node.inside.length < 2) return;
    const inner = document.createElement("ul");
    for (const one of node.inside) grow(inner, one, which);
    item.append(inner);
  };

  const fill = () => {
    const lived = districts.filter((_, k) => k < of.districts.length || living.figures().districts[k].people > 0);
    trees = { sites: whole(words("all_sites"), kinds()), people: whole(words("all_districts"), lived) };
    codes = {
      sites: new Map(trees.sites.keys.map((key) => [siteCode(key), key])),
      people: new Map(trees.people.keys.map((k) => [districtCode(k), k])),
      group: new Map(of.groups.map(({ name }, k) => [written(name), k + 1])),
    };
    boxes = [];
    for (const which of ["sites", "people"]) {
      const list = document.querySelector(`.counted-${which} ul`);
      list.replaceChildren();
      grow(list, trees[which], which);
    }
  };
  const start = () => {
    fill();
    const group = document.querySelector(".filters select");
    group.append(...[words("everybody"), ...of.groups.map(({ name }) => name)].map((name, k) => new Option(name, k)));
    group.closest("label").hidden = !of.groups.length;
    group.addEventListener("change", () => living.count({ ...living.counted(), group: Number(group.value) }));
    living.listen(paint);
    paint();
  };

  return { NAMES, told, asked, start, fill, said };
})();
