"""Text in files: labels, calibrations, records, landmarks."""

from __future__ import annotations

from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import check_regular


def read_utf8(path: Path) -> str:
    """Return the text of a file in UTF-8, without the mark that some programs put before it.

    Raises:
        InputError: if it cannot be read or holds something else.
    """
    check_regular(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read (not text in UTF-8)") from error
