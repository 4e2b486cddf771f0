/* News of the plan as others change it: fetched at once, told in passing. */

import { notice } from "./dom.js";
import { say } from "./i18n.js";

/** Follow the plan; whatever is newer than what we know is fetched and shown. Returns a way to fetch the plan anew. */
export function follow(state, api, actions) {
  let latest = state.revision; // the newest revision we heard of
  let judgement = null; // another one: somebody waived a finding or declared an exclave
  let asking = false;

  async function catchUp() {
    if (asking || actions.waiting) return; // the answer to our own change brings the news along
    asking = true;
    try {
      const { revision, changes } = await api.changesSince(state.revision);
      latest = Math.max(latest, revision);
      if (revision <= state.revision) return;
      state.revision = revision;
      if (changes.length) await actions.others(changes);
      await refreshPlan();
    } catch (error) {
      console.warn("news of the plan not fetched:", error.message);
    } finally {
      asking = false;
    }
  }

  async function refreshPlan() {
    const wasOpen = state.isOpen;
    const fresh = await api.read();
    const isMoved = fresh.base_edition_id !== state.plan.base_edition_id;
    state.plan = fresh;
    state.revision = Math.max(state.revision, fresh.revision);
    if (isMoved) {
      actions.cells.forget();
      state.tell("level");
      state.tell("changed", null);
      notice(say("rebased"));
    }
    state.tell("plan");
    state.tell("history");
    if (wasOpen && !state.isOpen && !state.publishing) notice(say("closedMeanwhile"), { kind: "warn" });
  }

  const source = api.listen((news) => {
    if (Number.isFinite(news.revision)) latest = Math.max(latest, news.revision);
    if (latest > state.revision) catchUp();
    else if (judgement !== null && news.judgement !== judgement) state.tell("judged");
    judgement = news.judgement;
    if (latest <= state.revision && news.status && news.status !== state.plan.status) refreshPlan();
  });
  state.on("busy", (waiting) => {
    if (!waiting && latest > state.revision) catchUp();
  });
  // after a broken connection there may be news that nobody told
  let broken = false;
  source.addEventListener("error", () => (broken = true));
  source.addEventListener("open", () => {
    if (broken) catchUp();
    broken = false;
  });
  window.addEventListener("pagehide", () => source.close());
  return refreshPlan;
}
