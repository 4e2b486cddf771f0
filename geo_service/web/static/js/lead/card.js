/* The card of a cell: who answers, who works today, people, incidents, coverage, what happened to its borders. */

import { clockTime } from "../kit/clock.js";
import { h } from "../kit/dom.js";
import { either, hasWords, say, sayCode } from "../kit/i18n.js";
import { Chart, weekBars } from "./charts.js";
import { hourWords } from "./week.js";

const GS = window.GeoService;
const percent = (value) => GS.number(value, true, 1);

/** Markup of a card as the server gives it. */
export function cardOf(card, board, { compare, into }) {
  const level = board.nameOf(card.cell.level);
  return h(
    "article",
    { class: "ld-card", data: { code: card.cell.code } },
    h("header", {}, h("h2", {}, card.cell.name || card.cell.code), h("p", {}, level ? either(level.zh, level.en) : card.cell.level, h("code", {}, card.cell.code))),
    facts(card.facts),
    section("owner", owners(card)),
    card.coverage ? section("coverage", coverage(card.coverage)) : null,
    section("shifts", shifts(card.shifts, board.ground.zone)),
    section("incidents30", incidents(card)),
    section("history", history(card.history, board.ground.zone)),
    h("p", { class: "ld-card-acts" }, into ? h("button", { type: "button", t: "lookInto", on: { click: into } }) : null, h("button", { type: "button", t: "compareThis", on: { click: compare } })),
  );
}

const section = (name, ...content) => h("section", { data: { part: name } }, h("h3", { t: name }), ...content);

function facts({ households, residents, area_km2: area }) {
  const one = (value, name) => h("div", {}, h("b", {}, GS.number(value)), h("span", { t: name }));
  return h("div", { class: "ld-facts" }, one(households, "households"), one(residents, "residents"), one(area, "area"));
}

function owners({ cell, owner }) {
  if (!owner) return h("p", { class: "ld-none", t: "noOwner" });
  const isOwn = owner.cell_code === cell.code && owner.level === cell.level;
  return [
    isOwn ? null : h("p", { class: "ld-soft" }, say("ownerAbove"), owner.cell_code),
    h("ul", { class: "ld-people" }, owner.people.slice(0, 8).map((one) => h("li", {}, h("b", {}, one.name), h("span", {}, sayCode("role", one.role)), h("em", { class: one.on_duty ? "on" : "off" }, say(one.on_duty ? "onDutyNow" : "offDuty"))))),
  ];
}

function coverage({ share, depth, sole, worst }) {
  const one = (words, value) => h("div", {}, h("b", {}, percent(value)), h("span", {}, words));
  return [
    h("div", { class: "ld-facts" }, one(say("coveredNow"), share), one(say("byTwo"), depth[1]), worst ? one(`${say("worstHour")} ${hourWords(worst.hour)}`, worst.share) : null),
    sole >= 1 ? h("p", { class: "ld-soft" }, say("soleHouseholds", { count: GS.number(sole, false, 0) })) : null,
  ];
}

function shifts(found, zone) {
  if (!found.length) return h("p", { class: "ld-none", t: "noShifts" });
  return h(
    "ul",
    { class: "ld-shifts" },
    found.slice(0, 12).map((one) =>
      h(
        "li",
        { class: one.now ? "now" : null },
        h("time", {}, `${clockTime(one.start, zone).slice(-5)}–${clockTime(one.end, zone).slice(-5)}`),
        h("span", {}, Object.entries(one.by_role).map(([role, count]) => `${sayCode("role", role)} ${count}`).join(either("、", ", ")), one.at_post ? ` · ${say("atPost")}` : ""),
        one.now ? h("em", { class: "on", t: "nowWorking" }) : null,
        one.people.length ? h("small", {}, one.people.join(either("、", ", "))) : null,
      ),
    ),
  );
}

function incidents({ incidents: found }) {
  const chart = new Chart("ld-card-chart", weekBars, "byWeek");
  const values = found.weeks.map((one) => one.count);
  queueMicrotask(() => chart.show({ values, labels: found.weeks.map((one) => one.monday.slice(5)) }));
  return [
    h("p", { class: "ld-line" }, h("b", {}, GS.number(found.count)), h("span", { class: "ld-soft" }, say("incidentsBefore", { count: GS.number(found.before) }))),
    found.by_category.length ? h("p", { class: "ld-kinds" }, found.by_category.map((one) => h("span", {}, `${one.category} ${one.count}`))) : null,
    h("p", { class: "ld-soft", t: "byWeek" }),
    chart.element,
  ];
}

function history(found) {
  if (!found.length) return h("p", { class: "ld-none", t: "noHistory" });
  const name = (row, side) => row[`${side}_name`] || row[`${side}_code`] || say("nobodysLand");
  const kind = (row) => (hasWords(`change_${row.kind}`) ? say(`change_${row.kind}`) : row.kind);
  return h(
    "ol",
    { class: "ld-history" },
    found.map((one) =>
      h(
        "li",
        {},
        h("b", {}, one.valid_from ? say("editionFrom", { edition: one.edition, from: one.valid_from.slice(0, 10) }) : say("editionPlain", { edition: one.edition })),
        h("ul", {}, one.changes.slice(0, 8).map((row) => h("li", {}, `${kind(row)}：${name(row, "from")} → ${name(row, "to")}`, row.land_m2 ? h("small", {}, ` ${GS.number(row.land_m2 / 1e6)} km²`) : null))),
      ),
    ),
  );
}
