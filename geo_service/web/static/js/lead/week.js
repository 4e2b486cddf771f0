/* The week at the foot of the page: a curve of its 168 hours, and a slider that colours the map by one of them. */

import { fill, h, setText } from "../kit/dom.js";
import { onLanguage, say } from "../kit/i18n.js";
import { Chart, weekCurve } from "./charts.js";

const GS = window.GeoService;
const STEP_MS = 700;

const two = (number) => String(number).padStart(2, "0");

/** Weekday and time of an hour of the week. */
export const hourWords = (hour, minute = 0) => say("dayHour", { day: say(`day_${Math.floor(hour / 24)}`), hour: two(hour % 24), minute: two(minute) });

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
    this.toPosts = h("button", { type: "button", t: "toPosts", hidden: true, on: { click: () => this.nextPosts() } });
    this.posts = new Map(); // hours in which posts are kept → {hour, minute, people}
    this.element = h(
      "section",
      { class: "ld-week", tLabel: "weekChart" },
      h("header", {}, this.title, this.reading, h("span", { class: "ld-push" }), this.play, this.worst, this.toPosts, this.now),
      h("div", { class: "ld-week-field" }, this.chart.element, this.slider),
    );
    this.chart.element.addEventListener("click", (event) => this.clicked(event));
    board.on("summary", ({ coverage, posts }) => this.take(coverage, posts));
    board.on("hour", () => this.show());
    board.on("instant", () => this.show());
    board.on("view", ({ moved }) => moved && this.board.view.hour === null && this.stop());
    onLanguage(() => this.show());
  }

  take(coverage, posts) {
    this.known = coverage;
    this.posts = new Map(posts.hours.map((one) => [one.hour, one]));
    this.toPosts.hidden = !coverage || !this.posts.size;
    this.slider.disabled = this.play.disabled = this.worst.disabled = !coverage;
    this.show();
  }

  clicked(event) {
    const { plot } = this.chart;
    if (!plot || !this.known) return;
    const hour = Math.floor(plot.posToVal(event.offsetX - plot.bbox.left / (window.devicePixelRatio || 1), "x"));
    if (hour >= 0 && hour < 168) this.choose(hour, this.posts.get(hour)?.minute);
  }

  /** Colour the map by an hour of the week, or a minute in it; null is now. Who chooses ends the playing. */
  choose(hour, minute = 0) {
    if (this.timer) this.stop();
    this.lookAt(hour, minute);
  }

  lookAt(hour, minute = 0) {
    const { board } = this;
    if (hour !== null && !board.hasHours) board.go({ reading: "coverage", hour, minute });
    board.setHour(hour, minute);
  }

  /** Show the next moment at which posts are kept, such as school gates; after the last of the week the first. */
  nextPosts() {
    const { hour, minute } = this.board.view;
    const from = hour ?? this.known?.hour ?? 0;
    const kept = [...this.posts.values()];
    const next = kept.find((one) => one.hour > from || (one.hour === from && (hour === null || one.minute > minute))) ?? kept[0];
    if (next) this.choose(next.hour, next.minute);
  }

  toggle() {
    if (this.timer) return this.stop();
    this.play.textContent = "❚❚";
    this.play.setAttribute("aria-pressed", "true");
    const step = () => this.lookAt(((this.board.view.hour ?? this.known?.hour ?? 0) + 1) % 168);
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
    const { hour, minute } = board.view;
    this.now.hidden = hour === null;
    if (!known) {
      setText(this.reading, say("noCoverage"));
      return;
    }
    const shown = hour ?? known.hour;
    const share = hour === null ? known.share : minute ? board.instant?.coverage?.share : known.hours[hour];
    const kept = hour === null ? board.summary?.staff.at_posts : minute ? board.instant?.staff.at_posts ?? this.posts.get(hour)?.people : 0;
    this.slider.value = String(shown);
    const words = hourWords(shown, minute);
    this.slider.setAttribute("aria-valuetext", `${words} ${GS.number(share, true)}`);
    fill(this.reading, h("b", {}, hour === null ? say("nowAt", { hour: words }) : words), " ", h("strong", {}, GS.number(share, true, 1)), kept ? h("span", { class: "ld-at-posts" }, say("atPosts", { count: GS.number(kept) })) : null, known.worst ? h("span", {}, say("worstIs", { hour: hourWords(known.worst.hour), share: GS.number(known.worst.share, true, 1) })) : null);
    const days = [0, 1, 2, 3, 4, 5, 6].map((day) => say(`day_${day}`));
    this.chart.show({ hours: known.hours, worst: known.worst?.hour ?? null, now: known.hour, chosen: hour === null ? null : hour + minute / 60, posts: [...this.posts.values()], days });
  }
}
