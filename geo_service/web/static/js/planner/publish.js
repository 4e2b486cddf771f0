/* Publishing: a date, a note, and the findings in the way. Errors block until they are mended or accepted with a reason. */

import { button, dialog, fill, h } from "./dom.js";
import { WEIGHT, canWaive } from "./findings.js";
import { either, say } from "./i18n.js";
import { follow, refusal, tellPublished } from "./publishing.js";

const MOST_ROWS = 50;

/** First of the next month, which is when the districts change over. */
function nextMonth() {
  const now = new Date();
  const first = new Date(now.getFullYear(), now.getMonth() + 1, 1);
  const two = (value) => String(value).padStart(2, "0");
  return `${first.getFullYear()}-${two(first.getMonth() + 1)}-${two(first.getDate())}`;
}

/** Moment with the reader's offset from UTC, as the server wants it. */
function withOffset(date, time) {
  const at = new Date(`${date}T${time || "00:00"}`);
  const offset = -at.getTimezoneOffset();
  const two = (value) => String(Math.floor(Math.abs(value))).padStart(2, "0");
  return `${date}T${time || "00:00"}:00${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}

/** The zone in which the date is read: that of this computer. */
function zoneOf(date, time) {
  return `UTC${withOffset(date.value, time.value).slice(-6)}`;
}

export function publishDialog(state, api, findings, actions) {
  if (!state.isOpen) return;
  const date = h("input", { type: "date", value: nextMonth(), required: true });
  const time = h("input", { type: "time", value: "00:00", required: true });
  const now = h("input", { type: "checkbox", on: { change: () => (date.disabled = time.disabled = now.checked) } });
  const note = h("textarea", { rows: 3, maxLength: 2000, tHolder: "publishNote", required: true });
  const inTheWay = h("ul", { class: "pl-findings" });
  const problem = h("div", {});
  const go = button("publish", () => publish(), { class: "primary" });

  function showFindings(list) {
    const errors = list.filter((finding) => finding.severity === "error" && !finding.waived);
    go.disabled = errors.length > 0;
    const standing = list.filter((finding) => !finding.waived).sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
    const rows = standing.filter((finding) => finding.severity !== "note").slice(0, MOST_ROWS);
    fill(
      inTheWay,
      rows.map((finding) => h(
        "li",
        { class: finding.severity },
        h("p", {}, h("b", { t: `severity_${finding.severity}` }), ` ${either(finding.message_zh, finding.message)}`),
        h("span", { class: "pl-row" }, button("showPlace", () => (box.done(), findings.goTo(finding)), { class: "pl-quiet" }), canWaive(finding) ? button("waive", async () => (await findings.waive(finding)) && check(), { class: "pl-quiet" }) : null),
      )),
      errors.length ? h("li", { class: "pl-bad" }, say("blocked", { count: errors.length })) : null,
      errors.length ? null : h("li", { class: "pl-good", t: rows.length ? "onlyWarnings" : "nothingInTheWay" }),
      standing.length > rows.length ? h("li", { class: "pl-soft" }, say("furtherFindings", { count: standing.length - rows.length })) : null,
    );
  }

  async function check() {
    fill(inTheWay, h("li", { class: "pl-soft", t: "checking" }));
    go.disabled = true;
    try {
      // only what the plan touches stands in its way; what was so before is told under Findings
      showFindings((await api.findings("touched")).findings);
    } catch (error) {
      fill(inTheWay, h("li", { class: "pl-bad" }, error.reason || error.message));
      go.disabled = false;
    }
  }

  async function publish() {
    if (!note.value.trim()) {
      fill(problem, h("p", { class: "pl-bad", role: "alert", t: "noteNeeded" }));
      return note.focus();
    }
    go.disabled = true;
    try {
      const wanted = { note: note.value.trim() };
      if (!now.checked) wanted.valid_from = withOffset(date.value, time.value);
      const job = await api.publish(state.revision, wanted);
      const result = await follow(state, api, job.id, problem);
      box.done();
      await tellPublished(state, api, result);
    } catch (error) {
      fill(problem, refusal(error));
      if (error.status === 409 || error.status === 412) {
        const changes = await actions.missed();
        if (changes.length) await actions.others(changes);
        await check();
      }
      go.disabled = false;
    }
    return undefined;
  }

  const form = h(
    "div",
    { class: "pl-form" },
    h("label", {}, h("span", { t: "validFrom" }), date, time, h("small", {}, zoneOf(date, time))),
    h("label", { class: "pl-check" }, now, h("span", { t: "atOnce" })),
    h("label", { class: "wide" }, h("span", { t: "note" }), note),
  );
  const box = dialog("publish", [form, h("h3", { t: "inTheWay" }), inTheWay, problem], [button("cancel", () => box.done()), go]);
  box.classList.add("large");
  check();
}
