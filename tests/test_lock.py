"""The lock file: nothing in the commit names an index, and a clean checkout gets exactly the locked versions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template
from typing import Any

import pytest

from neutral_lock import main, neutralise
from workspace import ROOT, members

LOCK = Template("""\
version = 1
${revision}requires-python = ">=3.11"
resolution-markers = [
    "python_full_version < '3.12'",
]

[manifest]
members = [
    "a-member",
]

[[package]]
name = "a-member"
version = "0.1.0"
source = { editable = "packages/a-member" }
dependencies = [
    { name = "numpy", version = "2.0.0", source = { registry = "${index}" }, marker = "x < '3'" },
]

[package.optional-dependencies]
extra = [
    { name = "einops" },
]

${metadata}[[package]]
name = "numpy"
version = "2.0.0"
source = { registry = "${index}" }
resolution-markers = [
    "python_full_version < '3.12'",
]
${files}""")

METADATA = """\
[package.metadata]
requires-dist = [
    { name = "einops", marker = "extra == 'extra'", specifier = ">=0.8", index = "https://a.mirror/simple" },
    { name = "numpy", specifier = ">=1.26" },
]
provides-extras = ["extra"]

[package.metadata.requires-dev]
dev = [{ name = "pytest", specifier = ">=8" }]

"""

FILES = """\
sdist = { url = "https://a.mirror/numpy.tar.gz", hash = "sha256:00", size = 1, upload-time = "2026-01-01T00:00:00Z" }
wheels = [
    { url = "https://a.mirror/numpy-1.whl", hash = "sha256:01", size = 1 },
    { url = "https://a.mirror/numpy-2.whl", hash = "sha256:02", size = 1 },
]
"""

FULL = LOCK.substitute(revision="revision = 3\n", index="https://a.mirror/simple", metadata=METADATA, files=FILES)
STRIPPED = LOCK.substitute(revision="", index=".", metadata="", files="")


def git(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    names = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
    return subprocess.run(["git", *names, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def working_lock() -> str:
    return (ROOT / "uv.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def committed_lock(working_lock: str) -> str:
    """Return the lock as a commit would hold it: git's copy, or outside a repository the stripped file."""
    shown = git("show", ":uv.lock")
    return shown.stdout if shown.returncode == 0 else neutralise(working_lock)


def test_committed_lock_names_no_address(committed_lock: str) -> None:
    assert "://" not in committed_lock
    assert not re.search(r"hash|sha256|upload-time|\.whl|\.tar\.gz", committed_lock)
    assert neutralise(committed_lock) == committed_lock


def test_strips_all_but_versions() -> None:
    assert neutralise(FULL) == STRIPPED
    assert neutralise(STRIPPED) == STRIPPED
    assert neutralise(FULL.replace("\n", "\r\n")) == STRIPPED


def test_keeps_every_version_and_dependency(working_lock: str) -> None:
    def essence(lock: str) -> list[Any]:
        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: plain(item) for key, item in value.items() if key != "source"}
            return [plain(item) for item in value] if isinstance(value, list) else value

        dropped = ("sdist", "wheels", "metadata", "source")
        return [
            {key: plain(value) for key, value in package.items() if key not in dropped}
            for package in tomllib.loads(lock)["package"]
        ]

    stripped = neutralise(working_lock)
    assert essence(stripped) == essence(working_lock)
    assert neutralise(stripped) == stripped


@pytest.mark.parametrize("source", ['{ git = "https://host/repository?rev=1#1" }', '{ url = "https://host/a.whl" }'])
def test_refuses_what_cannot_do_without_an_address(source: str) -> None:
    lock = FULL.replace('source = { registry = "https://a.mirror/simple" }\nres', f"source = {source}\nres")
    with pytest.raises(ValueError, match="host"):
        neutralise(lock)


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "uv.lock"
    for text, code in ((STRIPPED, 0), (FULL, 1), (FULL.replace("registry", "url"), 2)):
        path.write_text(text, encoding="utf-8")
        assert main(["--check", str(path)]) == code
        assert path.read_text(encoding="utf-8") == text
        assert capsys.readouterr().err.count("\n") == (code > 0)
    assert main(["--check", str(tmp_path / "missing")]) == 2


def test_git_stores_the_stripped_lock(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    for name in (".gitattributes", ".gitconfig", "tools/neutral_lock.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "uv.lock").write_text(FULL, encoding="utf-8")
    assert git("init", "--quiet", cwd=tmp_path).returncode == 0
    git("config", "include.path", "../.gitconfig", cwd=tmp_path)
    assert git("add", ".", cwd=tmp_path).returncode == 0
    assert git("show", ":uv.lock", cwd=tmp_path).stdout == STRIPPED
    git("commit", "--quiet", "--message", "all", cwd=tmp_path)
    os.utime(tmp_path / "uv.lock", (1, 1))
    assert git("status", "--short", cwd=tmp_path).stdout == ""


def test_clean_checkout_gets_exactly_the_locked_versions(committed_lock: str, tmp_path: Path) -> None:
    """Resolve anew from the stripped lock; uv must come to the same versions and the same markers."""
    for folder in (".", *(member.folder for member in members())):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / folder / "pyproject.toml", tmp_path / folder)
    (tmp_path / "uv.lock").write_text(committed_lock, encoding="utf-8")
    result = uv_lock(tmp_path)
    assert result.returncode == 0, result.stderr
    filled = (tmp_path / "uv.lock").read_text(encoding="utf-8")
    assert filled != committed_lock
    assert neutralise(filled) == committed_lock, result.stderr


def test_old_versions_are_kept(tmp_path: Path) -> None:
    """The lock decides, not what is newest: a version that is certainly outdated stays."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["iniconfig"]\n'
    )
    lock = (
        'version = 1\nrequires-python = ">=3.11"\n\n'
        '[[package]]\nname = "a"\nversion = "0"\nsource = { virtual = "." }\n'
        'dependencies = [\n    { name = "iniconfig" },\n]\n\n'
        '[[package]]\nname = "iniconfig"\nversion = "1.1.1"\nsource = { registry = "." }\n'
    )
    (tmp_path / "uv.lock").write_text(lock)
    result = uv_lock(tmp_path)
    assert result.returncode == 0, result.stderr
    assert neutralise((tmp_path / "uv.lock").read_text(encoding="utf-8")) == lock


def uv_lock(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``uv lock`` in a folder, or skip the test where there is no uv or no index."""
    uv = shutil.which("uv")
    command = [uv] if uv else [sys.executable, "-m", "uv"]
    environment = {**os.environ, "UV_HTTP_TIMEOUT": "15"}
    environment.pop("VIRTUAL_ENV", None)
    result = subprocess.run(
        [*command, "lock"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if "No module named uv" in result.stderr:
        pytest.skip("uv is not installed")
    unreachable = r"Failed to fetch|Could not connect|error sending request|dns error|timed out|network"
    if result.returncode != 0 and re.search(unreachable, result.stderr, re.IGNORECASE):
        pytest.skip("no package index can be reached")
    return result
