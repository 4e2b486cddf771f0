/* The view as a picture: map, legend and figures drawn on one canvas here; nothing is sent anywhere. */

const FONT = '"Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';
const HEAD = 74, FOOT = 118, LEGEND = 250, GAP = 14;

/** Draw what the page shows; returns a canvas. */
export function pictureOf({ map, legend, tiles, title, moment, isNight }) {
  const ratio = 2;
  const [mapWidth, mapHeight] = map.ol.getSize();
  const [width, height] = [mapWidth + LEGEND + 3 * GAP, Math.max(mapHeight, 420) + HEAD + FOOT];
  const canvas = document.createElement("canvas");
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const colors = isNight ? { paper: "#0f1722", ink: "#eef3f8", soft: "#a9b7c6", line: "#2a394a" } : { paper: "#ffffff", ink: "#1f2933", soft: "#5a6672", line: "#d9d6cf" };
  context.fillStyle = colors.paper;
  context.fillRect(0, 0, width, height);
  const write = (text, x, y, size, color, weight = 400, most = undefined) => {
    context.font = `${weight} ${size}px ${FONT}`;
    context.fillStyle = color;
    context.textBaseline = "alphabetic";
    context.fillText(text, x, y, most);
  };
  write(title, GAP, 36, 24, colors.ink, 700);
  write(moment, GAP, 60, 14, colors.soft);
  drawMap(context, map, GAP, HEAD, mapWidth, mapHeight, isNight);
  context.strokeStyle = colors.line;
  context.strokeRect(GAP + 0.5, HEAD + 0.5, mapWidth - 1, mapHeight - 1);
  drawLegend(write, context, legend.forPicture(), mapWidth + 2 * GAP, HEAD, colors);
  drawTiles(write, context, tiles, { y: height - FOOT + 18, width, colors });
  return canvas;
}

function drawMap(context, map, left, top, width, height, isNight) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = isNight ? "#171d24" : "#f5f3ee";
  context.fillRect(left, top, width, height);
  const field = map.ol.getViewport().getBoundingClientRect();
  for (const canvas of map.ol.getViewport().querySelectorAll(".ol-layers canvas")) {
    const box = canvas.getBoundingClientRect();
    if (!canvas.width || !box.width) continue;
    context.globalAlpha = Number(canvas.parentElement?.style.opacity || canvas.style.opacity || 1) || 1;
    context.drawImage(canvas, left + box.left - field.left, top + box.top - field.top, box.width, box.height);
  }
  context.restore();
}

function drawLegend(write, context, { title, unit, note, rows }, x, top, colors) {
  write(title, x, top + 20, 17, colors.ink, 700, LEGEND);
  write(unit, x, top + 42, 12.5, colors.soft, 400, LEGEND);
  rows.forEach((row, i) => {
    const y = top + 60 + i * 26;
    context.fillStyle = row.color;
    context.fillRect(x, y, 26, 18);
    write(row.words, x + 36, y + 14, 14, colors.ink);
    write(row.count, x + 170, y + 14, 13, colors.soft);
  });
  note.forEach((line, i) => write(line, x, top + 84 + rows.length * 26 + i * 19, 12, colors.soft, 400, LEGEND));
}

function drawTiles(write, context, tiles, { y, width, colors }) {
  const each = (width - 2 * GAP) / tiles.length;
  tiles.forEach(({ name, number, meaning }, i) => {
    const x = GAP + i * each;
    if (i) {
      context.strokeStyle = colors.line;
      context.beginPath();
      context.moveTo(x - 8, y - 6);
      context.lineTo(x - 8, y + 82);
      context.stroke();
    }
    write(name, x, y + 8, 13, colors.soft, 600, each - 16);
    write(number, x, y + 46, 30, colors.ink, 700, each - 16);
    wrap(context, meaning, each - 18).slice(0, 2).forEach((line, k) => write(line, x, y + 66 + k * 15, 11.5, colors.soft));
  });
}

function wrap(context, text, most) {
  context.font = `400 11.5px ${FONT}`;
  const lines = [""];
  for (const sign of text) {
    if (context.measureText(lines[lines.length - 1] + sign).width > most) lines.push("");
    lines[lines.length - 1] += sign;
  }
  return lines;
}

/** Save a canvas as a file. */
export function save(canvas, name) {
  return new Promise((done, failed) => {
    canvas.toBlob((blob) => {
      if (!blob) return failed(new Error("no picture"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      return done();
    }, "image/png");
  });
}
