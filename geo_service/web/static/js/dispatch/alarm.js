/* Sounds of the desk, made here: two falling tones for a clock that ran out, one short one for a new urgent report. */

const TONES = {
  breach: [[784, 0, 0.18], [523, 0.2, 0.32]],
  news: [[659, 0, 0.12]],
  line: [[330, 0, 0.25], [262, 0.28, 0.3]],
};
const QUIET_MS = 1500; // several of one moment sound once

export class Alarm {
  constructor() {
    this.isMuted = window.GeoService.recall("dispatch.muted") === "yes";
    this.lastAt = -Infinity;
    this.played = []; // names, for whoever looks
    // browsers let a page sound only after a hand has touched it
    for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => this.wake(), { once: true, capture: true });
  }

  wake() {
    try {
      this.context ||= new AudioContext();
      this.context.resume();
    } catch {
      this.context = null; // a machine without sound
    }
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    window.GeoService.remember("dispatch.muted", isMuted ? "yes" : "no");
    if (!isMuted) this.play("news", { now: true });
  }

  play(name, { now = false } = {}) {
    if (this.isMuted || (!now && Date.now() - this.lastAt < QUIET_MS)) return;
    this.lastAt = Date.now();
    this.played.push(name);
    if (this.played.length > 20) this.played.shift();
    const { context } = this;
    if (!context || context.state !== "running") return;
    for (const [hertz, after, lasts] of TONES[name]) {
      const start = context.currentTime + after;
      const oscillator = context.createOscillator();
      const gain = context.createGain();
      oscillator.type = "sine";
      oscillator.frequency.value = hertz;
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(0.2, start + 0.015); // neither clicks nor frightens
      gain.gain.exponentialRampToValueAtTime(0.001, start + lasts);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(start);
      oscillator.stop(start + lasts + 0.05);
    }
  }
}
