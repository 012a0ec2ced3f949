"""Optional dependencies, and what to install when one is missing."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
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
        raise _missing(module.partition(".")[0], extra) from error


def require_part(package: str, part: str, extra: str) -> Any:
    """Import the subpackage ``part`` of a package alone, and return it.

    What the package itself imports is left out; that can take longer than all else. The subpackage must not need it.

    Raises:
        InputError: if the package is not installed; the message is the command that installs it.
    """
    try:
        whole = find_spec(package)
    except ValueError:
        whole = None
    if whole is None or not whole.submodule_search_locations:
        raise _missing(package, extra)
    name = f"{package}_{part}"
    if name in sys.modules:
        return sys.modules[name]
    folder = Path(whole.submodule_search_locations[0]) / part
    spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
    except BaseException:
        del sys.modules[name]
        raise
    return sys.modules[name]


def _missing(package: str, extra: str) -> InputError:
    return InputError(f'{package} is not installed; run: pip install "visioncore[{extra}]"')
