/* Time by the server's clock, and how spans and moments are written. */

let ahead = 0; // milliseconds by which the server's clock is ahead of this machine's
let best = Infinity; // how exactly that is known: half the way there and back
let learntAt = -Infinity;

/**
 * Learn the server's time from an answer: `moment` as the server wrote it, `sent` and `now` by this machine.
 *
 * The quickest answer of the last ten minutes counts: then the clocks do not jump with every slow one.
 */
export function learn(moment, sent, now = Date.now()) {
  const half = (now - sent) / 2;
  const stale = now - learntAt > 600000;
  const apart = Date.parse(moment) - (sent + half) - ahead;
  if (!Number.isFinite(apart) || (half >= best && !stale && Math.abs(apart) < half + 2000)) return;
  ahead += apart;
  best = half;
  learntAt = now;
}

/** Now in milliseconds by the server's clock. */
export const serverNow = () => Date.now() + ahead;

const two = (value) => String(value).padStart(2, "0");

/** A span in seconds as 4:05 or 1:02:33; never shorter than it is. */
export function span(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

const formats = new Map();

function parts(moment, zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }));
  }
  const found = {};
  for (const { type, value } of formats.get(zone).formatToParts(new Date(moment))) found[type] = value;
  return found;
}

/** Time of day in the town, with the day where it is another one than today: 14:05:09, 11-21 14:05:09. */
export function clockTime(moment, zone, { seconds = false } = {}) {
  if (!moment) return "";
  const at = parts(moment, zone);
  const today = parts(serverNow(), zone);
  const time = seconds ? `${at.hour}:${at.minute}:${at.second}` : `${at.hour}:${at.minute}`;
  return at.day === today.day && at.month === today.month ? time : `${at.month}-${at.day} ${time}`;
}
