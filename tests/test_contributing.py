"""The smallest package, built from the text of CONTRIBUTING.md, keeps every law of the house.

It is put into a workspace of its own with a copy of visioncore, of the tools and of the tests, which find it there as
they would find any package that is added.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from isolation import module_name
from workspace import ROOT, members

PACKAGE = "brighter-photo"
LAWS = ("isolation", "contract", "wheels", "clean_install", "readmes", "vendor")
FILE = re.compile(r"^`(?P<path>[\w./-]+)`:\n\n(?P<fence>```+)\w+\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)


def write_files(text: str, folder: Path) -> list[str]:
    """Write every file that a text shows, its path before its code block, and return the paths."""
    for shown in FILE.finditer(text):
        path = folder / shown["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown["text"], encoding="utf-8")
    return [shown["path"] for shown in FILE.finditer(text)]


def commands(text: str, first: str) -> list[str]:
    """Return the lines of the code block that begins with ``first``."""
    (block,) = re.findall(rf"^```bash\n({re.escape(first)}.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [str(line) for line in block.splitlines()]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with the example, written and installed as CONTRIBUTING.md says, and ``environment`` in it."""
    root = tmp_path_factory.mktemp("workspace")
    for name in ("pyproject.toml", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root)
    for name in ("tools", "shared/visioncore"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    (root / "tests").mkdir()
    for path in (ROOT / "tests" / "conftest.py", *(ROOT / "tests" / f"test_{law}.py" for law in LAWS)):
        shutil.copy(path, root / "tests")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert write_files(text, root)
    scripts = environment(root)
    for line in commands(text, "cp LICENSE"):
        words = shlex.split(line.removeprefix("uv run "))
        if line == "uv sync":
            install(root, scripts)
        elif words[0] != "pytest":
            ran = run([str(scripts / PACKAGE) if words[0] == PACKAGE else words[0], *words[1:]], root)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
    install(root, scripts)
    return root


def environment(root: Path) -> Path:
    """Make an environment with links to the third-party packages at hand and return its folder of commands."""
    venv.create(root / "environment", symlinks=True)
    places = {"base": str(root / "environment"), "platbase": str(root / "environment")}
    site = Path(sysconfig.get_path("purelib", "venv", places))
    ours = {module_name(member) for member in members()}
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        # Of a member, installed as editable, its metadata lies there, and a .pth file that names its sources.
        if path.suffix != ".pth" and path.name != "__pycache__" and path.name.partition("-")[0] not in ours:
            (site / path.name).symlink_to(path)
    return Path(sysconfig.get_path("scripts", "venv", places))


def install(root: Path, scripts: Path) -> None:
    """Install the workspace as it is now."""
    uv = [shutil.which("uv") or ""] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    options = ["--offline", "--no-index", "--no-deps", "--no-config", "--no-cache"]
    options += ["--no-build-isolation", "--reinstall"]
    folders = ["shared/visioncore", f"packages/{PACKAGE}"]
    ran = run([*uv, "pip", "install", "--python", str(scripts / "python"), *options, *folders], root)
    if "No module named uv" in ran.stderr:
        pytest.skip("uv is not installed")
    assert ran.returncode == 0, ran.stderr


def python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the Python of the workspace's environment."""
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(root / "environment")}))
    return run([str(scripts / "python"), *arguments], root)


def test_it_keeps_the_laws(root: Path) -> None:
    tests = [f"tests/test_{law}.py" for law in LAWS]
    # What one of them predicts from, a bundled sample picture, cannot stand in a text.
    wanted = f"({PACKAGE} and not predicts_the_same) or nobody_knows_more or bounds_on_the_core"
    ran = python(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", wanted)
    assert ran.returncode == 0, ran.stdout
    assert "skipped" not in ran.stdout
    # Every law has looked at the package.
    assert int(re.findall(r"(\d+) passed", ran.stdout)[0]) >= 25


def test_its_own_tests_pass(root: Path) -> None:
    ran = python(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"packages/{PACKAGE}")
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("check", ["check", "format --check"])
def test_it_is_clean(check: str, root: Path) -> None:
    ran = run([sys.executable, "-m", "ruff", *check.split(), f"packages/{PACKAGE}"], root)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_its_types_are_right(root: Path) -> None:
    ran = python(root, "-m", "mypy", *(f"packages/{PACKAGE}/{name}" for name in ("src", "tests")))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_is_found_and_shown(root: Path) -> None:
    script = "from visioncore.methods import find_methods; print(*(method.name for method in find_methods()[0]))"
    found = python(root, "-c", script)
    assert PACKAGE in found.stdout.split(), found.stderr
    shown = python(root, "-m", "visioncore.main", "demo", "--out", "shown", "--only", PACKAGE)
    assert shown.returncode == 0, shown.stderr
    assert PACKAGE in (root / "shown" / "index.html").read_text(encoding="utf-8")


def test_a_broken_example_fails(tmp_path: Path) -> None:
    """The text is what is tested: a file that it does not show is not there."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    every = write_files(text, tmp_path / "whole")
    assert len(every) == len(set(every)) > 20
    fewer = write_files(text.replace("src/brighter_photo/gain.py`:", "src/brighter_photo/gain.py`"), tmp_path / "less")
    assert set(every) - set(fewer) == {f"packages/{PACKAGE}/src/brighter_photo/gain.py"}
