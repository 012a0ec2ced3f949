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
    "matplotlib",
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
    for name, folder in (
        ("a-method", "packages/a-method"),
        ("b-method", "packages/b-method"),
        (CORE, f"shared/{CORE}"),
    ):
        source = root / folder / "src" / name.replace("-", "_")
        source.mkdir(parents=True)
        (root / folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1"\n')
        for module in ("__init__", "cli", "train", "predict", "model", "checkpoint", "idea", "other_idea", "deep/idea"):
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


def test_what_may_be(tmp_path: Path) -> None:
    files = {
        "packages/a-method/src/a_method/__init__.pyi": "from .model import Model as Model\n",
        "packages/a-method/src/a_method/cli.py": "import torch\nfrom . import train\nfrom .predict import run\n",
        "packages/a-method/src/a_method/train.py": "from visioncore.deep import idea\nfrom . import model, predict\n",
        "packages/a-method/src/a_method/model.py": (
            "from .idea import x\nclass M:\n    def from_published(self):\n        from .checkpoint import read\n"
        ),
        "packages/a-method/src/a_method/checkpoint.py": "from .deep import idea\n",
        "packages/a-method/src/a_method/deep/idea.py": "from ..idea import x\nfrom ..other_idea import y\n",
        "packages/a-method/tests/test_model.py": "import a_method.model\nimport visioncore\n",
        "shared/visioncore/src/visioncore/idea.py": "from .train import fit\nimport a_method_of_others\n",
        "shared/visioncore/tests/test_idea.py": "import visioncore.idea\n",
    }
    assert breaches(workspace(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("packages/a-method/src/a_method/idea.py", "import b_method", "stands on visioncore alone"),
        (
            "packages/a-method/src/a_method/idea.py",
            "def f():\n    from b_method.idea import x",
            "imports b_method",
        ),
        ("packages/a-method/src/a_method/idea.py", "importlib.import_module('b_method.cli')", "imports b_method"),
        ("packages/a-method/src/a_method/__init__.pyi", "from b_method import x as x", "imports b_method"),
        ("packages/a-method/tests/test_idea.py", "import b_method", "imports b_method"),
        ("shared/visioncore/src/visioncore/idea.py", "from a_method import x", "visioncore knows no package"),
        ("shared/visioncore/tests/test_idea.py", "import a_method", "visioncore knows no package"),
        ("packages/a-method/src/a_method/cli.py", "from a_method.train import x", "say it relatively"),
        ("packages/a-method/src/a_method/__init__.pyi", "from a_method.model import M", "say it relatively"),
        ("shared/visioncore/src/visioncore/idea.py", "import visioncore.train", "say it relatively"),
        ("packages/a-method/src/a_method/idea.py", "from .model import x", "idea imports model, which stands above it"),
        ("packages/a-method/src/a_method/deep/idea.py", "from ..train import x", "deep/idea imports train"),
        ("packages/a-method/src/a_method/model.py", "from . import predict", "model imports predict"),
        ("packages/a-method/src/a_method/train.py", "def f():\n    from .cli import x", "train imports cli"),
        ("packages/a-method/src/a_method/idea.py", "from . import Model", "idea imports __init__"),
        ("packages/a-method/src/a_method/idea.py", "from .nowhere import x", "no such file"),
        ("packages/a-method/src/a_method/idea.py", "from ..b_method import x", "no such file"),
    ],
)
def test_what_may_not_be(place: str, text: str, expected: str, tmp_path: Path) -> None:
    found = breaches(workspace(tmp_path, {place: f"{text}\n"}))
    assert len(found) == 1
    assert found[0].startswith(f"{place}:")
    assert expected in found[0]


@pytest.mark.parametrize(
    ("first", "there", "second", "back"),
    [
        ("idea", "from .other_idea import x", "other_idea", "from .idea import x"),
        ("idea", "from .other_idea import x", "other_idea", "def f():\n    from .idea import x"),
        ("train", "from .predict import x", "predict", "if TYPE_CHECKING:\n    from .train import x"),
        ("model", "def f():\n    from .checkpoint import x", "checkpoint", "from .model import x"),
    ],
)
@pytest.mark.parametrize("source", ["packages/a-method/src/a_method", "shared/visioncore/src/visioncore"])
def test_circles(source: str, first: str, there: str, second: str, back: str, tmp_path: Path) -> None:
    found = breaches(workspace(tmp_path, {f"{source}/{first}.py": there, f"{source}/{second}.py": back}))
    assert len(found) == 1
    assert "imports run in a circle" in found[0]
    assert f"{first} -> {second}" in found[0]


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
