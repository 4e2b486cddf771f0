/*
 * The own position: taken and sent only while its owner is on duty and has switched it on. Positions that could not be
 * sent are kept for a while and sent together; sent twice they do no harm.
 */

import { serverNow } from "../kit/clock.js";
import { post } from "../kit/http.js";

const SEND_MS = 10000;
const MOST_KEPT = 360; // an hour at one each ten seconds
const EXACTLY = { enableHighAccuracy: true, timeout: 30000 };

export class Position {
  /** `changed()` whenever something is to be shown anew. */
  constructor(changed) {
    this.changed = changed;
    this.kept = [];
    this.last = null;
    this.lastAt = -Infinity;
    this.isOn = false;
    this.problem = "";
    this.sentAt = null;
    setInterval(() => this.send(), SEND_MS);
  }

  /** On duty or not: off duty nothing is taken. */
  setDuty(isOnDuty) {
    this.isOnDuty = isOnDuty;
    if (!isOnDuty && this.isOn) this.stop();
  }

  start() {
    if (!navigator.geolocation) return this.fail("unavailable");
    if (!this.isOnDuty) return this.fail("offDuty");
    this.isOn = true;
    this.problem = "";
    this.watch = navigator.geolocation.watchPosition((found) => this.take(found), (error) => this.refuse(error), { ...EXACTLY, maximumAge: 5000 });
    this.changed();
    return undefined;
  }

  stop() {
    if (this.watch !== undefined) navigator.geolocation.clearWatch(this.watch);
    this.isOn = false;
    this.kept = [];
    this.changed();
  }

  fail(problem) {
    this.problem = problem;
    if (problem === "refused") this.stop();
    this.changed();
  }

  refuse({ code }) {
    this.fail(code === 1 ? "refused" : "unavailable");
  }

  /** Keep a position with the moment at which it was measured, by the server's clock; the same again is nothing new. */
  take({ coords, timestamp }) {
    if (!(timestamp > this.lastAt)) return;
    const first = !this.last;
    this.lastAt = timestamp;
    const accuracy = Math.max(1, Math.round(coords.accuracy * 10) / 10);
    const at = new Date(Math.min(timestamp, Date.now()) + serverNow() - Date.now()).toISOString();
    this.last = { lon: coords.longitude, lat: coords.latitude, accuracy_m: accuracy, at };
    this.problem = "";
    const newest = this.kept[this.kept.length - 1];
    const fix = { at, lon: Number(coords.longitude.toFixed(7)), lat: Number(coords.latitude.toFixed(7)), accuracy_m: accuracy };
    // several within one sending: the latest tells it
    if (newest && Date.parse(at) - Date.parse(newest.at) < SEND_MS / 2) this.kept.pop();
    this.kept.push(fix);
    if (this.kept.length > MOST_KEPT) this.kept.shift();
    if (first) this.send();
    this.changed();
  }

  /** Who stands still is not told of: measure again, and never say a former place as a new one. */
  measure() {
    if (this.measuring) return;
    const then = (act) => (given) => {
      this.measuring = false;
      if (this.isOn) act(given);
    };
    this.measuring = true;
    navigator.geolocation.getCurrentPosition(
      then((found) => {
        this.take(found);
        if (this.kept.length) this.send();
      }),
      then((error) => this.refuse(error)),
      { ...EXACTLY, maximumAge: 0 },
    );
  }

  /** Send what was taken; stays in hand where the line is dead. */
  async send() {
    if (!this.isOn || this.sending) return;
    if (!this.kept.length) {
      if (this.last) this.measure();
      return;
    }
    this.sending = true;
    const batch = this.kept.slice();
    try {
      const answer = await post("/v1/positions", { fixes: batch });
      this.kept = this.kept.filter((fix) => !batch.includes(fix));
      this.sentAt = Date.now();
      this.arrived = answer.arrived;
      if (answer.refused.some(({ reason }) => reason === "off_duty")) this.fail("offDuty");
    } catch (error) {
      if (!error.isPassing && error.status !== 401) this.kept = [];
      this.problem = error.isPassing ? "waiting" : error.reason;
    } finally {
      this.sending = false;
      this.changed();
    }
  }
}

/** How far and in which of eight directions a place lies from here. */
export function towards(here, there) {
  const north = (there.lat - here.lat) * 111195;
  const east = (there.lon - here.lon) * 111195 * Math.cos((here.lat * Math.PI) / 180);
  return { metres: Math.round(Math.hypot(north, east)), direction: (Math.round(Math.atan2(east, north) / (Math.PI / 4)) + 8) % 8 };
}
