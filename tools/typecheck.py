"""Run mypy over the whole repository, one member of the workspace at a time.

One at a time, because every member has a tests/conftest.py and a tests/test_model.py of its own, and mypy takes files
of one name for one module. Options are passed on to mypy.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workspace import ROOT, members

FOLDERS = ("src", "tests", "tools")


def main(options: list[str]) -> int:
    """Check the root and every member; return 1 if any has errors."""
    failed = False
    for place in (ROOT, *(ROOT / member.folder for member in members())):
        folders = [str((place / name).relative_to(ROOT)) for name in FOLDERS if _has_python(place / name)]
        if folders:
            sys.stdout.write(f"mypy {' '.join(folders)}\n")
            sys.stdout.flush()
            failed |= subprocess.run([sys.executable, "-m", "mypy", *options, *folders], cwd=ROOT).returncode != 0
    return int(failed)


def _has_python(folder: Path) -> bool:
    return any(folder.rglob("*.py"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
