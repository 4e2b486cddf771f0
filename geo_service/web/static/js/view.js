/* Where the map stands: the view it opens with, beside its panels, and the sheet it is printed on. */
"use strict";

(function (GS) {
  const GAP = 14;
  const PANEL = 278; // legend, or the open options, with what is free on either side
  const HEADING = { wide: 520, high: 90 };
  const OPTIONS = { wide: 156, high: 54 }; // folded
  const OPTIONS_OPEN_HIGH = 190;
  const SWITCH_HIGH = 36; // of languages, in the heading of a single file
  const STRETCH = 0.49; // tiles are of whole zooms: up to here those of the zoom below are stretched, and fewer asked for

  GS.isOnPaper = () => document.documentElement.classList.contains("gs-paper");

  /** What the panels cover, in pixels from each edge: the ways to keep clear of them. */
  function rims(map, config) {
    if (map.getSize().x < 720) return [{ left: 0, right: 0, top: 60, bottom: 0 }];
    const edges = { right: GS.isFolded("legend") ? GAP : PANEL, bottom: 30 };
    const below = HEADING.high + (config.language_switch ? SWITCH_HIGH : 0);
    if (config.language_switch) return [{ ...edges, left: GAP, top: below }, { ...edges, left: HEADING.wide, top: GAP }];
    const folded = GS.isFolded("choices");
    return [
      { ...edges, left: folded ? OPTIONS.wide : PANEL, top: below },
      { ...edges, left: GAP, top: below + (folded ? OPTIONS.high : OPTIONS_OPEN_HIGH) },
      { ...edges, left: HEADING.wide, top: GAP },
    ];
  }

  /** Zoom at which bounds fill what a rim leaves. */
  function zoomOf(map, bounds, rim) {
    const room = map.getSize().subtract([rim.left + rim.right, rim.top + rim.bottom]);
    const size = map.project(bounds.getSouthEast(), 10).subtract(map.project(bounds.getNorthWest(), 10));
    const share = Math.min(Math.max(room.x, 1) / Math.max(size.x, 1e-6), Math.max(room.y, 1) / Math.max(size.y, 1e-6));
    return Math.max(3, Math.min(18, 10 + Math.log2(share)));
  }

  /** Show bounds in the middle of what a rim leaves. */
  function show(map, bounds, rim, zoom) {
    const corners = [bounds.getSouthEast(), bounds.getNorthWest()].map((corner) => map.project(corner, zoom));
    const middle = corners[0].add(corners[1]).divideBy(2).add([(rim.right - rim.left) / 2, (rim.bottom - rim.top) / 2]);
    exactly(map, map.unproject(middle, zoom), zoom);
  }

  /** Go to a view between two whole zooms and keep the tiles: setView() would throw them away, and a sheet waits for none. */
  function exactly(map, center, zoom) {
    map._moveStart(true, false)._move(center, zoom)._moveEnd(true);
  }

  /** On a sheet the tiles that are there are stretched or shrunk: others would come too late. */
  GS.keepTilesOnPaper = function (grid) {
    const clamp = grid._clampZoom;
    grid._clampZoom = (zoom) => (GS.isOnPaper() && grid._tileZoom !== undefined ? grid._tileZoom : clamp.call(grid, zoom));
  };

  /** The place, whole, or what the page is about of it, in what the panels leave. */
  GS.openView = function (map, config) {
    const boxOf = ([west, south, east, north]) => L.latLngBounds([south, west], [north, east]);
    const bounds = boxOf(config.focus);
    const [best] = rims(map, config).map((rim) => ({ rim, zoom: zoomOf(map, bounds, rim) })).sort((a, b) => b.zoom - a.zoom);
    const whole = Math.floor(Math.min(17, best.zoom));
    const zoom = whole + Math.min(STRETCH, Math.min(17, best.zoom) - whole);
    map.setView(map.getCenter(), whole, { animate: false });
    show(map, bounds, best.rim, zoom);
    GS.stretch = 2 ** (zoom - whole);
    printed(map, boxOf(config.bounds));
  };

  /** On a sheet: the place beside the legend and below the title; of a map that is zoomed in, what is shown. */
  function printed(map, bounds) {
    let before = null;
    const sharp = L.Browser.retina;
    const lay = () => {
      if (before) return;
      const area = map.getBounds().contains(bounds) ? bounds : map.getBounds();
      before = { center: map.getCenter(), zoom: map.getZoom() };
      map.fire("gs-lay");
      document.documentElement.classList.add("gs-paper");
      L.Browser.retina = true; // points are drawn finer
      map.invalidateSize({ animate: false, pan: false });
      const heading = map.getContainer().querySelector(".gs-heading");
      const rim = { left: GAP, right: PANEL, top: GAP + (heading ? heading.offsetTop + heading.offsetHeight : 0), bottom: GAP };
      show(map, area, rim, zoomOf(map, area, rim));
      map.fire("gs-laid");
    };
    const takeBack = () => {
      if (!before) return;
      const { center, zoom } = before;
      before = null;
      map.fire("gs-lay");
      document.documentElement.classList.remove("gs-paper");
      L.Browser.retina = sharp;
      map.invalidateSize({ animate: false, pan: false });
      exactly(map, center, zoom);
      map.fire("gs-laid");
    };
    window.addEventListener("beforeprint", lay);
    window.addEventListener("afterprint", takeBack);
    window.matchMedia("print").addEventListener("change", ({ matches }) => (matches ? lay() : takeBack()));
  }
})(window.GeoService);
