/* The few charts of the page, all made by uPlot: a curve of the week, bars by the hour, a line of weeks. */

import { h } from "../kit/dom.js";

const { uPlot } = window;
const FONT = '12px "Noto Sans SC","Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei","WenQuanYi Micro Hei",sans-serif';

/** Colour by the name of a custom property of the page's style. */
export const ink = (name) => getComputedStyle(document.querySelector(".ld") || document.documentElement).getPropertyValue(name).trim();

/** A box that holds a chart and makes it anew when its size or its data change. */
export class Chart {
  /** `build(data, width, height)` gives uPlot's options and data. */
  constructor(className, build, label) {
    this.build = build;
    this.element = h("div", { class: `ld-chart ${className}`, role: "img", tLabel: label });
    new ResizeObserver(() => this.draw()).observe(this.element);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["data-night"] }); // its ink is another
  }

  show(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!this.data || width < 20 || height < 12) return;
    const [options, columns] = this.build(this.data, width, height);
    this.plot?.destroy();
    this.plot = null;
    if (!columns.slice(1).some((column) => column.some((value) => value))) return; // a line along the foot says nothing
    this.plot = new uPlot({ width, height, legend: { show: false }, cursor: { show: false }, padding: [4, 2, 0, 2], ...options }, columns, this.element);
  }
}

const axis = (more) => ({ stroke: () => ink("--soft"), font: FONT, ticks: { show: false }, grid: { stroke: () => ink("--rule"), width: 1 }, ...more });

/** Bars of today by the hour, with what is usual as a line. */
export function hourBars({ bars, usual, now }, width, height) {
  const wide = height > 44;
  return [
    {
      scales: { x: { time: false, range: [-0.6, 23.6] }, y: { range: (_, low, high) => [0, Math.max(2, high * 1.1)] } },
      axes: [
        axis({ show: wide, size: 17, gap: 1, splits: () => [0, 6, 12, 18, 23], values: (_, found) => found.map(String), grid: { show: false } }),
        { show: false },
      ],
      series: [
        {},
        { fill: () => ink("--bar"), stroke: () => ink("--bar"), width: 0, paths: uPlot.paths.bars({ size: [0.72, 16] }), points: { show: false } },
        { stroke: () => ink("--usual"), width: 1.6, dash: [4, 3], points: { show: false }, paths: uPlot.paths.spline() },
      ],
    },
    [bars.map((_, hour) => hour), bars.map((count, hour) => (hour <= now ? count : null)), usual],
  ];
}

/** Numbers in a row: a line, without axes. */
export function sparkline({ values, low = 0, high = null, color = "--bar", mark = null }) {
  return [
    {
      scales: { x: { time: false }, y: { range: (_, min, max) => [low ?? min - (max - min || 1) * 0.15, high ?? (max + (max - (low ?? min) || 1) * 0.12)] } },
      axes: [{ show: false }, { show: false }],
      series: [{}, { stroke: () => ink(color), fill: () => ink(`${color}-pale`) || undefined, width: 1.8, points: { show: (_, series) => series === 1 && mark !== null, filter: () => [mark], size: 6, fill: () => ink(color) } }],
      padding: [5, 4, 3, 4],
    },
    [values.map((_, i) => i), values],
  ];
}

/** Bars of weeks. */
export function weekBars({ values, labels }) {
  return [
    {
      scales: { x: { time: false, range: [-0.6, values.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(2, high * 1.12)] } },
      axes: [axis({ size: 18, gap: 2, splits: () => values.map((_, i) => i).filter((i) => i % 3 === values.length % 3 || i === values.length - 1), values: (_, found) => found.map((i) => labels[i] || ""), grid: { show: false } }), axis({ size: 26, gap: 2, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] })],
      series: [{}, { fill: () => ink("--bar"), width: 0, paths: uPlot.paths.bars({ size: [0.7, 20] }), points: { show: false } }],
    },
    [values.map((_, i) => i), values],
  ];
}

/** The week's coverage by the hour: the curve, the worst hour, where we are; days as stripes. */
export function weekCurve({ hours, other, worst, now, chosen, posts, days }, width) {
  const finite = [...hours, ...(other || [])].filter((value) => value !== null);
  const least = finite.length ? Math.min(...finite) : 0;
  const low = Math.max(0, Math.min(0.9, Math.floor((least - 0.04) * 10) / 10));
  const step = width > 900 ? 1 : 2;
  return [
    {
      padding: [8, 10, 0, 4],
      scales: { x: { time: false, range: [0, 167] }, y: { range: [low, 1.005] } },
      axes: [
        axis({ size: 20, gap: 3, splits: () => days.map((_, day) => day * 24 + 12), values: (_, found) => found.map((x, i) => (i % step && width < 500 ? "" : days[Math.floor(x / 24)])), grid: { show: false } }),
        axis({ size: 46, gap: 5, splits: () => [low, (low + 1) / 2, 1], values: (_, found) => found.map((y) => `${Math.round(y * 1000) / 10}%`) }),
      ],
      series: [
        {},
        { stroke: () => ink("--curve"), fill: () => ink("--curve-pale"), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
        { stroke: () => ink("--usual"), width: 1.6, dash: [5, 4], paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
      ],
      hooks: {
        drawClear: [(plot) => (stripes(plot), keptPosts(plot, posts))],
        draw: [(plot) => marks(plot, { hours, worst, now, chosen })],
      },
    },
    [hours.map((_, hour) => hour), hours, other || hours.map(() => null)],
  ];
}

function stripes(plot) {
  const { ctx: context, bbox } = plot;
  context.save();
  context.fillStyle = ink("--stripe");
  for (let day = 1; day < 7; day += 2) {
    const from = plot.valToPos(day * 24, "x", true);
    context.fillRect(from, bbox.top, plot.valToPos(Math.min(167, day * 24 + 24), "x", true) - from, bbox.height);
  }
  context.restore();
}

/** Hours within which posts are kept: the curve is of whole hours, and knows nothing of them. */
function keptPosts({ ctx: context, bbox, valToPos }, posts) {
  context.save();
  for (const { hour } of posts) {
    const from = valToPos(hour, "x", true);
    const wide = Math.max(2, valToPos(Math.min(167, hour + 1), "x", true) - from);
    context.fillStyle = ink("--posts-pale");
    context.fillRect(from, bbox.top, wide, bbox.height);
    context.fillStyle = ink("--posts");
    context.fillRect(from, bbox.top, wide, 4 * (window.devicePixelRatio || 1));
  }
  context.restore();
}

function marks(plot, { hours, worst, now, chosen }) {
  const { ctx: context, bbox } = plot;
  const ratio = window.devicePixelRatio || 1;
  const line = (hour, color, width, dash) => {
    const x = plot.valToPos(hour, "x", true);
    context.strokeStyle = ink(color);
    context.lineWidth = width * ratio;
    context.setLineDash(dash.map((one) => one * ratio));
    context.beginPath();
    context.moveTo(x, bbox.top);
    context.lineTo(x, bbox.top + bbox.height);
    context.stroke();
  };
  context.save();
  if (now !== null) line(now, "--soft", 1.4, [3, 3]);
  if (worst !== null && hours[worst] !== null) {
    context.fillStyle = ink("--bad");
    context.beginPath();
    context.arc(plot.valToPos(worst, "x", true), plot.valToPos(hours[worst], "y", true), 5 * ratio, 0, 7);
    context.fill();
  }
  if (chosen !== null) line(chosen, "--mark", 2.6, []);
  context.restore();
}
