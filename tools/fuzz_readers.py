"""Give damaged files to every reader for some minutes, and print each exception that is not one line of error.

    uv run python tools/fuzz_readers.py --minutes 10

Files that are found lie in the folder --keep, to be looked at; they are not committed. The exit code is 1 if there is
any. A reader that crashes or hangs ends the process or holds it up: the last line says which file it was given.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from visioncore.testing.fuzzing import Sample, damaged, fuzz
from visioncore.testing.samples import make_samples


def main(argv: list[str] | None = None) -> int:
    """Run and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first round")
    parser.add_argument("--only", default="", help="names of files that are damaged have this in them")
    parser.add_argument("--keep", type=Path, help="folder for files that are found")
    options = parser.parse_args(argv)
    kinds: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        samples = [
            Sample(each.path, _announced(each), each.reader)
            for each in make_samples(Path(folder, "valid"))
            if options.only in each.path.name
        ]
        for finding in fuzz(samples, Path(folder, "damaged"), 60 * options.minutes, options.seed):
            kind = f"{finding.sample.path.name}: {finding.told.strip().splitlines()[-1]}"
            kinds[kind] = kinds.get(kind, 0) + 1
            if kinds[kind] > 1:
                continue
            print(f"\n{finding}", flush=True)  # noqa: T201
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                content = damaged(finding.sample.path.read_bytes(), finding.seed)
                (options.keep / f"{finding.seed}-{finding.sample.path.name}").write_bytes(content)
    print(f"\n{len(kinds)} kinds of exceptions, {sum(kinds.values())} in all")  # noqa: T201
    return 1 if kinds else 0


def _announced(sample: Sample):  # type: ignore[no-untyped-def]
    def read(path: Path) -> object:
        print(f"\r{path.name:30}", end="", file=sys.stderr, flush=True)  # noqa: T201
        return sample.read(path)

    return read


if __name__ == "__main__":
    sys.exit(main())
