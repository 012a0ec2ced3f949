"""What is installed is what is locked, by hashes that stand in a commit without an address; uv.lock stays as it is."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from install import install_locked, write_needed
from locked_hashes import faults, main, uv
from workspace import ROOT, members

DIGEST = "0" * 64
LOCK = """\
[[package]]
name = "a-member"
version = "1"
source = { editable = "packages/a-member" }

[[package]]
name = "numpy"
version = "2.0"
source = { registry = "." }

[[package]]
name = "numpy"
version = "3.0"
source = { registry = "." }
"""
LOCKED = f"""\
numpy==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:{DIGEST} \\
    --hash=sha256:{DIGEST}
numpy==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:{DIGEST}
"""


def needs_uv() -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")


def test_the_committed_hashes_are_those_of_the_lock() -> None:
    assert main([]) == 0
    text = (ROOT / "locked.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert len(re.findall(r"--hash=", text)) > 1000


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("numpy==3.0", "numpy==3.1", ["missing: numpy 3.0", "not in uv.lock: numpy 3.1"]),
        ("numpy==3.0", "numpy>=3.0", ["not a pinned package: numpy>=3.0 ; python_full_version >= '3.12' \\"]),
        ("numpy", "--index-url https://a.mirror/simple\nnumpy", ["not a pinned package: --index-url https://a."]),
        ("numpy==2.0 ;", "numpy @ https://a.mirror/n.whl ;", ["not a pinned package: numpy @ https://a.mirror/n.whl"]),
        (f" \\\n    --hash=sha256:{DIGEST}\nnumpy==3.0", "\nnumpy==3.0", []),
        (
            f"'3.12' \\\n    --hash=sha256:{DIGEST}\n",
            "'3.12'\n",
            ["without a hash, or with another than SHA-256: numpy 3.0"],
        ),
        (f">= '3.12' \\\n    --hash=sha256:{DIGEST}", f">= '3.12' \\\n    --hash=md5:{DIGEST}", ["without a hash"]),
    ],
)
def test_what_is_wrong_is_told(old: str, new: str, told: list[str]) -> None:
    assert faults(LOCKED, LOCK) == []
    changed = LOCKED.replace(old, new, 1)
    assert changed != LOCKED
    found = faults(changed, LOCK)
    assert bool(found) == bool(told)
    assert all(any(line.startswith(words) for line in found) for words in told), found


def test_a_file_of_another_hash_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    needs_uv()
    wheel = tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "VALUE = 3\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    for name, value in {"OFFLINE": "1", "NO_INDEX": "1", "FIND_LINKS": str(wheel.parent), "NO_CACHE": "1"}.items():
        monkeypatch.setenv(f"UV_{name}", value)
    environment = tmp_path / "environment"
    uv("venv", "--quiet", "--python", sys.executable, str(environment))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "locked.txt").write_text(f"tiny==1.0 \\\n    --hash=sha256:{DIGEST}\n")
    with pytest.raises(SystemExit):
        install_locked(environment, tmp_path / "locked.txt")
    assert "Hash mismatch" in capfd.readouterr().err
    assert not list(environment.rglob("tiny.py"))
    (tmp_path / "locked.txt").write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")
    install_locked(environment, tmp_path / "locked.txt")
    assert len(list(environment.rglob("tiny.py"))) == 1


def test_what_extras_alone_require_is_not_installed_for_development(tmp_path: Path) -> None:
    needs_uv()
    write_needed(needed := tmp_path / "needed.txt")
    text, locked = needed.read_text(encoding="utf-8"), (ROOT / "locked.txt").read_text(encoding="utf-8")
    assert "\nnapari==" in locked
    assert "\nnapari==" not in text
    assert "\ntorch==" in text
    assert text.count("--hash=sha256:") > 1000
    assert set(text.splitlines()) <= set(locked.splitlines())


def test_what_the_readme_says_leaves_the_lock_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_uv()
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks[0].startswith("pip install uv && python3 tools/install.py && uv run ")
    assert [
        line for line in "\n".join(blocks[:2]).split("&&") if "uv run" in line and "uv run --no-sync " not in line
    ] == []
    for folder in (".", *(member.folder for member in members())):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / folder / "pyproject.toml", tmp_path / folder)
    (tmp_path / "uv.lock").write_text("version = 1\n")
    monkeypatch.setenv("UV_OFFLINE", "1")
    uv("run", "--no-sync", "--quiet", "--python", sys.executable, "python", "-c", "", cwd=tmp_path)
    assert (tmp_path / "uv.lock").read_text() == "version = 1\n"
