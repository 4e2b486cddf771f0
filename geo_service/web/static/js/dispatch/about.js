/* What was done to an incident, line by line, and its photos. */

import { clockTime } from "../kit/clock.js";
import { h } from "../kit/dom.js";
import { say, sayCode } from "../kit/i18n.js";

/**
 * The log as a list, the newest line first; cards and whistles stand in it where they came.
 *
 * `told` says what codes stand for: `catalogue`, `personName(code)`, `cellName(level, code)`, `cardTitle(card)`.
 */
export function logLines(log, escalated, told) {
  const lines = [...log.map((line) => doneLine(line, told)), ...escalated.flatMap((card) => card.lines.map((line) => cardLine(card, line, told)))];
  lines.sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.rank - a.rank);
  return h("ol", { class: "ds-log" }, lines.map(({ at, what, who, reason, details }) => h(
    "li",
    {},
    h("time", {}, clockTime(at, told.catalogue.zone, { seconds: true })),
    h("div", {}, h("b", {}, what), ` ${who}`, reason && h("p", {}, reason), details && h("p", { class: "ds-soft" }, details)),
  )));
}

/** A line of the log: who did what, and of whom. */
function doneLine(line, told) {
  const { details = {} } = line;
  const by = line.move.startsWith("dispatch.") && details.responder ? told.personName(details.responder) : "";
  const isOwn = by && line.who.startsWith(by); // his own phone: its key has his name
  const who = by ? (isOwn ? by : `${by} ${say("writtenBy", { who: line.who })}`) : line.who;
  return { at: line.at, rank: 0, what: sayCode("move", line.move), who, reason: line.reason, details: detailsOf(line, told) };
}

/** Details of a line that a person wants to read. */
function detailsOf({ move, details = {} }, told) {
  const out = [];
  if (details.words) out.push(`“${details.words}”`);
  if (details.sent) out.push(details.sent.map((code) => (code === details.lead ? `${told.personName(code)}（${say("lead")}）` : told.personName(code))).join("、"));
  else if (details.responder && !move.startsWith("dispatch.")) out.push(told.personName(details.responder));
  if (details.to) out.push(`→ ${told.personName(details.to)}`);
  if (details.channel) out.push(sayCode("channel", details.channel));
  const { before = {}, after = {} } = details;
  if (move === "correct") {
    if (after.category) out.push(`${say("category")}${say("colon")}${told.catalogue.nameOf(after.category)}`);
    if (after.urgency) out.push(`${say("urgency")}${say("colon")}${sayCode("urgency", after.urgency)}`);
    if (after.address) out.push(after.address);
    if (Number.isInteger(after.floor)) out.push(`${say("floor")}${say("colon")}${after.floor}`);
  }
  if (move === "locate") out.push(say("placeWas", { place: placeWords(before, told) }), say("placeIs", { place: placeWords(after, told) }));
  return out.join(" · ");
}

/** A place of the log, of which a line has what changed. */
function placeWords(said, told) {
  const cell = said.cell_code && told.cellName(said.level, said.cell_code);
  const at = Number.isFinite(said.lon) && Number.isFinite(said.lat) && `${said.lon.toFixed(5)}, ${said.lat.toFixed(5)}`;
  return [said.address, cell, at].filter(Boolean).join(" ") || say("noPlace");
}

/** A line of what became of a card or a whistle. */
function cardLine(card, line, told) {
  const names = line.people.map((one) => one.name).join("、");
  const title = told.cardTitle(card);
  const byHand = line.what !== "call" && names && line.who !== names ? ` ${say("writtenBy", { who: line.who })}` : "";
  return {
    at: line.at,
    rank: line.what === "issue" ? 1 : 2, // of one moment it was issued first
    what: line.what === "issue" ? title : line.what === "call" ? say("calledAt", { cell: told.cellName(line.level, line.cell_code) }) : say(`did_${line.what}`).replace(/:$/, ""),
    who: line.what === "issue" ? (card.kind === "whistle" ? "" : line.who || "") : (names || line.who || "") + byHand,
    reason: line.words && `“${line.words}”`,
    details: line.what === "issue" ? "" : title,
  };
}

/** Photos as small pictures, each a link to the whole one. */
export function aboutPhotos(incident) {
  if (!incident.photos?.length) return null;
  return [
    h("h3", {}, say("photos", { count: incident.photos.length })),
    h("div", { class: "ds-photos" }, incident.photos.map((one) => h("a", { href: one.address, title: `${one.who} ${one.at}` }, h("img", { src: one.address, alt: say("photoOf", { who: one.who }), loading: "lazy" })))),
  ];
}
