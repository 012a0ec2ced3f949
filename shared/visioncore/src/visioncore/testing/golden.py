"""Golden cases: what a published network computes, as numbers, and how a result is held against them.

A case is two files in ``tests/data``: ``NAME.json`` says what goes in, by the names `visioncore.testing.deterministic`
makes arrays from, and how close the result must come; ``NAME.npz`` holds the outputs. Of a large output only a slice is
kept, with the mean and the root mean square of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import deterministic

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class GoldenCase:
    """A golden case."""

    about: dict[str, Any]
    """Its json file: among others the ``inputs`` and the ``outputs`` with their tolerances, by name."""
    outputs: Mapping[str, Array]
    """The stored part of each output."""

    @classmethod
    def read(cls, folder: Path, name: str) -> GoldenCase:
        """Read ``NAME.json`` and ``NAME.npz``."""
        with np.load(folder / f"{name}.npz") as arrays:
            return cls(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), dict(arrays))

    def close(self, name: str, value: Tensor | Array) -> None:
        """Hold a whole output against what is kept of it.

        Labels, and outputs that jump at a threshold, may differ in the share of places that the case allows.

        Args:
            name: of the output.
            value: all of it.

        Raises:
            AssertionError: if shape, values, mean or root mean square differ by more than the case allows.
        """
        spec = self.about["outputs"][name]
        whole = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        shape = spec.get("full_shape", spec.get("shape"))
        assert list(whole.shape) == shape, f"{name} has shape {list(whole.shape)}, not {shape}"
        kept, expected = whole[_index(spec.get("slice", "all"))], self.outputs[name]
        rtol, atol = spec.get("rtol", 0), spec.get("atol", 0)
        allowed = spec.get("max_fraction_different", spec.get("allowed_mismatch_fraction", 0))
        if allowed:
            share = float((~np.isclose(kept, expected, rtol=rtol, atol=atol)).mean())
            assert share <= allowed, f"{name} differs in a share of {share:.2g}, allowed is {allowed}"
        else:
            np.testing.assert_allclose(kept, expected, rtol=rtol, atol=atol, err_msg=name)
        if "mean" in spec:
            found = whole.mean(dtype=np.float64), np.sqrt(np.square(whole, dtype=np.float64).mean())
            # what differences within the tolerance can add up to; places that may differ are few
            bound = 1e-3 * spec["rms"] if allowed else atol + rtol * spec["rms"]
            message = f"mean and root mean square of {name}"
            np.testing.assert_allclose(found, (spec["mean"], spec["rms"]), rtol=1e-12, atol=bound, err_msg=message)


def _index(text: str) -> tuple[Any, ...]:
    """Return the index that ``[:, ::8, 0]``, ``..., ::4`` or ``all`` stands for."""
    if text == "all":
        return ()
    parts = [part.strip() for part in text.strip("[]").split(",")]
    return tuple(_axis(part) for part in parts)


def _axis(part: str) -> Any:
    if part == "...":
        return ...
    return slice(*(int(n) if n else None for n in part.split(":"))) if ":" in part else int(part)


def filled_tensors(layout: Mapping[str, Iterable[int]]) -> dict[str, Tensor]:
    """Return the tensors of a published layout, name -> shape, in float64, made from their names.

    The counters of batch norms, which have no effect, are zero.
    """
    return {
        name: torch.zeros((), dtype=torch.int64)
        if name.endswith("num_batches_tracked")
        else torch.from_numpy(np.asarray(deterministic.filled(name, shape)))
        for name, shape in layout.items()
    }


def made_input(spec: Mapping[str, Any]) -> Tensor:
    """Return the input that a case describes, float64 or int64.

    Args:
        spec: ``kind`` or ``generator`` (normal, uniform or integer, with or without ``_input``), ``tag``, ``shape``,
            and for integers ``low`` and ``high``.
    """
    kind = str(spec.get("kind", spec.get("generator"))).removesuffix("_input")
    bounds = (spec["low"], spec["high"]) if kind == "integer" else ()
    return torch.from_numpy(getattr(deterministic, f"{kind}_input")(spec["tag"], *bounds, spec["shape"]))
