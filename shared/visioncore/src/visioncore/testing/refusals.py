"""Bad files are refused in one line that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..errors import InputError


def one_line(call: Callable[..., object], *given: Any, **options: Any) -> str:
    """Return the message with which a call is refused; it is one line.

    Args:
        call: a function.
        given: its arguments.
        options: its named arguments.
    """
    with pytest.raises(InputError) as caught:
        call(*given, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def refusal(read: Callable[..., object], path: str | Path, **options: object) -> str:
    """Return the message with which a file is refused; it is one line and names the file.

    Args:
        read: reads a file, or a folder of files.
        path: the file.
        options: further arguments of ``read``.
    """
    message = one_line(read, path, **options)
    assert str(path) in message
    return message
