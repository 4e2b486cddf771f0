/* Near the door (就近就亲就便): the cells below one are given to leads by travel time, so many to each and no more. */

import { fromPlace, toPlace } from "./cells.js";
import { button, fill, h } from "./dom.js";
import { number, say } from "./i18n.js";
import { groupColor, levelName } from "./styles.js";

const { Feature, geom } = window.ol;
const USUAL_CELLS = 10; // of a lead
const MODES = ["walk", "ebike", "car"];

/** What is kept of the form while the dialog makes way for the map. */
export const leadsWish = (cell, state) => ({ cell, leads: [], level: state.leafLevel.code, cap: USUAL_CELLS, mode: "walk", balanced: true });

/** Marks of the leads on the map. */
export function showLeads(map, { leads }) {
  map.show("trouble", leads.map(({ place }) => new Feature(new geom.Point(fromPlace(place)))));
}

/** Let the reader click where one lead after the other sets out; Enter or Esc ends it. */
export async function placeLeads(tools, map, wish) {
  tools.take("select");
  tools.running = { stop: () => null, finish: () => tools.take("select") };
  for (;;) {
    showLeads(map, wish);
    const coordinate = await tools.pickPlace("hintLeads", { count: wish.leads.length });
    if (!coordinate) break;
    const taken = new Set(wish.leads.map(({ name }) => name));
    let next = wish.leads.length + 1;
    while (taken.has(say("leadNamed", { number: next }))) next += 1;
    wish.leads.push({ name: say("leadNamed", { number: next }), place: toPlace(coordinate) });
  }
  tools.take("select");
}

/** Fields of the form; what is filled in is written into the wish at once. `place` leads to the map. */
export function leadsForm(state, map, wish, place) {
  const cellLevel = state.levelOf(wish.cell[0]);
  const levels = state.levels.filter(({ depth }) => depth > cellLevel.depth && depth <= state.leafLevel.depth);
  const level = h("select", { on: { change: () => (wish.level = level.value) } }, levels.map((one) => h("option", { value: one.code, selected: one.code === wish.level }, levelName(one))));
  const cap = h("input", { type: "number", min: 1, max: 100000, value: String(wish.cap), on: { input: () => (wish.cap = Number(cap.value)) } });
  const mode = h("select", { on: { change: () => (wish.mode = mode.value) } }, MODES.map((one) => h("option", { value: one, t: `mode_${one}`, selected: one === wish.mode })));
  const balanced = h("input", { type: "checkbox", checked: wish.balanced, on: { change: () => (wish.balanced = balanced.checked) } });
  const list = h("ol", { class: "pl-leads" });

  function showList() {
    fill(list, wish.leads.map((lead, at) => {
      const name = h("input", { type: "text", maxLength: 100, value: lead.name, tLabel: "leadName", on: { input: () => (lead.name = name.value) } });
      return h("li", {}, name, h("small", {}, lead.place.map((value) => value.toFixed(5)).join(", ")), button("removeLead", () => (wish.leads.splice(at, 1), showList(), showLeads(map, wish)), { class: "pl-quiet" }));
    }), wish.leads.length ? null : h("li", { class: "pl-soft", t: "noLeads" }));
  }
  showList();
  const field = (word, input) => h("label", {}, h("span", { t: word }), input);
  return h("div", { class: "pl-form wide" }, field("leadsLevel", level), field("cap", cap), field("leadsMode", mode), field("balanced", balanced), h("div", { class: "wide" }, h("div", { class: "pl-row" }, h("b", { t: "leads" }), button("placeLeads", place, { class: "pl-quiet" })), list));
}

/** What the server is asked; throws where something is missing. */
export function leadsAsked({ cell, leads, level, cap, mode, balanced }) {
  if (!leads.length) throw new Error(say("noLeads"));
  if (new Set(leads.map(({ name }) => name.trim())).size < leads.length) throw new Error(say("leadsAlike"));
  return { cell, level, leads: leads.map(({ name, place }) => ({ name: name.trim(), place })), cap, mode, balanced };
}

/**
 * The answer in the form of a proposal. It has a change where each lead's cells can become one cell of the level
 * between: the cells given are the smallest, two levels below.
 */
export function leadsProposal(state, wish, { assigned }) {
  const cellLevel = state.levelOf(wish.cell[0]);
  const given = state.levelOf(wish.level);
  const between = given === state.leafLevel && given.depth === cellLevel.depth + 2 ? state.levels.find(({ depth }) => depth === cellLevel.depth + 1) : null;
  const place = new Map(wish.leads.map(({ name }, at) => [name.trim(), at]));
  const groups = wish.leads.map(({ name }) => ({ name: name.trim(), cells: [], households: 0, minutes: 0 }));
  for (const { cell, lead, minutes, households } of assigned) {
    const group = groups[place.get(lead)];
    group.cells.push(cell);
    group.households += households;
    group.minutes = Math.max(group.minutes, minutes);
  }
  const assignment = assigned.map(({ cell, lead }) => [...cell, place.get(lead)]);
  const change = between ? { verb: "split_into", arguments: { cell: wish.cell, level: between.code, assignment } } : {};
  return { ...change, groups, assigned, becomes: between };
}

/** The cells given, in the colour of their lead. */
export function leadsShapes(map, { groups }) {
  return groups.flatMap((group, at) => group.cells.map((cell) => map.cells.find(cell)).filter(Boolean).map((known) => {
    const piece = new Feature(known.getGeometry());
    piece.set("group", at);
    return piece;
  }));
}

/** Who gets how many, and how far he has to go. */
export function leadsTable({ groups, assigned, becomes }) {
  const rows = groups.map((group, at) => {
    const mark = h("i", { class: "pl-mark" });
    mark.style.background = groupColor(at);
    const none = !group.cells.length;
    return h("tr", {}, h("td", {}, mark, h("b", {}, group.name)), h("td", {}, none ? say("leadsEmptyHanded") : number(group.cells.length)), h("td", {}, number(group.households)), h("td", {}, none ? "—" : number(group.minutes, 1)));
  });
  const heads = ["lead", "cells", "households", "minutesMost"];
  return h(
    "div",
    { class: "pl-leads-found" },
    h("table", { class: "pl-cells" }, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { t: name })))), h("tbody", {}, rows)),
    h("p", { class: "pl-soft" }, becomes ? say("leadsBecome", { level: levelName(becomes) }) : say("leadsShown")),
    button("leadsFile", () => save(assigned), { class: "pl-quiet" }),
  );
}

/** The list as a table for a spreadsheet. */
function save(assigned) {
  const quoted = (value) => `"${String(value).replace(/"/g, '""').replace(/^[=+\-@]/, "'$&")}"`;
  const lines = [["level", "code", "lead", "minutes", "households"], ...assigned.map(({ cell, lead, minutes, households }) => [...cell, lead, minutes, households])];
  const text = `\uFEFF${lines.map((line) => line.map(quoted).join(",")).join("\r\n")}\r\n`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  h("a", { href: address, download: "leads.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
