"""What `info` reads at once is what would be counted."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import pytest

from visioncore.commands.description import table_of
from visioncore.commands.info import TABLE
from visioncore.methods import Method, find_methods

METHODS = find_methods()[0]


def table(method: Method) -> str:
    path = files(method.module) / "assets" / TABLE
    assert path.is_file(), f"python tools/network_tables.py {method.name} writes {path}"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_table_holds_what_would_be_counted(method: Method) -> None:
    assert json.loads(table(method)) == table_of(method), f"python tools/network_tables.py {method.name} renews it"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_info_of_a_published_network_loads_no_torch(method: Method) -> None:
    lines = (
        "import sys",
        f"from {method.module}.cli import main",
        "assert main(['info']) == 0",
        "assert 'torch' not in sys.modules",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "multiply-accumulates" in done.stdout
