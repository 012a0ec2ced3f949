"""What the tests of the repository share: what is published, built once, and a small repository to vendor from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from visioncore.testing.texts import write_texts
from workspace import ROOT, published_members

METHOD, CORE = "packages/a-method", "shared/visioncore"
SOURCE, CORE_SOURCE = f"{METHOD}/src/a_method", f"{CORE}/src/visioncore"

PROJECT = """\
[project]
name = "{}"
version = "{}"
license = "Apache-2.0"
license-files = ["LICENSE"]
"""

METHOD_REQUIRES = """\
requires-python = ">=3.11"
dependencies = ["visioncore[images]>=0.1,<0.2", "torch>=2.7"]
optional-dependencies.export = ["onnx>=1"]
"""

CORE_REQUIRES = """\
requires-python = ">=3.11,<4"
dependencies = ["torch>=2.6", "PyYAML>=6", "rich[jupyter]>=13; python_version < '4'", "psutil"]

[project.optional-dependencies]
images = ["pillow>=11", "opencv-python-headless>=4"]
video = ["av>=17"]
"""

FILES = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*", "shared/*"]\n',
    f"{METHOD}/LICENSE": "the method's\n",
    f"{METHOD}/pyproject.toml": PROJECT.format("a-method", "1.2.3") + METHOD_REQUIRES,
    f"{SOURCE}/__init__.py": "",
    f"{SOURCE}/cli.py": "from visioncore.tool import NAME\n",
    f"{SOURCE}/recipes/demo.yaml": "steps: 1\n",
    f"{CORE}/LICENSE": "the core's\n",
    f"{CORE}/pyproject.toml": PROJECT.format("visioncore", "0.1.0") + CORE_REQUIRES,
    f"{CORE_SOURCE}/__init__.py": "",
    f"{CORE_SOURCE}/tool.py": 'NAME = "tool"\n',
    f"{CORE_SOURCE}/unused.py": "import psutil\n",
    f"{CORE_SOURCE}/deep/__init__.py": "",
    f"{CORE_SOURCE}/deep/tool.py": 'from ..tool import NAME as UPPER\n\nNAME = f"deep {UPPER}"\n',
}


@pytest.fixture(scope="session")
def built(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Mapping[str, Mapping[str, Path]]:
    """Return {member: {"wheel": file, "sdist": file}}, built by the hatchling at hand, so without a package index."""

    def build(folder: Path) -> None:
        for member in published_members():
            command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder / member.name)]
            ran = subprocess.run(command, cwd=ROOT / member.folder, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr

    folder = made_once("built", build)
    files = {}
    for member in published_members():
        (wheel,), (sdist,) = ((folder / member.name).glob(pattern) for pattern in ("*.whl", "*.tar.gz"))
        files[member.name] = {"wheel": wheel, "sdist": sdist}
    return files


@pytest.fixture(scope="session")
def site(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Return the folder of the built documentation."""

    def build(folder: Path) -> None:
        command = [sys.executable, str(ROOT / "tools" / "build_docs.py"), "--out", str(folder / "site")]
        command.append("--no-notebooks")  # test_notebooks.py runs them
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return made_once("documentation", build) / "site"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository of ``a-method`` 1.2.3 and ``visioncore`` 0.1.0."""
    root = tmp_path / "repository"
    write_texts(root, FILES)
    return root
