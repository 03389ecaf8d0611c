"use strict";
// The engine of the page of the server: questions by HTTP, the map as a page of its own.
const root = document, texts = JSON.parse(document.getElementById("texts").textContent);
const TAB = sessionStorage.getItem("tab") || Math.random().toString(36).slice(2);
sessionStorage.setItem("tab", TAB);
let names = {};
const engine = {
  ask: async (path, body) => {
    const text = body instanceof FormData ? body : JSON.stringify(body);
    const answer = await fetch(path, body === undefined ? {} : { method: "POST", body: text });
    const told = await answer.json().catch(() => ({ error: answer.statusText }));
    if (!answer.ok || told.error) throw new Error(told.error || answer.statusText);
    return told;
  },
  name: (study) => names[study] ?? study,
  show: (frame, { study, search, tried, change }) => {
    if (change) return frame.contentWindow.renew(change, { search, hash: tried });
    document.getElementById("start").hidden = true;
    const tab = frame.id === "map" ? TAB : `${TAB}-${frame.id}`;  // two maps of a tab keep their steps apart
    frame.src = `tab/${tab}/map/${encodeURIComponent(study)}${search}${tried}`;
    return null;
  },
  // A reload loses nothing: the study and what was tried stand in the address.
  keep: (state) => history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(state))}`),
  save: (text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "scenarios.toml";
    link.click();
    URL.revokeObjectURL(link.href);
    return "";
  },
};
