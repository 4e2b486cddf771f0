/* The editions of the boundaries, and going back to one: it is published again, as a new edition. */

import { JobsApi, latestJobs, listEditions, restoreEdition } from "./api.js";
import { button, dialog, fill, h } from "./dom.js";
import { moment, onLanguage, say } from "./i18n.js";
import { ENDED, follow, publishedView, refusal } from "./publishing.js";
import { whenForm } from "./when.js";

const MOST_ROWS = 30;

/** Which of the three it is: in force now, to come, earlier. */
function standing({ valid_from: from, valid_to: to }, now = new Date()) {
  if (from && new Date(from) > now) return "inForceLater";
  return to && new Date(to) <= now ? "inForceBefore" : "inForceNow";
}

/** List of editions, the newest first; `show(mayEdit)` fetches it. */
export function editionList() {
  const list = h("ul", { class: "pl-plans" });
  const element = h("section", {}, h("h2", { class: "pl-editions", t: "editions" }), h("p", { class: "pl-soft", t: "editionsSay" }), list);
  let editions = [];
  let mayRestore = false;

  function row(edition) {
    const state = standing(edition);
    const span = say("inForceFromTo", { from: edition.valid_from ? moment(edition.valid_from) : "…", to: edition.valid_to ? moment(edition.valid_to) : "…" });
    return h(
      "li",
      { class: state === "inForceNow" ? "open" : "", data: { edition: edition.id } },
      h("div", { class: "pl-edition" }, h("b", {}, say("edition", { number: edition.id })), edition.note ? h("span", { class: "pl-soft" }, edition.note) : null),
      h("span", { class: "pl-badge", t: state }),
      state === "inForceBefore" && mayRestore ? button("restore", () => restoreDialog(edition, fetch), { class: "pl-quiet" }) : null,
      h("small", {}, `${span} · ${edition.published_by} · ${moment(edition.recorded_at)}`),
    );
  }

  function show() {
    fill(list, [...editions].reverse().slice(0, MOST_ROWS).map(row));
  }

  async function fetch() {
    try {
      editions = await listEditions();
      show();
    } catch (error) {
      fill(list, h("li", { class: "pl-bad", role: "alert" }, error.reason || error.message));
    }
  }
  onLanguage(show);
  return { element, show: (mayEdit) => ((mayRestore = mayEdit), Promise.all([fetch(), mayEdit && resume(fetch)])) };
}

/** Follow the job that brings an edition back, then say what came of it. */
async function finish(id, box, place, done) {
  const result = await follow({}, new JobsApi(), id, place);
  box.done();
  const after = dialog("restored", publishedView(result), [button("close", () => after.done())]);
  await done();
}

/** After a reload: follow what is still under way. */
async function resume(done) {
  const { jobs } = await latestJobs().catch(() => ({ jobs: [] })); // who may not see jobs has none
  const job = jobs.find(({ kind, state }) => kind === "restore_edition" && !ENDED.includes(state));
  if (!job) return;
  const place = h("div", {});
  const box = dialog("restore", [place], [button("close", () => box.done())]);
  try {
    await finish(job.id, box, place, done);
  } catch (error) {
    fill(place, refusal(error));
  }
}

/** Ask from when and why, then follow the work as with the publication of a plan. */
function restoreDialog(edition, done) {
  const supersede = h("input", { type: "checkbox" });
  const form = whenForm("restoreHolder", h("label", { class: "pl-check" }, supersede, h("span", { t: "supersedeLater" })));
  const place = h("div", {});
  const go = button("restore", () => restore(), { class: "primary" });

  async function restore() {
    const wanted = form.wanted();
    if (!wanted) {
      fill(place, h("p", { class: "pl-bad", role: "alert", t: "noteNeeded" }));
      return;
    }
    go.disabled = true;
    try {
      const job = await restoreEdition(edition.id, { ...wanted, supersede: supersede.checked });
      await finish(job.id, box, place, done);
    } catch (error) {
      fill(place, refusal(error));
      go.disabled = false;
    }
  }

  const says = h("p", { t: "restoreSays", tArgs: { number: edition.id, note: edition.note || "—" } });
  const box = dialog("restore", [says, form.element, place], [button("cancel", () => box.done()), go]);
  box.classList.add("large");
}
