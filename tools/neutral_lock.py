"""Strip a uv.lock of everything that ties it to one package index: it keeps names, versions, dependencies and markers.

Git runs this as the clean filter of uv.lock (see .gitattributes and .gitconfig), so that what uv fills in for the
machine at hand never reaches a commit. uv takes the versions of a stripped lock as its preference, looks the files up
on whatever index is configured, and installs those same versions.

    python3 tools/neutral_lock.py < uv.lock > stripped.lock
    python3 tools/neutral_lock.py --check uv.lock     # exit 1 and say so if the file is not stripped
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

# The value ends in the line, or in the line that closes its bracket.
_FILES = re.compile(r"^(?:sdist|wheels) = (?:\[\n(?:[ \t]+.*\n)*\]\n|.*\n)", re.MULTILINE)
# The revision of the file format is that of the uv at hand, which fills it in as well.
_REVISION = re.compile(r"^revision = \d+\n", re.MULTILINE)
# uv compares a stripped package's requirements with the pyproject.toml files anew, so its copy of them can go.
_METADATA = re.compile(r"^\[package\.metadata(?:\.[^\]]*)?\]\n(?:(?!\[\[?\w).*\n)*", re.MULTILINE)
_REGISTRY = re.compile(r'\b(registry|index) = "[^"]*"')
_ADDRESS = re.compile(r"^.*(?:://|\bhash = |\bupload-time = ).*$", re.MULTILINE)


def neutralise(lock: str) -> str:
    """Return the text of a uv.lock without files, hashes, addresses and copies of the members' metadata.

    Raises:
        ValueError: if an address is left, such as that of a requirement from git, which cannot be had without it.
    """
    lock = _FILES.sub("", lock.replace("\r\n", "\n"))
    lock = _REVISION.sub("", _METADATA.sub("", lock))
    lock = _REGISTRY.sub(r'\1 = "."', lock)
    # What was cut out between two packages leaves one empty line, as everywhere else.
    lock = re.sub(r"\n{3,}", "\n\n", lock).rstrip("\n") + "\n"
    left = _ADDRESS.search(lock)
    if left:
        raise ValueError(f"an address would stay in the lock: {left[0].strip()!r}; depend on released versions only")
    return lock


def main(arguments: list[str] | None = None) -> int:
    """Filter stdin to stdout, or check a file; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", type=Path, metavar="FILE", help="say whether FILE is stripped; exit 1 if it is not")
    check: Path | None = parser.parse_args(arguments).check
    try:
        # Bytes, because the same lock must come out on every system.
        text = (check.read_bytes() if check else sys.stdin.buffer.read()).decode()
        neutral = neutralise(text)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {check or 'uv.lock'}: {error}\n")
        return 2
    if check is None:
        sys.stdout.buffer.write(neutral.encode())
    elif neutral != text:
        sys.stderr.write(f"error: {check}: not stripped; run python3 tools/neutral_lock.py < {check}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
