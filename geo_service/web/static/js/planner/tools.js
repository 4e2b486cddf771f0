/* The tools in the planner's hand: one at a time, each with a letter, Esc puts it down. */

import { toPlace } from "./cells.js";
import { ask, h, notice, sure } from "./dom.js";
import { DragCorners } from "./drag.js";
import { cellsWithin, drawLasso, drawLine, keepSketch } from "./draw.js";
import { say } from "./i18n.js";
import { cellOf, keyOf } from "./state.js";

/** Tools in the order of the bar: name (word and icon), letter. */
export const TOOLS = [
  ["select", "V"], ["lasso", "L"], ["move", "M"], ["cut", "C"], ["along", "A"], ["piece", "P"], ["merge", "J"], ["hand", "H"], ["adopt", "G"], ["split", "X"], ["lock", "K"],
];

export class Tools {
  constructor(state, map, actions, openSplit) {
    Object.assign(this, { state, map, actions, openSplit });
    this.features = "street"; // what a cut follows
    this.withinM = 25;
    this.running = null; // {stop, finish?, back?} of what is being drawn
    this.picking = null; // what the next click is for
    this.drag = new DragCorners(map, (verb, given) => actions.change(verb, given));
    this.drag.setActive(false);
    map.ol.addInteraction(this.drag);
    map.ol.on("click", (event) => this.clicked(event));
    map.ol.on("pointermove", (event) => !event.dragging && this.hover(event));
    state.on("shown", () => state.tool === "move" && state.shown !== state.leafLevel && this.take("select"));
    state.on("plan", () => state.canEdit || ["select", "lasso"].includes(state.tool) || this.take("select"));
  }

  /** Whether there is anything to do with a tool: who reads only selects. */
  canTake(name) {
    if (this.state.canEdit || name === "select" || name === "lasso") return true;
    notice(say(this.state.whyNot));
    return false;
  }

  /** Take a tool into the hand; what was going on is called off. */
  take(name) {
    if (!this.canTake(name)) return;
    this.putDown();
    const start = this[`start_${name}`];
    const stays = ["select", "lasso", "move", "cut", "along", "piece", "adopt"].includes(name);
    if (stays) {
      this.state.tool = name;
      this.state.tell("tool");
    }
    if (start) start.call(this);
  }

  /** Stop what is being drawn or picked, keep nothing. */
  putDown() {
    if (this.running) this.running.stop();
    this.running = null;
    if (this.picking) this.picking(null);
    this.picking = null;
    this.drag.cancel();
    this.drag.setActive(false);
    this.map.clear("sketch", "handles");
    this.map.ol.getTargetElement().style.cursor = "";
    this.hint("");
  }

  /** Esc: first the drawing, then the tool, then the selection. */
  cancel() {
    const busy = this.picking || this.drag.held.length || (this.running && this.state.tool !== "lasso" && this.map.overlays.sketch.getSource().getFeatures().length);
    this.actions.clearTrouble();
    if (busy) this.take(this.state.tool);
    else if (this.state.tool !== "select") this.take("select");
    else this.state.select([]);
  }

  hint(key, values) {
    this.state.tell("hint", key ? say(key, values) : "");
  }

  hover(event) {
    if (!this.state.shown) return;
    const [feature] = this.map.cells.at(this.state.shown.code, event.coordinate);
    this.state.tell("hover", { feature, place: toPlace(event.coordinate) });
    if (this.aimLevel) this.aim(this.map.cells.at(this.aimLevel, event.coordinate)[0]);
  }

  /** While a cell is to be clicked: show which one it would be. */
  aim(feature) {
    if (feature === this.aimed) return;
    this.aimed = feature;
    this.map.show("aim", feature ? [feature] : []);
    this.state.tell("aim", feature ? feature.get("name") || feature.get("code") : "");
  }

  clicked(event) {
    const { state } = this;
    if (this.picking) {
      const pick = this.picking;
      this.picking = null;
      pick(event.coordinate);
      return;
    }
    if (state.tool !== "select" && state.tool !== "lasso") return;
    const [feature] = this.map.cells.at(state.shown.code, event.coordinate);
    const more = event.originalEvent.shiftKey || event.originalEvent.ctrlKey || event.originalEvent.metaKey;
    if (feature && state.locked.has(feature.getId())) notice(say("isLocked", { name: feature.get("name") }));
    state.select(feature ? [feature] : [], { more, toggle: more });
  }

  /** Space: what a click in the middle of the map would do, for hands on the keyboard alone. */
  pressMiddle(originalEvent) {
    const coordinate = this.map.ol.getView().getCenter();
    if (this.running?.add && !this.picking) this.running.add(coordinate);
    else this.clicked({ coordinate, originalEvent });
  }

  /** Where the reader clicks next; null when he calls it off. */
  pickPlace(hint, values) {
    this.hint(hint, values);
    this.map.ol.getTargetElement().style.cursor = "crosshair";
    return new Promise((resolve) => {
      this.picking = (coordinate) => {
        this.map.ol.getTargetElement().style.cursor = "";
        this.hint("");
        resolve(coordinate);
      };
    });
  }

  async pickCell(level, hint, values) {
    this.aimLevel = level;
    const coordinate = await this.pickPlace(hint, values);
    this.aimLevel = null;
    this.aim(undefined);
    if (!coordinate) return null;
    const [feature] = this.map.cells.at(level, coordinate);
    if (!feature) notice(say("noCellThere"));
    else if (this.state.locked.has(feature.getId())) notice(say("isLocked", { name: feature.get("name") }));
    else return feature;
    return null;
  }

  // ---------------------------------------------------------------------------------------- choosing

  start_lasso() {
    this.hint("hintLasso");
    this.running = drawLasso(this.map, (polygon) => this.state.select(cellsWithin(this.map, polygon), { more: true }));
  }

  start_lock() {
    const had = this.state.selected.size;
    this.state.toggleLocks();
    notice(say(had ? "lockedCount" : "unlocked", { count: this.state.locked.size }));
  }

  // ------------------------------------------------------------------------------------------ borders

  start_move() {
    const { state } = this;
    if (state.shown !== state.leafLevel) {
      state.level = state.leafLevel.code;
      state.tell("level");
    }
    if (this.map.zoom < 13) {
      notice(say("zoomInFirst"));
      return this.take("select");
    }
    this.hint("hintMove");
    this.drag.setActive(true);
    return undefined;
  }

  start_cut() {
    this.drawAcross("hintCut", (cell, line) => this.actions.change("cut", { cell, line }));
  }

  start_along() {
    this.drawAcross("hintAlong", (cell, line) => this.actions.change("cut_along", { cell, line, features: this.features, within_m: this.withinM }));
  }

  start_piece() {
    this.drawAcross("hintPiece", async (cell, line) => {
      const to = await this.pickCell(this.state.leafLevel.code, "hintPieceTo");
      return to ? this.actions.change("give_piece", { cell, line, to: cellOf(to.getId()) }) : null;
    }, true);
  }

  /** A line across one cell: the one selected, else the one in which the line has its middle. */
  drawAcross(hint, send, leavesOnly = false) {
    const { state, map } = this;
    if (leavesOnly && state.shown !== state.leafLevel) {
      state.level = state.leafLevel.code;
      state.tell("level");
    }
    this.hint(hint);
    this.running = drawLine(map, async (feature, line) => {
      const chosen = state.selected.size === 1 ? [...state.selected.values()][0] : map.cells.at(state.shown.code, feature.getGeometry().getCoordinateAt(0.5))[0];
      if (!chosen || state.locked.has(chosen.getId())) {
        notice(say(chosen ? "isLocked" : "noCellThere", { name: chosen && chosen.get("name") }));
        return;
      }
      keepSketch(map, feature);
      this.running.stop();
      this.running = null;
      const name = state.tool;
      const before = new Set(map.cells.names.keys());
      const answer = await send(cellOf(chosen.getId()), line);
      if (answer) await this.selectPieces(answer, chosen, before);
      if (state.tool === name) this.take(name);
    });
  }

  /** After a cut: the cell and what came of it. */
  async selectPieces(answer, chosen, before) {
    const level = chosen.get("level");
    const pieces = answer.cells.changed.features.map((one) => one.properties).filter((one) => one.level === level && !before.has(keyOf(level, one.code)));
    await this.map.cells.refreshed;
    this.state.select([chosen, ...pieces.map((one) => this.map.cells.find([level, one.code]))].filter(Boolean));
  }

  // ------------------------------------------------------------------------------ whole cells

  async start_merge() {
    const { state } = this;
    if (state.selected.size < 2) return notice(say("selectTwo"));
    const cells = [...state.selected.values()];
    const largest = [...cells].sort((a, b) => (b.get("figures")?.households || 0) - (a.get("figures")?.households || 0))[0];
    const into = await ask("merge", "mergeInto", largest.getId(), { choices: cells.map((cell) => [cell.getId(), `${cell.get("name")} ${cell.get("code")}`]) });
    if (!into) return undefined;
    const answer = await this.actions.change("merge", { cells: cells.map((cell) => cellOf(cell.getId())), into: cellOf(into) });
    if (answer) state.select([this.map.cells.find(cellOf(into))].filter(Boolean));
    return undefined;
  }

  async start_hand() {
    const { state } = this;
    if (!state.selected.size) return notice(say("selectOne"));
    const parent = state.levels.find((level) => level.depth === state.shown.depth - 1);
    if (!parent) return notice(say("noParentLevel"));
    await this.map.cells.ensure(parent.code, this.map.ol.getView().calculateExtent(this.map.ol.getSize()));
    const cells = state.selection;
    const to = await this.pickCell(parent.code, "hintHand", { count: cells.length });
    return to ? this.actions.change("hand_over", { cells, to: cellOf(to.getId()) }) : undefined;
  }

  async start_adopt() {
    const { state, map } = this;
    const coordinate = await this.pickPlace("hintAdopt");
    if (!coordinate) return;
    const leaf = state.leafLevel.code;
    if (map.cells.at(leaf, coordinate).length) {
      notice(say("noGapThere"));
    } else {
      const into = await this.chooseAdopter(coordinate);
      if (into) await this.actions.change("adopt_gap", { at: toPlace(coordinate), ...into });
    }
    if (state.tool === "adopt") this.take("adopt");
  }

  /** Who takes a gap in: one of the cells around it, or a new cell of one of their parents. */
  async chooseAdopter(coordinate) {
    const { state, map } = this;
    const reach = 400 * map.ol.getView().getResolution();
    const near = map.cells.source(state.leafLevel.code).getFeaturesInExtent([coordinate[0] - reach, coordinate[1] - reach, coordinate[0] + reach, coordinate[1] + reach]);
    const far = (feature) => Math.hypot(...feature.getGeometry().getClosestPoint(coordinate).map((value, i) => value - coordinate[i]));
    const nearest = near.map((feature) => [far(feature), feature]).sort((a, b) => a[0] - b[0]).slice(0, 8).map((pair) => pair[1]);
    if (!nearest.length) return null;
    const parents = [...new Set(nearest.map((feature) => feature.get("parent_code")))].filter(Boolean);
    const choices = [
      ...nearest.map((feature) => [`into ${feature.getId()}`, `${feature.get("name")} ${feature.get("code")}`]),
      ...parents.map((code) => [`parent ${code}`, say("newCellIn", { code })]),
    ];
    const chosen = await ask("adopt", "adoptInto", choices[0][0], { choices });
    if (!chosen) return null;
    const [kind, name] = [chosen.slice(0, chosen.indexOf(" ")), chosen.slice(chosen.indexOf(" ") + 1)];
    const above = state.levels.find((level) => level.depth === state.leafLevel.depth - 1);
    return kind === "into" ? { into: cellOf(name) } : { parent: [above.code, name] };
  }

  start_split() {
    const { state } = this;
    if (state.selected.size !== 1) return notice(say("selectOneUpper"));
    return this.openSplit([...state.selected.values()][0]);
  }

  async rename() {
    const [feature] = this.state.selected.values();
    if (!feature || this.state.selected.size > 1) return notice(say("selectOne"));
    const name = await ask("rename", "newName", feature.get("name") || "");
    return name && name !== feature.get("name") ? this.actions.change("rename", { cell: cellOf(feature.getId()), name }) : undefined;
  }

  async setKind() {
    const [feature] = this.state.selected.values();
    if (!feature) return notice(say("selectOne"));
    const kind = await ask("setKind", "kind", feature.get("kind"), { choices: [["regular", "regular"], ["dedicated", "dedicated"], ["street_face", "street_face"]] });
    if (kind) for (const cell of this.state.selection) await this.actions.change("set_kind", { cell, kind });
    return undefined;
  }

  async create() {
    const { state } = this;
    const [feature] = state.selected.values();
    const below = feature && state.levels.find((level) => level.depth === state.shown.depth + 1);
    if (!below || state.selected.size > 1) return notice(say("selectOneUpper"));
    const name = await ask("create", "newName", "");
    return name ? this.actions.change("create", { level: below.code, parent: cellOf(feature.getId()), name }) : undefined;
  }

  /** Retire an empty cell or give land away: asked for first, because it is rare and looks alike. */
  async confirmed(verb) {
    const cells = this.state.selection;
    if (cells.length !== 1) return notice(say("selectOne"));
    const [feature] = this.state.selected.values();
    const goOn = await sure(verb, h("p", { t: `${verb}Says`, tArgs: { name: feature.get("name") || feature.get("code") } }));
    return goOn ? this.actions.change(verb, { cell: cells[0] }) : undefined;
  }

  /** Bring the selection into sight. */
  goToSelection() {
    const { state, map } = this;
    if (!state.selected.size) return;
    const extent = window.ol.extent.createEmpty();
    for (const feature of state.selected.values()) window.ol.extent.extend(extent, feature.getGeometry().getExtent());
    map.goTo(extent);
  }
}

