"""What the dispatcher's page says of a queue longer than it reads: the scripts themselves, run in Node."""

from pathlib import Path

from tests.web.in_node import NEEDS_NODE, run

pytestmark = NEEDS_NODE


def test_a_queue_that_is_longer_than_what_is_read_says_so_and_counts_all(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        """
globalThis.document = { documentElement: { dataset: { lang: "en" } }, addEventListener: () => {} };
globalThis.window = globalThis;
const { Desk } = await import("./js/dispatch/desk.js");
const { Queue } = await import("./js/dispatch/queue.js");
const { addWords } = await import("./js/kit/i18n.js");
const { WORDS } = await import("./js/dispatch/words.js");
addWords(WORDS);

const out = [];
for (const [open, pages] of [[30, 20], [20, 20], [3, 2]]) {
  let page = 0;
  const row = () => ({ id: `${page}`, lon: 121, lat: 31, standing: { clocks: [] } });
  const counts = { open, overdue: 7, soon: 1, unlocated: 5 };
  const desk = Object.assign(Object.create(Desk.prototype), {
    ask: async () => {
      page += 1;
      return { incidents: [row()], counts, next: page < pages || open === pages ? "/next" : null };
    },
    cards: { of: () => [] },
    isMine: () => false,
    tell: () => {},
  });
  const rows = await desk.readQueue();
  const tab = (name) => ({ name, count: {}, button: { classList: { toggle: () => {} } } });
  const queue = Object.assign(Object.create(Queue.prototype), {
    desk,
    partly: {},
    tabs: ["open", "overdue", "unlocated"].map(tab),
  });
  queue.count(rows, Date.now());
  const shown = queue.tabs.map(({ count }) => count.textContent);
  out.push([rows.length, queue.partly.hidden, queue.partly.textContent, shown]);
}
console.log(JSON.stringify(out));
""",
    )
    most = told[0][0]
    assert most < 20
    assert told[0] == [most, False, f"Only the first {most} are listed, of 30 that wait", ["30", "7", "5"]]
    assert told[1] == [most, False, f"Only the first {most} are listed, of 20 that wait", ["20", "7", "5"]]
    assert told[2] == [2, True, "", ["2", "0", "0"]]
