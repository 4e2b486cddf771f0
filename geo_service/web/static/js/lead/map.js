/* The map: ground, the cells of the level coloured by the reading, what the pointer shows. */

import { either, onLanguage, say } from "../kit/i18n.js";
import { fill, h } from "../kit/dom.js";
import { baseLayer, relook } from "../map/basemap.js";
import { Fills } from "../map/fills.js";

const { Map: OlMap, View, Overlay, control, interaction, proj } = window.ol;
const GS = window.GeoService;
const OPACITY = 0.84;

export class LeadMap {
  constructor(target, board) {
    this.board = board;
    this.fills = new Fills({ drawn: () => this.told() });
    this.fills.layer.setOpacity(OPACITY);
    this.tip = new Overlay({ element: h("div", { class: "ld-tip", hidden: true }), positioning: "bottom-center", offset: [0, -14], stopEvent: false });
    this.ol = new OlMap({
      target,
      layers: [this.fills.layer],
      overlays: [this.tip],
      controls: control.defaults.defaults({ attribution: false, rotate: false, zoomOptions: { zoomInTipLabel: "放大 Zoom in", zoomOutTipLabel: "缩小 Zoom out" } }).extend([new control.ScaleLine({ minWidth: 80 })]),
      interactions: interaction.defaults.defaults({ altShiftDragRotate: false, pinchRotate: false, doubleClickZoom: false }),
      view: new View({ minZoom: 6, maxZoom: 19, enableRotation: false, center: proj.fromLonLat([112, 32]), zoom: 7 }),
    });
    const moves = () => { this.isMoved = true; };
    this.ol.on("pointerdrag", moves);
    target.addEventListener("wheel", moves, { passive: true });
    target.addEventListener("keydown", moves);
    target.addEventListener("click", (event) => event.target.closest(".ol-zoom") && moves());
    this.ol.on("change:size", () => this.resized());
    this.ol.on("click", (event) => this.clicked(event));
    this.ol.on("pointermove", (event) => this.hover(event));
    target.addEventListener("pointerleave", () => this.leave());
    board.on("shapes", ({ shapes, moved }) => this.showShapes(shapes, moved));
    board.on("cells", () => this.recolour());
    board.on("week", () => this.recolour());
    board.on("hour", () => this.recolour());
    board.on("selected", () => this.mark());
    onLanguage(() => this.recolour());
  }

  /** The ground comes after the first picture of the cells: these are what is looked at. */
  addGround() {
    if (this.base) return;
    this.base = baseLayer(this.board.ground.tiles, this.look || "day");
    this.ol.getLayers().insertAt(0, this.base);
  }

  setLook(look) {
    this.look = look;
    if (this.base) relook(this.base, look);
    this.fills.setLook(look);
    this.ol.getTargetElement().dataset.look = look;
  }

  showShapes(shapes, moved) {
    this.shapes = shapes;
    if (moved) Object.assign(this, { toFit: true, isMoved: false }); // which cells belong here is known with their figures
    this.recolour();
    if (!this.board.view.cell) this.fit();
  }

  recolour() {
    const { board, shapes } = this;
    if (!shapes || shapes.level !== board.view.level) return;
    const { cells } = board;
    const values = shapes.codes.map((code) => board.valueOf(code));
    const classes = cells ? values.map((value) => (value === undefined ? -2 : GS.classOf(value, cells.breaks))) : null;
    this.values = values;
    this.fills.show({
      shapes,
      colorOf: (cell) => (!classes || classes[cell] === -2 ? (classes ? null : "rgba(140,150,160,.35)") : classes[cell] < 0 ? "none" : cells.colors[classes[cell]]),
      labelOf: (cell) => (!classes || classes[cell] === -2 ? null : classes[cell] < 0 ? (shapes.codes.length > 200 ? null : "") : GS.number(values[cell], cells.percent)),
    });
    this.mark();
    this.isColoured = Boolean(classes) && classes.some((one) => one !== -2);
    this.board.tell("coloured", { classes, values });
    if (this.isColoured && this.toFit) this.fit();
  }

  mark() {
    const { selected } = this.board;
    this.fills.choose(selected && this.shapes && selected.level === this.shapes.level ? this.shapes.codes.indexOf(selected.code) : -1);
  }

  /** Bring what is looked at into sight. */
  fit({ isSlow = true } = {}) {
    const all = this.shapes.codes.map((_, cell) => cell);
    const inside = this.values ? all.filter((cell) => this.values[cell] !== undefined) : [];
    if (this.board.view.cell && !inside.length) return;
    const extent = this.fills.extentOf(inside.length ? inside : all);
    if (!extent) return;
    this.toFit = !inside.length;
    if (isSlow) this.ol.updateSize();
    const [width] = this.ol.getSize();
    const legend = document.querySelector(".ld-legend")?.offsetWidth || 0; // it stands to the left of what is shown
    this.ol.getView().fit(extent, { padding: [24, 30, 40, Math.min(legend + 24, width * 0.3)], maxZoom: 17, duration: isSlow && this.hasFitted && !this.board.isKiosk ? 350 : 0 });
    this.hasFitted = true;
  }

  /** The window is another size: what is looked at is brought into sight again, unless the reader moved the map himself. */
  resized() {
    if (this.hasFitted && !this.isMoved) this.fit({ isSlow: false });
  }

  /** After each picture: tests and screenshots wait for html[data-painted]. */
  told() {
    const { dataset } = document.documentElement;
    if (!dataset.outlined) dataset.outlined = String(Math.round(performance.now()));
    if (this.isColoured && !dataset.painted) dataset.painted = String(Math.round(performance.now()));
    if (this.isColoured) this.addGround();
  }

  cellOf(index) {
    const { codes, names, level } = this.shapes;
    return { code: codes[index], name: names[index], level };
  }

  clicked(event) {
    const at = this.fills.at(event.coordinate);
    this.tip.getElement().hidden = true;
    if (at < 0 || this.values?.[at] === undefined) this.board.up();
    else this.board.drill(this.cellOf(at));
  }

  leave() {
    this.fills.point(-1);
    this.tip.getElement().hidden = true;
  }

  hover(event) {
    if (event.dragging || !this.shapes) return;
    let at = this.fills.at(event.coordinate);
    if (at >= 0 && this.values?.[at] === undefined) at = -1;
    this.ol.getTargetElement().style.cursor = at >= 0 ? "pointer" : "";
    const element = this.tip.getElement();
    element.hidden = at < 0 || this.board.isKiosk;
    if (this.fills.point(at) && at >= 0) fill(element, this.explain(at));
    if (at >= 0) this.tip.setPosition(event.coordinate);
  }

  /** What the pointer shows: name, code, the figure with its unit, further figures. */
  explain(cell) {
    const { cells, view } = this.board;
    const { code, name } = this.cellOf(cell);
    const level = this.board.nameOf(view.level);
    const row = (title, unit, percent, value) => {
      const none = value === null || value === undefined;
      return h("div", { class: "ld-tip-row" }, h("span", {}, title), h("b", {}, none ? say(cells.reading_shown === "coverage" || cells.reading_shown === "depth" ? "nobodyLives" : "noData") : GS.number(value, percent) + (unit && !percent ? ` ${unit}` : "")));
    };
    const unit = (one) => either(one.zh, one.en);
    const extras = this.board.isOfWeek ? [] : cells.extras;
    return [
      h("strong", {}, name || code),
      h("small", {}, `${either(level.zh, level.en)} ${code}`),
      row(either(cells.title.zh, cells.title.en), unit(cells.unit), cells.percent, this.values[cell]),
      ...extras.map((one) => row(either(one.title.zh, one.title.en), unit(one.unit), one.percent, one.values[code])),
      h("em", {}, say(this.board.below(view.level) ? "clickInto" : "clickCard")),
    ];
  }
}
