"""Several files that are one input, such as the slices of a scan: sent one by one, or packed in a ZIP file."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, damage
from .limits import Limits
from .names import safe_name

PACKED = ".zip"
MOST_FILES = 5000


def gather(files: Sequence[Path], folder: Path, limits: Limits) -> None:
    """Fill a new folder with files, and with what those hold that are ZIP files.

    Nothing of a name counts but what `safe_name` leaves of it and of the folders above. Hidden files are left out.

    Args:
        files: as they were sent.
        folder: where they go; its parent is there.
        limits: of all of them, packed or not.

    Raises:
        InputError: if they are too many or too large, or a ZIP file is damaged or encrypted; the folder is gone then.
    """
    folder.mkdir()
    room = _Room(folder, limits)
    try:
        for file in files:
            if file.suffix.lower() == PACKED:
                with damage(Path(file.name), "the ZIP file is damaged, or of an unusual kind"):
                    _unpack(file, room)
            else:
                room.take(file.stat().st_size)
                shutil.copyfile(file, room.place([file.name]))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(file: Path, room: _Room) -> None:
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        # no more than is announced ever comes out of a part
        room.take(sum(member.file_size for member in members))
        for member in members:
            parts = [part for part in re.split(r"[/\\]", member.filename) if part.strip(". ")]
            if parts and not any(part.startswith((".", "__MACOSX")) for part in parts):
                with archive.open(member) as packed, room.place(parts).open("xb") as plain:
                    shutil.copyfileobj(packed, plain, 1 << 20)


class _Room:
    """The room that is left in a folder.

    Args:
        folder: that is filled.
        limits: of all that is.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._files, self._bytes = 0, 0

    def take(self, size: int) -> None:
        """Count bytes that will come."""
        self._bytes += size
        if self._bytes > self._limits.bytes:
            most = f"{self._limits.megabytes:g} MB"
            raise InputError(f"the files take more than {most} together, unpacked; send a part of them")

    def place(self, parts: Sequence[str]) -> Path:
        """Return a place that is free, in a folder that is there."""
        self._files += 1
        if self._files > MOST_FILES:
            raise InputError(f"more than {MOST_FILES} files; send a part of them")
        place = self._folder.joinpath(*map(safe_name, parts))
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f"{self._files}_{place.name}") if place.exists() else place
