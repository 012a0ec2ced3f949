"""Files in the folder of a DICOM series that should be slices of it and are none: empty, cut short, overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line

_LOOK = 1024
"""Bytes in which a file that is no text has a zero."""


def incomplete_files(folder: Path, headers: Mapping[Path, Any]) -> dict[Path, str]:
    """Return the files that lost what made them slices, each with the reason.

    These are files whose header ends before the image, or that are no DICOM any more but empty, called as the slices
    are, or not text under a suffix that these have. What is no image by its header is none of them, and neither are
    hidden files.

    Args:
        folder: where they lie.
        headers: of those that are DICOM.
    """
    lost = {file: "its header ends before the image" for file, header in headers.items() if _lost_image(header)}
    slices = [file for file, header in headers.items() if "Rows" in header]
    names, endings = {_pattern(file) for file in slices}, {_ending(file) for file in slices}
    for file in sorted(folder.iterdir()):
        if file in headers or file.name[0] == "." or file.name.upper() == "DICOMDIR" or not file.is_file():
            continue
        if _ending(file) not in endings:
            continue
        with file.open("rb") as opened:
            start = opened.read(_LOOK)
        if not start:
            lost[file] = "it is empty"
        elif _pattern(file) in names or b"\0" in start:
            lost[file] = "it is no DICOM file"
    return lost


def check_none_lost(folder: Path, lost: Mapping[Path, str], *, skip: bool) -> tuple[str, ...]:
    """Raise an error if slices were lost, or note it.

    Args:
        folder: where they lie.
        lost: the files with the reason.
        skip: note it and go on without them.

    Raises:
        InputError: unless ``skip``.
    """
    if not lost:
        return ()
    file, reason = next(iter(lost.items()))
    more = f", and {len(lost) - 1} more such files" if len(lost) > 1 else ""
    line = f"{folder}: the slice {file.name} is damaged ({one_line(reason)}){more}"
    if skip:
        return (f"{line}; the scan is taken without",)
    raise InputError(
        f"{line}; fetch it again, or, to take the scan without, remove it or read with skip_damaged (predict "
        "--skip-damaged)"
    )


def _lost_image(header: Any) -> bool:
    if "Rows" in header:
        return False
    meta = getattr(header, "file_meta", None) or {}
    try:
        kind = header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID")
    except Exception:  # pydicom decodes a value when it is asked for, and raises errors of every type over damage
        return True
    return kind is None or "Image Storage" in import_module("pydicom.uid").UID(str(kind)).name


def _pattern(file: Path) -> str:
    return re.sub(r"\d+", "#", file.name.lower())


def _ending(file: Path) -> str:
    """Return the suffix; none of names that end in a number, such as UIDs."""
    return "" if file.suffix[1:].isdigit() else file.suffix.lower()
