"""The command on a small repository: refreshing and checking copies, and what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from vendor import main
from vendoring_record import NAME, read_record
from visioncore.testing.texts import write_texts

METHOD, CORE = "packages/a-method", "shared/visioncore"
SOURCE, CORE_SOURCE = f"{METHOD}/src/a_method", f"{CORE}/src/visioncore"

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(repository: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return the tool as a function: arguments -> exit code, and what it says."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments], repository)
        said = capsys.readouterr()
        assert bool(said.err) == (code == 2)
        if code == 2:
            assert said.out == ""
            assert said.err.startswith("error: ")
            assert said.err.count("\n") == 1
        return code, said.out + said.err

    return call


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def inside(copy: Path) -> set[str]:
    return {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}


def test_update(repository: Path, call: Call, tmp_path: Path) -> None:
    call("a-method", tmp_path)
    assert call("a-method", tmp_path, "--check") == (0, "the copy does not differ from the sources\n")
    before = everything(tmp_path)
    assert call("a-method", tmp_path, "--update")[1].endswith("up to date\n")
    assert everything(tmp_path) == before

    write_texts(
        repository,
        {
            f"{SOURCE}/cli.py": "from visioncore.deep.tool import NAME\n",
            f"{SOURCE}/new.py": "",
            f"{METHOD}/pyproject.toml": (repository / METHOD / "pyproject.toml").read_text().replace("1.2.3", "1.10.0"),
        },
    )
    (repository / SOURCE / "recipes" / "demo.yaml").unlink()
    code, said = call("a-method", tmp_path, "--check")
    assert code == 1
    assert said.splitlines() == [
        "_visioncore/deep/__init__.py: new in the sources",
        "_visioncore/deep/tool.py: new in the sources",
        "cli.py: changed in the sources",
        "new.py: new in the sources",
        "recipes/demo.yaml: gone from the sources",
        "version: 1.2.3 in the copy, 1.10.0 in the sources",
    ]
    assert call("a-method", tmp_path, "--update")[0] == 0
    assert call("a-method", tmp_path, "--check")[0] == 0
    copy = tmp_path / "a_method"
    assert {"new.py", "_visioncore/deep/tool.py"} <= inside(copy)
    assert not (copy / "recipes").exists()
    assert read_record(copy).version == "1.10.0"
    assert {path.name for path in tmp_path.iterdir()} == {"repository", "a_method"}


def test_local_edits(repository: Path, call: Call, tmp_path: Path) -> None:
    call("a-method", tmp_path)
    copy = tmp_path / "a_method"
    write_texts(copy, {"cli.py": "edited = True\n", "mine.py": "", "__pycache__/cli.pyc": ""})
    (copy / "_visioncore" / "tool.py").unlink()
    (copy / "recipes" / "demo.yaml").write_bytes(b"steps: 1\r\n")  # as git may write it
    before = everything(tmp_path)
    edits = {"_visioncore/tool.py": "removed here", "cli.py": "edited here", "mine.py": "added here"}
    code, said = call("a-method", tmp_path, "--check")
    assert code == 1
    assert said.splitlines() == [f"{path}: {what}" for path, what in edits.items()]
    code, said = call("a-method", tmp_path, "--update")
    assert code == 2
    assert ", ".join(f"{path} ({what})" for path, what in edits.items()) in said
    assert everything(tmp_path) == before

    code, said = call("a-method", tmp_path, "--update", "--force")
    assert code == 0
    assert said.splitlines()[:3] == [f"overwritten: {path} ({what})" for path, what in edits.items()]
    assert call("a-method", tmp_path, "--check")[0] == 0
    assert not (copy / "mine.py").exists()


def test_edits_that_the_sources_have_too(repository: Path, call: Call, tmp_path: Path) -> None:
    call("a-method", tmp_path)
    copy = tmp_path / "a_method"
    write_texts(
        repository / SOURCE, {"__init__.py": "# repaired\n", "cli.py": "from visioncore.tool import NAME as N\n"}
    )
    write_texts(copy, {"__init__.py": "# repaired\n", "cli.py": "edited = True\n"})
    code, said = call("a-method", tmp_path, "--check")
    assert code == 1
    assert said.splitlines() == [
        "__init__.py: changed in the sources",
        "cli.py: edited here, changed in the sources",
    ]
    (copy / "cli.py").write_text("from ._visioncore.tool import NAME as N\n")
    assert call("a-method", tmp_path, "--update")[0] == 0


@pytest.mark.parametrize("core", [False, True])
def test_downgrade(core: bool, repository: Path, call: Call, tmp_path: Path) -> None:
    call("a-method", tmp_path)
    place, version = (f"{CORE}/pyproject.toml", "0.1.0") if core else (f"{METHOD}/pyproject.toml", "1.2.3")
    write_texts(repository, {place: (repository / place).read_text().replace(f'"{version}"', '"0.0.20"')})
    before = everything(tmp_path)
    for options in (["--update"], ["--update", "--force"]):
        code, said = call("a-method", tmp_path, *options)
        assert code == 2
        assert f"{version} against 0.0.20" in said
    assert everything(tmp_path) == before
    assert call("a-method", tmp_path, "--check")[0] == 1


def test_failed_write_changes_nothing(
    repository: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("a-method", tmp_path)
    write_texts(repository / SOURCE, {"new.py": ""})
    before = everything(tmp_path)
    for name, failing in (("write_bytes", 3), ("rename", 1), ("rename", 2)):
        real, calls = getattr(Path, name), [0]

        def limited(
            path: Path, *given: object, real: Callable[..., object] = real, calls: list[int] = calls, at: int = failing
        ) -> object:
            calls[0] += 1
            if calls[0] == at:
                raise OSError(28, "No space left on device")
            return real(path, *given)

        with monkeypatch.context() as patch:
            patch.setattr(Path, name, limited)
            code, said = call("a-method", tmp_path, "--update")
        assert (code, "No space left" in said) == (2, True)
        assert everything(tmp_path) == before


def git(root: Path, *arguments: str) -> None:
    names = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
    environment = {**os.environ, "GIT_COMMITTER_DATE": "2001-02-03T12:00:00"}
    subprocess.run(["git", *names, *arguments], cwd=root, env=environment, capture_output=True, check=True)


def test_uncommitted_changes(repository: Path, call: Call, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for arguments in (("init",), ("add", "."), ("commit", "-m", "all")):
        git(repository, *arguments)
    write_texts(repository, {"README.md": "", f"{METHOD}/tests/test_cli.py": "", f"{METHOD}/pyproject.toml": ""})
    git(repository, "checkout", f"{METHOD}/pyproject.toml")
    assert call("a-method", tmp_path)[0] == 0
    assert read_record(tmp_path / "a_method").changed == date(2001, 2, 3)

    before = everything(tmp_path / "a_method")
    changes = {f"{SOURCE}/cli.py": "", f"{SOURCE}/new.py": "", f"{CORE_SOURCE}/deep/tool.py": "", f"{CORE}/LICENSE": ""}
    for path, text in changes.items():
        write_texts(repository, {path: text})
        for options in ([], ["--update"], ["--check"]):
            code, said = call("a-method", tmp_path, *options)
            assert code == 2
            assert f"uncommitted changes in the sources, {path};" in said
        git(repository, "stash", "--include-untracked")
    assert everything(tmp_path / "a_method") == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["b-method", "new"], "b-method: no such method; there are a-method"),
        (["visioncore", "new"], "visioncore: no such method; there are a-method"),
        (["a-method", "."], "a_method: exists already; --update refreshes a copy"),
        (["a-method", "other"], "a_method: exists already"),
        (["a-method", "other", "--update"], "not a copy made by this tool"),
        (["a-method", "other", "--check"], "not a copy made by this tool"),
        (["a-method", "new", "--update"], "not a copy made by this tool"),
        (["a-method", "broken", "--update"], f"{NAME}: cannot be read"),
        (["a-method", "part", "--update"], f"{NAME}: cannot be read ('requirements')"),
        (["a-method", "file"], "file"),
        (["a-method", f"repository/{SOURCE}"], "lies inside the sources"),
        (["a-method", f"repository/{CORE_SOURCE}/deep"], "lies inside the sources"),
        (["a-method"], "required: destination"),
        (["a-method", "new", "--force"], "--force goes with --update"),
        (["a-method", ".", "--check", "--update"], "not allowed with"),
        (["a-method", "new", "--nonsense"], "--nonsense"),
    ],
)
def test_bad_calls(
    arguments: list[str], expected: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("a-method", tmp_path)
    write_texts(tmp_path, {"other/a_method/cli.py": "", "file": ""})
    write_texts(
        tmp_path, {f"broken/a_method/{NAME}": "package =", f"part/a_method/{NAME}": 'package="a"\nversion="1"\n'}
    )
    before = everything(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, said = call(*arguments)
    assert code == 2
    assert expected in said
    assert everything(tmp_path) == before
