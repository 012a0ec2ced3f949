"""Errors that show before torch is loaded, which takes seconds: what is missing, and where nothing can be written."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import check_regular, check_writable, matching
from ..methods import Method
from ..ranks import local_rank, rank_and_processes
from ..recipes import check_recipe


def check_early(method: Method, options: Mapping[str, Any]) -> None:
    """Check the options that mean the same in every command, as far as that needs no torch.

    Inputs and data must be there, the folder of results must be one that can be written in, a recipe must be there, and
    the environment variables of several processes must be right.

    Args:
        method: whose command it is.
        options: by the names of its parameters.

    Raises:
        InputError: naming what is wrong.
    """
    rank_and_processes()
    local_rank()
    if recipe := options.get("recipe"):
        check_recipe(method.module, recipe)
    inputs: Iterable[Any] = options.get("inputs", ())
    for entry in (*inputs, *(options.get(name) for name in ("data", "photos", "results", "published"))):
        if entry:
            _check_there(entry)
    out = options.get("out")
    if out is not None:
        # what is there and has a suffix may be a file that is replaced
        check_writable(out.parent if out.suffix else out)


def _check_there(entry: str | Path) -> None:
    path = Path(entry)
    check_regular(path)
    if path.exists():
        return
    if not glob.has_magic(str(entry)):
        raise InputError(f"{path}: no such file or folder")
    if next(matching(entry), None) is None:
        raise InputError(f"{entry}: no file matches this pattern")
