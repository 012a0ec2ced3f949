"""Who may know whom, read from the syntax trees; and what an import or a help text loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from isolation import CORE, breaches, module_name
from workspace import ROOT, Member, members, read_pyproject

OPTIONAL = {
    "accelerate",
    "av",
    "clip",
    "cv2",
    "diffusers",
    "huggingface_hub",
    "magicgui",
    "matplotlib",
    "napari",
    "nibabel",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "open_clip",
    "peft",
    "PIL",
    "pydicom",
    "scipy",
    "segment_anything",
    "SimpleITK",
    "skimage",
    "sklearn",
    "spconv",
    "tifffile",
    "timm",
    "torchvision",
    "transformers",
}
"""Heavy libraries, by the names they are imported under; to be loaded only where they are used."""

IMPORT = """
import importlib, json, sys
package = importlib.import_module(sys.argv[1])
for name in getattr(package, "__all__", ()):
    getattr(package, name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

HELP = """
import contextlib, importlib, io, json, re, sys

module, _, function = sys.argv[1].partition(":")
main = getattr(importlib.import_module(module), function)

def ask(*arguments):
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        try:
            code = main([*arguments, "--help"])
        except SystemExit as stop:
            code = stop.code
    assert not code, (arguments, code)
    loaded[" ".join(arguments)] = sorted({name.partition(".")[0] for name in sys.modules})
    return told.getvalue()

loaded = {}
for command in re.findall(r"^  (\\w+) ", ask().partition("commands:\\n")[2], flags=re.MULTILINE):
    ask(command)
print(json.dumps(loaded))
"""


@pytest.fixture(params=members(), ids=lambda member: member.name)
def member(request: pytest.FixtureRequest) -> Member:
    found: Member = request.param
    return found


def workspace(root: Path, files: Mapping[str, str]) -> Path:
    """Write a workspace of ``a-method``, ``b-method`` and the core, with ``files`` in it."""
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*", "shared/visioncore"]\n')
    method = ("cli", "training/trainer", "evaluation/tables", "inference/predictor", "network/model", "network/idea")
    core = ("main", "training/loop", "inference/tiling", "images/image", "images/exif", "errors")
    for name, folder, modules in (
        ("a-method", "packages/a-method", method),
        ("b-method", "packages/b-method", method),
        (CORE, f"shared/{CORE}", core),
    ):
        source = root / folder / "src" / name.replace("-", "_")
        source.mkdir(parents=True)
        (root / folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1"\n')
        for module in ("__init__", *modules):
            (source / f"{module}.py").parent.mkdir(exist_ok=True)
            (source / f"{module}.py").touch()
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def run(script: str, argument: str, folder: Path) -> str:
    """Run a script in a process of its own, with the sources in ``folder`` before all that is installed."""
    path = os.pathsep.join(filter(None, [str(folder / "src"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", script, argument]
    ran = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def heavy_after_import(module: str, folder: Path) -> set[str]:
    """Return the heavy libraries that are loaded when every public name of a package is."""
    return OPTIONAL & set(json.loads(run(IMPORT, module, folder)))


def heavy_after_help(script: str, folder: Path) -> dict[str, set[str]]:
    """Return {command: heavy libraries, and torch, loaded by the time its help is printed}; "" is the overview."""
    loaded: dict[str, list[str]] = json.loads(run(HELP, script, folder))
    return {command: (OPTIONAL | {"torch"}) & set(names) for command, names in loaded.items()}


def test_nobody_knows_more_than_it_may() -> None:
    assert breaches() == []


A = "packages/a-method/src/a_method"
CORE_SOURCE = "shared/visioncore/src/visioncore"


def test_what_may_be(tmp_path: Path) -> None:
    files = {
        f"{A}/__init__.pyi": "from .network.model import Model as Model\n",
        f"{A}/cli.py": "import torch\nfrom .training import trainer\nfrom .inference.predictor import run\n",
        f"{A}/training/trainer.py": "from visioncore.training import loop\nfrom ..network import model, idea\n",
        f"{A}/evaluation/tables.py": "from ..inference import predictor\n",
        f"{A}/network/model.py": "def f():\n    from .idea import x\n",
        "packages/a-method/tests/test_model.py": "import a_method.network.model\nimport visioncore\n",
        f"{CORE_SOURCE}/training/loop.py": "from ..images.image import x\nimport a_method_of_others\n",
        f"{CORE_SOURCE}/images/image.py": "from . import exif\nfrom ..errors import x\n",
        "shared/visioncore/tests/test_image.py": "import visioncore.images.image\n",
    }
    assert breaches(workspace(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (f"{A}/network/idea.py", "import b_method", "stands on visioncore alone"),
        (f"{A}/network/idea.py", "def f():\n    from b_method.idea import x", "imports b_method"),
        (f"{A}/network/idea.py", "importlib.import_module('b_method.cli')", "imports b_method"),
        (f"{A}/__init__.pyi", "from b_method import x as x", "imports b_method"),
        ("packages/a-method/tests/test_idea.py", "import b_method", "imports b_method"),
        (f"{CORE_SOURCE}/images/image.py", "from a_method import x", "visioncore knows no package"),
        ("shared/visioncore/tests/test_image.py", "import a_method", "visioncore knows no package"),
        (f"{A}/cli.py", "from a_method.training.trainer import x", "say it relatively"),
        (f"{A}/__init__.pyi", "from a_method.network.model import M", "say it relatively"),
        (f"{CORE_SOURCE}/images/image.py", "import visioncore.errors", "say it relatively"),
        (f"{A}/network/idea.py", "from ..inference import predictor", "which does not stand below it"),
        (f"{A}/network/idea.py", "from ..training.trainer import x", "network/idea imports training/trainer"),
        (f"{A}/training/trainer.py", "from ..evaluation import tables", "imports evaluation/tables"),
        (f"{A}/training/trainer.py", "def f():\n    from ..cli import x", "training/trainer imports cli"),
        (f"{A}/network/idea.py", "from .. import Model", "network/idea imports __init__"),
        (f"{CORE_SOURCE}/errors.py", "from .images import image", "errors imports images/image"),
        (f"{CORE_SOURCE}/inference/tiling.py", "from ..training import loop", "inference/tiling imports training/loop"),
        (f"{A}/network/idea.py", "from .nowhere import x", "no such file"),
        (f"{A}/network/idea.py", "from ...b_method import x", "no such file"),
    ],
)
def test_what_may_not_be(place: str, text: str, expected: str, tmp_path: Path) -> None:
    found = breaches(workspace(tmp_path, {place: f"{text}\n"}))
    assert len(found) == 1
    assert found[0].startswith(f"{place}:")
    assert expected in found[0]


@pytest.mark.parametrize("source", [A, CORE_SOURCE])
def test_files_outside_every_folder(source: str, tmp_path: Path) -> None:
    found = breaches(workspace(tmp_path, {f"{source}/helpers.py": "", f"{source}/misc/idea.py": ""}))
    assert found == [f"{source}/{key}: stands in no folder of the house" for key in ("helpers", "misc/idea")]


@pytest.mark.parametrize(
    ("first", "there", "second", "back"),
    [
        ("network/model", "from .idea import x", "network/idea", "from .model import x"),
        ("network/model", "from .idea import x", "network/idea", "def f():\n    from .model import x"),
        ("network/model", "def f():\n    from .idea import x", "network/idea", "if T:\n    from .model import x"),
    ],
)
def test_circles(first: str, there: str, second: str, back: str, tmp_path: Path) -> None:
    for number, source in enumerate((A, CORE_SOURCE.replace("network", "images"))):
        names = [name if source == A else name.replace("network", "images") for name in (first, second)]
        files = {f"{source}/{name}.py": text for name, text in zip(names, (there, back), strict=True)}
        (folder := tmp_path / str(number)).mkdir()
        found = breaches(workspace(folder, files))
        assert len(found) == 1
        assert "imports run in a circle" in found[0]
        assert f"{names[0]} -> {names[1]}" in found[0]


def test_import_loads_nothing_heavy(member: Member) -> None:
    assert heavy_after_import(module_name(member), ROOT / member.folder) == set()


def test_help_loads_nothing_heavy_and_no_torch(member: Member) -> None:
    scripts: dict[str, str] = read_pyproject(ROOT / member.folder)["project"]["scripts"]
    for script in scripts.values():
        found = heavy_after_help(script, ROOT / member.folder)
        assert len(found) > 1
        assert not any(found.values()), found


def test_heavy_imports_are_seen(tmp_path: Path) -> None:
    """A package that loads a heavy library for a public name, and torch for one help text, is found out."""
    files = {
        "cv2": "",
        "torch": "",
        "early": "import cv2",
        "late": "__all__ = ['x']\ndef __getattr__(name):\n    import cv2\n    return 1",
        "light": "def f():\n    import cv2",
        "commands": (
            "def main(argv):\n    if argv[0] == 'b':\n        import torch.nn\n"
            "    print('commands:\\n  a  one\\n  b  two\\n\\na COMMAND --help')\n    return 0"
        ),
        "torch/nn": "",
    }
    for name, text in files.items():
        path = tmp_path / "src" / f"{name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    (tmp_path / "src" / "torch.py").rename(tmp_path / "src" / "torch" / "__init__.py")
    assert heavy_after_import("early", tmp_path) == {"cv2"}
    assert heavy_after_import("late", tmp_path) == {"cv2"}
    assert heavy_after_import("light", tmp_path) == set()
    assert heavy_after_help("commands:main", tmp_path) == {"": set(), "a": set(), "b": {"torch"}}
