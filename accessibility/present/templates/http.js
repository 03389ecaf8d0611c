"use strict";
// The engine of the page of the server: questions by HTTP, the map as a page of its own.
const root = document, texts = JSON.parse(document.getElementById("texts").textContent);
// The name of a tab, under which the browser keeps its steps; one that was duplicated takes another name.
const tabName = new Promise((resolve) => {
  if (!navigator.locks) {  // a browser has them where nobody can listen on the way
    const name = sessionStorage.getItem("tab") || Math.random().toString(36).slice(2);
    sessionStorage.setItem("tab", name);
    resolve(name);
    return;
  }
  const hold = (name, tries) => navigator.locks.request(name, { ifAvailable: true }, (lock) => {
    if (!lock) {  // another tab has it, or still the page that is loaded again
      setTimeout(hold, 200, tries ? name : Math.random().toString(36).slice(2), tries - 1);
      return null;
    }
    sessionStorage.setItem("tab", name);
    resolve(name);
    return new Promise(() => {});  // as long as the page is there
  });
  hold(sessionStorage.getItem("tab") || Math.random().toString(36).slice(2), 5);
});
let names = {};
const lost = (why) => Object.assign(new Error(texts[why]), { lost: true });  // the program has ended, or has another address
// What only looks is asked again: a computer that wakes up, or changes its network, breaks off what is on its way.
const reached = async (path, given, tries = given.method ? 0 : 3) => {
  try {
    return await fetch(path, given);
  } catch {
    if (!tries) throw lost("gone");
    await new Promise((resolve) => setTimeout(resolve, 300));
    return reached(path, given, tries - 1);
  }
};
const engine = {
  ask: async (path, body) => {
    const text = body instanceof FormData ? body : JSON.stringify(body);
    const answer = await reached(path, body === undefined ? {} : { method: "POST", body: text });
    const told = await answer.json().catch(() => {
      if (answer.ok || answer.status === 404) throw lost(answer.ok ? "gone" : "moved");
      throw new Error(answer.statusText);
    });
    if (!answer.ok || told.error) throw new Error(told.error || answer.statusText);
    return told;
  },
  name: (study) => names[study] ?? study,
  show: async (frame, { study, search, tried, change }) => {
    if (change) {
      await frame.contentWindow.renew(change, { search, hash: tried });
      return;
    }
    document.getElementById("start").hidden = true;
    const tab = frame.id === "map" ? await tabName : `${await tabName}-${frame.id}`;  // two maps of a tab keep their steps apart
    const there = new Promise((resolve) => frame.addEventListener("load", function come() {
      if (frame.contentDocument?.URL === "about:blank") return;
      frame.removeEventListener("load", come);
      resolve();
    }));
    frame.contentWindow.location.replace(new URL(`tab/${tab}/map/${encodeURIComponent(study)}${search}${tried}`, document.baseURI));  // no step of the browser's own
    await there;
    if (!frame.contentDocument?.querySelector(".legend")) throw lost("gone");
  },
  // A reload loses nothing: the study and what was tried stand in the address. The browser goes back to the list of studies.
  keep: (state) => history[location.hash ? "replaceState" : "pushState"](null, "", `#${encodeURIComponent(JSON.stringify(state))}`),
  save: (text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "scenarios.toml";
    link.click();
    URL.revokeObjectURL(link.href);
    return "";
  },
};
