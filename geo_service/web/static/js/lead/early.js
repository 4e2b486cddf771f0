/* Asks for the first figures while the larger scripts are still on their way. Loaded before them; no module. */
"use strict";

(function (GS) {
  const root = document.getElementById("lead");
  const asked = new URLSearchParams(window.location.search);
  GS.early = new Map(); // address → promise of its content
  const levels = JSON.parse(root.dataset.levels);
  if (!levels.length || asked.get("cell")) return;
  const first = levels.find((one) => one.cells > 1) || levels[levels.length - 1];
  const level = levels.find((one) => one.code === asked.get("level")) || first;
  const more = asked.get("mode") ? { mode: asked.get("mode") } : {};
  const addresses = [
    `/maps/shapes/${root.dataset.edition}/${level.code}.json?detail=${level.cells > 400 ? 1 : 0}&v=${root.dataset.mark}`,
    `/v1/lead/cells?${new URLSearchParams({ ...more, level: level.code, reading: asked.get("reading") || "coverage" })}`,
    `/v1/lead/summary${more.mode ? `?${new URLSearchParams(more)}` : ""}`,
  ];
  for (const address of addresses) {
    const answer = fetch(address, { credentials: "same-origin", headers: { accept: "application/json" } }).then((response) => (response.ok ? response.json() : null));
    GS.early.set(address, answer.catch(() => null)); // who needs it asks again, and says what is wrong
  }
})(window.GeoService);
