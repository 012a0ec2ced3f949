"""Write what `info` tells of each package's published networks into its assets, where it is read at once.

python tools/network_tables.py               # of all packages
python tools/network_tables.py hsam-medseg   # of some
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path

from visioncore.commands.description import table_of
from visioncore.commands.info import TABLE
from visioncore.methods import Method, find_methods


def text_of(method: Method) -> str:
    """Return the table of a method, as it stands in the file: a line for each network."""
    rows = (f"{json.dumps(name)}: {json.dumps(told)}" for name, told in table_of(method).items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main(names: list[str]) -> int:
    """Write the tables of the packages of these names, or of all."""
    for method in find_methods()[0]:
        if not names or method.name in names:
            path = Path(str(files(method.module))) / "assets" / TABLE
            path.write_text(text_of(method), encoding="utf-8")
            sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
