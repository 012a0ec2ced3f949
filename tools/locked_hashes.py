"""Write or check locked.txt: every package that uv.lock holds, with its version and the SHA-256 of each of its files.

uv.lock is committed without addresses, and so without hashes; locked.txt has the hashes, and is what is installed from
(tools/install.py). It is in the format of requirements, which uv and pip read: ``--require-hashes -r locked.txt``.

    python3 tools/locked_hashes.py           # exit 1 and say so if it is not that of uv.lock
    python3 tools/locked_hashes.py --write   # after uv.lock has changed
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from workspace import ROOT

EXPORT = ("export", "--quiet", "--all-packages", "--all-groups", "--no-emit-workspace")
SPARE = ("--no-header", "--no-annotate")
REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;\\]+)(?: ; [^\\\n]+)?(?P<hashes>(?: \\\n {4}--hash=\S+)*)\n"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def faults(locked: str, lock: str) -> list[str]:
    """Return the faults in the text of locked.txt, beside the text of uv.lock."""
    found = {(each["name"], each["version"]): each["hashes"] for each in REQUIREMENT.finditer(locked)}
    rest = REQUIREMENT.sub("", locked)
    wrong = [f"not a pinned package: {line}" for line in rest.splitlines() if line]
    wanted = {
        (package["name"], package["version"])
        for package in tomllib.loads(lock)["package"]
        if "registry" in package["source"]
    }
    wrong += [f"missing: {name} {version}" for name, version in sorted(wanted - found.keys())]
    wrong += [f"not in uv.lock: {name} {version}" for name, version in sorted(found.keys() - wanted)]
    for (name, version), hashes in found.items():
        each = hashes.replace("\\\n", " ").split()
        if not each or not all(HASH.fullmatch(one) for one in each):
            wrong.append(f"without a hash, or with another than SHA-256: {name} {version}")
    return wrong


def uv(*words: str, cwd: Path = ROOT, **more: str) -> None:
    """Run uv, wherever it is installed.

    Raises:
        SystemExit: with its exit code, if it fails.
    """
    command = [shutil.which("uv")] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | more
    code = subprocess.run([*command, *words], cwd=cwd, env=environment, check=False).returncode
    if code:
        raise SystemExit(code)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write or check the file; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write locked.txt anew")
    path = root / "locked.txt"
    if parser.parse_args(arguments).write:
        uv(*EXPORT, "--all-extras", *SPARE, "--output-file", str(path), cwd=root)
    wrong = faults(path.read_text(encoding="utf-8"), (root / "uv.lock").read_text(encoding="utf-8"))
    for line in wrong[:5]:
        sys.stderr.write(f"error: locked.txt: {line}; run python3 tools/locked_hashes.py --write\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
