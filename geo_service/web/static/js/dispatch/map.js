/* The map of the desk: ground, cells, people, incidents, the way of whoever is considered. */

import { FONT, baseLayer, relook } from "../map/basemap.js";
import { Borders } from "../map/borders.js";
import { Dots } from "../map/dots.js";
import { serverNow } from "../kit/clock.js";
import { h } from "../kit/dom.js";
import { worst } from "./clocks.js";
import { INCIDENT_KINDS, PEOPLE_KINDS, incidentPainter, personPainter } from "./signs.js";

const { Map: OlMap, View, Feature, Overlay, layer, source, control, interaction, style, proj, geom, format } = window.ol;

const KNOWN_KINDS = new Set(["free", "pinned", "sent", "accepted", "arrived"]);
const NEAR_ZOOM = 16;

export class DeskMap {
  /** `clicked({lon, lat, incident, person})` is told what lies where somebody clicked. */
  constructor(target, desk, ground, clicked) {
    this.desk = desk;
    this.look = "day";
    this.base = baseLayer(ground.tiles);
    this.borders = new Borders(ground.levels, (level) => `/maps/shapes/${ground.edition}/${level}.json?detail=2&v=${ground.mark}`);
    const sizeOf = (zoom) => (zoom < 11 ? 0.6 : zoom < 12.5 ? 0.75 : zoom < 14 ? 0.9 : 1.05);
    this.people = new Dots({ zIndex: 40, paint: personPainter("day"), order: PEOPLE_KINDS, radius: 13, sizeOf, gather: 5 });
    this.incidents = new Dots({ zIndex: 50, paint: incidentPainter("day"), order: INCIDENT_KINDS, radius: 19, sizeOf: (zoom) => Math.max(0.8, sizeOf(zoom)), gather: 2 });
    this.way = new layer.Vector({ source: new source.Vector(), zIndex: 30 });
    // seen by nobody: it takes the room in which names would stand
    this.clear = new layer.Vector({ source: new source.Vector(), zIndex: 35, declutter: "ground-names", style: new style.Style({ image: new style.Circle({ radius: 12, fill: new style.Fill({ color: "rgba(0,0,0,0.004)" }) }) }) });
    this.pin = new Overlay({ element: h("div", { class: "ds-pin", hidden: true }), positioning: "bottom-center", stopEvent: true });
    this.tip = new Overlay({ element: h("div", { class: "ds-tip", hidden: true }), positioning: "bottom-center", offset: [0, -14], stopEvent: false });
    this.ol = new OlMap({
      target,
      layers: [this.base, ...(ground.edition ? [this.borders.layer] : []), this.way, this.clear, this.people.layer, this.incidents.layer],
      overlays: [this.pin, this.tip],
      controls: control.defaults.defaults({ attribution: false, rotate: false, zoomOptions: { zoomInTipLabel: "放大 Zoom in", zoomOutTipLabel: "缩小 Zoom out" } }).extend([new control.ScaleLine({ minWidth: 80 })]),
      interactions: interaction.defaults.defaults({ altShiftDragRotate: false, pinchRotate: false }),
      view: new View({ minZoom: 7, maxZoom: 20, enableRotation: false, center: proj.fromLonLat([112, 32]), zoom: 7 }),
    });
    this.ol.on("singleclick", (event) => clicked(this.under(event.coordinate)));
    this.ol.on("pointermove", (event) => this.hover(event));
    this.ol.on("moveend", () => this.rememberPlace());
    desk.on("people", () => this.showPeople());
    desk.on("queue", () => this.showIncidents());
    desk.on("selected", () => this.showIncidents());
    desk.on("tick", (now) => now - (this.incidentsAt || 0) > 4000 && this.showIncidents());
    this.paintWay();
  }

  /** What lies at a coordinate of the map. */
  under(coordinate) {
    const { resolution, zoom } = this.viewState();
    const [lon, lat] = proj.toLonLat(coordinate);
    return { lon, lat, incident: this.incidents.at(coordinate, resolution, zoom), person: this.people.at(coordinate, resolution, zoom) };
  }

  viewState() {
    const view = this.ol.getView();
    return { resolution: view.getResolution(), zoom: view.getZoom() };
  }

  /** Where we were last time, else the whole town. */
  begin(bounds) {
    this.ol.updateSize();
    const view = this.ol.getView();
    const kept = (window.GeoService.recall("dispatch.place") || "").split("/").map(Number);
    const town = bounds && proj.transformExtent(bounds, "EPSG:4326", "EPSG:3857");
    if (kept.length === 3 && kept.every(Number.isFinite) && (!town || window.ol.extent.containsCoordinate(window.ol.extent.buffer(town, 20000), proj.fromLonLat([kept[2], kept[1]])))) {
      view.setCenter(proj.fromLonLat([kept[2], kept[1]]));
      view.setZoom(kept[0]);
    } else if (town) view.fit(town, { padding: [20, 20, 20, 20] });
    this.hasBegun = true;
  }

  rememberPlace() {
    if (!this.hasBegun) return;
    const view = this.ol.getView();
    const [lon, lat] = proj.toLonLat(view.getCenter());
    window.GeoService.remember("dispatch.place", `${view.getZoom().toFixed(2)}/${lat.toFixed(5)}/${lon.toFixed(5)}`);
  }

  setLook(look) {
    this.look = look;
    relook(this.base, look);
    this.borders.setLook(look);
    this.people.paint = personPainter(look);
    this.incidents.paint = incidentPainter(look);
    this.people.repaint();
    this.incidents.repaint();
    this.paintWay();
  }

  showPeople() {
    const rows = this.desk.people.map((one) => ({
      id: one.responder,
      kind: one.state === "free" && one.source !== "fix" ? "nofix" : KNOWN_KINDS.has(one.state) ? one.state : "nofix",
      lon: one.lon,
      lat: one.lat,
    }));
    const chosen = this.considered && this.desk.byCode.get(this.considered);
    if (chosen) rows.push({ id: chosen.responder, kind: "chosen", lon: chosen.lon, lat: chosen.lat });
    this.people.show(rows);
  }

  showIncidents() {
    const now = serverNow();
    this.incidentsAt = now;
    const rows = [...this.desk.rows.values()].map((row) => ({ id: row.id, kind: `${worst(row.standing, now)} ${row.urgency}`, lon: row.lon ?? NaN, lat: row.lat ?? NaN }));
    const chosen = this.desk.rows.get(this.desk.selected);
    if (chosen && chosen.lon !== null) rows.push({ id: chosen.id, kind: "chosen", lon: chosen.lon, lat: chosen.lat });
    this.incidents.show(rows);
    this.keepNamesClear(rows);
  }

  /** Names on the map, of streets and of cells, keep clear of the incidents: neither can be read under a sign. */
  keepNamesClear(rows) {
    const places = rows.filter((row) => Number.isFinite(row.lon)).map((row) => proj.fromLonLat([row.lon, row.lat]));
    const mark = places.join(" ");
    if (mark === this.clearOf) return;
    this.clearOf = mark;
    this.borders.signs = places;
    this.borders.layer.changed();
    const kept = this.clear.getSource();
    kept.clear(true);
    kept.addFeatures(places.map((place) => new Feature(new geom.Point(place))));
  }

  /** The way of somebody to the incident, a GeoJSON feature; null clears it. */
  showWay(feature, code = null) {
    this.considered = code;
    this.way.getSource().clear();
    if (feature) {
      const reader = new format.GeoJSON({ dataProjection: "EPSG:4326", featureProjection: "EPSG:3857" });
      this.way.getSource().addFeature(reader.readFeature(feature));
    }
    this.showPeople();
  }

  paintWay() {
    const night = this.look === "night";
    this.way.setStyle([
      new style.Style({ stroke: new style.Stroke({ color: night ? "rgba(10,14,18,.9)" : "rgba(255,255,255,.92)", width: 9 }) }),
      new style.Style({ stroke: new style.Stroke({ color: night ? "#ffd43b" : "#862e9c", width: 5 }) }),
    ]);
  }

  /** Bring a place into sight; the map stays if it is well in sight already. */
  goTo(lon, lat, { near = false } = {}) {
    const view = this.ol.getView();
    const at = proj.fromLonLat([lon, lat]);
    const extent = view.calculateExtent(this.ol.getSize());
    const inner = window.ol.extent.buffer(extent, -0.12 * window.ol.extent.getWidth(extent));
    const isSeen = window.ol.extent.containsCoordinate(inner, at) && (!near || view.getZoom() >= NEAR_ZOOM - 1);
    if (isSeen) return;
    view.cancelAnimations();
    view.animate({ center: at, zoom: near ? Math.max(view.getZoom(), NEAR_ZOOM) : view.getZoom(), duration: 250 });
  }

  /** A pin with content at a place; null takes it away. */
  drop(place, content) {
    this.shift?.getSource().clear();
    const element = this.pin.getElement();
    element.hidden = !place;
    element.replaceChildren(...(content ? [content] : []));
    this.pin.setPosition(place ? proj.fromLonLat([place.lon, place.lat]) : undefined);
  }

  /** A line from where something is to where it would be, with words at its beginning; both come into sight. It goes with the pin. */
  showShift(from, to, words) {
    this.shift ||= new layer.Vector({ source: new source.Vector(), zIndex: 45 });
    if (!this.ol.getLayers().getArray().includes(this.shift)) this.ol.addLayer(this.shift);
    const line = new geom.LineString([from, to]).transform("EPSG:4326", "EPSG:3857");
    const feature = new Feature(line);
    const [color, halo] = this.look === "night" ? ["#8ec5ff", "#10151a"] : ["#1864ab", "#ffffff"];
    feature.setStyle([
      new style.Style({ stroke: new style.Stroke({ color: halo, width: 6 }) }),
      new style.Style({ stroke: new style.Stroke({ color, width: 3, lineDash: [9, 6] }) }),
      new style.Style({
        geometry: new geom.Point(line.getFirstCoordinate()),
        text: new style.Text({ text: words, font: `600 13px ${FONT}`, offsetY: 26, fill: new style.Fill({ color }), stroke: new style.Stroke({ color: halo, width: 4 }) }),
      }),
    ]);
    this.shift.getSource().addFeature(feature);
    const view = this.ol.getView();
    view.cancelAnimations();
    view.fit(line.getExtent(), { padding: [110, 120, 90, 120], maxZoom: NEAR_ZOOM + 1, duration: 250 });
  }

  hover(event) {
    if (event.dragging) return;
    const found = this.under(event.coordinate);
    const element = this.tip.getElement();
    this.ol.getTargetElement().style.cursor = found.incident || found.person ? "pointer" : "";
    const words = this.describe?.(found);
    element.hidden = !words;
    if (!words) return;
    if (element.textContent !== words) element.textContent = words;
    this.tip.setPosition(event.coordinate);
  }

  /** A circle of so many metres that shows how exactly a place is known. */
  showDoubt(lon, lat, metres) {
    this.doubt?.getSource().clear();
    if (!metres) return;
    this.doubt ||= new layer.Vector({ source: new source.Vector(), zIndex: 25, style: new style.Style({ stroke: new style.Stroke({ color: "#1971c2", width: 1.5, lineDash: [6, 5] }), fill: new style.Fill({ color: "rgba(25,113,194,.08)" }) }) });
    if (!this.ol.getLayers().getArray().includes(this.doubt)) this.ol.addLayer(this.doubt);
    this.doubt.getSource().addFeature(new Feature(geom.Polygon.circular([lon, lat], metres, 48).transform("EPSG:4326", "EPSG:3857")));
  }
}
