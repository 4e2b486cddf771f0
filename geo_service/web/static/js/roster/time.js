/* Moments in the town's own time zone, whatever zone the reader's machine is in. */

export const ZONE = document.getElementById("roster").dataset.zone || "Asia/Shanghai";
export const MINUTE = 60000;
export const DAY = 24 * 60 * MINUTE;

const parts = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/** Year, month, day, hour and minute of a moment in the town. */
export function local(moment) {
  const found = {};
  for (const { type, value } of parts.formatToParts(new Date(moment))) found[type] = Number(value);
  return found;
}

const two = (value) => String(value).padStart(2, "0");

/** Day of a moment in the town, like 2026-11-22. */
export function dayOf(moment) {
  const at = local(moment);
  return `${at.year}-${two(at.month)}-${two(at.day)}`;
}

/** Time of day of a moment in the town, like 07:20. */
export function clockOf(moment) {
  const at = local(moment);
  return `${two(at.hour)}:${two(at.minute)}`;
}

/** Day and time of a moment in the town, like 11-22 07:20. */
export const shortly = (moment) => `${dayOf(moment).slice(5)} ${clockOf(moment)}`;

/** Milliseconds of a day and time of day in the town. */
export function at(day, clock = "00:00") {
  const wanted = Date.parse(`${day}T${clock}:00Z`);
  let found = wanted;
  for (let i = 0; i < 2; i++) {
    const seen = local(found);
    found += wanted - Date.UTC(seen.year, seen.month - 1, seen.day, seen.hour, seen.minute, seen.second);
  }
  return found;
}

/** Another day, so many later. */
export function later(day, days) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

/** Monday of the week that holds a day. */
export function mondayOf(day) {
  const weekday = (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;
  return later(day, -weekday);
}

/** The seven days of a week. */
export const daysOf = (monday) => Array.from({ length: 7 }, (_, i) => later(monday, i));

/** A moment as the server reads it. */
export const written = (milliseconds) => new Date(milliseconds).toISOString();

/** End of a span that begins on a day: at or before the start it lies on the next day. */
export const endOf = (day, start, end) => at(end <= start ? later(day, 1) : day, end);
