/* The page of those who lead: everything is put together here. */

import { addWords, say } from "../kit/i18n.js";
import { clockTime, serverNow } from "../kit/clock.js";
import { button, fill, h } from "../kit/dom.js";
import { Bar } from "./bar.js";
import { Blind } from "./blind.js";
import { Board } from "./board.js";
import { openCompare } from "./compare.js";
import { Kiosk } from "./kiosk.js";
import { Legend } from "./legend.js";
import { LeadMap } from "./map.js";
import { pictureOf, save } from "./picture.js";
import { monthlyReport } from "./report.js";
import { Routes } from "./routes.js";
import { Balance } from "./balance.js";
import { Side } from "./side.js";
import { Siting } from "./siting.js";
import { Tiles } from "./tiles.js";
import { Week } from "./week.js";
import { WORDS } from "./words.js";

addWords(WORDS);
const GS = window.GeoService;
const OPENING_MS = 4000; // after so long without a figure it is said why

function start(root) {
  const { dataset } = root;
  const ground = { tiles: dataset.tiles, edition: Number(dataset.edition), mark: dataset.mark, zone: dataset.zone, isWhole: dataset.whole === "yes", cell: JSON.parse(dataset.cell), levels: JSON.parse(dataset.levels) };
  const isKiosk = dataset.kiosk === "yes";
  if (!ground.edition || !ground.levels.length) {
    fill(root, h("p", { class: "ld-opening", t: "noEdition" }));
    return;
  }
  const board = new Board(ground);
  const stage = h("div", { class: "ld-map", tabindex: "0", role: "application", tLabel: "map" });
  const shelf = h("div", { class: "ld-notices", "aria-live": "polite" });
  fill(root);
  const legend = new Legend(board);
  const tiles = new Tiles(board);
  const week = new Week(board);
  const side = new Side(board, { compare: (cell) => openCompare(board, cell) });
  const field = h("section", { class: "ld-field" }, stage, legend.element, shelf);
  const columns = h("div", { class: "ld-columns" }, tiles.element, field, side.element, week.element);
  root.append(columns);
  const map = new LeadMap(stage, board);
  const siting = new Siting(board, map);
  if (ground.isWhole) new Blind(board, map);
  const routes = new Routes(board, map);
  const balance = new Balance(board);
  side.element.prepend(siting.element, balance.element, routes.element);
  const bar = new Bar(board, { acts: { oneMore: () => siting.ask(), compare: () => openCompare(board), export: () => openExport(), kiosk: () => toKiosk() }, look: (look) => map.setLook(look) });
  root.prepend(bar.element);
  const kiosk = isKiosk ? new Kiosk(board, week) : null;
  const kept = GS.recall("lead.night");
  bar.setNight(isKiosk && !kept ? true : kept === "yes", { keep: false });
  document.title = say("title");

  const opening = setTimeout(() => board.summary || fill(shelf, h("div", { class: "ld-notice ld-still", role: "status" }, h("p", { t: "stillOpening" }))), OPENING_MS);
  board.on("summary", () => {
    clearTimeout(opening);
    shelf.querySelector(".ld-still")?.remove();
  });
  board.on("problem", (error) => notice(say("problem", { reason: error.reason || error.message })));
  board.on("edition", () => (isKiosk ? window.location.reload() : notice(say("newEdition"), { words: "reload", act: () => window.location.reload() })));
  board.on("settled", () => { root.dataset.ready = "yes"; });
  board.on("view", () => { root.dataset.ready = "no"; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]") && !isKiosk) board.up();
  });

  function notice(text, { words = null, act = null } = {}) {
    const box = h("div", { class: "ld-notice", role: "status" }, h("p", {}, text), words ? button(words, act) : null, button("dismiss", () => box.remove(), { class: "quiet" }));
    while (shelf.children.length >= 2) shelf.firstElementChild.remove();
    shelf.append(box);
    if (!act) setTimeout(() => box.remove(), 12000);
  }

  function toKiosk() {
    const address = new URL(window.location.href);
    address.searchParams.set("kiosk", "1");
    window.location.assign(address);
  }

  function nameOfView() {
    return board.view.cell?.name || board.summary?.cell.name || ground.cell.name || say("whole");
  }

  function picture() {
    const shown = [...tiles.element.children].map((one) => ({ name: one.querySelector(".ld-tile-name").textContent, number: one.querySelector(".ld-number").textContent, meaning: one.querySelector(".ld-meaning").textContent }));
    return pictureOf({ map, legend, tiles: shown, title: `${nameOfView()} · ${bar.heading.textContent}`, moment: `${new Date(serverNow()).toLocaleDateString("zh-CN", { timeZone: ground.zone })} ${clockTime(serverNow(), ground.zone).slice(-5)} · geo_service`, isNight: bar.isNight });
  }

  function openExport() {
    const now = new Date(serverNow()).toLocaleDateString("en-CA", { timeZone: ground.zone });
    const { cell } = board.view;
    const report = monthlyReport({ month: now.slice(0, 7), cell, name: nameOfView() });
    const kinds = [["coverage", "reading_coverage"], ["blind", "mapBlind"], ["staffing", "reading_staffing"], ["incidents", "reading_incidents"]];
    const asked = new URLSearchParams({ level: board.view.level, ...(board.moment ? { at: board.moment } : {}) }); // the map of what is shown here
    const box = h(
      "dialog",
      { class: "gs-dialog", "aria-label": say("exportTitle") },
      h("header", {}, h("h2", { t: "exportTitle" }), button("dismiss", () => box.close())),
      h("div", { class: "gs-dialog-body ld-export" }, button("png", () => save(picture(), `lead-${cell?.code || "town"}-${board.view.reading}-${now}.png`), { class: "primary ld-png" }), report.element, h("section", {}, h("h3", { t: "singleMaps" }), h("p", { class: "ld-links" }, h("a", { class: "ld-file", href: "/maps", t: "mapList" }), kinds.map(([kind, words]) => h("a", { class: "ld-file", href: `/maps/${kind}?${asked}`, t: words }))))),
    );
    box.addEventListener("close", () => {
      report.leave();
      box.remove();
    });
    root.append(box);
    box.showModal();
  }

  board.begin().finally(() => kiosk?.begin());
  window.lead = { board, map, week, tiles, legend, side, bar, siting, routes, kiosk, picture }; // for whoever looks from the console
}

start(document.getElementById("lead"));
