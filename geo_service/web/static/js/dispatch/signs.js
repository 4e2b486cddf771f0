/* What incidents and people look like on the map: each state has a shape of its own, colour only helps. */

/** Drawings of urgencies, on a field of 16 by 16. */
export const URGENCY_SHAPES = {
  critical: "M8 1l7.2 6.2H11V15H5V7.2H.8z",
  urgent: "M8 1.6L15.2 14H.8z",
  normal: "M8 2.2a5.8 5.8 0 110 11.6A5.8 5.8 0 018 2.2z",
  low: "M3.4 6.4h9.2v3.2H3.4z",
};

/** Kinds of people, those that are drawn last on top. */
export const PEOPLE_KINDS = ["nofix", "pinned", "free", "arrived", "sent", "accepted", "chosen"];

const COLORS = {
  day: { free: "#087f5b", pinned: "#5f3dc4", sent: "#d9480f", accepted: "#d9480f", arrived: "#1864ab", nofix: "#5c6670", ring: "#ffffff", ink: "#ffffff", chosen: "#111111" },
  night: { free: "#38d9a9", pinned: "#b197fc", sent: "#ffa94d", accepted: "#ffa94d", arrived: "#74c0fc", nofix: "#a5afb9", ring: "#10151a", ink: "#10151a", chosen: "#ffffff" },
};

/** Sign of a person: free ●, bound to a post ■, sent ▲ (outlined until accepted), arrived ◆, without a position ○?. */
export function personPainter(look) {
  const colors = COLORS[look];
  return (context, kind) => {
    context.lineJoin = "round";
    if (kind === "chosen") {
      ring(context, 10.5, colors.chosen, 2.5);
      return;
    }
    context.beginPath();
    outline(context, kind);
    context.lineWidth = 3;
    context.strokeStyle = colors.ring;
    context.stroke();
    const isHollow = kind === "nofix" || kind === "sent";
    context.fillStyle = isHollow ? colors.ring : colors[kind];
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = colors[kind];
    if (isHollow) context.stroke();
  };
}

function outline(context, kind) {
  if (kind === "pinned") context.rect(-4.6, -4.6, 9.2, 9.2);
  else if (kind === "sent" || kind === "accepted") polygon(context, [[0, -6.4], [6.2, 5], [-6.2, 5]]);
  else if (kind === "arrived") polygon(context, [[0, -6.6], [6.6, 0], [0, 6.6], [-6.6, 0]]);
  else if (kind === "nofix") context.arc(0, 0, 3.8, 0, 7);
  else context.arc(0, 0, 5, 0, 7);
}

function polygon(context, corners) {
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

function ring(context, radius, color, width) {
  context.beginPath();
  context.arc(0, 0, radius, 0, 7);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.stroke();
}

// the state of the clocks, then the urgency: `overdue critical`
const CLOCK_STATES = ["none", "paused", "running", "soon", "overdue"];
const URGENCIES = ["low", "normal", "urgent", "critical"];

/** Kinds of incidents, those that are drawn last on top. */
export const INCIDENT_KINDS = [...CLOCK_STATES.flatMap((state) => URGENCIES.map((urgency) => `${state} ${urgency}`)), "chosen"];

const STATE_COLORS = {
  day: { none: "#5c6670", paused: "#5c6670", running: "#1864ab", soon: "#b35900", overdue: "#c2111f", ring: "#ffffff", chosen: "#111111", sign: "#ffffff" },
  night: { none: "#a5afb9", paused: "#a5afb9", running: "#74c0fc", soon: "#ffc078", overdue: "#ff8787", ring: "#10151a", chosen: "#ffffff", sign: "#10151a" },
};

/** Sign of an incident: a pin whose shape tells how its clocks stand, and in it the sign of its urgency. */
export function incidentPainter(look) {
  const colors = STATE_COLORS[look];
  return (context, kind) => {
    if (kind === "chosen") {
      ring(context, 17, colors.chosen, 3);
      return;
    }
    const [state, urgency] = kind.split(" ");
    context.lineJoin = "round";
    context.beginPath();
    // overdue: an octagon as a stop sign; soon: a triangle; else a circle, with a dash through it when paused
    if (state === "overdue") polygon(context, [...Array(8)].map((_, i) => [11.5 * Math.cos(((i + 0.5) * Math.PI) / 4), 11.5 * Math.sin(((i + 0.5) * Math.PI) / 4)]));
    else if (state === "soon") polygon(context, [[0, -13], [12.4, 8.6], [-12.4, 8.6]]);
    else context.arc(0, 0, 9.5, 0, 7);
    context.lineWidth = 4;
    context.strokeStyle = colors.ring;
    context.stroke();
    context.fillStyle = colors[state];
    context.fill();
    context.save();
    context.translate(0, state === "soon" ? 1.5 : 0);
    context.scale(0.72, 0.72);
    context.translate(-8, -8);
    context.fillStyle = colors.sign;
    context.fill(new Path2D(state === "paused" ? "M4 3h3v10H4zM9 3h3v10H9z" : URGENCY_SHAPES[urgency]));
    context.restore();
  };
}
