"""What the worker's page says of positions, and keeps of files: the scripts themselves, run in Node."""

from pathlib import Path

from tests.web.in_node import NEEDS_NODE, run

pytestmark = NEEDS_NODE

#: A phone whose clock is an hour behind the server's, and which hears of places as the test says.
PHONE = """
let now = Date.parse("2026-11-22T09:00:00Z");
Date.now = () => now;
globalThis.setInterval = () => 0;
const sent = [], asked = [];
globalThis.document = { documentElement: { dataset: { lang: "zh" } }, addEventListener: () => {} };
globalThis.window = globalThis;
globalThis.fetch = async (address, { body }) => {
  sent.push(...JSON.parse(body).fixes);
  return new Response('{"arrived": [], "refused": []}', { headers: { "Content-Type": "application/json" } });
};
let heard, trouble;
const geolocation = {
  watchPosition: (take, fail) => ([heard, trouble] = [take, fail], 1),
  getCurrentPosition: (...given) => asked.push(given),
  clearWatch: () => {},
};
Object.defineProperty(globalThis, "navigator", { value: { geolocation, onLine: true }, configurable: true });
const { learn } = await import("./js/kit/clock.js");
const { Position } = await import("./js/worker/position.js");
learn("2026-11-22T10:00:00Z", now, now);
const settled = () => new Promise((then) => setImmediate(() => setImmediate(then)));
const at = (timestamp, lon = 121) => ({ timestamp, coords: { longitude: lon, latitude: 31, accuracy: 5 } });
const own = new Position(() => {});
own.setDuty(true);
own.start();
"""


def test_a_position_is_of_the_moment_at_which_it_was_measured(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        PHONE
        + """
heard(at(now - 20 * 60000)); // measured twenty minutes ago
await settled();
for (let i = 0; i < 30; i++) {
  trouble({ code: 3 });
  now += 10000;
  await own.send();
}
console.log(JSON.stringify([sent, asked.length, asked[0][2], own.problem]));
""",
    )
    sent, asked, how, problem = told
    assert [one["at"] for one in sent] == ["2026-11-22T09:40:00.000Z"]  # by the server's clock, and said once
    assert asked == 1  # one measuring at a time
    assert how["maximumAge"] == 0
    assert problem == "unavailable"


def test_who_stands_still_is_measured_anew(tmp_path: Path) -> None:
    sent, kept = run(
        tmp_path,
        PHONE
        + """
heard(at(now));
await settled();
now += 10000;
await own.send();
asked.pop()[0](at(now));
await settled();
now += 10000;
await own.send();
asked.pop()[0](at(now - 10000)); // the same place again is no new one
await settled();
now += 10000;
await own.send();
own.stop();
asked.pop()[0](at(now, 122)); // nobody wants to know it any more
await settled();
console.log(JSON.stringify([sent, own.kept]));
""",
    )
    assert [one["at"] for one in sent] == ["2026-11-22T10:00:00.000Z", "2026-11-22T10:00:10.000Z"]
    assert kept == []


def test_only_the_last_content_of_a_file_is_kept_on_the_phone(tmp_path: Path) -> None:
    kept = run(
        tmp_path,
        """
const heard = {};
globalThis.self = {
  location: { origin: "https://town.example" },
  addEventListener: (name, act) => (heard[name] = act),
};
const full = (key) => (key.url ? key.url : new URL(key, self.location.origin).href);
const held = new Map();
globalThis.caches = {
  open: async () => ({
    match: async (key) => held.get(full(key)),
    put: async (key, response) => held.set(full(key), response),
    delete: async (key) => held.delete(full(key)),
    keys: async () => [...held.keys()].map((url) => ({ url })),
  }),
};
globalThis.fetch = async () => new Response("content");
await import("./js/worker/service.js");
const files = ["a.js?v=1", "b.js?v=1", "c.js", "a.js?v=2", "c.js"].map((name) => `/static/${name}`);
for (const path of ["/worker", ...files]) {
  let answer;
  const request = { method: "GET", url: self.location.origin + path };
  heard.fetch({ request, respondWith: (given) => (answer = given) });
  await answer;
}
console.log(JSON.stringify([...held.keys()].map((url) => url.slice(self.location.origin.length))));
process.exit(0); // patience is still counted
""",
    )
    assert sorted(kept) == ["/static/a.js?v=2", "/static/b.js?v=1", "/static/c.js", "/worker"]
