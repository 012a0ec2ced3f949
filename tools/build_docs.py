"""Build the documentation with Sphinx, warnings as errors, and follow every link inside it.

python tools/build_docs.py                # writes out/site/index.html
python tools/build_docs.py --out FOLDER
python tools/build_docs.py --no-notebooks    # shows them without what they give, which takes less time
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from docs_links import dead_links
from workspace import ROOT


def build(out: Path, notebooks: bool = True) -> int:
    """Write the site, with what the notebooks give when they are run; return the exit code of Sphinx."""
    # what was read stays beside the site, so that the next build reads only what changed
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-b", "html", "-c", str(ROOT / "docs")]
    if not notebooks:
        command += ["-D", "nb_execution_mode=off"]
    # importing the packages must not start a thread for each core
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    kept = out.with_name(f".{out.name}-doctrees")
    return subprocess.run([*command, "-d", str(kept), str(ROOT), str(out)], cwd=ROOT, env=environment).returncode


def main(arguments: list[str] | None = None) -> int:
    """Build and check the site; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "site", help="folder of the site (out/site)")
    parser.add_argument("--no-notebooks", action="store_true", help="show notebooks without running them")
    given = parser.parse_args(arguments)
    out = given.out.resolve()
    if code := build(out, not given.no_notebooks):
        return code
    dead = dead_links(out)
    sys.stderr.writelines(f"error: {line}\n" for line in dead)
    if dead:
        return 1
    sys.stdout.write(f"{out / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
