"use strict";
// The start of the page of the server: the studies there are, and a new one of dropped files.
const list = async () => {
  const found = await asked("studies");
  names = Object.fromEntries(found.map(({ key, name }) => [key, name]));
  const items = found.map(({ key, name, runs }) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.textContent = name;
    button.dataset.key = key;
    button.addEventListener("click", () => open(key));
    item.append(button, ...runs.map((run) => {
      const link = document.createElement("a");
      link.href = `runs/${encodeURIComponent(key)}/${run.number}`;
      link.textContent = say("run", run);
      return link;
    }));
    return item;
  });
  find("studies").replaceChildren(...items);
};
const fill = (box, texts_) => box.replaceChildren(...texts_.map((text) => {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}));
let chosen = [];
const roles = new Map();  // of files: what somebody says that they are
// Files come from several folders, one after another; the same one again takes its own place.
const same = (one, other) => ["name", "size", "lastModified"].every((what) => one[what] === other[what]);
const choose = (files) => {
  chosen = [...chosen.filter((one) => ![...files].some((other) => same(one, other))), ...files];
  find("files").value = "";
  find("chosen").textContent = chosen.length ? say("dropped", { n: chosen.length }) : "";
  find("dropped").replaceChildren(...chosen.map((file) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const [role] = find("role").content.cloneNode(true).children;
    role.value = roles.get(file) ?? "";
    role.setAttribute("aria-label", say("what_it_is", { name: file.name }));
    role.addEventListener("change", () => roles.set(file, role.value));
    button.textContent = `${file.name} \u2715`;
    button.setAttribute("aria-label", say("leave_out", { name: file.name }));
    button.title = button.getAttribute("aria-label");
    button.addEventListener("click", () => {
      chosen = chosen.filter((one) => one !== file);
      choose([]);
      find("files").focus();
    });
    item.append(button, role);
    return item;
  }));
};
const begin = () => attempt(async () => {
  if (!chosen.length) throw new Error(say("no_files"));
  find("found").hidden = true;  // what it says is of other files
  const form = new FormData();
  form.append("name", find("new-name").value);
  form.append("roles", JSON.stringify(Object.fromEntries(chosen.map((file) => [file.name, roles.get(file) ?? ""]))));
  for (const file of chosen) form.append("files", file);
  const { result } = await done(await asked("studies", form), "checking");
  if (!result.error) {
    chosen = [];
    choose([]);
    find("new-name").value = "";
  }
  await begun(result);
});
const fetched = () => attempt(async () => {
  find("found").hidden = true;
  const { result } = await done(await asked("places", { place: find("place").value }), "fetching");
  find("place").value = "";
  await begun(result);
});
// What was recognised or fetched.
const begun = async (result) => {
  const box = find("found");
  box.hidden = false;
  box.querySelector("h2").textContent = say("recognised");
  fill(box.querySelector("ul"), result.lines);
  found(result);
  await list();
  (result.error ? box : find("open")).scrollIntoView({ block: "nearest" });
};
// What looks wrong with a study, and the way to mend it.
const found = ({ key, error, warnings, totals, reconciled }) => {
  const wrong = [...(error ? [error] : []), ...warnings], [evidence, remedy] = find("totals").children;
  find("found").querySelector(".bad").textContent = wrong.length ? say("warnings") : "";
  fill(find("found").querySelector(".warnings"), wrong);
  find("totals").hidden = !totals;
  evidence.textContent = totals;
  remedy.textContent = say(reconciled ? "as_counted" : "reconcile");
  remedy.onclick = () => attempt(async () => found((await done(await asked(`totals/${encodeURIComponent(key)}`, { reconcile: !reconciled }), "checking")).result));
  find("open").textContent = say("open_study");
  find("open").hidden = Boolean(error);
  find("open").onclick = () => open(key);
};

// The list again, or what an address says.
const leave = () => {
  look = null;
  release();
  [find("bar").hidden, frame.hidden, find("start").hidden] = [true, true, false];
  state("");
  return attempt(list);
};
const come = async (was = null) => {
  let kept = null;
  try {
    kept = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "null");
  } catch {
    history.replaceState(null, "", location.pathname);
  }
  if (!kept) return;
  await open(kept.study, kept.view, kept.tried, "", was);
  if (kept.held) await hold(kept.held);
};
find("home").addEventListener("click", () => {
  history.pushState(null, "", location.pathname);
  leave();
});
find("begin").addEventListener("click", begin);
find("fetch").addEventListener("click", fetched);
find("files").addEventListener("change", ({ target }) => choose(target.files));
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  find("drop").addEventListener(name, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", over);
    if (name === "drop") choose(event.dataTransfer.files);
  });
}
find("pack").addEventListener("click", () => attempt(async () => {
  const box = frame.contentDocument?.querySelector(".scenario"), scenarios = box && !box.hidden ? box.value : "";  // what is tried
  const { job } = await done(await asked(`pack/${encodeURIComponent(study)}`, { ...view, scenarios }), "working");
  const link = document.createElement("a");
  link.href = `jobs/${job}/file`;
  link.download = "";
  link.click();
  if (scenarios && !triedOn() && (view.budget ?? view.sites) !== undefined) state(say("pack_without"));
}));
// The browser goes back or forward, or another address was put in. What is still worked on would come over it.
window.addEventListener("hashchange", () => (find("home").disabled ? location.reload() : leave().then(() => come())));
for (const one of PAIR) one.contentWindow.location.replace("about:blank");  // a reload fills them while they are hidden
const listed = attempt(list);
// A reload shows the place and the layers that were shown.
window.addEventListener("pagehide", () => sessionStorage.setItem("sight", JSON.stringify({ at: location.hash, was: sight() })));
const { at, was } = JSON.parse(sessionStorage.getItem("sight")) ?? {};
listed.then(() => come(at === location.hash ? was : null));
