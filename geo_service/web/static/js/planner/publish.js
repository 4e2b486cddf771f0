/* Publishing: a date, a note, and the findings in the way. Errors block until they are mended or accepted with a reason. */

import { button, dialog, fill, h } from "./dom.js";
import { WEIGHT, canWaive } from "./findings.js";
import { either, say } from "./i18n.js";
import { follow, refusal, tellPublished } from "./publishing.js";
import { whenForm } from "./when.js";

const MOST_ROWS = 50;

export function publishDialog(state, api, findings, actions) {
  if (!state.isOpen) return;
  const form = whenForm("publishNote");
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
    const wanted = form.wanted();
    if (!wanted) {
      fill(problem, h("p", { class: "pl-bad", role: "alert", t: "noteNeeded" }));
      return;
    }
    go.disabled = true;
    try {
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
  }

  const box = dialog("publish", [form.element, h("h3", { t: "inTheWay" }), inTheWay, problem], [button("cancel", () => box.done()), go]);
  box.classList.add("large");
  check();
}
