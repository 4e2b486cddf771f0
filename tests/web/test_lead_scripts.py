"""Scripts of the leaders' page that think, run by Node: a job is followed to its end."""

from pathlib import Path

from tests.web.in_node import NEEDS_NODE, run

FOLLOWING = """
globalThis.document = { documentElement: { dataset: {} }, addEventListener() {} };
const { Refusal } = await import("./js/kit/http.js");
const { ended } = await import("./js/lead/report.js");
const rest = async () => {};

async function follow(answers) {
  const shown = [];
  const ask = async (path) => {
    const next = answers.shift();
    if (typeof next === "number") throw new Refusal(next, { detail: `${path} ${next}` });
    return next;
  };
  try {
    const job = await ended(7, (one) => shown.push(one.state), { ask, rest });
    return { shown, result: job.result ?? null, state: job.state };
  } catch (error) {
    return { shown, status: error.status, left: answers.length };
  }
}

console.log(JSON.stringify([
  await follow([{ state: "queued" }, { state: "running" }, 0, 503, { state: "done", result: 5 }]),
  await follow([{ state: "running" }, { state: "cancelled" }]),
  await follow([{ state: "failed", problem: { status: 409, detail: "no roads" } }]),
  await follow([{ state: "queued" }, 404, { state: "done" }]),
  await follow(Array(200).fill(0)),
]));
"""


@NEEDS_NODE
def test_a_job_is_followed_to_its_end(tmp_path: Path) -> None:
    done, cancelled, failed, gone, silent = run(tmp_path, FOLLOWING)
    assert done == {"shown": ["queued", "running", "done"], "result": 5, "state": "done"}
    assert cancelled["state"] == "cancelled"
    assert failed == {"shown": ["failed"], "status": 409, "left": 0}
    assert gone["status"] == 404  # whoever has no such job is not asked again
    assert silent["status"] == 0
    assert silent["left"] == 200 - 101  # no longer than the server may need to start again
