/* Draws the cells of a level on canvas tiles: fills by class, each shared border once, numbers where they fit. */
"use strict";

(function (GS) {
  const SIZE = 512;
  const FONT = '"Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';

  /** Grid layer that paints what setDrawing() gave it; a new drawing replaces the old without a flash. */
  GS.CellsLayer = L.GridLayer.extend({
    options: { tileSize: SIZE, updateWhenZooming: false, keepBuffer: 1, pane: "gs-cells" },

    setDrawing(drawing) {
      this._drawing = drawing;
      if (GS.isOnPaper()) return; // the sheet takes what is painted: of what is painted anew while it waits, it takes parts
      for (const tile of Object.values(this._tiles || {})) this._paint(tile.el, tile.coords);
    },

    onAdd(map) {
      GS.keepTilesOnPaper(this);
      L.GridLayer.prototype.onAdd.call(this, map);
    },

    getEvents() {
      return { ...L.GridLayer.prototype.getEvents.call(this), "gs-laid": this._settle };
    },

    /** Show at once what is painted: a sheet does not wait for the next frame. */
    _settle() {
      for (const tile of Object.values(this._tiles || {})) if (!tile.loaded) this._tileReady(tile.coords, null, tile.el);
    },

    createTile(coords) {
      const canvas = L.DomUtil.create("canvas", "leaflet-tile");
      this._paint(canvas, coords);
      return canvas;
    },

    _paint(canvas, coords) {
      const stretched = this._map ? 2 ** (this._map.getZoom() - coords.z) : 1; // between two whole zooms
      const ratio = Math.min(window.devicePixelRatio || 1, 2) * Math.max(1, Math.min(2, stretched));
      canvas.width = canvas.height = Math.round(SIZE * ratio);
      if (!this._drawing) return;
      const world = 256 * 2 ** coords.z;
      const view = {
        context: canvas.getContext("2d"),
        world,
        left: coords.x * SIZE,
        top: coords.y * SIZE,
        box: [(coords.x * SIZE - 8) / world, (coords.y * SIZE - 8) / world, ((coords.x + 1) * SIZE + 8) / world, ((coords.y + 1) * SIZE + 8) / world],
      };
      view.context.scale(canvas.width / SIZE, canvas.height / SIZE);
      this.options.paint(view, this._drawing);
    },
  });

  function touches(box, at, [west, north, east, south]) {
    return box[at] <= east && box[at + 2] >= west && box[at + 1] <= south && box[at + 3] >= north;
  }

  /** Fill each class as one path, so that cells of a class meet without a seam. */
  GS.paintFills = function (view, { shapes, classes, colors }) {
    const { context, world, left, top, box } = view;
    const members = new Map();
    for (let cell = 0; cell < shapes.codes.length; cell++) {
      if (!touches(shapes.cellBox, cell * 4, box)) continue;
      if (!members.has(classes[cell])) members.set(classes[cell], []);
      members.get(classes[cell]).push(cell);
    }
    context.lineJoin = "round";
    for (const [number, cells] of members) {
      context.beginPath();
      for (const cell of cells) {
        GS.walkCell(shapes, cell, (x, y, first) => {
          if (first) context.moveTo(x * world - left, y * world - top);
          else context.lineTo(x * world - left, y * world - top);
        });
      }
      context.fillStyle = context.strokeStyle = number < 0 ? (number === GS.HIDDEN ? GS.KEPT_BACK : GS.NO_DATA) : colors[number];
      context.lineWidth = 0.6; // closes the hairline between classes
      context.fill();
      context.stroke();
    }
  };

  /** Stroke each border once. */
  GS.paintBorders = function (view, { shapes, color, width }) {
    const { context, world, left, top, box } = view;
    const { xy, arcStart, arcBox } = shapes;
    context.beginPath();
    for (let arc = 0; arc < arcStart.length - 1; arc++) {
      if (!touches(arcBox, arc * 4, box)) continue;
      context.moveTo(xy[2 * arcStart[arc]] * world - left, xy[2 * arcStart[arc] + 1] * world - top);
      for (let v = arcStart[arc] + 1; v < arcStart[arc + 1]; v++) context.lineTo(xy[2 * v] * world - left, xy[2 * v + 1] * world - top);
    }
    context.strokeStyle = color;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.stroke();
  };

  /** Write a text into each cell that has room for it. */
  GS.paintLabels = function (view, { shapes, labels, size, weight }) {
    const { context, world, left, top, box } = view;
    context.font = `${weight || 600} ${size}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (let cell = 0; cell < shapes.codes.length; cell++) {
      const text = labels[cell];
      const height = (shapes.cellBox[cell * 4 + 3] - shapes.cellBox[cell * 4 + 1]) * world;
      if (!text || height < size * 1.6 || !touches(shapes.cellBox, cell * 4, labelBox(box, world))) continue;
      const [x, y, width] = GS.anchor(shapes, cell);
      if (width * world < context.measureText(text).width + 6) continue;
      context.strokeStyle = "rgba(255,255,255,.9)";
      context.lineWidth = 3;
      context.strokeText(text, x * world - left, y * world - top);
      context.fillStyle = "#2a3138";
      context.fillText(text, x * world - left, y * world - top);
    }
  };

  /** A label may reach into the tile from a cell beside it. */
  function labelBox([west, north, east, south], world) {
    const margin = 80 / world;
    return [west - margin, north - margin, east + margin, south + margin];
  }
})(window.GeoService);
