/* The week at the foot of the page: a curve of its 168 hours, and a slider that colours the map by one of them. */

import { fill, h, setText } from "../kit/dom.js";
import { onLanguage, say } from "../kit/i18n.js";
import { Chart, weekCurve } from "./charts.js";

const GS = window.GeoService;
const STEP_MS = 700;

/** Weekday and time of an hour of the week. */
export const hourWords = (hour) => say("dayHour", { day: say(`day_${Math.floor(hour / 24)}`), hour: String(hour % 24).padStart(2, "0") });

export class Week {
  constructor(board) {
    this.board = board;
    this.chart = new Chart("ld-week-chart", weekCurve, "weekChart");
    this.slider = h("input", { type: "range", min: "0", max: "167", step: "1", class: "ld-hours", tTitle: "hourOfWeek", on: { input: () => this.choose(Number(this.slider.value)) } });
    this.title = h("h2", { t: "week" });
    this.reading = h("p", { class: "ld-week-now", "aria-live": "polite" });
    this.play = h("button", { type: "button", class: "ld-icon", tTitle: "play", on: { click: () => this.toggle() } }, "▶");
    this.now = h("button", { type: "button", t: "backToNow", hidden: true, on: { click: () => this.choose(null) } });
    this.worst = h("button", { type: "button", t: "toWorst", on: { click: () => this.known && this.choose(this.known.worst?.hour ?? null) } });
    this.element = h(
      "section",
      { class: "ld-week", tLabel: "weekChart" },
      h("header", {}, this.title, this.reading, h("span", { class: "ld-push" }), this.play, this.worst, this.now),
      h("div", { class: "ld-week-field" }, this.chart.element, this.slider),
    );
    this.chart.element.addEventListener("click", (event) => this.clicked(event));
    board.on("summary", ({ coverage }) => this.take(coverage));
    board.on("hour", () => this.show());
    board.on("view", ({ moved }) => moved && this.board.view.hour === null && this.stop());
    onLanguage(() => this.show());
  }

  take(coverage) {
    this.known = coverage;
    this.slider.disabled = this.play.disabled = this.worst.disabled = !coverage;
    this.show();
  }

  clicked(event) {
    const { plot } = this.chart;
    if (!plot || !this.known) return;
    const hour = Math.floor(plot.posToVal(event.offsetX - plot.bbox.left / (window.devicePixelRatio || 1), "x"));
    if (hour >= 0 && hour < 168) this.choose(hour);
  }

  /** Colour the map by an hour of the week; null is now. */
  choose(hour) {
    const { board } = this;
    board.view.hour = hour;
    if (hour !== null && board.view.reading !== "coverage") board.go({ reading: "coverage", hour });
    board.tell("hour", hour);
  }

  toggle() {
    if (this.timer) return this.stop();
    this.play.textContent = "❚❚";
    this.play.setAttribute("aria-pressed", "true");
    const step = () => this.choose(((this.board.view.hour ?? this.known?.hour ?? 0) + 1) % 168);
    step();
    this.timer = setInterval(step, STEP_MS);
    return undefined;
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "▶";
    this.play.setAttribute("aria-pressed", "false");
  }

  show() {
    const { known, board } = this;
    const { hour } = board.view;
    this.now.hidden = hour === null;
    if (!known) {
      setText(this.reading, say("noCoverage"));
      return;
    }
    const shown = hour ?? known.hour;
    this.slider.value = String(shown);
    const words = hourWords(shown);
    this.slider.setAttribute("aria-valuetext", `${words} ${GS.number(known.hours[shown], true)}`);
    fill(this.reading, h("b", {}, hour === null ? say("nowAt", { hour: words }) : words), " ", h("strong", {}, GS.number(hour === null ? known.share : known.hours[shown], true, 1)), known.worst ? h("span", {}, say("worstIs", { hour: hourWords(known.worst.hour), share: GS.number(known.worst.share, true, 1) })) : null);
    const days = [0, 1, 2, 3, 4, 5, 6].map((day) => say(`day_${day}`));
    this.chart.show({ hours: known.hours, worst: known.worst?.hour ?? null, now: known.hour, chosen: hour, days });
  }
}
