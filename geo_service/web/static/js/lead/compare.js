/* Two cells, or one cell over two spans of days, beside each other. */

import { button, fill, h } from "../kit/dom.js";
import { serverNow } from "../kit/clock.js";
import { say } from "../kit/i18n.js";
import { get } from "../kit/http.js";

const GS = window.GeoService;
const DAY_MS = 86400000;

/** What is compared: the figure, how it is shown, and whether more of it is better (0: neither). */
const ROWS = [
  ["households", (one) => one.facts.households, {}],
  ["residents", (one) => one.facts.residents, {}],
  ["area", (one) => one.facts.area_km2, {}],
  ["coverage_mean", (one) => one.coverage?.mean, { percent: true, better: 1 }],
  ["coverage_worst", (one) => one.coverage?.worst, { percent: true, better: 1 }],
  ["incidents", (one) => one.incidents.count, { better: -1 }],
  ["per_100", (one) => (one.facts.households ? (100 * one.incidents.count) / one.facts.households : null), { better: -1 }],
  ["arrive", (one) => one.clocks.arrive.share, { percent: true, better: 1 }],
  ["handle", (one) => one.clocks.handle.share, { percent: true, better: 1 }],
  ["close", (one) => one.clocks.close.share, { percent: true, better: 1 }],
  ["median", (one) => (one.clocks.median_arrive_s === null ? null : one.clocks.median_arrive_s / 60), { better: -1 }],
  ["patrol", (one) => one.patrol.share, { percent: true, better: 1 }],
  ["person_times", (one) => one.patrol.person_times, { better: 1 }],
];

class SideForm {
  constructor(name, { cell, from, to, list }) {
    this.cell = h("input", { list, value: cell, autocomplete: "off" });
    this.from = h("input", { type: "date", value: from });
    this.to = h("input", { type: "date", value: to });
    const field = (words, control) => h("label", {}, h("span", { t: words }), control);
    this.element = h("fieldset", { data: { side: name } }, h("legend", { t: name === "a" ? "sideA" : "sideB" }), field("cell", this.cell), field("from", this.from), field("to", this.to));
  }

  set({ cell, from, to }) {
    if (cell !== undefined) this.cell.value = cell;
    this.from.value = from;
    this.to.value = to;
  }
}

/** Open the dialog; `cell` is what the first side shows at first. */
export function openCompare(board, cell) {
  const day = (back) => new Date(serverNow() - back * DAY_MS).toLocaleDateString("en-CA", { timeZone: board.ground.zone });
  const start = cell || board.view.cell;
  const known = cellsOf(board, start);
  const nameOf = (one) => (one ? `${one.name || one.code} ${one.code}` : say("whole"));
  const list = h("datalist", { id: "ld-cells" }, [...known.keys()].map((name) => h("option", { value: name })));
  const a = new SideForm("a", { cell: nameOf(start), from: day(14), to: day(8), list: "ld-cells" });
  const b = new SideForm("b", { cell: nameOf(start), from: day(7), to: day(1), list: "ld-cells" });
  const out = h("div", { class: "ld-compared", "aria-live": "polite" });
  const problem = h("p", { class: "gs-problem", role: "alert", hidden: true });
  const preset = (days) => () => {
    a.set({ from: day(2 * days), to: day(days + 1) });
    b.set({ from: day(days), to: day(1), cell: a.cell.value });
    run();
  };
  const run = async () => {
    problem.hidden = true;
    out.classList.add("waiting");
    try {
      const [one, other] = await Promise.all([a, b].map((side) => fetchSide(side, known, board)));
      fill(out, table(one, other, [a, b].map((side) => `${side.cell.value.split(" ")[0]} ${side.from.value.slice(5)}–${side.to.value.slice(5)}`)));
    } catch (error) {
      fill(out); // what stood there answered another question
      problem.textContent = error.reason || error.message;
      problem.hidden = false;
    }
    out.classList.remove("waiting");
  };
  const form = h(
    "form",
    { class: "ld-compare", on: { submit: (event) => (event.preventDefault(), run()) } },
    list,
    h("p", { class: "ld-presets" }, button("presetWeeks", preset(7)), button("presetMonths", preset(30))),
    h("div", { class: "ld-sides" }, a.element, b.element, h("button", { type: "submit", class: "primary", t: "run" })),
    problem,
    out,
  );
  const box = h("dialog", { class: "gs-dialog ld-wide", "aria-label": say("compareTitle") }, h("header", {}, h("h2", { t: "compareTitle" }), button("dismiss", () => box.close())), form);
  box.addEventListener("close", () => box.remove());
  document.querySelector(".ld").append(box);
  box.showModal();
  run();
  return box;
}

/** Cells that may be named: those on the map, and those above; by "name code". */
function cellsOf(board, start) {
  const known = new Map([[say("whole"), null]]);
  const add = (one) => known.set(`${one.name || one.code} ${one.code}`, { code: one.code, level: one.level });
  board.path().forEach(add);
  if (start) add(start);
  const { drawn, view } = board;
  if (drawn) drawn.codes.forEach((code, i) => (!board.cells || code in board.cells.values) && add({ code, name: drawn.names[i], level: view.level }));
  return known;
}

async function fetchSide(side, known, board) {
  const name = side.cell.value.trim();
  if (!name) throw new Error(say("nameCell"));
  const typed = name.split(" ").pop(); // of cells that are not in the list the code will do
  if (!known.has(name) && !/^[\w-]+$/.test(typed)) throw new Error(say("unknownCell", { name }));
  const found = known.has(name) ? known.get(name) : { code: typed };
  const query = new URLSearchParams({ from: side.from.value, to: side.to.value });
  if (found) query.set("cell", found.code);
  if (found?.level) query.set("cell_level", found.level);
  if (board.mode) query.set("mode", board.mode);
  return get(`/v1/lead/figures?${query}`, { patience: 120000 });
}

/** So many decimals as a figure of the table is shown with. */
const decimals = (value) => (Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 2);

/** The difference of two figures as they are shown: nobody is to find another when he subtracts. */
function difference(a, b, percent) {
  const [one, other] = [a, b].map((value) => (percent ? Math.round(1000 * value) / 10 : Number(value.toFixed(decimals(value)))));
  return Math.round(100 * (other - one)) / 100;
}

function table(one, other, names) {
  const rows = ROWS.map(([name, figure, { percent = false, better = 0 }]) => {
    const [a, b] = [figure(one) ?? null, figure(other) ?? null];
    const apart = a === null || b === null ? null : difference(a, b, percent);
    const kind = !apart || !better ? "plain" : apart * better > 0 ? "better" : "worse";
    const shown = apart === null ? "—" : `${apart > 0 ? "+" : apart < 0 ? "−" : "±"}${GS.number(Math.abs(apart), false, percent ? 1 : 2)}${percent ? ` ${say("points")}` : ""}`;
    const most = Math.max(a || 0, b || 0) || 1;
    const cell = (value) => h("td", {}, h("span", { class: "ld-span", style: `width:${value === null ? 0 : Math.round((70 * value) / (percent ? 1 : most))}px` }), h("b", {}, GS.number(value, percent, percent ? 1 : decimals(value))));
    return h("tr", { data: { row: name } }, h("th", { scope: "row", t: `row_${name}` }), cell(a), cell(b), h("td", { class: `ld-change ${kind}` }, shown));
  });
  return [
    h("table", {}, h("thead", {}, h("tr", {}, h("th", {}), names.map((name, i) => h("th", { scope: "col" }, h("small", { t: i ? "sideB" : "sideA" }), ` ${name}`)), h("th", { scope: "col", t: "difference" }))), h("tbody", {}, rows)),
    h("p", { class: "ld-soft", t: "coverageNote" }),
  ];
}
