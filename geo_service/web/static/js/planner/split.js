/* Draw for me: the server divides a cell into balanced groups; the proposals stand side by side and on the map. */

import { fromPlace, readGeometry } from "./cells.js";
import { button, dialog, fill, h, notice } from "./dom.js";
import { area, number, say } from "./i18n.js";
import { leadsAsked, leadsForm, leadsProposal, leadsShapes, leadsTable, leadsWish, placeLeads, showLeads } from "./leads.js";
import { cellOf } from "./state.js";
import { groupColor, levelName } from "./styles.js";

const { Feature, geom } = window.ol;
const USUAL_HOUSEHOLDS = 400; // of a grid: the middle of the band that the rules ask for

/** Dialog for one cell; what is chosen becomes one change of the plan. `kept` are leads that were marked on the map. */
export function splitDialog(page, feature, kept = null) {
  const { state, api, map, actions, tools } = page;
  const level = state.levelOf(feature.get("level"));
  const below = state.levels.find((one) => one.depth === level.depth + 1);
  if (!below) {
    notice(say("selectOneUpper"));
    return;
  }
  const cell = cellOf(feature.getId());
  const households = (feature.get("figures") || {}).households || 0;
  const leads = kept || leadsWish(cell, state);
  const wish = wishForm(households, level.depth + 2 <= state.leafLevel.depth, leadsForm(state, map, leads, () => toMap()), Boolean(kept));
  const results = h("div", { class: "pl-proposals" });
  const apply = button("applyProposal", () => take(), { class: "primary", disabled: true });
  const draw = button("drawForMe", () => ask(), { class: "primary" });
  let proposals = [];
  let chosen = 0;

  async function ask() {
    draw.disabled = apply.disabled = true;
    map.clear("proposal", "trouble");
    fill(results, h("p", { class: "pl-soft", t: "drawing" }));
    try {
      if (wish.isLeads()) return await askLeads();
      proposals = wish.isMerge() ? [merges(await api.suggestMerge({ cell, band: wish.band() }))] : (await api.split({ cell, ...wish.asked() })).alternatives;
      show(0);
    } catch (error) {
      proposals = [];
      fill(results, h("p", { class: "pl-bad", role: "alert" }, error.headline || error.message, h("br", {}), error.faults?.length ? error.reason : null));
      map.show("trouble", (error.places || []).map((place) => new Feature(new geom.Point(fromPlace(place)))));
    } finally {
      draw.disabled = false;
    }
    return undefined;
  }

  /** Who gets what is one proposal, with a table of its own. */
  async function askLeads() {
    showLeads(map, leads);
    const [answer] = await Promise.all([api.suggestLeads(leadsAsked(leads)), map.cells.ensure(leads.level, feature.getGeometry().getExtent())]);
    const proposal = leadsProposal(state, leads, answer);
    proposals = [proposal];
    chosen = 0;
    apply.disabled = !proposal.verb;
    fill(results, leadsTable(proposal));
    map.show("proposal", leadsShapes(map, proposal));
  }

  /** The dialog makes way for the map, and comes back with the leads marked there. */
  async function toMap() {
    box.done();
    await new Promise((resolve) => setTimeout(resolve)); // what closing clears is cleared then
    await placeLeads(tools, map, leads);
    splitDialog(page, feature, leads);
  }

  function show(at) {
    chosen = at;
    apply.disabled = !proposals[at] || proposals[at].changes?.length === 0;
    fill(results, proposals.map((proposal, place) => card(proposal, place, place === at, () => show(place))));
    map.show("proposal", proposals[at] ? shapesOf(proposals[at]) : []);
  }

  async function take() {
    const { verb, arguments: given, changes } = proposals[chosen];
    box.done();
    for (const change of changes || [{ verb, arguments: given }]) if (!(await actions.change(change.verb, change.arguments))) return;
    state.level = below.code;
    state.tell("level");
  }

  const heading = h("p", {}, `${feature.get("name") || ""} ${feature.get("code")} → ${levelName(below)} · ${say("households")} ${number(households)}`);
  const box = dialog("split", [heading, h("div", { class: "pl-form" }, wish.fields, draw), results], [button("cancel", () => box.done()), apply], () => map.clear("proposal", "trouble"));
  box.classList.add("side");
  map.goTo(feature.getGeometry().getExtent(), 16, 460);
  if (kept) showLeads(map, leads);
}

/** What the division should be like. */
function wishForm(households, hasLeavesBelow, leads, byLeads) {
  const by = h("select", {}, ["count", "both", "band", "small", "leads"].map((value) => h("option", { value, t: `by_${value}`, selected: byLeads && value === "leads" })));
  const count = h("input", { type: "number", min: 2, max: 200, value: String(Math.max(2, Math.round(households / USUAL_HOUSEHOLDS))) });
  const low = h("input", { type: "number", min: 0, value: "300" });
  const high = h("input", { type: "number", min: 1, value: "500" });
  const unit = h("select", {}, ["leaf", "building"].map((value) => h("option", { value, t: `unit_${value}`, selected: (value === "leaf") === hasLeavesBelow })));
  const keep = h("input", { type: "range", min: 0, max: 1, step: "0.1", value: "0.3" });
  const alternatives = h("input", { type: "number", min: 1, max: 5, value: "3" });
  const strict = h("input", { type: "checkbox", checked: true });
  const field = (word, ...inputs) => h("label", {}, h("span", { t: word }), inputs);
  const fields = { by: field("divide", by), count: field("count", count), band: field("band", low, "–", high), unit: field("unit", unit), keep: field("keepLines", keep), alternatives: field("alternatives", alternatives), strict: field("strictly", strict) };
  const band = () => [Number(low.value), Number(high.value)];
  const change = () => {
    leads.hidden = by.value !== "leads";
    fields.count.hidden = by.value !== "count" && by.value !== "both";
    fields.band.hidden = by.value === "count" || by.value === "leads";
    fields.unit.hidden = fields.keep.hidden = fields.alternatives.hidden = fields.strict.hidden = by.value === "small" || by.value === "leads";
    if (by.value === "count") fields.strict.hidden = true; // as near as it can be
  };
  by.addEventListener("change", change);
  change();
  return {
    fields: [...Object.values(fields), leads],
    band,
    isMerge: () => by.value === "small",
    isLeads: () => by.value === "leads",
    asked: () => ({ unit: unit.value, alternatives: Number(alternatives.value) || 3, keep_lines: Number(keep.value), ...(by.value === "band" ? {} : { count: Number(count.value) }), ...(by.value === "count" ? {} : { band: band(), strict: strict.checked }) }),
  };
}

/** Merges of small cells, in the form of a proposal. */
function merges({ changes, groups, below }) {
  return { changes, below, groups: groups.map((weight) => ({ households: weight })) };
}

/** The groups of a proposal in their colours. */
function shapesOf(proposal) {
  return proposal.groups.filter((group) => group.geometry).map((group, at) => {
    const piece = new Feature(readGeometry(group.geometry));
    piece.set("group", at);
    return piece;
  });
}

function card(proposal, at, isChosen, choose) {
  const most = Math.max(1, ...proposal.groups.map((group) => group.households || 0));
  const rows = proposal.groups.map((group, place) => {
    const bar = h("i", {});
    bar.style.width = `${Math.round(((group.households || 0) / most) * 100)}%`;
    bar.style.background = groupColor(place);
    const more = Number.isFinite(group.compactness) ? h("small", { title: say("compactness") }, `${say("compactnessShort")} ${number(group.compactness, 2)} · ${area(group.area_m2)}`) : null;
    return h("li", { class: group.in_band === false ? "out" : "" }, h("span", { class: "pl-bar" }, bar), h("span", {}, number(group.households)), more);
  });
  const said = proposal.changes
    ? [say("mergesCount", { count: proposal.changes.length }), proposal.below ? say("stillBelow", { count: proposal.below }) : say("allInBand")]
    : [say(proposal.in_band ? "allInBand" : "notAllInBand"), `${say("compactness")} ${number(proposal.compactness_mean, 2)}`, proposal.contiguous === false ? say("notContiguous") : null];
  return h(
    "button",
    { type: "button", class: "pl-proposal", "aria-pressed": String(isChosen), on: { click: choose } },
    h("b", {}, say("proposal", { number: at + 1 })),
    h("small", {}, said.filter(Boolean).join(" · ")),
    h("ul", {}, rows),
  );
}
