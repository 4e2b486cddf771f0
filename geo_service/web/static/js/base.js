/* The base map: water, land, buildings, roads, railways, drawn calmly so that what lies over it is read first. */
"use strict";

(function (GS) {
  const FONT = '"Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';
  const PAPER = "#f5f3ee";
  const WATER = "#b9d3e0";
  // so pale that the colours of a class are the same on every ground
  const LAND = {
    residential: "#f1eee9", built_up: "#f1eee9", square: "#f4f1ea", field: "#f3f3ea", commercial: "#f3ece9", retail: "#f3ece9", industrial: "#efedeb", town: "#f1eee9",
    school: "#f2ede3", university: "#f2ede3", hospital: "#f5ecea",
    park: "#e6eddd", garden: "#e6eddd", grass: "#eaf0e2", meadow: "#eaf0e2", recreation_ground: "#e6eddd", pitch: "#e3ebda",
    forest: "#e7ecdf", wood: "#e7ecdf", scrub: "#e9eee2", hill: "#ecefe5", mountain: "#ecefe5",
    farmland: "#f3f3ea", farm: "#f3f3ea", paddy: "#f0f3e8", orchard: "#edf1e2", tea: "#ebf0df", cemetery: "#e8ebe2",
  };
  // from the widest to the narrowest: width in pixels at zoom 12 and at zoom 18, colour, casing, first zoom
  const ROADS = [
    { kinds: ["motorway", "trunk"], width: [2.2, 20], fill: "#f6d9a2", edge: "#d9b878", from: 6 },
    { kinds: ["primary"], width: [1.8, 17], fill: "#fae6ba", edge: "#dcc592", from: 8 },
    { kinds: ["secondary"], width: [1.4, 14], fill: "#fdf3d6", edge: "#d8cdb2", from: 10 },
    { kinds: ["tertiary"], width: [1, 11], fill: "#ffffff", edge: "#d5d0c6", from: 11 },
    { kinds: ["residential", "unclassified", "living_street", "road", "pedestrian"], width: [0.6, 8.5], fill: "#ffffff", edge: "#dad5cb", from: 12 },
    { kinds: ["service", "track", "village"], width: [0.35, 5], fill: "#ffffff", edge: "#ded9cf", from: 14 },
  ];
  const MINOR = new Set(["station", "bridge"]); // places named only when near
  const PATHS = ["path", "footway", "cycleway", "steps", "bridleway", "walk"];

  const known = new Map();
  ROADS.forEach((road, i) => road.kinds.forEach((kind) => known.set(kind, i)));

  /** Kind of a road without the "_link" of slip roads; -1 for a path. */
  function roadClass(kind) {
    const plain = String(kind || "").replace(/_link$/, "");
    if (PATHS.includes(plain)) return -1;
    return known.has(plain) ? known.get(plain) : ROADS.length - 2;
  }

  /** Width at a zoom: doubles with the scale between the two given, as a street does. */
  function widthAt([near, far], zoom) {
    return near * (far / near) ** Math.max(-0.6, Math.min(1.2, (zoom - 12) / 6));
  }

  function paintRules(P) {
    const isLine = (zoom, feature) => feature.geomType === P.GeomType.Line;
    const isArea = (zoom, feature) => feature.geomType === P.GeomType.Polygon;
    const kind = (feature) => String(feature.props.kind || "");
    const land = new P.PolygonSymbolizer({ fill: (zoom, feature) => LAND[kind(feature)] || "#efece5", perFeature: true });
    const stream = (zoom, feature) => ({ river: [2.4, 26], canal: [1.4, 12] })[kind(feature)] || [0.7, 6];
    const rules = [
      { dataLayer: "landuse", filter: isArea, symbolizer: land },
      { dataLayer: "water", filter: isLine, symbolizer: new P.LineSymbolizer({ color: WATER, width: (zoom, feature) => widthAt(stream(zoom, feature), zoom), lineCap: "round", lineJoin: "round", perFeature: true }) },
      { dataLayer: "water", filter: isArea, symbolizer: new P.PolygonSymbolizer({ fill: WATER, stroke: "#a3c3d3", width: 0.6 }) },
      { dataLayer: "buildings", minzoom: 14, filter: isArea, symbolizer: new P.PolygonSymbolizer({ fill: "#e3ddd2", stroke: "#d0c8ba", width: (zoom) => (zoom >= 16 ? 0.7 : 0) }) },
      { dataLayer: "roads", minzoom: 15, filter: (zoom, feature) => roadClass(kind(feature)) === -1, symbolizer: new P.LineSymbolizer({ color: "#cbbfa9", width: 1, dash: [3, 2.5] }) },
    ];
    // all casings first, so that streets join without lines across
    for (const cased of [true, false]) {
      for (let i = ROADS.length - 1; i >= 0; i--) {
        const { width, fill, edge, from } = ROADS[i];
        rules.push({
          dataLayer: "roads",
          minzoom: cased ? Math.max(from, 12) : from,
          filter: (zoom, feature) => roadClass(kind(feature)) === i,
          symbolizer: new P.LineSymbolizer({ color: cased || i > 2 ? (zoom) => (cased || zoom < 13 ? edge : fill) : fill, width: (zoom) => widthAt(width, zoom) + (cased ? 1.3 : 0), lineCap: "round", lineJoin: "round" }),
        });
      }
    }
    rules.push(
      { dataLayer: "rail", symbolizer: new P.LineSymbolizer({ color: "#a9a49c", width: (zoom) => widthAt([1.3, 4], zoom), lineJoin: "round" }) },
      { dataLayer: "rail", minzoom: 12, symbolizer: new P.LineSymbolizer({ color: "#f7f6f3", width: (zoom) => widthAt([0.6, 2.4], zoom), dash: [8, 8] }) },
    );
    return rules;
  }

  function labelRules(P) {
    const text = (size, fill, more) => ({ fontFamily: FONT, fontSize: size, fill, stroke: "rgba(255,255,255,.92)", width: 3, ...more });
    const road = (classes, from, size) => ({
      dataLayer: "roads",
      minzoom: from,
      filter: (zoom, feature) => classes.includes(roadClass(feature.props.kind)),
      symbolizer: new P.LineLabelSymbolizer(text(size, "#6f665a", { position: P.LineLabelPlacement.Center, repeatDistance: 420 })),
    });
    const water = (zoom, feature) => feature.geomType === P.GeomType.Polygon;
    return [
      { dataLayer: "places", filter: (zoom, feature) => !MINOR.has(feature.props.kind), symbolizer: new P.CenteredTextSymbolizer(text((zoom, feature) => (feature.props.kind === "town" ? 14 : 12), "#3d4650", { fontWeight: 600, width: 2 })) },
      { dataLayer: "places", minzoom: 15, filter: (zoom, feature) => MINOR.has(feature.props.kind), symbolizer: new P.CenteredTextSymbolizer(text(11, "#5d6670", { width: 2 })) },
      { dataLayer: "water", minzoom: 11, filter: (zoom, feature) => !water(zoom, feature), symbolizer: new P.LineLabelSymbolizer(text(12, "#4f7f99", { fontStyle: "italic", position: P.LineLabelPlacement.Center, repeatDistance: 500 })) },
      { dataLayer: "water", minzoom: 13, filter: water, symbolizer: new P.CenteredTextSymbolizer(text(12, "#4f7f99", { fontStyle: "italic", width: 2 })) },
      road([0, 1], 12, 12),
      road([2, 3], 14, 11.5),
      road([4, 5], 16, 11),
      { dataLayer: "buildings", minzoom: 17, symbolizer: new P.CenteredTextSymbolizer(text(10.5, "#8b8376", { width: 2 })) },
    ];
  }

  const ATTEMPTS = 4;

  /** Let a tile source try again, later and later, when a busy server sends it away: a hole in the map would stay. */
  function askAgain(source) {
    const ask = source.get.bind(source);
    let zoom = null;
    source.get = async (coords, size) => {
      zoom = coords.z;
      for (let attempt = 1; ; attempt++) {
        try {
          return await ask(coords, size);
        } catch (error) {
          if (error.name === "AbortError" || attempt === ATTEMPTS) throw error;
          await new Promise((go) => setTimeout(go, 700 * 2 ** (attempt - 1) * (1 + Math.random())));
          // to ask for a zoom that was left would call off the tiles of the one that is shown
          if (zoom !== coords.z) throw new DOMException("another zoom is shown", "AbortError");
        }
      }
    };
  }

  /** Names of the zoom that was left, stretched until the new ones are there, are no sight. */
  function hideWhileZooming(names) {
    const pane = names._map.getPane("gs-names");
    let timer = 0;
    const show = () => {
      clearTimeout(timer);
      pane.style.visibility = "";
    };
    names._map.on("zoomstart", () => {
      if (GS.isOnPaper()) return; // better stretched than none
      pane.style.visibility = "hidden";
      clearTimeout(timer);
      timer = setTimeout(show, 5000); // should a tile never come
    });
    names.on("load", show);
  }

  /** Base map from vector tiles of our own server: {url, max_data_zoom}; its names lie above the cells. */
  function tiles(config) {
    const P = window.protomapsL;
    const ratio = Math.round(256 * (window.devicePixelRatio || 1) * GS.stretch) / 256; // names stay sharp where the first view is between two zooms
    const common = { devicePixelRatio: ratio, url: config.url, maxDataZoom: config.max_data_zoom, maxZoom: 19, attribution: "", noWrap: true, lang: "zh" };
    const ground = P.leafletLayer({ ...common, paintRules: paintRules(P), backgroundColor: PAPER, pane: "gs-base" });
    const names = P.leafletLayer({ ...common, labelRules: labelRules(P), pane: "gs-names" });
    for (const grid of [ground, names]) GS.keepTilesOnPaper(grid);
    names.views = ground.views; // the same tiles, fetched and read once
    for (const view of ground.views.values()) askAgain(view.tileCache.source);
    names.once("add", () => hideWhileZooming(names));
    const base = L.layerGroup();
    // what the map is about comes first, then the ground under it
    base.once("add", () => GS.afterDrawing(() => base.addLayer(ground).addLayer(names)));
    names.on("load", () => { document.documentElement.dataset.ground = "yes"; }); // tests and screenshots wait for it
    return base;
  }

  function plainStyle(feature, zoom) {
    const { layer, kind } = feature.properties;
    if (layer === "roads") {
      const road = ROADS[Math.max(0, roadClass(kind))];
      return { color: road.edge, weight: widthAt(road.width, zoom) + 0.6, opacity: zoom >= road.from - 1 ? 1 : 0 };
    }
    if (layer === "rail") return { color: "#a9a49c", weight: widthAt([1.3, 4], zoom) };
    if (layer === "water" && !/Polygon/.test(feature.geometry.type)) return { color: WATER, weight: widthAt([1.6, 18], zoom) };
    return { stroke: false, fill: true, fillOpacity: 1, fillColor: layer === "water" ? WATER : layer === "buildings" ? "#e3ddd2" : LAND[kind] || "#efece5" };
  }

  const ORDER = ["landuse", "water", "buildings", "rail", "roads"];

  /** Base map from the main features inside the page: {embedded}. */
  const EmbeddedBase = L.LayerGroup.extend({
    initialize(config) {
      L.LayerGroup.prototype.initialize.call(this);
      this._config = config;
    },
    onAdd(map) {
      if (!this._shapes) {
        const renderer = L.canvas({ pane: "gs-base", padding: 0.5 });
        const collection = GS.load(this._config);
        GS.during(
          collection.then((content) => {
            content.features.sort((a, b) => ORDER.indexOf(a.properties.layer) - ORDER.indexOf(b.properties.layer));
            this._shapes = L.geoJSON(content, { renderer, pane: "gs-base", interactive: false, style: (feature) => plainStyle(feature, map.getZoom()) });
            this.addLayer(this._shapes);
          }),
        );
      }
      L.LayerGroup.prototype.onAdd.call(this, map);
      map.on("zoomend", this._restyle, this);
    },
    onRemove(map) {
      map.off("zoomend", this._restyle, this);
      L.LayerGroup.prototype.onRemove.call(this, map);
    },
    _restyle() {
      if (this._shapes) this._shapes.setStyle((feature) => plainStyle(feature, this._map.getZoom()));
    },
  });

  GS.baseLayer = (config) => (config.embedded ? new EmbeddedBase(config) : tiles(config));
})(window.GeoService);
