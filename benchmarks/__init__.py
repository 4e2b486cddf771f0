"""Speed of this project against named peers: ``python -m benchmarks [name ...]``.

One module a subject. A module is a benchmark when it defines ``run() -> list[Row]``; nothing is
registered anywhere. The first line of its docstring becomes the text under its heading in
``benchmarks/RESULTS.md``, where each run replaces that module's table and leaves the others alone.

    from benchmarks.measure import Row, compare, time_of

    def run() -> list[Row]:
        ours_and_peer = compare(lambda: ours(points), lambda: peer(points), rounds=5)
        return [Row.versus("place 200,000 points", "geopandas sjoin", ours_and_peer, at_least=30)]

Conventions
-----------
* Ours and the peer run on the same input, in the same process, turn by turn (A B, B A, A B, ...), after one
  untimed warm-up each, so that a busy machine hurts both; the figure is the median, the ratio is the median
  of the ratios of neighbouring turns.
* The clock is CPU time of the process unless the work happens elsewhere (a server): then ``clock="wall"``.
* ``run`` checks that ours and the peer agree before it times anything, and raises if they do not.
* Inputs are made from a fixed seed or read from the repository; no downloads.
* A target that is missed makes the command exit with 1.
"""
