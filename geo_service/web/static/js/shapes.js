/* Reads the compact shapes of maps/shapes.py into typed arrays in Mercator units (0..1 over the world). */
"use strict";

(function (GS) {
  GS.decodeShapes = function (content) {
    if (content.format !== "geo-service-shapes/1") throw new Error(`not shapes: ${content.format}`);
    const shapes = {
      level: content.level,
      codes: content.codes,
      names: content.names,
      xy: projected(content.arc_xy, content.step_deg),
      arcStart: offsets(content.arc_sizes),
      ringArcs: references(content.ring_arcs),
      ringStart: offsets(content.ring_sizes),
      cellStart: offsets(content.cell_rings),
    };
    shapes.arcBox = arcBoxes(shapes);
    shapes.cellBox = cellBoxes(shapes);
    shapes.anchor = new Map();
    return shapes;
  };

  function projected(deltas, step) {
    const xy = new Float64Array(deltas.length);
    for (let i = 0, x = 0, y = 0; i < deltas.length; i += 2) {
      x += deltas[i];
      y += deltas[i + 1];
      const sin = Math.sin((y * step * Math.PI) / 180);
      xy[i] = (x * step) / 360 + 0.5;
      xy[i + 1] = 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI);
    }
    return xy;
  }

  function offsets(sizes) {
    const start = new Int32Array(sizes.length + 1);
    for (let i = 0; i < sizes.length; i++) start[i + 1] = start[i] + sizes[i];
    return start;
  }

  /** 0: the next arc not yet mentioned; 2k, 2k+1: the arc k before it, forward or backward (~arc). */
  function references(coded) {
    const arcs = new Int32Array(coded.length);
    for (let i = 0, next = 0; i < coded.length; i++) {
      if (coded[i] === 0) arcs[i] = next++;
      else {
        const arc = next - (coded[i] >> 1);
        arcs[i] = coded[i] & 1 ? ~arc : arc;
      }
    }
    return arcs;
  }

  function arcBoxes({ xy, arcStart }) {
    const box = new Float64Array((arcStart.length - 1) * 4);
    for (let arc = 0; arc < arcStart.length - 1; arc++) {
      let west = Infinity, north = Infinity, east = -Infinity, south = -Infinity;
      for (let i = arcStart[arc] * 2; i < arcStart[arc + 1] * 2; i += 2) {
        if (xy[i] < west) west = xy[i];
        if (xy[i] > east) east = xy[i];
        if (xy[i + 1] < north) north = xy[i + 1];
        if (xy[i + 1] > south) south = xy[i + 1];
      }
      box.set([west, north, east, south], arc * 4);
    }
    return box;
  }

  function cellBoxes({ arcBox, ringArcs, ringStart, cellStart }) {
    const box = new Float64Array((cellStart.length - 1) * 4);
    for (let cell = 0; cell < cellStart.length - 1; cell++) {
      let west = Infinity, north = Infinity, east = -Infinity, south = -Infinity;
      for (let i = ringStart[cellStart[cell]]; i < ringStart[cellStart[cell + 1]]; i++) {
        const arc = 4 * (ringArcs[i] < 0 ? ~ringArcs[i] : ringArcs[i]);
        west = Math.min(west, arcBox[arc]);
        north = Math.min(north, arcBox[arc + 1]);
        east = Math.max(east, arcBox[arc + 2]);
        south = Math.max(south, arcBox[arc + 3]);
      }
      box.set([west, north, east, south], cell * 4);
    }
    return box;
  }

  /** Call visit(x, y, first) for the vertices of each ring of a cell, in order. */
  GS.walkCell = function (shapes, cell, visit) {
    const { xy, arcStart, ringArcs, ringStart, cellStart } = shapes;
    for (let ring = cellStart[cell]; ring < cellStart[cell + 1]; ring++) {
      for (let i = ringStart[ring]; i < ringStart[ring + 1]; i++) {
        const first = i === ringStart[ring];
        const backward = ringArcs[i] < 0;
        const arc = backward ? ~ringArcs[i] : ringArcs[i];
        const from = arcStart[arc], to = arcStart[arc + 1] - 1;
        // an arc begins where the one before it ended: its first vertex is drawn only at a ring's begin
        if (backward) for (let v = first ? to : to - 1; v >= from; v--) visit(xy[2 * v], xy[2 * v + 1], first && v === to);
        else for (let v = first ? from : from + 1; v <= to; v++) visit(xy[2 * v], xy[2 * v + 1], first && v === from);
      }
    }
  };

  /** Cell at a place in Mercator units, -1 where there is none. */
  GS.cellAt = function (shapes, x, y) {
    const box = shapes.cellBox;
    for (let cell = 0; cell < shapes.codes.length; cell++) {
      const b = cell * 4;
      if (x < box[b] || x > box[b + 2] || y < box[b + 1] || y > box[b + 3]) continue;
      if (crossings(shapes, cell, y).filter((at) => at > x).length % 2) return cell;
    }
    return -1;
  };

  /** Where the borders of a cell cross a parallel, from west to east. */
  function crossings(shapes, cell, y) {
    const found = [];
    let px = 0, py = 0;
    GS.walkCell(shapes, cell, (x, y1, first) => {
      if (!first && py > y !== y1 > y) found.push(px + ((y - py) * (x - px)) / (y1 - py));
      px = x;
      py = y1;
    });
    return found.sort((a, b) => a - b);
  }

  /** A place well inside a cell: the middle of its widest stretch at half its height. */
  GS.anchor = function (shapes, cell) {
    if (!shapes.anchor.has(cell)) {
      const box = shapes.cellBox, b = cell * 4;
      const y = (box[b + 1] + box[b + 3]) / 2;
      const found = crossings(shapes, cell, y);
      let best = [(box[b] + box[b + 2]) / 2, y, 0];
      for (let i = 0; i + 1 < found.length; i += 2) {
        const width = found[i + 1] - found[i];
        if (width > best[2]) best = [(found[i] + found[i + 1]) / 2, y, width];
      }
      shapes.anchor.set(cell, best);
    }
    return shapes.anchor.get(cell);
  };

  GS.toMercator = function (latlng) {
    const sin = Math.sin((latlng.lat * Math.PI) / 180);
    return [latlng.lng / 360 + 0.5, 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI)];
  };

  GS.toLatLng = function (x, y) {
    return L.latLng((Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI, (x - 0.5) * 360);
  };
})(window.GeoService);
