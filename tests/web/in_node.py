"""The scripts of a page, run by Node in a folder of their own."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from geo_service.web import assets

NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


def run(folder: Path, script: str) -> Any:
    """Run a script beside the page's own, and return what it printed last."""
    shutil.copytree(assets.STATIC_DIR / "js", folder / "js")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "run.js").write_text(script, encoding="utf-8")
    command = ["node", "run.js"]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
