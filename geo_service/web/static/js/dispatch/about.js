/* What was done to an incident, line by line, and its photos. */

import { clockTime } from "../kit/clock.js";
import { h } from "../kit/dom.js";
import { say, sayCode } from "../kit/i18n.js";

/** Details of a line that a person wants to read. */
function detailsOf({ move, details = {} }, catalogue) {
  const told = [];
  if (details.words) told.push(`“${details.words}”`);
  if (details.responders || details.people) told.push((details.responders || details.people).map((one) => one.name || one.responder || one).join("、"));
  else if (details.name || details.responder) told.push(details.name || details.responder);
  if (details.channel) told.push(sayCode("channel", details.channel));
  const said = details.after || {};
  if (move === "correct") {
    if (said.category) told.push(`${say("category")}${say("colon")}${catalogue.nameOf(said.category)}`);
    if (said.urgency) told.push(`${say("urgency")}${say("colon")}${sayCode("urgency", said.urgency)}`);
    if (said.address) told.push(said.address);
    if (Number.isInteger(said.floor)) told.push(`${say("floor")}${say("colon")}${said.floor}`);
  }
  if (move === "locate" && said.cell_code) told.push(said.cell_code);
  return told.join(" · ");
}

/** The log as a list, the newest line first. */
export function logLines(log, catalogue) {
  return h("ol", { class: "ds-log" }, [...log].reverse().map((line) => h(
    "li",
    {},
    h("time", {}, clockTime(line.at, catalogue.zone, { seconds: true })),
    h("div", {}, h("b", {}, sayCode("move", line.move)), ` ${line.who}`, line.reason && h("p", {}, line.reason), h("p", { class: "ds-soft" }, detailsOf(line, catalogue))),
  )));
}

/** Photos as small pictures, each a link to the whole one. */
export function aboutPhotos(incident) {
  if (!incident.photos?.length) return null;
  return [
    h("h3", {}, say("photos", { count: incident.photos.length })),
    h("div", { class: "ds-photos" }, incident.photos.map((one) => h("a", { href: one.address, title: `${one.who} ${one.at}` }, h("img", { src: one.address, alt: say("photoOf", { who: one.who }), loading: "lazy" })))),
  ];
}
