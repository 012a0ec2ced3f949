"""Networks as files that run without the package they come from, each compared on the spot with the network."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ..errors import InputError
from ..files import atomic_path, writable_folder

TOLERANCE = 1e-3
"""Largest difference from eager at which an export counts as right, over the largest value or 1."""

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

_MOST = 2**31
"""Bytes that an ONNX file can hold."""


def export_files(
    network: nn.Module,
    images: Tensor,
    out: str | Path,
    *,
    formats: Iterable[str],
    names: tuple[str, Sequence[str]],
    package: str,
    reference: Callable[[Tensor], Tensor | Sequence[Tensor]] | None = None,
    traced: Tensor | None = None,
    dynamic_shapes: Any = None,
) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2`` and compare what they compute with the network.

    Args:
        network: in evaluation mode, in float32 and on the CPU; takes a tensor and returns one or several.
        images: what the comparison is made with.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).
        names: of the input and of the outputs.
        package: whose extra ``export`` brings what ONNX needs, for the error.
        reference: what the files are compared with; default: the network.
        traced: an input of the shape that is exported; default: ``images``.
        dynamic_shapes: which of its sizes stay free, as `torch.export.export` takes it.

    Returns:
        Each file with its largest difference, over the largest value or 1.

    Raises:
        InputError: if a format is wrong, a package is missing, the network is too large for ONNX, or the numbers differ
            by over `TOLERANCE` (the file is then not kept).
    """
    formats = _checked(formats, package)
    size = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    if "onnx" in formats and size >= _MOST:
        raise InputError(f"the weights take {size / 2**30:.1f} GiB, and an ONNX file holds 2; export to pt2 instead")
    folder = writable_folder(out)
    given, outputs = names
    with torch.no_grad(), _quiet():
        expected = _several((reference or network)(images))
        program = torch.export.export(network, (images if traced is None else traced,), dynamic_shapes=dynamic_shapes)
    errors = {}
    for name in formats:
        path = folder / f"model.{name}"
        encode, run = FORMATS[name]
        with atomic_path(path) as temporary:
            with _quiet():
                encoded = encode(program, given, outputs[: len(expected)])
            temporary.write_bytes(encoded)
            with torch.no_grad():
                errors[path] = _difference(run(temporary, given, images), expected)
            if not errors[path] <= TOLERANCE:
                raise InputError(f"{path}: not written; it differs from eager by {errors[path]:.2e}, over {TOLERANCE}")
    return errors


def _checked(formats: Iterable[str], package: str) -> tuple[str, ...]:
    formats = tuple(formats)
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"format is {name!r}; it must be one of {', '.join(FORMATS)}")
    missing = [name for name in ONNX_PACKAGES if "onnx" in formats and find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install '{package}[export]'")
    return formats


def _several(outputs: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def _difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    differences = [
        float((tensor - wanted).abs().max() / wanted.abs().max().clamp(min=1))
        for tensor, wanted in zip(found, expected, strict=True)
    ]
    # A NaN anywhere is the largest there is.
    return float(torch.tensor(differences).max())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to themselves the steps and remarks of exporters, which are about their own code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _encode_pt2(program: ExportedProgram, given: str, outputs: Sequence[str]) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _run_pt2(path: Path, given: str, images: Tensor) -> Sequence[Tensor]:
    return _several(torch.export.load(path).module()(images))


def _encode_onnx(program: ExportedProgram, given: str, outputs: Sequence[str]) -> bytes:
    converted = torch.onnx.export(
        program, dynamo=True, opset_version=18, input_names=[given], output_names=list(outputs)
    )
    assert converted is not None
    encoded: bytes = converted.model_proto.SerializeToString()
    return encoded


def _run_onnx(path: Path, given: str, images: Tensor) -> Sequence[Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(output) for output in session.run(None, {given: images.numpy()})]


FORMATS: dict[
    str, tuple[Callable[[ExportedProgram, str, Sequence[str]], bytes], Callable[[Path, str, Tensor], Sequence[Tensor]]]
] = {"onnx": (_encode_onnx, _run_onnx), "pt2": (_encode_pt2, _run_pt2)}
"""How a format is written, and how what was written is run."""
