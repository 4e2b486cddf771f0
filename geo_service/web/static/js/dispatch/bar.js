/* Above everything: a new report, how many wait, the line, night, sound, the time. Notices at the foot of the map. */

import { clockTime, serverNow } from "../kit/clock.js";
import { button, h, setText } from "../kit/dom.js";
import { lang, onLanguage, say } from "../kit/i18n.js";

export class Bar {
  constructor(desk, alarm, zone, { report, look, cards }) {
    Object.assign(this, { desk, alarm, zone });
    this.time = h("time", { class: "ds-now" });
    this.line = h("span", { class: "ds-line", role: "status" });
    this.duty = h("span", { class: "ds-duty" });
    this.night = h("button", { type: "button", class: "quiet ds-night", on: { click: () => this.setNight(!this.isNight) } });
    this.sound = h("button", { type: "button", class: "quiet ds-sound", on: { click: () => (alarm.mute(!alarm.isMuted), this.showSwitches()) } });
    this.look = look;
    this.cards = h("button", { type: "button", class: "quiet ds-strip", hidden: true, tTitle: "cardsStrip", on: { click: () => cards() } });
    this.isNight = false;
    this.element = h(
      "div",
      { class: "ds-bar" },
      desk.mayAct ? h("button", { type: "button", class: "primary ds-new", on: { click: () => report() } }, h("span", { t: "newReport" }), h("kbd", {}, "N")) : h("span", { class: "ds-soft", t: "readOnly" }),
      this.duty,
      this.cards,
      h("span", { class: "ds-push" }),
      this.line,
      this.night,
      this.sound,
      button("help", () => this.help(), { class: "quiet" }),
      this.time,
    );
    desk.on("tick", () => this.tick());
    desk.on("line", (isUp) => this.lineChanged(isUp));
    desk.on("people", () => this.showDuty());
    desk.on("cards", () => this.cardsSoon());
    desk.on("red", () => this.flash());
    onLanguage(() => this.showAll());
  }

  begin() {
    this.setNight(window.GeoService.recall("dispatch.night") === "yes");
    this.showAll();
  }

  showAll() {
    this.showSwitches();
    this.showDuty();
    this.showCards();
    this.tick();
  }

  setNight(isNight) {
    this.isNight = isNight;
    document.documentElement.dataset.night = isNight ? "yes" : "no";
    window.GeoService.remember("dispatch.night", isNight ? "yes" : "no");
    this.look(isNight ? "night" : "day");
    this.showSwitches();
  }

  showSwitches() {
    setText(this.night, say(this.isNight ? "dayMode" : "nightMode"));
    this.night.setAttribute("aria-pressed", String(this.isNight));
    setText(this.sound, say(this.alarm.isMuted ? "soundOff" : "soundOn"));
    this.sound.setAttribute("aria-pressed", String(!this.alarm.isMuted));
  }

  showDuty() {
    const { people, boardProblem } = this.desk;
    const free = people.filter((one) => one.state === "free").length;
    // a dead line is told by its own sign
    const isTold = !boardProblem || !this.desk.stream.isUp;
    setText(this.duty, !isTold ? say("boardProblem", { reason: boardProblem.reason || boardProblem.message }) : say("dutyCount", { onDuty: people.length, free }));
    this.duty.classList.toggle("ds-warn", !isTold);
  }

  /** Cards come by the hundred: what is counted is shown with the next picture. */
  cardsSoon() {
    this.cardsWait ??= requestAnimationFrame(() => {
      this.cardsWait = null;
      this.showCards();
    });
  }

  /** How many cards and whistles wait for an answer; nothing where there are none. */
  showCards() {
    const { counts } = this.desk.cards;
    const kinds = ["red", "yellow", "whistle"].filter((kind) => counts[kind]);
    const words = JSON.stringify([counts, lang()]);
    if (words === this.cardsShown) return;
    this.cardsShown = words;
    this.cards.hidden = !kinds.length;
    this.cards.replaceChildren(
      ...kinds.map((kind) => h("span", {}, h("i", { class: `ds-card ${kind}` }, say(`card_${kind}_short`)), h("b", {}, String(counts[kind])))),
      ...(counts.waiting ? [h("span", { class: "ds-soft" }, say("cardsWaiting", { count: counts.waiting }))] : []),
    );
  }

  /** A new red card shows once. */
  flash() {
    this.cards.classList.remove("fresh");
    void this.cards.offsetWidth; // so that it begins anew
    this.cards.classList.add("fresh");
  }

  lineChanged(isUp) {
    if (!isUp && this.wasUp) this.alarm.play("line");
    if (isUp) this.wasUp = true;
    this.showDuty();
    this.tick();
  }

  tick() {
    setText(this.time, clockTime(serverNow(), this.zone, { seconds: true }));
    const { stream } = this.desk;
    const seconds = Math.round((Date.now() - stream.downSince) / 1000);
    setText(this.line, stream.isUp ? say("lineUp") : say("lineDown", { seconds, at: clockTime(serverNow() - 1000 * seconds, this.zone, { seconds: true }) }));
    this.line.classList.toggle("down", !stream.isUp);
    document.querySelector(".ds")?.classList.toggle("is-down", !stream.isUp && seconds >= 2);
  }

  help() {
    const box = h("dialog", { class: "gs-dialog" }, h("header", {}, h("h2", { t: "help" })), h("div", { class: "gs-dialog-body" }, h("dl", { class: "ds-keys" }, ["N", "↑ ↓", "Enter", "1–5", "F", "/", "Esc", "Alt+N", "M", "?"].flatMap((key, i) => [h("dt", {}, h("kbd", {}, key)), h("dd", { t: `key_${i}` })])), this.legend()), h("footer", {}, button("dismiss", () => box.close(), { class: "primary" })));
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
  }

  legend() {
    const line = (sign, name) => h("li", {}, sign, h("span", { t: name }));
    return [
      h("h3", { class: "ds-legend-of", t: "legendIncidents" }),
      h(
        "ul",
        { class: "ds-legend" },
        ["running", "soon", "overdue", "paused", "none"].map((state) => line(this.incidentSignOf?.(`${state} normal`), `legend_clock_${state}`)),
        ["critical", "urgent", "normal", "low"].map((urgency) => line(this.incidentSignOf?.(`running ${urgency}`), `urgency_${urgency}`)),
      ),
      h("h3", { class: "ds-legend-of", t: "legendPeople" }),
      h("ul", { class: "ds-legend" }, ["free", "pinned", "sent", "accepted", "arrived", "nofix"].map((kind) => line(this.signOf?.(kind), `legend_${kind}`))),
      h("p", { class: "ds-soft", t: "legend567" }),
    ];
  }
}

/** Say something in passing at the foot of the map; at most three at once. */
export function notice(shelf, text, { kind = "info", act = null, lasting = false } = {}) {
  const box = h("div", { class: `ds-notice ${kind}`, role: kind === "info" ? "status" : "alert" }, h("p", {}, text));
  const away = () => box.remove();
  if (act) box.append(h("button", { type: "button", on: { click: () => (away(), act.do()) } }, act.words));
  box.append(h("button", { type: "button", class: "quiet", t: "dismiss", on: { click: away } }));
  while (shelf.children.length >= 3) shelf.firstElementChild.remove();
  shelf.append(box);
  if (!lasting) setTimeout(away, 10000);
  return away;
}

