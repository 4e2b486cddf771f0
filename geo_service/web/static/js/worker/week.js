/*
 * The list of the week: where to go on which day and in which order, what has been seen to, and visits registered by
 * the code of the sign at the place. It is kept on the phone; visits wait in the outbox like everything else.
 */

import { clockTime, serverNow } from "../kit/clock.js";
import { button, dialog, field, fill, h } from "../kit/dom.js";
import { get } from "../kit/http.js";
import { say } from "../kit/i18n.js";
import { towards } from "./position.js";

const READ_MS = 60000;

export class Week {
  /** `recall` and `remember` keep it on the phone; `changed()` when there is something to show anew. */
  constructor({ me, outbox, position, zone, recall, remember, changed }) {
    Object.assign(this, { me, outbox, position, zone, remember, changed });
    this.list = recall(`week.${me}`);
    this.said = null; // what became of the last visit
    this.readAt = -Infinity;
  }

  /** Read the list anew, now and then, or because something happened. */
  async read({ now = false } = {}) {
    if (!now && Date.now() - this.readAt < READ_MS) return;
    this.readAt = Date.now();
    try {
      this.list = await get("/v1/own-week", { patience: 10000 });
      this.remember(`week.${this.me}`, this.list);
      this.changed();
    } catch {
      // that of last time does
    }
  }

  /** What the server answered to a visit (null: it was refused, the outbox says why). */
  taken(item, answer) {
    if (item.label !== "visit") return;
    if (!answer) {
      this.said = null;
      this.changed();
      return;
    }
    const metres = answer.distance_m === null ? "" : Math.round(answer.distance_m);
    const words = answer.counts ? (answer.proof === "near" ? "visitNear" : "visitUnseen") : "visitFar";
    this.said = { isGood: answer.counts, words, values: { place: answer.place_name, metres } };
    this.read({ now: true });
    this.changed();
  }

  /** Open the dialog for a code: from the address that a phone's camera opened, from a picture, or typed. */
  register(code = "", how = "typed") {
    const typed = h("input", { type: "text", value: code, required: true, maxLength: 300, autocapitalize: "characters", autocomplete: "off", spellcheck: false, class: "wk-sign", tHolder: "signHolder" });
    let way = how;
    typed.addEventListener("input", () => (way = "typed"));
    const trouble = h("p", { class: "wk-soft", role: "status" });
    const take = async (file) => {
      const found = await codeIn(file);
      trouble.textContent = found ? "" : say("signNotFound");
      if (found) [typed.value, way] = [found, "scanned"];
    };
    const picture = "BarcodeDetector" in window && h("label", { class: "wk-photo" }, h("span", { t: "scanSign" }), h("input", { type: "file", accept: "image/*", capture: "environment", class: "wk-file", on: { change: (event) => event.target.files[0] && take(event.target.files[0]) } }));
    const { last, isOn } = this.position;
    const hint = h("p", { class: "wk-soft" }, say(isOn && last ? "visitWithFix" : "visitWithoutFix"));
    dialog(say("visitTitle"), [field("signCode", typed), picture || h("p", { class: "wk-soft", t: "scanHint" }), trouble, hint], {
      acceptName: "visitSend",
      accept: () => this.send(typed.value.trim(), way),
    });
  }

  async send(code, how) {
    const { last, isOn } = this.position;
    const fix = isOn && last?.at ? { lon: last.lon, lat: last.lat, accuracy_m: last.accuracy_m, at: last.at } : null;
    const body = { code, how, at: new Date(serverNow()).toISOString(), ...(fix && { fix }) };
    this.said = { isGood: true, words: "visitKept", values: {} };
    await this.outbox.put({ path: "/v1/patrol/visits", body, label: "visit", about: "visit" });
    this.changed();
  }

  /** How many places of today are still to be visited. */
  get left() {
    return this.today()?.stops.filter((stop) => !stop.visited_at).length || 0;
  }

  today() {
    const day = new Intl.DateTimeFormat("sv-SE", { timeZone: this.zone }).format(serverNow());
    return this.list?.days.find((one) => one.day === day);
  }

  view() {
    const waiting = this.outbox.about("visit").length;
    const days = this.list?.days || [];
    const routes = this.list?.routes || [];
    const today = this.today();
    const box = h("div", { class: "wk-week" });
    fill(
      box,
      h("div", { class: "wk-acts" }, button("visitOpen", () => this.register(), { class: "primary" })),
      waiting > 0 && h("p", { class: "wk-pending" }, say("visitsWait", { count: waiting })),
      this.said && h("p", { class: this.said.isGood ? "wk-said" : "wk-said bad", role: "status" }, say(this.said.words, this.said.values)),
      routes.length > 0 && this.routesView(routes),
      days.length || routes.length ? days.map((day) => this.dayView(day, day === today)) : h("p", { class: "wk-none" }, say("noWeek")),
    );
    return box;
  }

  dayView(day, isToday) {
    const minutes = Math.round(day.seconds / 60);
    const done = day.stops.filter((stop) => stop.visited_at).length;
    const name = new Intl.DateTimeFormat(say("locale"), { weekday: "long", month: "long", day: "numeric", timeZone: "UTC" }).format(new Date(`${day.day}T00:00:00Z`));
    return h(
      "article",
      { class: isToday ? "wk-day today" : "wk-day", data: { day: day.day } },
      h("header", {}, h("h2", {}, name, isToday && h("small", {}, ` ${say("today")}`)), h("span", { class: "wk-soft" }, say("dayLength", { done, count: day.stops.length, hours: Math.floor(minutes / 60), minutes: minutes % 60 }))),
      h("ol", {}, day.stops.map((stop) => this.stopView(stop))),
    );
  }

  /** Fixed routes: on which days it is his turn, in which hours, and how much was walked of those that are over. */
  routesView(routes) {
    const now = new Intl.DateTimeFormat("sv-SE", { timeZone: this.zone }).format(serverNow());
    return h(
      "article",
      { class: "wk-day wk-routes" },
      h("header", {}, h("h2", { t: "routes" })),
      h("ol", {}, routes.map((route) => this.routeView(route, now))),
    );
  }

  routeView(route, now) {
    const here = this.position.last;
    const away = here ? towards(here, route) : null;
    const isDone = route.days.every((day) => day.done);
    const dayName = (day) => new Intl.DateTimeFormat(say("locale"), { weekday: "short", month: "numeric", day: "numeric", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));
    const state = (day) => (day.share === null ? (day.day < now ? "" : say(day.day === now ? "today" : "routeAhead")) : say(day.done ? "routeDone" : "routeShare", { share: Math.round(day.share * 100) }));
    return h(
      "li",
      { class: isDone ? "done" : "", data: { route: route.code } },
      h("b", {}, route.name),
      h("p", { class: "wk-soft" }, say("routeHours", { from: route.from, to: route.to, km: (route.length_m / 1000).toFixed(1) })),
      away && h("p", { class: "wk-soft" }, say("routeStart", { metres: away.metres, direction: say(`direction_${away.direction}`) })),
      route.days.map((day) => h("p", { class: day.done ? "wk-seen" : "wk-soft", data: { day: day.day } }, [dayName(day.day), state(day)].filter(Boolean).join(" · "))),
    );
  }

  stopView(stop) {
    const here = this.position.last;
    const away = here && !stop.visited_at ? towards(here, stop) : null;
    return h(
      "li",
      { class: stop.visited_at ? "done" : "", data: { place: stop.place } },
      h("b", {}, stop.place_name),
      stop.departments.length > 1 && h("span", { class: "wk-joint" }, say("joint")),
      stop.address && h("p", {}, stop.address),
      h("p", { class: "wk-soft" }, [stop.departments.join("、"), ...stop.campaigns].join(" · ")),
      stop.visited_at
        ? h("p", { class: "wk-seen" }, say("visitedAt", { at: clockTime(stop.visited_at, this.zone) }))
        : h("p", { class: "wk-soft" }, away ? say("away", { metres: away.metres, direction: say(`direction_${away.direction}`) }) : say("wayMinutes", { minutes: Math.max(1, Math.round(stop.travel_s / 60)) })),
    );
  }
}

/** The code in the address that a sign's QR opens; "" without one. */
export function codeOf(hash) {
  const found = /^#visit=(.+)$/.exec(hash);
  return found ? decodeURIComponent(found[1]) : "";
}

/** The code on a picture of a sign; "" where none is to be seen. */
async function codeIn(file) {
  try {
    const picture = await createImageBitmap(file);
    const found = await new window.BarcodeDetector({ formats: ["qr_code"] }).detect(picture);
    return found.length ? codeOf(new URL(found[0].rawValue, window.location.href).hash) || found[0].rawValue : "";
  } catch {
    return "";
  }
}
