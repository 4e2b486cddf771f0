/* The bars: the plan's name, undo and redo, levels and figures above; the tools at the left; hint, legend and foot on the map. */

import { arrows, button, fill, h, icon } from "./dom.js";
import { number, onLanguage, say } from "./i18n.js";
import { FIGURES, colorOf, levelName } from "./styles.js";
import { TOOLS } from "./tools.js";

/** Bar above the map. */
export function topBar(state, actions, { openPublish, openRebase, search }) {
  const undo = h("button", { type: "button", class: "pl-square", tTitle: "undo", on: { click: () => actions.undo() } }, icon("undo"));
  const redo = h("button", { type: "button", class: "pl-square", tTitle: "redo", on: { click: () => actions.redo() } }, icon("redo"));
  const revision = h("span", { class: "pl-revision" });
  const status = h("span", { class: "pl-status" });
  const publish = button("publish", openPublish, { class: "primary" });
  const rebase = button("rebase", openRebase, { class: "pl-quiet" });
  const levels = arrows(h("div", { class: "pl-levels", role: "radiogroup", tLabel: "level" }));
  const figures = h("select", { tTitle: "colorBy", on: { change: () => ((state.figure = figures.value), state.tell("figure")) } });

  function showLevels() {
    const choices = [["auto", say("auto")], ...state.levels.filter((level) => level.depth > 0 || state.levels.length < 3).map((level) => [level.code, levelName(level)])];
    fill(levels, choices.map(([code, name]) => h("button", {
      type: "button",
      role: "radio",
      "aria-checked": String(state.level === code),
      tabindex: state.level === code ? 0 : -1,
      class: state.shown && state.shown.code === code ? "shown" : "",
      data: { level: code },
      on: { click: () => ((state.level = code), state.tell("level")) },
    }, name)));
    fill(figures, state.figures.map((name) => h("option", { value: name, selected: name === state.figure, t: name })));
  }

  function showPlan() {
    const { plan } = state;
    undo.disabled = plan.can_undo === false;
    redo.disabled = plan.can_redo === false;
    undo.hidden = redo.hidden = publish.hidden = !state.canEdit;
    rebase.hidden = !state.canEdit || plan.base_in_force !== false;
    revision.textContent = say("revision", { number: state.revision });
    status.textContent = state.canEdit ? "" : say(state.isOpen ? "readOnlyShort" : plan.status);
    status.title = state.canEdit ? "" : say(state.whyNot);
  }

  const spin = h("span", { class: "pl-spin", hidden: true });
  state.on("busy", (waiting) => (spin.hidden = !waiting));
  for (const news of ["plan", "history", "changed"]) state.on(news, showPlan);
  for (const news of ["shown", "level", "figures"]) state.on(news, showLevels);
  onLanguage(() => (showLevels(), showPlan()));
  showLevels();
  showPlan();
  return h(
    "div",
    { class: "pl-top" },
    h("a", { href: "/planner", class: "pl-back", t: "plans" }),
    h("h1", { title: state.plan.note || "" }, state.plan.name),
    revision,
    status,
    h("span", { class: "pl-group" }, undo, redo),
    spin,
    h("span", { class: "pl-push" }),
    search,
    h("div", { class: "pl-pair" }, h("span", { t: "level" }), levels),
    h("label", { class: "pl-pair" }, h("span", { t: "colorBy" }), figures),
    rebase,
    publish,
  );
}

const READING = new Set(["select", "lasso"]); // tools of who reads only

/** Bar of tools; each says its letter. */
export function toolBar(state, tools) {
  const made = new Map();
  const bar = h("div", { class: "pl-tools", role: "toolbar", "aria-orientation": "vertical", tLabel: "tools" }, TOOLS.map(([name, letter]) => {
    const tool = h(
      "button",
      { type: "button", tTitle: `${name}Long`, "aria-keyshortcuts": letter, "aria-pressed": "false", data: { tool: name }, on: { click: () => tools.take(name) } },
      icon(name),
      h("span", { t: name }),
      h("kbd", {}, letter),
    );
    made.set(name, tool);
    return tool;
  }));
  const mark = () => made.forEach((tool, name) => tool.setAttribute("aria-pressed", String(state.tool === name)));
  const enable = () => {
    const count = state.selected.size;
    const wants = { merge: count > 1, hand: count > 0, split: count === 1 && state.shown !== state.leafLevel, lock: count > 0 || state.locked.size > 0 };
    for (const [name, tool] of made) {
      tool.hidden = !state.canEdit && !READING.has(name); // nothing that would only be refused
      tool.disabled = wants[name] === false;
    }
  };
  state.on("tool", mark);
  for (const news of ["selection", "shown", "locks", "plan"]) state.on(news, enable);
  mark();
  enable();
  return bar;
}

/** What the tool in hand waits for, with its options, at the top of the map. */
export function hintBar(state, tools) {
  const text = h("span", {});
  const features = h("select", { tTitle: "follow", on: { change: () => (tools.features = features.value) } }, ["street", "water", "railway"].map((name) => h("option", { value: name, t: name })));
  const within = h("input", { type: "number", min: 1, max: 200, value: "25", tTitle: "withinM", on: { change: () => (tools.withinM = Number(within.value) || 25) } });
  const options = h("span", { class: "pl-options", hidden: true }, features, within, h("span", {}, "m"));
  const aimed = h("b", {});
  const bar = h("div", { class: "pl-hint", role: "status", hidden: true }, text, aimed, options);
  state.on("aim", (name) => (aimed.textContent = name ? `→ ${name}` : ""));
  state.on("hint", (said) => {
    text.textContent = said;
    bar.hidden = !said;
    options.hidden = state.tool !== "along";
  });
  return bar;
}

/** Colours of the figure. */
export function legend(state, map) {
  const box = h("div", { class: "pl-legend" });
  const show = () => {
    box.hidden = !map.limits.length;
    const write = FIGURES[state.figure];
    const rows = map.limits.map((limit, at) => h("li", {}, h("i", { data: { color: colorOf(at, map.limits.length) } }), at ? `${write(map.limits[at - 1])} – ${write(limit)}` : `${limit > 0 ? "≤ " : ""}${write(limit)}`));
    for (const row of rows) row.firstChild.style.background = row.firstChild.dataset.color;
    const marks = [["changed", "changedCells"], ["chosen", "selectedCells"], ...(state.locked.size ? [["locked", "lockedCells"]] : [])];
    fill(box, h("b", { t: state.figure }), h("ul", {}, rows), h("ul", { class: "pl-states" }, marks.map(([kind, words]) => h("li", {}, h("i", { class: kind }), h("span", { t: words })))));
  };
  for (const news of ["legend", "locks"]) state.on(news, show);
  onLanguage(show);
  return box;
}

/** Foot of the map: the cell under the pointer, where the pointer is. */
export function footBar(state) {
  const cell = h("span", { class: "pl-under" });
  const place = h("span", { class: "pl-place" });
  const zoomIn = h("span", { class: "pl-warn", hidden: true, t: "zoomInForCells" });
  state.on("hover", ({ feature, place: at }) => {
    if (feature) {
      const figures = feature.get("figures") || {};
      cell.textContent = `${feature.get("name") || ""} ${feature.get("code")} · ${say("households")} ${number(figures.households)} · ${say("incidents_year")} ${number(figures.incidents_year)}`;
    } else cell.textContent = "";
    place.textContent = `${at[0].toFixed(5)}, ${at[1].toFixed(5)}`;
  });
  state.on("settled", (isAllHere) => (zoomIn.hidden = isAllHere));
  return h("div", { class: "pl-foot" }, cell, zoomIn, place);
}
