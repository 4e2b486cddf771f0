/* Draw for me: the server divides a cell into balanced groups; the proposals stand side by side and on the map. */

import { button, dialog, fill, h, notice } from "./dom.js";
import { area, number, say } from "./i18n.js";
import { cellOf } from "./state.js";
import { groupColor, levelName } from "./styles.js";

const { Feature } = window.ol;

/** Dialog for one cell; what is chosen becomes one change of the plan. */
export function splitDialog(state, api, map, cells, actions, feature) {
  const below = state.levels.find((level) => level.depth === feature.get("depth") + 1 || level.depth === state.levelOf(feature.get("level")).depth + 1);
  if (!below || below.depth >= state.leafLevel.depth) {
    notice(say("splitNeedsTwoLevels"));
    return;
  }
  const cell = cellOf(feature.getId());
  const households = (feature.get("figures") || {}).households || 0;
  const by = h("select", {}, h("option", { value: "count", t: "intoCount" }), h("option", { value: "band", t: "intoBand" }));
  const count = h("input", { type: "number", min: 2, max: 60, value: String(Math.max(2, Math.round(households / 400))) });
  const low = h("input", { type: "number", min: 1, value: "300" });
  const high = h("input", { type: "number", min: 1, value: "500" });
  const keep = h("input", { type: "range", min: 0, max: 1, step: "0.1", value: "0.3" });
  const alternatives = h("input", { type: "number", min: 1, max: 6, value: "3" });
  const countField = h("label", {}, h("span", { t: "count" }), count);
  const bandField = h("label", { hidden: true }, h("span", { t: "band" }), low, "–", high);
  by.addEventListener("change", () => ((countField.hidden = by.value !== "count"), (bandField.hidden = by.value !== "band")));
  const results = h("div", { class: "pl-proposals" });
  const apply = button("applyProposal", () => take(), { class: "primary", disabled: true });
  const draw = button("drawForMe", () => ask(), { class: "primary" });
  let proposals = [];
  let chosen = -1;

  async function ask() {
    const wanted = { cell, unit: "leaf", alternatives: Number(alternatives.value) || 3, keep_lines: Number(keep.value) };
    if (by.value === "count") wanted.count = Number(count.value);
    else wanted.band = [Number(low.value), Number(high.value)];
    draw.disabled = true;
    fill(results, h("p", { class: "pl-soft", t: "drawing" }));
    try {
      proposals = (await api.split(wanted)).alternatives;
      show(0);
    } catch (error) {
      proposals = [];
      fill(results, h("p", { class: "pl-bad", role: "alert" }, error.reason || error.message));
    } finally {
      draw.disabled = false;
    }
  }

  function show(at) {
    chosen = at;
    apply.disabled = !proposals.length;
    fill(results, proposals.map((proposal, number_) => card(proposal, number_)));
    if (proposals[at]) paint(proposals[at]);
  }

  function card(proposal, at) {
    const most = Math.max(1, ...proposal.groups.map((group) => group.households || 0));
    const rows = proposal.groups.map((group, number_) => {
      const bar = h("i", {});
      bar.style.width = `${Math.round(((group.households || 0) / most) * 100)}%`;
      bar.style.background = groupColor(number_);
      return h("li", {}, h("span", { class: "pl-bar" }, bar), h("span", {}, number(group.households)), h("small", {}, `${number(group.compactness, 2)} · ${area(group.area_m2)}`));
    });
    const inBand = typeof proposal.in_band === "boolean" ? say(proposal.in_band ? "allInBand" : "notAllInBand") : `${say("inBand")} ${number(proposal.in_band)}/${proposal.groups.length}`;
    return h(
      "button",
      { type: "button", class: "pl-proposal", "aria-pressed": String(at === chosen), on: { click: () => show(at) } },
      h("b", {}, say("proposal", { number: at + 1 })),
      h("small", {}, `${inBand} · ${say("compactness")} ${number(proposal.compactness_mean, 2)}${proposal.contiguous === false ? ` · ${say("notContiguous")}` : ""}`),
      h("ul", {}, rows),
    );
  }

  /** The groups of a proposal in their colours on the map. */
  function paint(proposal) {
    const pieces = [];
    for (const [level, code, group] of proposal.assignment) {
      const leaf = cells.find([level, code]);
      if (!leaf) continue;
      const piece = new Feature(leaf.getGeometry());
      piece.set("group", group);
      pieces.push(piece);
    }
    map.show("proposal", pieces);
  }

  async function take() {
    const { assignment } = proposals[chosen];
    box.done();
    const answer = await actions.change("split_into", { cell, level: below.code, assignment });
    if (answer) {
      state.level = below.code;
      state.tell("level");
    }
  }

  const form = h("div", { class: "pl-form" }, h("label", {}, h("span", { t: "divide" }), by), countField, bandField, h("label", {}, h("span", { t: "keepLines" }), keep), h("label", {}, h("span", { t: "alternatives" }), alternatives), draw);
  const heading = h("p", {}, `${feature.get("name")} ${feature.get("code")} → ${levelName(below)} · ${say("households")} ${number(households)}`);
  const box = dialog("split", [heading, form, results], [button("cancel", () => box.done()), apply], () => map.clear("proposal"));
  box.classList.add("side");
  map.goTo(feature.getGeometry().getExtent(), 16);
  // the leaves are needed for the colours, whatever is drawn now
  cells.ensure(state.leafLevel.code, feature.getGeometry().getExtent()).then(() => proposals[chosen] && paint(proposals[chosen]));
}
