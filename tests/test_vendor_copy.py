"""What a copy is made of, on a small repository: every form of import, the parts of the core, the requirements."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from vendor import vendor
from vendoring_copy import make_copy
from vendoring_record import read_record
from visioncore.testing.texts import write_texts

METHOD, CORE = "packages/a-method", "shared/visioncore"
SOURCE, CORE_SOURCE = f"{METHOD}/src/a_method", f"{CORE}/src/visioncore"

FORMS = {
    "from visioncore.tool import NAME": "NAME",
    "from visioncore.tool import NAME as n  # visioncore": "n",
    "from visioncore import tool": "tool.NAME",
    "from visioncore import tool as t, deep": "t.NAME",
    "from visioncore.deep import (  # why\n    tool,\n)": "tool.UPPER",
    "from \\\n    visioncore . deep . tool import UPPER": "UPPER",
    "import visioncore.tool as t": "t.NAME",
    "import visioncore.deep.tool as t": "t.UPPER",
    "import visioncore as v, os.path, visioncore.tool as t": "t.NAME",
    "import visioncore.deep.tool": "visioncore.deep.tool.UPPER",
    "import os; import visioncore.deep as d; from visioncore.tool import NAME": "NAME if d else os",
    "é = 1; from visioncore.tool import NAME": "NAME",
    "def f():\n    from visioncore import tool\n    return tool.NAME": "f()",
    "if True: import visioncore.tool as t": "t.NAME",
    "from .above import *\nfrom visioncore import tool": "tool.NAME",
}


def test_every_form_of_import(repository: Path, tmp_path: Path) -> None:
    names = []
    for place in ("", "one.", "one.two."):
        write_texts(repository, {f"{SOURCE}/{place.replace('.', '/')}{name}.py": "" for name in ("__init__", "above")})
        for index, (statement, value) in enumerate(FORMS.items()):
            names.append(f"{place}form{index}")
            text = f'"""visioncore."""\n{statement}\nVALUE = {value}\n'
            write_texts(repository, {f"{SOURCE}/{names[-1].replace('.', '/')}.py": text})
    vendor("a-method", tmp_path / "theirs" / "deep", root=repository)
    shutil.rmtree(repository)
    script = "import importlib, sys\nfor name in sys.argv[1:]: print(importlib.import_module(name).VALUE)"
    paths = [f"theirs.deep.a_method.{name}" for name in names]
    ran = subprocess.run([sys.executable, "-S", "-c", script, *paths], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.split() == ["tool"] * len(names), ran.stderr


def test_all_but_imports_stays_as_it_is(repository: Path) -> None:
    text = '''\
"""From visioncore.tool import NAME."""

import visioncore.tool as t; x  =  "from visioncore.tool"  # import visioncore


def f( ) :
    from visioncore.deep import (tool , )   # a comment about é, visioncore and tools
    return """
import visioncore.tool
"""
'''
    write_texts(repository, {f"{SOURCE}/one/odd.py": text})
    expected = text.replace("import visioncore.tool as t;", "from .._visioncore import tool as t;")
    expected = expected.replace("    from visioncore", "    from .._visioncore")
    assert make_copy("a-method", repository).files["one/odd.py"].decode() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os\n", set()),
        ("import visioncore\n", {"__init__.py"}),
        ("from visioncore.tool import NAME\n", {"__init__.py", "tool.py"}),
        ("from visioncore import tool\n", {"__init__.py", "tool.py"}),
        ("def f():\n    import visioncore.deep.tool\n", {"__init__.py", "tool.py", "deep/__init__.py", "deep/tool.py"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from visioncore.tool import NAME\n",
            {"__init__.py", "tool.py"},
        ),
        ("import visioncore.lazy\n", {"__init__.py", "tool.py", "lazy/__init__.py", "lazy/__init__.pyi"}),
        ("import visioncore.keys\n", {"__init__.py", "keys/__init__.py", "keys/one.py", "keys/two.py"}),
        ("from visioncore import named\n", {"__init__.py", "named.py", "tool.py"}),
        (
            "import visioncore.data.more\n",
            {"__init__.py", *(f"data/{name}" for name in ("__init__.py", "more.py", "a.json", "tables/b.csv"))},
        ),
    ],
)
def test_just_what_is_reached(text: str, expected: set[str], repository: Path) -> None:
    write_texts(
        repository / CORE_SOURCE,
        {
            "lazy/__init__.py": "import sys as lazy_loader\na, b, c = lazy_loader.attach_stub(__name__, __file__)\n",
            "lazy/__init__.pyi": "from ..tool import NAME as NAME\n",
            "keys/__init__.py": 'd = lazy.attach(__name__, submodules=["one"], submod_attrs={"two": ["three"]})\n',
            **{f"keys/{name}.py": "" for name in ("one", "two", "three")},
            "named.py": 'import importlib\ntool = importlib.import_module(".tool", __package__)\n',
            **{f"data/{name}": "" for name in ("__init__.py", "more.py", "a.json", "tables/b.csv", "other.py")},
            "data/deep/__init__.py": "",
            "data/deep/c.json": "",
        },
    )
    write_texts(repository, {f"{SOURCE}/cli.py": text})
    copied = make_copy("a-method", repository).files
    core = {path.removeprefix("_visioncore/") for path in copied if path.startswith("_visioncore/")}
    assert core == expected | {"LICENSE"}
    own = {path for path in copied if not path.startswith("_visioncore/")}
    assert own == {"__init__.py", "cli.py", "recipes/demo.yaml", "LICENSE"}


def test_record(repository: Path, tmp_path: Path) -> None:
    tool = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _typeshed
else:
    import rich

def f(kind):
    return require("av", "video"), require(f"PIL.{kind}ImagePlugin", "images")
"""
    write_texts(repository, {f"{SOURCE}/cli.py": "import os, torch.nn, yaml\nfrom visioncore import tool\n"})
    write_texts(repository, {f"{CORE_SOURCE}/tool.py": tool})
    newest = 86400 * 365 * 80
    os.utime(repository / METHOD / "pyproject.toml", (newest, newest))
    vendor("a-method", tmp_path, root=repository)
    record = read_record(tmp_path / "a_method")
    assert record == make_copy("a-method", repository).record
    assert (record.package, record.version, record.visioncore) == ("a-method", "1.2.3", "0.1.0")
    assert record.changed == date.fromtimestamp(newest)
    assert record.licences == {"LICENSE": "Apache-2.0 (a-method)", "_visioncore/LICENSE": "Apache-2.0 (visioncore)"}
    assert (tmp_path / "a_method" / "_visioncore" / "LICENSE").read_text() == "the core's\n"
    assert record.requirements.python == ">=3.11,<4"
    rich = "rich[jupyter]>=13; python_version < '4'"
    assert record.requirements.needed == ("pillow>=11", "pyyaml>=6", rich, "torch>=2.7,>=2.6")
    assert record.requirements.optional == {"export": ("onnx>=1",), "video": ("av>=17",)}


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (SOURCE, "\nimport a_method.cli", f"{SOURCE}/bad.py:2: a_method by its full name"),
        (SOURCE, "from a_method import cli", "bad.py:1: a_method by its full name"),
        (SOURCE, "demo = 'a_method.demo:demo'", "bad.py:1: a_method by its full name"),
        (SOURCE, "f'a_method.{x}'", "bad.py:1: a_method by its full name"),
        (SOURCE, "find('visioncore.tool')", "bad.py:1: visioncore by its full name"),
        (SOURCE, "from visioncore.absent import x", "bad.py:1: there is no module visioncore.absent"),
        (SOURCE, "from .. import x", "bad.py:1: this relative import leaves a_method"),
        (
            SOURCE,
            "def f():\n    import numpy",
            "bad.py:2: imports numpy, which neither a-method nor visioncore requires",
        ),
        (SOURCE, "import visioncore.unused, rich, nothing", "imports nothing, which neither"),
        (SOURCE, "def", "invalid syntax"),
        (CORE_SOURCE, "import visioncore.tool", f"{CORE_SOURCE}/bad.py:1: visioncore by its full name"),
        (CORE_SOURCE, "require('visioncore.tool', 'x')", "visioncore by its full name"),
        (CORE_SOURCE, "import numpy", f"{CORE_SOURCE}/bad.py:1: imports numpy"),
    ],
)
def test_sources_that_cannot_be_copied(place: str, text: str, expected: str, repository: Path) -> None:
    write_texts(repository, {f"{place}/bad.py": f"{text}\n"})
    if place == CORE_SOURCE:
        write_texts(repository, {f"{SOURCE}/cli.py": "from visioncore import bad\n"})
    with pytest.raises((SyntaxError, ValueError), match=re.escape(expected)):
        make_copy("a-method", repository)


def test_licence_is_needed(repository: Path) -> None:
    (repository / CORE / "LICENSE").unlink()
    with pytest.raises(ValueError, match=r"shared/visioncore/pyproject\.toml: license-files names no file"):
        make_copy("a-method", repository)
