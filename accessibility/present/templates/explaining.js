// Why a place is covered or not, where somebody answers: a sentence, and the way to the nearest site.
const explaining = (() => {
  const [WAY, PLACE] = [{ color: "#0a2f66", weight: 4, opacity: 0.9 }, { radius: 7, color: "#d0691b", weight: 3, fillColor: "#fff", fillOpacity: 1 }];
  let map = null, last = 0;

  const show = ({ said, place, way }) => {
    const box = document.createElement("div");
    box.setAttribute("role", "status");
    box.append(...said.map((text) => Object.assign(document.createElement("p"), { textContent: text, dir: "auto" })));
    const drawn = L.layerGroup(way.length ? [L.polyline(way, { ...WAY, interactive: false })] : []);
    if (place) drawn.addLayer(L.circleMarker(place, { ...PLACE, interactive: false }));
    const popup = L.popup().setLatLng(place).setContent(box);
    popup.on("remove", () => drawn.remove());
    drawn.addTo(map);
    popup.openOn(map);
  };

  const start = async (theMap, served) => {
    map = theMap;
    const server = await served;
    const ask = async ({ latlng: { lng, lat } }) => {
      const mine = ++last, at = [Number(lng.toFixed(6)), Number(lat.toFixed(6))];
      const told = await server.explain({ at, ...living.asked() }).catch(({ message }) => ({ said: [message], place: [lat, lng], way: [] }));
      if (mine === last) show(told);
    };
    document.addEventListener("explaining", ({ detail: on }) => {
      map[on ? "on" : "off"]("click", ask);
      document.body.classList.toggle("explaining", on);  // no district's figures over the sentence
    });
    document.addEventListener("explained", ({ detail }) => show(detail));
  };

  return { start };
})();
