/* Drawing a line that snaps to corners, borders and streets, and a lasso. */

import { linesNear } from "../map/basemap.js";
import { toPlace } from "./cells.js";
import { sourceOf } from "./map.js";
import { SKETCH } from "./styles.js";

const { interaction, geom, Collection, Feature } = window.ol;

const SNAP_PX = 12;
const SNAP_MARGIN_PX = 60;

/**
 * Let a line be drawn; double click or Enter ends it.
 *
 * `done(feature, places)` gets the line on the map and as [lon, lat]. Returns `{stop, finish, back}`.
 */
export function drawLine(map, done) {
  const draw = new interaction.Draw({ type: "LineString", style: SKETCH, stopClick: true, condition: (event) => event.originalEvent.button === 0 });
  const targets = new Collection();
  const snap = new interaction.Snap({ features: targets, pixelTolerance: SNAP_PX });
  const refill = () => {
    targets.clear();
    targets.extend(snapTargets(map));
  };
  draw.on("drawend", (event) => done(event.feature, event.feature.getGeometry().getCoordinates().map(toPlace)));
  map.ol.addInteraction(draw);
  map.ol.addInteraction(snap);
  map.ol.on("moveend", refill);
  refill();
  return {
    add: (coordinate) => draw.appendCoordinates([coordinate]),
    finish: () => draw.finishDrawing(),
    back: () => draw.removeLastPoint(),
    stop: () => {
      map.ol.un("moveend", refill);
      map.ol.removeInteraction(snap);
      map.ol.removeInteraction(draw);
    },
  };
}

/** What is in view: corners and borders of the cells, lines of streets and water. */
function snapTargets(map) {
  const view = map.ol.getView();
  const extent = window.ol.extent.buffer(view.calculateExtent(map.ol.getSize()), SNAP_MARGIN_PX * view.getResolution());
  const cells = map.cells.source(map.state.shown.code).getFeaturesInExtent(extent);
  if (cells.length > 1500) return []; // too far out to mean one corner
  const streets = map.zoom >= 13 ? linesNear(map.base, extent).map(wholeLine) : [];
  return [...cells, ...streets];
}

/** Tiles hold light features, piece by piece; snapping wants whole ones. */
function wholeLine(light) {
  const flat = light.getFlatCoordinates();
  const lines = [];
  let start = 0;
  for (const end of light.getEnds()) {
    lines.push([]);
    for (let i = start; i < end; i += 2) lines[lines.length - 1].push([flat[i], flat[i + 1]]);
    start = end;
  }
  return new Feature(new geom.MultiLineString(lines));
}

/** Let an area be drawn with the pointer held down; `done(polygon, event)`. */
export function drawLasso(map, done) {
  const draw = new interaction.Draw({ type: "Polygon", freehand: true, style: SKETCH });
  draw.on("drawend", (event) => done(event.feature.getGeometry()));
  map.ol.addInteraction(draw);
  return { stop: () => map.ol.removeInteraction(draw) };
}

/** Cells of which a point inside lies within an area: what a lasso takes. */
export function cellsWithin(map, polygon) {
  const found = [];
  map.cells.source(map.state.shown.code).forEachFeatureInExtent(polygon.getExtent(), (feature) => {
    if (polygon.intersectsCoordinate(insidePoint(feature.getGeometry()))) found.push(feature);
  });
  return found;
}

/** A point inside a shape, of the largest part if there are several. */
export function insidePoint(geometry) {
  if (geometry.getType() === "Polygon") return geometry.getInteriorPoint().getCoordinates();
  const parts = geometry.getPolygons().sort((a, b) => b.getArea() - a.getArea());
  return parts[0].getInteriorPoint().getCoordinates();
}

/** A drawn line that is kept in sight while the server thinks about it. */
export function keepSketch(map, feature) {
  map.overlays.sketch.setSource(sourceOf(feature ? [feature] : []));
}
