/* The panel at the right: what is selected with its figures, what the last change did, and the tabs for the rest. */

import { arrows, button, fill, h, leads } from "./dom.js";
import { onLanguage, say } from "./i18n.js";
import { FIGURES, levelName } from "./styles.js";

const MOST_ROWS = 200;
const MOST_DIFFERENT = 12;
const MOST_ALIKE = 6; // shown where no figure moved at all
const SUMMED = ["households", "residents", "buildings", "incidents_year", "area_m2", "workload_index"];

/** Figures that stand in a column: there is room for three. */
const columnsOf = (state) => ["households", "incidents_year", "area_m2"].filter((name) => state.figures.includes(name));

const head = (columns) => h("thead", {}, h("tr", {}, ["cell", ...columns].map((name) => h("th", { t: name }))));

/** Tabs; each shows itself when it is opened: `tabs` is a list of [word, element, opened]. */
export function panel(state, tabs) {
  const heads = tabs.map(([key], at) => h("button", { type: "button", role: "tab", id: `pl-tab-${key}`, "aria-selected": String(at === 0), "aria-controls": `pl-pane-${key}`, tabindex: at === 0 ? 0 : -1, on: { click: () => open(key) } }, h("span", { t: key }), h("em", { hidden: true })));
  const panes = tabs.map(([key, content], at) => h("div", { role: "tabpanel", id: `pl-pane-${key}`, "aria-labelledby": `pl-tab-${key}`, hidden: at !== 0, class: "pl-pane" }, content));

  function open(key) {
    tabs.forEach(([name, , opened], at) => {
      heads[at].setAttribute("aria-selected", String(name === key));
      heads[at].tabIndex = name === key ? 0 : -1; // the arrow keys go to the others
      panes[at].hidden = name !== key;
      if (name === key && opened) opened();
    });
  }

  /** Number beside the word of a tab. */
  function badge(key, count, bad = false) {
    const mark = heads[tabs.findIndex(([name]) => name === key)].lastChild;
    mark.textContent = count;
    mark.hidden = !count;
    mark.classList.toggle("bad", bad);
  }
  const element = h("aside", { class: "pl-panel", tLabel: "panel" }, arrows(h("div", { role: "tablist", class: "pl-tabs" }, heads)), panes);
  state.on("open", open);
  return { element, open, badge };
}

/** What is selected, and what can be done with it. */
export function selectionPane(state, tools, map) {
  const box = h("div", { class: "pl-selection" });
  const last = h("div", { class: "pl-last" });

  function row(feature) {
    const figures = feature.get("figures") || {};
    const cells = columnsOf(state).map((name) => h("td", {}, FIGURES[name](figures[name])));
    return leads(h("tr", {}, h("td", {}, h("b", {}, feature.get("name") || "—"), h("small", {}, feature.get("code"))), cells), () => map.goTo(feature.getGeometry().getExtent()));
  }

  function showSelection() {
    const cells = [...state.selected.values()];
    if (!cells.length) {
      fill(box, h("p", { class: "pl-empty", t: "nothingSelected" }), state.canEdit ? null : h("p", { class: "pl-soft", t: state.whyNot }));
      return;
    }
    const sums = Object.fromEntries(SUMMED.map((name) => [name, cells.reduce((sum, cell) => sum + ((cell.get("figures") || {})[name] ?? Number.NaN), 0)]));
    fill(
      box,
      h("h2", {}, say("selectedCount", { count: cells.length, level: state.shown ? levelName(state.shown) : "" })),
      h("dl", { class: "pl-figures" }, SUMMED.filter((name) => Number.isFinite(sums[name])).map((name) => h("div", {}, h("dt", { t: name }), h("dd", {}, FIGURES[name](sums[name]))))),
      h("div", { class: "pl-acts" }, acts(cells)),
      h("table", { class: "pl-cells" }, head(columnsOf(state)), h("tbody", {}, cells.slice(0, MOST_ROWS).map(row))),
      cells.length > MOST_ROWS ? h("p", { class: "pl-soft" }, say("andMore", { count: cells.length - MOST_ROWS })) : null,
    );
  }

  function acts(cells) {
    const one = cells.length === 1;
    const upper = state.shown !== state.leafLevel;
    const made = [button("zoomTo", () => tools.goToSelection())];
    if (!state.canEdit) return made;
    if (!one) made.push(button("merge", () => tools.take("merge")));
    made.push(button("hand", () => tools.take("hand")));
    if (one) made.push(button("rename", () => tools.rename()));
    made.push(button("setKind", () => tools.setKind()));
    if (one && upper) made.push(button("split", () => tools.take("split")), button("create", () => tools.create()), button("retire", () => tools.confirmed("retire")));
    if (one) made.push(button("give_away", () => tools.confirmed("give_away")));
    made.push(button("lock", () => tools.take("lock")));
    return made;
  }

  /** Before and after of the cells that the last change touched. */
  function showLast() {
    const figures = (state.last?.figures || []).filter(({ before, after }) => before || after); // not what came and went
    if (!figures.length) return fill(last);
    const columns = columnsOf(state).filter((name) => figures.some(({ before, after }) => Number.isFinite((after || before)?.[name])));
    const depth = ({ cell }) => state.levelOf(cell[0])?.depth ?? 0;
    const shownFirst = (one) => (one.cell[0] === state.shown?.code ? 1 : 0); // after a division the new cells, not their leaves
    const sorted = [...figures].sort((a, b) => shownFirst(b) - shownFirst(a) || depth(b) - depth(a));
    const different = sorted.filter(({ before, after }) => !before || !after || columns.some((name) => Math.abs(after[name] - before[name]) > 1e-9));
    const listed = different.length ? different : sorted.slice(0, MOST_ALIKE);
    const shown = listed.slice(0, MOST_DIFFERENT).map(({ cell, before, after }) => {
      const level = state.levelOf(cell[0]);
      return h("tr", {}, h("td", {}, h("b", {}, map.cells.nameOf(cell)), h("small", {}, `${level ? levelName(level) : ""} ${cell[1]}`)), columns.map((at) => difference(at, before, after)));
    });
    return fill(
      last,
      h("h2", { t: "beforeAfter" }),
      h("table", { class: "pl-cells" }, head(columns), h("tbody", {}, shown)),
      listed.length > MOST_DIFFERENT ? h("p", { class: "pl-soft" }, say("andMore", { count: listed.length - MOST_DIFFERENT })) : null,
    );
  }

  for (const news of ["selection", "shown", "plan"]) state.on(news, showSelection);
  state.on("changed", (answer) => answer && (showSelection(), showLast()));
  state.on("shown", showLast);
  onLanguage(() => (showSelection(), showLast()));
  showSelection();
  return h("div", {}, box, last);
}

/** A figure after a change, with the step from before. */
export function difference(name, before, after) {
  const [was, is] = [before?.[name], after?.[name]];
  if (!after) return h("td", { class: "gone" }, h("s", {}, FIGURES[name](was)));
  if (!Number.isFinite(is)) return h("td", {}, "—");
  const step = before ? is - was : null;
  if (step === null) return h("td", { class: "fresh" }, FIGURES[name](is), h("small", { t: "newCell" }));
  const same = Math.abs(step) < (name === "area_m2" ? 0.5 : 1e-9);
  const sign = step > 0 ? "+" : "−";
  return h("td", {}, FIGURES[name](is), same ? null : h("small", { class: step > 0 ? "up" : "down" }, `${sign}${FIGURES[name](Math.abs(step))}`));
}

