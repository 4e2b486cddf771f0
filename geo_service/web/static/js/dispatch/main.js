/* The desk: everything is put together here. */

import { addWords, either, say, sayCode } from "../kit/i18n.js";
import { serverNow } from "../kit/clock.js";
import { fill, h } from "../kit/dom.js";
import { get } from "../kit/http.js";
import { Alarm } from "./alarm.js";
import { Bar, notice } from "./bar.js";
import { Catalogue } from "./catalogue.js";
import { Desk } from "./desk.js";
import { IncidentPanel } from "./incident.js";
import { listenToKeys } from "./keys.js";
import { DeskMap } from "./map.js";
import { Queue, placeOf } from "./queue.js";
import { ReportPanel } from "./report.js";
import { incidentPainter, personPainter } from "./signs.js";
import { WORDS } from "./words.js";

addWords(WORDS);

async function start(root) {
  const ground = { ...root.dataset, edition: Number(root.dataset.edition), levels: JSON.parse(root.dataset.levels) };
  let me;
  let categories;
  try {
    [me, { categories }] = await Promise.all([get("/session"), get("/v1/categories")]);
  } catch (error) {
    fill(root, h("p", { class: "gs-problem ds-failed", role: "alert" }, say("notStarted", { reason: error.reason || error.message })));
    return;
  }
  const catalogue = new Catalogue(categories, ground.zone);
  const desk = new Desk(me);
  const alarm = new Alarm();
  const stage = h("div", { class: "ds-map", tabindex: "0", tTitle: "map" });
  const shelf = h("div", { class: "ds-notices", "aria-live": "polite" });
  const field = h("section", { class: "ds-field" }, stage, shelf);
  const idle = h("p", { class: "ds-idle", t: "chooseOne" });
  const side = h("aside", { class: "ds-side" }, idle);
  const columns = h("div", { class: "ds-columns" });
  fill(root, columns);

  const map = new DeskMap(stage, desk, ground, (found) => clicked(found));
  map.middle = () => window.ol.proj.toLonLat(map.ol.getView().getCenter());
  const incident = new IncidentPanel(desk, map, catalogue);
  const report = new ReportPanel(map, catalogue, {
    taken: (id) => {
      desk.handle(id);
      desk.touch(id);
      queue.choose("open"); // another filter may not show it
      desk.select(id);
      notice(shelf, say("taken"));
    },
    closed: () => arrangeSide(),
  });
  const queue = new Queue(desk, catalogue, { open: () => incident.focus() });
  const openReport = (place) => {
    if (!desk.mayAct) return;
    map.drop(null);
    report.open(place);
    arrangeSide();
  };
  const bar = new Bar(desk, alarm, ground.zone, { report: () => openReport(), look: (look) => map.setLook(look), cards: () => queue.choose("cards") });
  bar.signOf = (kind) => signOf(personPainter(map.look), kind, 2);
  bar.incidentSignOf = (kind) => signOf(incidentPainter(map.look), kind, 1.4);
  side.append(incident.element, report.element);
  columns.append(queue.element, field, side);
  root.prepend(bar.element);

  function arrangeSide() {
    incident.element.classList.toggle("behind", report.isOpen);
    idle.hidden = report.isOpen || Boolean(desk.selected);
  }

  /** A click on the map: the place of a report or of an incident, an incident, or the offer to report there. */
  function clicked(found) {
    const picker = report.isOpen ? report.picker : incident.picker;
    if (picker) picker.click(found);
    else if (found.incident) desk.select(found.incident);
    else if (desk.mayAct && !found.person) offerReport(found);
    else map.drop(null);
  }

  function offerReport(place) {
    const push = h("button", { type: "button", class: "primary", on: { click: () => openReport(place) } }, say("reportHere"));
    map.drop(place, h("span", { class: "ds-offer" }, push, h("button", { type: "button", class: "quiet", on: { click: () => map.drop(null) } }, say("dismiss"))));
    push.focus({ preventScroll: true });
  }

  map.describe = ({ incident: id, person: code }) => {
    if (report.isOpen || incident.picker) return ""; // a place is being chosen
    const row = id && desk.rows.get(id);
    if (row) return `${catalogue.nameOf(row.category)} · ${either(row.standing.status_zh, sayCode("status", row.standing.status))} · ${placeOf(row)}`;
    const person = code && desk.byCode.get(code);
    if (!person) return "";
    const seen = person.source === "fix" ? say("fixAge", { seconds: Math.max(0, Math.round((serverNow() - person.heardAt) / 1000)) }) : say(`source_${person.source}`);
    return [person.name, sayCode("role", person.role), sayCode("state", person.state), seen].join(" · ");
  };

  desk.on("selected", ({ byKey }) => {
    if (report.isOpen && !byKey) report.close();
    map.drop(null);
    arrangeSide();
  });
  const toldAt = new Map(); // incident → when it was last told of: one breach is one notice
  desk.on("breach", (found) => {
    alarm.play("breach");
    const [{ row, phase }] = found;
    for (const one of found) toldAt.set(one.row.id, Date.now());
    const more = found.length > 1 ? say("andMore", { count: found.length - 1 }) : "";
    notice(shelf, say("breached", { what: catalogue.nameOf(row.category), phase: say(`phase_${phase}`), place: placeOf(row) }) + more, { kind: "bad", act: { words: say("showIt"), do: () => desk.select(row.id) } });
  });
  desk.on("red", ({ row, phase, wasTold }) => {
    if (wasTold || !row || Date.now() - (toldAt.get(row.id) || 0) < 10000) return; // the clock that ran out has been told a moment ago
    alarm.play("breach");
    notice(shelf, say("redCard", { what: catalogue.nameOf(row.category), phase: say(`phase_${phase}`), place: placeOf(row) }), { kind: "bad", act: { words: say("showIt"), do: () => desk.select(row.id) } });
  });
  desk.on("declined", ({ row, name, reason }) => {
    alarm.play("news");
    notice(shelf, say("declinedNews", { name, reason: reason || say("noReason"), what: row ? catalogue.nameOf(row.category) : "" }), { kind: "warn", act: { words: say("showIt"), do: () => row && desk.select(row.id) } });
  });
  desk.on("urgent", () => alarm.play("news"));
  desk.on("edition", () => notice(shelf, say("newEdition"), { kind: "warn", lasting: true, act: { words: say("reload"), do: () => window.location.reload() } }));
  desk.on("counts", ({ overdue }) => {
    const title = say("title");
    document.title = overdue ? `(${overdue}) ${title}` : title;
  });

  listenToKeys({
    report: () => openReport(),
    step: (by) => (queue.list.focus(), queue.step(by)),
    candidate: (n) => incident.people.focusOn(n),
    filter: () => queue.tabs.find((one) => one.name === queue.filter).button.focus(),
    search: () => (openReport(), report.isOpen && report.picker.search.focus()),
    help: () => bar.help(),
    back: () => (report.isOpen ? report.close() : map.drop(null), queue.list.focus()),
    night: () => bar.setNight(!bar.isNight),
    mute: () => (alarm.mute(!alarm.isMuted), bar.showSwitches()),
  });

  bar.begin();
  map.begin(await townBounds(ground));
  desk.start();
  root.dataset.ready = "yes";
  window.desk = { desk, map, queue, incident, report, alarm, bar }; // for whoever looks from the console
}

/** The town's extent in degrees, from the outlines of its largest cells; null where nothing is published. */
async function townBounds({ edition, levels }) {
  if (!edition) return null;
  try {
    const found = await get(`/v1/cells?level=${levels[0]}&limit=50`);
    const reader = new window.ol.format.GeoJSON();
    const whole = window.ol.extent.createEmpty();
    for (const feature of reader.readFeatures(found)) window.ol.extent.extend(whole, feature.getGeometry().getExtent());
    return window.ol.extent.isEmpty(whole) ? null : whole;
  } catch {
    return null;
  }
}

/** A sign of the map as an element, for the legend. */
function signOf(paint, kind, scale) {
  const canvas = h("canvas", { width: 44, height: 44, class: "ds-legend-sign" });
  const context = canvas.getContext("2d");
  context.translate(22, 22);
  context.scale(scale, scale);
  paint(context, kind);
  return canvas;
}

start(document.getElementById("desk"));
