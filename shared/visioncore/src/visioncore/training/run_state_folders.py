"""The folders of run states: written whole, the newest undamaged one found again, the oldest removed."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import partial_folder, remove_folder, replace_folder, writing

if TYPE_CHECKING:
    from accelerate import Accelerator

_MANIFEST = "manifest.json"


class RunStateFolders:
    """The folders ``step-00001000`` and so on inside ``folder``.

    Args:
        folder: shared by all processes, of several machines too.
        keep: how many to keep.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self._keep = keep

    def path(self, step: int) -> Path:
        """Return the folder of the run state after ``step`` steps."""
        return self.folder / f"step-{step:08d}"

    def newest(self, warn: Callable[[str], None]) -> int | None:
        """Return the step of the newest undamaged run state, None without one.

        Args:
            warn: told in one line of each damaged one.
        """
        for step in sorted(self._steps(), reverse=True):
            damage = _damage(self.path(step))
            if damage is None:
                return step
            warn(f"{self.path(step)}: skipped, {damage}")
        return None

    def write(self, step: int, accelerator: Accelerator, fill: Callable[[Path], None]) -> None:
        """Write one run state; every process calls this.

        Args:
            step: steps done.
            accelerator: of the run.
            fill: writes the files of this process into the folder it is given.

        Raises:
            InputError: if the system refuses the write. Those before are untouched.
        """
        folder = self.path(step)
        partial = partial_folder(folder)
        with writing(folder):
            if accelerator.is_main_process:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
            accelerator.wait_for_everyone()
            fill(partial)
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                files = {
                    path.relative_to(partial).as_posix(): [path.stat().st_size, _checksum(path)]
                    for path in partial.rglob("*")
                    if path.is_file()
                }
                (partial / _MANIFEST).write_text(json.dumps(files, indent=1), encoding="utf-8")
                replace_folder(folder, partial)
                # One of a later step is left from before a damaged one was skipped: not ours to count.
                for old in sorted(done for done in self._steps() if done <= step)[: -self._keep]:
                    remove_folder(self.path(old))
            accelerator.wait_for_everyone()

    def clear(self) -> None:
        """Remove every run state."""
        for step in self._steps():
            remove_folder(self.path(step))

    def _steps(self) -> list[int]:
        names = (path.name.removeprefix("step-") for path in self.folder.glob("step-*") if path.is_dir())
        return [int(name) for name in names if name.isdecimal()]


def _damage(folder: Path) -> str | None:
    try:
        files = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        for name, (size, checksum) in files.items():
            path = folder / name
            if path.stat().st_size != size or _checksum(path) != checksum:
                return f"{name} is damaged"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return f"it is damaged ({error})"
    return None


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value
