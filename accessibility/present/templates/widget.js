// The engine of a notebook: questions as messages to the kernel, the map as a page in a frame that keeps its state.
const asking = (model, told) => {
  const waiting = new Map(), tag = Math.random().toString(36).slice(2);
  let last = 0;
  model.on("msg:custom", (message) => {
    const { id, answer, error } = message, waits = waiting.get(id);
    if (id === undefined) told(message);
    if (!waits) return;  // another view of the same widget has asked
    waiting.delete(id);
    if (error === undefined) waits.resolve(answer); else waits.reject(new Error(error));
  });
  return (path, body) => new Promise((resolve, reject) => {
    const id = `${tag}-${++last}`;
    waiting.set(id, { resolve, reject });
    model.send({ id, path, body });
  });
};

const render = ({ model, el }) => {
  const root = el.attachShadow({ mode: "open" }), hiding = document.createElement("style");
  root.innerHTML = model.get("markup");
  hiding.textContent = `.${model.get("still")} { display: none }`;  // the picture is for a page without a kernel
  el.append(hiding);
  el.dataset.lmSuppressShortcuts = "true";  // keys are the map's here
  const frame = root.getElementById("map"), { dataset } = frame;
  const viewOf = (search) => JSON.parse(new URLSearchParams(search).get("view"));
  let saving = 0, agreed = "", coming = "", busy = false;  // what the kernel and the page both have; what comes from there
  const engine = {
    ask: asking(model, ({ explained }) => {
      if (explained && frame.contentDocument) frame.contentDocument.dispatchEvent(new CustomEvent("explained", { detail: explained }));
    }),
    name: () => "",
    show: async (one, { search, tried, change }) => {
      const { page } = change ? {} : await engine.ask("page", viewOf(search));
      Object.assign(one.dataset, { search, hash: tried }, one === frame && coming && { steps: coming });
      if (change) await one.contentWindow.renew(change, { search, hash: tried });
      else one.srcdoc = page;
    },
    keep: () => {
      clearTimeout(saving);
      saving = setTimeout(() => {
        if (dataset.steps === agreed || coming) return;
        agreed = dataset.steps;
        model.set("steps", JSON.parse(agreed));
        model.save_changes();
      }, 100);
    },
    save: async (text) => (await engine.ask("save", { text })).said,
  };
  const { open, show } = desk(root, model.get("texts"), engine);
  // The state that the kernel has, or another view of the widget: the page shows it, the last one if there are many.
  const follow = async () => {
    if (busy) return;
    busy = true;
    for (let text; (text = JSON.stringify(model.get("steps"))) !== agreed;) {
      const begins = !agreed, { now } = JSON.parse(text), at = now.indexOf("#"), search = now.slice(0, at);
      const tried = now.slice(at) === "#" ? "" : now.slice(at);
      agreed = coming = text;
      if (begins) await open("study", viewOf(search), tried, search);
      else await show(() => viewOf(search), { tried, search });
      coming = "";
    }
    busy = false;
  };
  model.on("change:steps", follow);
  follow();
  return () => model.off("change:steps", follow);
};
export default { render };
