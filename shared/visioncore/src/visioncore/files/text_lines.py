"""Text files that users write, read line by line."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .finding import check_regular


def read_text_lines(path: Path, what: str) -> list[tuple[int, str]]:
    """Return the lines of a text file that are not empty, with their numbers.

    Args:
        path: the file.
        what: it is, for messages, such as ``a list of labels``.

    Raises:
        InputError: if it cannot be read, or is no text.
    """
    check_regular(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: not {what} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not {what} (not text in UTF-8)") from error
    if "\0" in text:
        raise InputError(f"{path}: not {what} (not text in UTF-8)")
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
