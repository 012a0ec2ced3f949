"""Warnings of diffusers and transformers that nobody needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ..extras import require


@contextmanager
def without_remarks() -> Iterator[None]:
    """Keep diffusers and transformers from writing warnings."""
    libraries = [import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
    before = [library.get_verbosity() for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
        yield
    finally:
        for library, verbosity in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)


def pipeline_class(name: str) -> Any:
    """Return a class of pipelines of diffusers by its name.

    Where torchvision is not installed, which no pipeline needs, transformers remarks on that three times.

    Raises:
        InputError: if one of the two libraries is not installed.
    """
    diffusers, _ = require("diffusers", "diffusion"), require("transformers", "diffusion")
    with without_remarks():
        return getattr(diffusers, name)
