/* The monthly report: a job of the server makes it; here how far it is, cancelling it, and the file when it is done. */

import { button, fill, h } from "../kit/dom.js";
import { Refusal, call, get, post, query } from "../kit/http.js";
import { say } from "../kit/i18n.js";

const FORMATS = ["pdf", "xlsx", "csv"];
const ASK_EVERY_MS = 400;
/** So often the server may give no answer, one after the other; it takes the job up again when it is back. */
const MOST_SILENCES = 100;
const pause = () => new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));

/** Ask until a job has ended, `show` told each time; the job, or a Refusal of why there is none. */
export async function ended(id, show, { ask = get, rest = pause } = {}) {
  for (let silences = 0; ; await rest()) {
    let job;
    try {
      job = await ask(`/v1/jobs/${id}`);
      silences = 0;
    } catch (error) {
      silences += 1;
      if (!error.isPassing || silences > MOST_SILENCES) throw error;
      continue;
    }
    show(job);
    if (job.state === "failed") throw new Refusal(job.problem.status, job.problem);
    if (job.state === "done" || job.state === "cancelled") return job;
  }
}

/** What a job is at, in words. */
export function words(job) {
  if (job.cancelling) return say("reportCancelling");
  if (job.state === "queued" || job.state === "interrupted" || !job.progress.phase) return say(`report_${job.state === "interrupted" ? "interrupted" : "queued"}`);
  return say(`report_${job.progress.phase}`);
}

/** The part of a dialog in which a month is chosen and its report made: `element`, and `leave` for when it closes. */
export function monthlyReport({ month: given, cell, name }) {
  const month = h("input", { type: "month", value: given });
  const links = h("span", { class: "ld-links" });
  const state = h("div", { class: "ld-making", "aria-live": "polite" });
  let running = null; // the job under way
  let isGone = false;

  const address = (format) => `/v1/reports/monthly${query({ month: month.value, ...(cell ? { cell: cell.code, level: cell.level } : {}), format })}`;
  const link = (format) => h("a", { class: "ld-file", href: address(format), download: "", on: { click: (event) => make(event, format) } }, format.toUpperCase());
  const renew = () => fill(links, FORMATS.map(link));

  async function make(event, format) {
    event.preventDefault();
    if (running) return;
    running = { id: null };
    const bar = h("progress", { max: 1, tLabel: "monthlyReport" });
    const text = h("span", {}, say("report_queued"));
    const stop = button("cancel", cancel, { class: "quiet" });
    fill(state, bar, text, stop);
    const show = (job) => {
      if (job.progress.share !== null) bar.value = job.progress.share;
      text.textContent = words(job);
      stop.disabled = job.cancelling;
    };
    try {
      const begun = await call("GET", address(format), undefined, { later: true });
      running.id = begun.id;
      if (isGone) await cancel();
      const job = await ended(begun.id, show);
      if (job.state === "cancelled") fill(state, h("span", { t: "reportCancelled" }));
      else hand(job.result);
    } catch (error) {
      fill(state, h("span", { class: "gs-problem", role: "alert" }, error.reason || error.message));
    } finally {
      running = null;
    }
  }

  /** Have the browser save the file; the link stays, for whoever wants it again. */
  function hand({ file, name: title }) {
    const again = h("a", { class: "ld-file", href: file, download: title }, title);
    fill(state, h("span", { t: "reportDone" }), again);
    if (!isGone) again.click();
  }

  async function cancel() {
    if (!running?.id) return;
    try {
      await post(`/v1/jobs/${running.id}/cancel`);
    } catch {
      // it has ended meanwhile, and says so itself
    }
  }

  month.addEventListener("change", renew);
  renew();
  const element = h("section", {}, h("h3", { t: "monthlyReport" }), h("p", { class: "ld-soft" }, say("reportOf", { name })), h("label", {}, h("span", { t: "month" }), month), links, state);
  return { element, leave: () => { isGone = true; cancel(); } };
}
