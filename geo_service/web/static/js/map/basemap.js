/* The ground under a map: our own vector tiles, painted calmly so that what lies on them is read first; by day and night. */

const { style, layer, source, format } = window.ol;

export const FONT = '"Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';

/**
 * Colours of the ground. Roads from the widest down: width in pixels at zoom 12 and at zoom 18, colour, casing.
 */
const PALETTES = {
  day: {
    ground: "#f5f3ee",
    water: "#b9d3e0",
    shore: "#a3c3d3",
    land: { park: "#e6eddd", wood: "#e7ecdf", hill: "#ecefe5", field: "#f3f3ea", school: "#f2ede3", hospital: "#f5ecea", square: "#f4f1ea", built_up: "#f1eee9" },
    otherLand: "#efece5",
    building: "#e3ddd2",
    wall: "#d0c8ba",
    path: "#cbbfa9",
    rail: ["#a9a49c", "#f7f6f3"],
    text: "#6f665a",
    waterText: "#4f7f99",
    halo: "rgba(255,255,255,.9)",
    roads: {
      motorway: [2.2, 20, "#f6d9a2", "#d9b878"],
      trunk: [2.2, 20, "#f6d9a2", "#d9b878"],
      primary: [1.8, 17, "#fae6ba", "#dcc592"],
      secondary: [1.4, 14, "#fdf3d6", "#d8cdb2"],
      tertiary: [1, 11, "#ffffff", "#d5d0c6"],
      residential: [0.6, 8.5, "#ffffff", "#dad5cb"],
      service: [0.35, 5, "#ffffff", "#ded9cf"],
      track: [0.35, 4, "#ffffff", "#ded9cf"],
    },
  },
  night: {
    ground: "#171d24",
    water: "#10303f",
    shore: "#1d4456",
    land: { park: "#1a261f", wood: "#19241d", hill: "#1a231f", field: "#1a2022", school: "#221f24", hospital: "#261f22", square: "#20232a", built_up: "#1b2128" },
    otherLand: "#1b2128",
    building: "#262d36",
    wall: "#37404b",
    path: "#4a4f55",
    rail: ["#5d646d", "#2b323a"],
    text: "#98a3ae",
    waterText: "#6da3bd",
    halo: "rgba(18,23,29,.9)",
    roads: {
      motorway: [2.2, 20, "#6a5836", "#8a7242"],
      trunk: [2.2, 20, "#6a5836", "#8a7242"],
      primary: [1.8, 17, "#57503c", "#70653f"],
      secondary: [1.4, 14, "#48463d", "#5b574a"],
      tertiary: [1, 11, "#3b424b", "#4a525c"],
      residential: [0.6, 8.5, "#343b44", "#3f4751"],
      service: [0.35, 5, "#2f363e", "#39414a"],
      track: [0.35, 4, "#2f363e", "#39414a"],
    },
  },
};
const PATHS = new Set(["path", "footway", "cycleway", "steps"]);
const ORDER = ["motorway", "trunk", "primary", "secondary", "tertiary", "residential", "service", "track"];
const MOST_ZOOM = 15; // tiles hold everything from here on

/** Width at a zoom: doubles with the scale between the two given, as a street does. */
function widthAt(near, far, zoom) {
  return near * (far / near) ** Math.max(-0.6, Math.min(1.2, (zoom - 12) / 6));
}

const kept = new Map();

/** Styles are made once for a kind and half a zoom: tiles have thousands of features. */
function once(key, make) {
  if (!kept.has(key)) kept.set(key, make());
  return kept.get(key);
}

function fillOf(color, stroke) {
  return new style.Style({ fill: new style.Fill({ color }), stroke: stroke ? new style.Stroke({ color: stroke, width: 0.6 }) : undefined });
}

function lineOf(color, width, zIndex, dash) {
  return new style.Style({ zIndex, stroke: new style.Stroke({ color, width, lineCap: dash ? "butt" : "round", lineJoin: "round", lineDash: dash }) });
}

function roadStyles(palette, kind, zoom) {
  const plain = kind.replace(/_link$/, "");
  if (PATHS.has(plain)) return zoom >= 15 ? [lineOf(palette.path, 1, 5, [3, 2.5])] : [];
  const known = plain in palette.roads ? plain : "residential";
  const [near, far, color, casing] = palette.roads[known];
  const width = widthAt(near, far, zoom);
  const rank = 30 - ORDER.indexOf(known);
  if (zoom < 12) return [lineOf(rank > 27 ? color : casing, width, rank)];
  return [lineOf(casing, width + 1.3, rank - 15), lineOf(zoom < 13 && rank < 27 ? casing : color, width, rank)];
}

function waterStyles(palette, isLine, kind, zoom) {
  if (!isLine) return [fillOf(palette.water, palette.shore)];
  const [near, far] = { river: [2.4, 26], canal: [1.4, 12] }[kind] || [0.7, 6];
  return [lineOf(palette.water, widthAt(near, far, zoom), 2)];
}

/** Names of streets and water along their lines, of places at their points. */
function nameStyle(look, text, layerName, kind, zoom) {
  if (!text) return null;
  if (layerName === "roads" && (zoom < 14 || (zoom < 16 && !/^(motorway|trunk|primary|secondary|tertiary)/.test(kind)))) return null;
  if (layerName === "places" && zoom < 15) return null;
  if (!["roads", "water", "places"].includes(layerName)) return null;
  const palette = PALETTES[look];
  return once(`${look}/name/${layerName}/${text}`, () => new style.Style({
    zIndex: 40,
    text: new style.Text({
      text,
      font: `${layerName === "water" ? "italic " : ""}11px ${FONT}`,
      placement: layerName === "places" ? "point" : "line",
      repeat: 480,
      fill: new style.Fill({ color: layerName === "water" ? palette.waterText : palette.text }),
      stroke: new style.Stroke({ color: palette.halo, width: 3 }),
    }),
  }));
}

/** Zoom from a resolution of the web map. */
export function zoomOf(resolution) {
  return Math.log2(156543.03392804097 / resolution);
}

function paint(look, feature, resolution) {
  const palette = PALETTES[look];
  const zoom = Math.round(zoomOf(resolution) * 2) / 2;
  const layerName = feature.get("layer");
  const kind = String(feature.get("kind") || "");
  const isLine = /LineString/.test(feature.getType());
  const ground = once(`${look}/${layerName}/${kind}/${isLine}/${zoom}`, () => {
    if (layerName === "landuse") return isLine ? [] : [fillOf(palette.land[kind] || palette.otherLand)];
    if (layerName === "water") return waterStyles(palette, isLine, kind, zoom);
    if (layerName === "buildings") return [fillOf(palette.building, zoom >= 16 ? palette.wall : null)];
    if (layerName === "roads") return roadStyles(palette, kind, zoom);
    if (layerName === "rail") return [lineOf(palette.rail[0], widthAt(1.3, 4, zoom), 31), lineOf(palette.rail[1], widthAt(0.6, 2.4, zoom), 32, [8, 8])];
    return [];
  });
  const name = nameStyle(look, feature.get("name"), layerName, kind, zoom);
  return name ? [...ground, name] : ground;
}

/** Layer of the ground; `url` is the address of its tiles with {z}, {x}, {y}, `look` one of "day" and "night". */
export function baseLayer(url, look = "day") {
  return new layer.VectorTile({
    source: new source.VectorTile({ format: new format.MVT(), url, maxZoom: MOST_ZOOM, cacheSize: 256, wrapX: false }),
    style: (feature, resolution) => paint(look, feature, resolution),
    declutter: "ground-names",
    background: PALETTES[look].ground,
    renderMode: "hybrid",
    preload: 0,
    zIndex: 0,
  });
}

/** Paint the ground in another look. */
export function relook(base, look) {
  base.setBackground(PALETTES[look].ground);
  base.setStyle((feature, resolution) => paint(look, feature, resolution));
}

/** Lines of streets near a place, from the tiles that are drawn: what a line being drawn can snap to. */
export function linesNear(base, extent) {
  const found = [];
  for (const feature of base.getFeaturesInExtent(extent)) {
    const name = feature.get("layer");
    if ((name === "roads" || name === "rail" || name === "water") && /LineString/.test(feature.getType())) found.push(feature);
  }
  return found;
}
