"""Versions of installed packages, and of copies that were vendored into a larger one."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable

UNKNOWN = "0+unknown"
"""Version of what is neither installed nor a recorded copy."""


def version_of(name: str, folder: Traversable | None = None, key: str = "version") -> str:
    """Return the version of a package.

    Args:
        name: of its distribution.
        folder: where a copy has its file VENDORED, which then says of what version it is.
        key: the version's name in that file.
    """
    if folder is not None and (record := folder / "VENDORED").is_file():
        return str(tomllib.loads(record.read_text(encoding="utf-8"))[key])
    try:
        return version(name)
    except PackageNotFoundError:
        return UNKNOWN
