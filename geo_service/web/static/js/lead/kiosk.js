/* A screen that nobody touches: no controls, and from view to view by itself. */

import { button, h } from "../kit/dom.js";

/** Readings that a round shows for the whole before it looks into cells. */
const ROUND = ["coverage", "incidents", "staffing", "overdue", "depth", "patrol"];
const MOST_CELLS = 24;
const NIGHT_STEP_MS = 450;

export class Kiosk {
  constructor(board, week) {
    this.board = board;
    this.week = week;
    this.seconds = Math.min(600, Math.max(3, Number(new URLSearchParams(window.location.search).get("seconds")) || 15));
    this.leaveButton = button("leaveKiosk", () => this.leave(), { class: "ld-leave" });
    this.step = 0;
    board.isKiosk = true;
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.leave());
    document.addEventListener("mousemove", () => this.stir());
  }

  begin() {
    document.querySelector(".ld").append(h("div", { class: "ld-kiosk-acts" }, this.leaveButton));
    this.timer = setInterval(() => this.next(), this.seconds * 1000);
  }

  /** The way out shows while somebody moves the mouse. */
  stir() {
    document.body.classList.add("stirred");
    clearTimeout(this.calm);
    this.calm = setTimeout(() => document.body.classList.remove("stirred"), 2500);
  }

  /** Whole town in each reading, a walk through the hours of the week, then into each cell. */
  next() {
    const { board } = this;
    const cells = this.cells ?? [];
    const steps = [...ROUND.map((reading) => () => board.go({ cell: null, level: board.below(null), reading, hour: null })), () => this.walk(), ...cells.map((cell) => () => board.go({ cell, level: board.below(cell.level), reading: "coverage", hour: null }))];
    this.step = (this.step + 1) % steps.length;
    clearInterval(this.walking);
    steps[this.step]();
    if (!board.view.cell && board.drawn) this.cells = board.drawn.codes.slice(0, MOST_CELLS).map((code, i) => ({ code, name: board.drawn.names[i], level: board.drawn.level })).filter((cell) => board.below(cell.level));
  }

  walk() {
    const { board } = this;
    board.go({ cell: null, level: board.below(null), reading: "coverage", hour: 0 });
    let hour = 0;
    const stride = Math.max(1, Math.round((168 * NIGHT_STEP_MS) / (this.seconds * 1000)));
    this.walking = setInterval(() => {
      hour += stride;
      if (hour >= 168) clearInterval(this.walking);
      else this.week.choose(hour);
    }, NIGHT_STEP_MS);
  }

  leave() {
    const address = new URL(window.location.href);
    address.searchParams.delete("kiosk");
    if (document.fullscreenElement) document.exitFullscreen();
    window.location.assign(address);
  }
}
