"""Bad files are refused in one line that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..errors import InputError


def refusal(read: Callable[..., object], path: str | Path, **options: object) -> str:
    """Return the message with which a file is refused; it is one line and names the file.

    Args:
        read: reads a file, or a folder of files.
        path: the file.
        options: further arguments of ``read``.
    """
    with pytest.raises(InputError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message
