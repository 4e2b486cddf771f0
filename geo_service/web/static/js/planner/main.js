/* The editor of a plan: everything is put together here. */

import { Actions } from "./actions.js";
import { PlanApi, whoAmI } from "./api.js";
import { footBar, hintBar, legend, toolBar, topBar } from "./bar.js";
import { Cells } from "./cells.js";
import { fill, h, notice } from "./dom.js";
import { Findings } from "./findings.js";
import { History } from "./history.js";
import { say } from "./i18n.js";
import { listenToKeys } from "./keys.js";
import { follow } from "./live.js";
import { PlanMap } from "./map.js";
import { panel, selectionPane } from "./panel.js";
import { publishDialog } from "./publish.js";
import { resume } from "./publishing.js";
import { rebaseDialog } from "./rebase.js";
import { Report } from "./report.js";
import { cellSearch } from "./search.js";
import { splitDialog } from "./split.js";
import { State } from "./state.js";
import { Tools } from "./tools.js";

async function start(root) {
  const api = new PlanApi(root.dataset.plan);
  let plan;
  let me;
  const opening = h("p", { class: "pl-opening", role: "status" }, h("span", { class: "pl-spin" }), h("span", { t: "openingPlan" }));
  root.append(opening);
  try {
    [plan, me] = await Promise.all([api.read(), whoAmI()]);
  } catch (error) {
    fill(root, h("p", { class: "pl-failed", role: "alert" }, say("planNotRead", { reason: error.reason || error.message })));
    return;
  }
  document.title = `${plan.name} · geo_service`;
  const state = new State(plan, me);
  const cells = new Cells(api, state);
  const stage = h("div", { class: "pl-map", tabindex: 0, tLabel: "map" });
  const field = h("div", { class: "pl-field" }, stage, h("div", { class: "pl-cross", hidden: true, "aria-hidden": "true" }), h("div", { class: "pl-notices" }));
  const columns = h("div", { class: "pl-columns" });
  root.append(columns);
  columns.append(field);
  const map = new PlanMap(stage, state, cells, root.dataset.tiles);
  const actions = new Actions(state, api, map, cells);
  const tools = new Tools(state, map, actions, (feature) => splitDialog({ state, api, map, actions, tools }, feature));
  const badges = [];
  const findings = new Findings(state, api, map, (...about) => badges.forEach((badge) => badge(...about)));
  const history = new History(state, api, map, () => tools.pickPlace("hintComment"));
  const report = new Report(state, api, map);
  const refresh = follow(state, api, actions);
  const openPublish = () => state.canEdit && publishDialog(state, api, findings, actions);
  const openRebase = () => state.canEdit && rebaseDialog(state, api, map, refresh);
  const side = panel(state, [
    ["selection", selectionPane(state, tools, map)],
    ["findings", findings.element, () => findings.fetch()],
    ["history", history.element, () => history.opened()],
    ["report", report.element, () => report.opened()],
  ]);
  badges.push(side.badge);

  const search = cellSearch(state, api, map);
  root.prepend(topBar(state, actions, { openPublish, openRebase, search: search.element }));
  columns.prepend(toolBar(state, tools));
  columns.append(side.element);
  field.append(hintBar(state, tools), legend(state, map), footBar(state));
  listenToKeys({ tools, actions, openPublish, search }, (isUsed) => (field.querySelector(".pl-cross").hidden = !isUsed));
  state.on("failed", (error) => notice(say("cellsNotFetched", { reason: error.reason || error.message }), { kind: "bad" }));
  for (const news of ["settled", "failed"]) state.on(news, () => opening.remove()); // the first cells are there
  map.begin();
  findings.soon();
  resume(state, api);
  window.planner = { state, map, actions, tools, cells }; // for whoever looks from the console
}

start(document.getElementById("planner"));
