/* What was done to an incident, line by line, and its photos. */

import { clockTime } from "../kit/clock.js";
import { h } from "../kit/dom.js";
import { say, sayCode } from "../kit/i18n.js";

/** Details of a line that a person wants to read. */
function detailsOf({ move, details = {} }) {
  const told = [];
  if (details.words) told.push(`“${details.words}”`);
  if (details.responders || details.people) told.push((details.responders || details.people).map((one) => one.name || one.responder || one).join("、"));
  else if (details.name || details.responder) told.push(details.name || details.responder);
  if (details.channel) told.push(sayCode("channel", details.channel));
  if (move === "correct" || move === "locate") {
    for (const [name, value] of Object.entries(details.to || details.after || {})) {
      if (["string", "number"].includes(typeof value)) told.push(`${name}: ${value}`);
    }
  }
  return told.join(" · ");
}

/** The log as a list, the newest line first. */
export function logLines(log, zone) {
  return h("ol", { class: "ds-log" }, [...log].reverse().map((line) => h(
    "li",
    {},
    h("time", {}, clockTime(line.at, zone, { seconds: true })),
    h("div", {}, h("b", {}, sayCode("move", line.move)), ` ${line.who}`, line.reason && h("p", {}, line.reason), detailsOf(line) && h("p", { class: "ds-soft" }, detailsOf(line))),
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
