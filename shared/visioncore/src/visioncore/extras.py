"""Optional dependencies, and what to install when one is missing."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import InputError


def require(module: str, extra: str) -> Any:
    """Import ``module``, which ``pip install "visioncore[extra]"`` brings, and return it.

    Raises:
        InputError: if it is not installed; the message is the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        package = module.partition(".")[0]
        raise InputError(f'{package} is not installed; run: pip install "visioncore[{extra}]"') from error
