"""What `tools/new_method.py` makes passes every test at once; and what it refuses, with nothing changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from new_method import EXAMPLE, EXAMPLE_TASK, EXAMPLE_TITLE, MOST, main
from visioncore.testing.suites.base import is_one_error
from workspace import ROOT, Member, members

# The names are as long as may be, and sort behind visioncore's, where those of the example sort before.
NAME = "yawn-" + "d" * (MOST["name"] - 5)
MODULE = NAME.replace("-", "_")
TEXTS = {
    "--title": "Yawn-" + "D" * (MOST["title"] - 5),
    "--task": ("find those who yawn in " + "very " * 20)[: MOST["task"] - 1] + "s",
    "--paper": "Yawning: What the Eyes of the Weary Tell, " + "and Why It Is Contagious " * 4 + "Indeed",
    "--authors": "Ána Maria O'Brien, Bó Li, " + ", ".join(f"Author Number{n}" for n in range(9)),
    "--venue": "CVPR 2024",
    "--arxiv": "2404.01547",
}
LAWS = ("contract", "isolation", "wheels", "documents", "notebooks")


def arguments(**changed: str) -> list[str]:
    """Return the options of the tool, some of them changed."""
    given = {**TEXTS, **{f"--{name}": text for name, text in changed.items()}}
    return [word for option in given.items() for word in option]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the workspace without its methods: the core, the example, the tools and the tests."""
    root = tmp_path_factory.mktemp("workspace")
    for name in ("pyproject.toml", "LICENSE", "README.md", "CITATION.cff", "CONTRIBUTING.md", ".gitignore"):
        shutil.copy(ROOT / name, root)
    unwanted = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in ("tools", "tests", "shared/visioncore", "examples"):
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Return {path: content} of what is no by-product of running Python."""
    paths = (path for path in root.rglob("*") if path.is_file() and "cache" not in str(path.relative_to(root)))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def made(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace in which the tool made a package, with what an installation would say of it in ``site``."""
    root = tmp_path_factory.mktemp("made") / "workspace"
    shutil.copytree(copy, root)
    assert main([NAME, *arguments()], root) == 0
    package = root / "packages" / NAME
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(root / "site")]
    subprocess.run(build, cwd=package, check=True, capture_output=True)
    (wheel,) = (root / "site").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root / "site", [name for name in archive.namelist() if ".dist-info/" in name])
    return root


def run(root: Path, *command: str) -> str:
    """Run a module of Python in a workspace, where the package that was made can be imported."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(root / "packages" / NAME / "src"), str(root / "site")]),
    }
    ran = subprocess.run([sys.executable, "-m", *command], cwd=root, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


PYTEST = (
    "pytest",
    "-q",
    "-p",
    "no:cacheprovider",
    "-o",
    "addopts=-p visioncore.testing.plugin --import-mode=importlib",
)


def test_its_own_tests_pass(made: Path) -> None:
    example = len(list((ROOT / "examples" / EXAMPLE / "tests").glob("test_*.py")))
    told = run(made, *PYTEST, f"packages/{NAME}")
    assert int(re.findall(r"(\d+) passed", told)[0]) >= example
    assert "skipped" not in told


def test_it_keeps_the_laws(made: Path) -> None:
    laws = [f"tests/test_{law}.py" for law in LAWS]
    told = run(made, *PYTEST, *laws, "-k", f"{NAME} or nobody_knows_more or bounds_on_the_core")
    assert int(re.findall(r"(\d+) passed", told)[0]) >= 15
    assert "skipped" not in told


@pytest.mark.parametrize("check", ["check", "format --check"])
def test_it_is_clean(check: str, made: Path) -> None:
    run(made, "ruff", *check.split(), f"packages/{NAME}")


def test_nothing_of_the_example_is_left(made: Path) -> None:
    package = made / "packages" / NAME
    texts = {path: path.read_bytes() for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert len(texts) > 40
    for left in (EXAMPLE, EXAMPLE.replace("-", "_"), EXAMPLE_TITLE, EXAMPLE_TITLE.replace("-", ""), EXAMPLE_TASK):
        assert [path for path, text in texts.items() if left.encode() in text or left in str(path)] == []


def test_it_is_a_published_member(made: Path, copy: Path) -> None:
    assert Member(NAME, "0.1.0", f"packages/{NAME}") in members(made)
    project = tomllib.loads((made / "pyproject.toml").read_text(encoding="utf-8"))
    assert NAME in project["project"]["dependencies"]
    assert project["tool"]["uv"]["sources"][NAME] == {"workspace": True}
    before, after = contents(copy), contents(made)
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"pyproject.toml", "README.md", "CITATION.cff"}


def test_it_takes_the_row_that_planned_it(copy: Path, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(copy, root)
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    rows = text.splitlines()
    last = max(number for number, line in enumerate(rows) if line.startswith("| "))
    readme.write_text("\n".join([*rows[:last], f"| {NAME} | Yawn | yawn | planned |", *rows[last:]]), encoding="utf-8")
    assert main([NAME, *arguments(title="Yawn", task="find those who yawn")], root) == 0
    row = f"| [{NAME}](packages/{NAME}) | Yawn | find those who yawn | here |"
    assert readme.read_text(encoding="utf-8").splitlines() == [*rows[:last], row, *rows[last:]]


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [
        ("yawn", {}, "yawn: a name is METHOD-TASK"),
        ("Yawn-detect", {}, "a name is METHOD-TASK"),
        ("yawn_detect", {}, "a name is METHOD-TASK"),
        ("yawn-", {}, "a name is METHOD-TASK"),
        ("../yawn-detect", {}, "a name is METHOD-TASK"),
        (NAME + "d", {}, "31 characters, at most 30 are taken"),
        (EXAMPLE, {}, "this name is taken"),
        ("vision-methods", {}, "this name is taken"),
        ("lazy-loader", {}, "something else is called so or imported as lazy_loader"),
        ("there-already", {}, "packages/there-already: is there already"),
        (NAME, {"title": "yawn"}, "'yawn' is no name for a class"),
        (NAME, {"title": "3D-Yawn"}, "'3DYawn' is no name for a class"),
        (NAME, {"title": "Pre-dictor"}, "--title Pre-dictor: the name Predictor has another meaning"),
        (NAME, {"task": " "}, "--task: is empty"),
        (NAME, {"task": "yawn", "title": "Y"}, "is too short"),
        (NAME, {"task": 'find "yawns" in photos'}, "must be one line without"),
        (NAME, {"paper": "Yawning\nAgain"}, "must be one line without"),
        (NAME, {"authors": "Ann Author, Cher"}, "must be given and family names"),
        (NAME, {"venue": "CVPR"}, "must end with the year"),
        (NAME, {"arxiv": "arXiv:2404.01547"}, "must be an identifier such as 2404.01547"),
    ],
)
def test_refused(
    name: str, changed: dict[str, str], expected: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "packages" / "there-already").mkdir(parents=True, exist_ok=True)
    before = contents(copy)
    assert main([name, *arguments(**changed)], copy) == 1
    told = capsys.readouterr()
    assert told.out == ""
    is_one_error(told.err, expected)
    assert contents(copy) == before


def test_a_root_that_names_no_example_is_refused(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(copy, root)
    project = root / "pyproject.toml"
    project.write_text(project.read_text(encoding="utf-8").replace(EXAMPLE, "another-example"), encoding="utf-8")
    assert main([NAME, *arguments()], root) == 1
    assert "error: pyproject.toml: does not name brighter-photo" in capsys.readouterr().err
    assert not (root / "packages" / NAME).exists()
