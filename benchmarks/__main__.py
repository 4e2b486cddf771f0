"""Run benchmarks by name, or all of them, and write their tables into RESULTS.md."""

import argparse
import importlib
import pkgutil
import sys
from types import ModuleType

import benchmarks
from benchmarks.measure import RESULTS, Row, write


def benchmark_modules() -> dict[str, ModuleType]:
    """Every module beside this one that defines ``run``, by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "run")}


def main() -> int:
    """Run, print, write; 1 when a target was missed."""
    found = benchmark_modules()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of: {', '.join(found)} (default: all)")
    parser.add_argument(
        "--no-write", action="store_true", help="print the figures, leave RESULTS.md as it is"
    )
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in found]:
        parser.error(f"no benchmark called {', '.join(unknown)}; there are: {', '.join(found)}")
    missed = 0
    for name in args.names or found:
        print(f"{name}:", flush=True)
        rows: list[Row] = found[name].run()
        for row in rows:
            missed += row.passed is False
            print(f"  {row.job}: {row.ours} | {row.peer} | {row.ratio} (target {row.target})", flush=True)
        if not args.no_write:
            write(name, _first_line(found[name]), rows)
    if not args.no_write:
        print(f"written to {RESULTS}")
    if missed:
        print(f"{missed} target(s) missed", file=sys.stderr)
    return 1 if missed else 0


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().split("\n", 1)[0]


if __name__ == "__main__":
    sys.exit(main())
