"""Preparing a release: what is raised, dated and told; and what is refused, with nothing changed."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import pytest

from check_tag import check_tag
from release import main, plan_release
from visioncore.testing.suites.base import is_one_error
from workspace import PRIVATE, ROOT, members, published_members

TODAY = date(2026, 2, 3)

PYPROJECT = """\
[project]
name = "{name}"
version = "{version}"
requires-python = ">=3.11"
dependencies = [
    {requirement}
]

[tool.other]
version = "{version}"
"""

CHANGELOG = """\
# Changelog

## Unreleased

- News.

## 0.3.1 (2026-01-01)

- Old.
"""

LOCK = """\
version = 1

[[package]]
name = "a-method"
version = "0.3.1"
source = { editable = "packages/a-method" }

[[package]]
name = "stranger"
version = "0.3.1"
source = { registry = "." }

[[package]]
name = "visioncore"
version = "0.3.1"
source = { editable = "shared/visioncore" }
"""


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
    return subprocess.run(["git", *names, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository of the core and three methods, all at 0.3.1 with news, everything committed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*", "shared/visioncore"]\n')
    requirements = {
        "packages/a-method": '"visioncore[images]>=0.3,<0.4",',
        "packages/b-method": '"visioncore>=0.2,<1",',
        "packages/c-method": "'Visioncore>=0.3.1,<0.4; python_version < \"3.20\"',",
        "shared/visioncore": '"torch>=2",',
    }
    for place, requirement in requirements.items():
        folder = tmp_path / place
        folder.mkdir(parents=True)
        text = PYPROJECT.format(name=folder.name, version="0.3.1", requirement=requirement)
        (folder / "pyproject.toml").write_text(text)
        (folder / "CHANGELOG.md").write_text(
            "# Changelog\n\n## Unreleased\n\n- News.\n\n## 0.3.1 (2026-01-01)\n\n- Old.\n"
        )
    (tmp_path / "uv.lock").write_text(LOCK)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")


def files(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def test_dry_run_changes_nothing(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(repository)
    assert main(["a-method", "minor"], repository) == 0
    assert files(repository) == before
    told = capsys.readouterr().out
    assert "a-method 0.3.1 -> 0.4.0" in told
    assert "git tag a-method-v0.4.0 && git push origin a-method-v0.4.0" in told
    assert "would change: packages/a-method/pyproject.toml, packages/a-method/CHANGELOG.md, uv.lock\n" in told
    assert "Nothing was written" in told


def test_write(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(repository)
    assert main(["a-method", "minor", "--write"], repository) == 0
    after = files(repository)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"packages/a-method/pyproject.toml", "packages/a-method/CHANGELOG.md", "uv.lock"}
    name = "packages/a-method/pyproject.toml"
    assert after[name] == before[name].replace('version = "0.3.1"', 'version = "0.4.0"', 1)
    dated = CHANGELOG.replace("Unreleased", f"0.4.0 ({date.today()})")
    assert after["packages/a-method/CHANGELOG.md"] == dated
    versions = {package["name"]: package["version"] for package in tomllib.loads(after["uv.lock"])["package"]}
    assert versions == {"a-method": "0.4.0", "stranger": "0.3.1", "visioncore": "0.3.1"}
    assert check_tag("a-method-v0.4.0", repository).version == "0.4.0"
    assert "Nothing was written" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("level", "to", "expected"),
    [("major", None, "1.0.0"), ("minor", None, "0.4.0"), ("patch", None, "0.3.2"), (None, "0.10.0", "0.10.0")],
)
def test_versions(level: str | None, to: str | None, expected: str, repository: Path) -> None:
    plan = plan_release(repository, "visioncore", level, to, TODAY)
    assert plan.tag == f"visioncore-v{expected}"
    pyproject = plan.changes[repository / "shared" / "visioncore" / "pyproject.toml"]
    assert tomllib.loads(pyproject)["project"]["version"] == expected
    assert tomllib.loads(pyproject)["tool"]["other"]["version"] == "0.3.1"
    assert f"## {expected} (2026-02-03)\n" in plan.changes[repository / "shared" / "visioncore" / "CHANGELOG.md"]


def test_a_release_of_the_core_raises_bounds_that_shut_it_out(repository: Path) -> None:
    plan = plan_release(repository, "visioncore", "minor", None, TODAY)
    required = {
        path.parent.name: tomllib.loads(text)["project"]["dependencies"]
        for path, text in plan.changes.items()
        if path.name == "pyproject.toml"
    }
    assert required == {
        "visioncore": ["torch>=2"],
        "a-method": ["visioncore[images]>=0.4,<0.5"],
        "c-method": ['Visioncore>=0.4,<0.5; python_version < "3.20"'],
    }
    told = "\n".join(plan.report)
    assert "b-method: takes visioncore 0.4.0 as it is (visioncore>=0.2,<1)" in told
    for name in ("a-method", "c-method"):
        assert f"{name}: shuts visioncore 0.4.0 out" in told
        assert f"{name}: needs a release of its own" in told


def test_a_compatible_release_of_the_core_touches_nobody(repository: Path) -> None:
    plan = plan_release(repository, "visioncore", "patch", None, TODAY)
    assert {path.parent.name for path in plan.changes} == {"visioncore", repository.name}
    assert all("as it is" in line for line in plan.report[1:])


@pytest.mark.parametrize(
    ("new", "expected"), [("1.0.0", ">=1.0,<2"), ("2.3.4", ">=2.3.4,<3"), ("0.4.1", ">=0.4.1,<0.5")]
)
def test_new_bounds(new: str, expected: str, repository: Path) -> None:
    plan = plan_release(repository, "visioncore", None, new, TODAY)
    assert f'"visioncore[images]{expected}"' in plan.changes[repository / "packages" / "a-method" / "pyproject.toml"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["d-method", "minor"], "d-method: no such package; there are a-method, b-method, c-method, visioncore"),
        (["a-method", "--to", "0.3.0"], "has version 0.3.1 already"),
        (["a-method", "--to", "0.3.1"], "has version 0.3.1 already"),
        (["a-method", "--to", "0.4"], "should read X.Y.Z"),
        (["a-method", "--to", "v0.4.0"], "should read X.Y.Z"),
        (["b-method", "minor"], "uv.lock: does not have b-method 0.3.1"),
    ],
)
def test_bad_arguments(
    arguments: list[str], expected: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(repository, arguments, expected, capsys)


def refused(repository: Path, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(repository)
    for options in ([], ["--write"]):
        assert main([*arguments, *options], repository) == 1
        told = capsys.readouterr()
        assert told.out == ""
        is_one_error(told.err, expected)
    assert files(repository) == before


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("packages/a-method/CHANGELOG.md", "## Unreleased", "## Coming", "no section '## Unreleased'"),
        ("packages/a-method/CHANGELOG.md", "- News.", "", "is empty"),
        ("packages/a-method/CHANGELOG.md", "## 0.3.1 (", "## 0.4.0 (", "has a section '## 0.4.0' already"),
        ("packages/a-method/pyproject.toml", 'version = "0.3.1"', 'version = "0.3"', "should read X.Y.Z"),
        ("packages/a-method/pyproject.toml", 'version = "0.3.1"', 'version = """0.3.1"""', "no line"),
    ],
)
def test_bad_files(
    path: str, old: str, new: str, expected: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (repository / path).read_text()
    assert old in text
    (repository / path).write_text(text.replace(old, new, 1))
    commit(repository)
    refused(repository, ["a-method", "minor"], expected, capsys)


@pytest.mark.parametrize("bounds", ["", ">=0.3", "~=0.3", "==0.3.1", ">=0.3,!=0.4", ">=0.3,<=0.4"])
def test_bad_bounds(bounds: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "packages" / "b-method" / "pyproject.toml"
    path.write_text(path.read_text().replace(">=0.2,<1", bounds))
    commit(repository)
    refused(repository, ["visioncore", "minor"], "should be a range such as", capsys)


def test_a_requirement_that_cannot_be_edited(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "packages" / "a-method" / "pyproject.toml"
    path.write_text(path.read_text().replace("[images]>", "[images]\\u003e"))
    commit(repository)
    refused(repository, ["visioncore", "minor"], "cannot be replaced", capsys)


def test_dirty_tree(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "packages" / "b-method" / "CHANGELOG.md"
    text = path.read_text()
    path.write_text(text + "\n")
    refused(repository, ["a-method", "minor"], "packages/b-method/CHANGELOG.md: changed and not committed", capsys)
    git(repository, "add", ".")
    refused(repository, ["a-method", "minor"], "packages/b-method/CHANGELOG.md: changed and not committed", capsys)
    path.write_text(text)
    git(repository, "add", ".")
    (repository / "packages" / "a-method" / "new.py").touch()
    refused(repository, ["a-method", "minor"], "packages/a-method/new.py: not in the repository", capsys)
    assert main(["visioncore", "minor"], repository) == 0


def test_a_filled_in_lock_is_not_dirt(repository: Path) -> None:
    """What uv writes into the working copy of uv.lock, and the filter keeps out of commits, is no change."""
    (repository / "tools").mkdir()
    for name in (".gitattributes", ".gitconfig", "tools/neutral_lock.py"):
        shutil.copy(ROOT / name, repository / name)
    git(repository, "config", "include.path", "../.gitconfig")
    commit(repository)
    filled = LOCK.replace('{ registry = "." }', '{ registry = "https://a.mirror/simple" }')
    (repository / "uv.lock").write_text(filled)
    assert main(["a-method", "minor", "--write"], repository) == 0
    expected = filled.replace('"a-method"\nversion = "0.3.1"', '"a-method"\nversion = "0.4.0"')
    assert (repository / "uv.lock").read_text() == expected


def test_an_example_is_not_released(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does it need a release of its own when the core's is raised, only the new bounds."""
    path = repository / "packages" / "c-method" / "pyproject.toml"
    path.write_text(path.read_text().replace("[project]\n", f'[project]\nclassifiers = ["{PRIVATE}"]\n'))
    commit(repository)
    refused(repository, ["c-method", "minor"], "packages/c-method is an example and never published", capsys)
    plan = plan_release(repository, "visioncore", "minor", None, TODAY)
    assert "Visioncore>=0.4,<0.5" in plan.changes[path]
    assert [line for line in plan.report if "release of its own" in line] == [
        "a-method: needs a release of its own; say so in packages/a-method/CHANGELOG.md"
    ]


def test_tag_that_exists(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(repository, "tag", "a-method-v0.4.0")
    refused(repository, ["a-method", "minor"], "a-method-v0.4.0: this tag exists already", capsys)
    assert main(["a-method", "patch"], repository) == 0


def test_no_repository(repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(repository / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent))
    refused(repository, ["a-method", "minor"], "not a git repository", capsys)


def test_wrong_usage(repository: Path) -> None:
    for arguments in ([], ["a-method"], ["a-method", "huge"], ["a-method", "minor", "--to", "1.0.0"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments, repository)
        assert stopped.value.code == 2


def test_every_member_can_be_released(tmp_path: Path) -> None:
    """The files of this repository are such as the tool can read: it would release every package from them."""
    for folder in (".", *(member.folder for member in members())):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("pyproject.toml", "CHANGELOG.md", "uv.lock"):
            if (ROOT / folder / name).exists():
                shutil.copy(ROOT / folder / name, tmp_path / folder / name)
    for member in published_members():
        changelog = tmp_path / member.folder / "CHANGELOG.md"
        changelog.write_text(changelog.read_text().replace("\n## ", "\n## Unreleased\n\n- News.\n\n## ", 1))
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    for member in published_members():
        assert plan_release(tmp_path, member.name, "major", None, TODAY).tag.startswith(f"{member.name}-v")
