"""The network as a file that runs without this package, checked on the spot against the network it came from."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from visioncore.errors import InputError
from visioncore.files import atomic_path, writable_folder

from .method import METHOD
from .model import MULTIPLE, CLIPDenoiser

TOLERANCE = 1e-3
"""Largest difference from eager, on values of about 1, at which an export counts as right."""
SIZES = ((2, 2 * MULTIPLE, 3 * MULTIPLE), (1, 5 * MULTIPLE, MULTIPLE))
"""Of the images (batch, height, width) an export is made with, and of others it is checked with."""


def export(model: CLIPDenoiser, out: str | Path, *, formats: Iterable[str] = ("onnx",)) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2``, each compared with the model on images of two sizes.

    They take images ``noisy`` (B, C, H, W), any number and of any size in multiples of 32, and give ``denoised`` alike,
    not clamped. How to bring other sizes there: mirror at the right and at the bottom, and crop the result.

    Args:
        model: the network; exported in float32 on the CPU.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).

    Returns:
        Each file with its largest absolute difference from the model.

    Raises:
        InputError: if a format is unknown, a package is missing, or the numbers differ by over `TOLERANCE` (the file is
            then not kept).
    """
    formats = tuple(formats)
    for name in formats:
        if name not in _FORMATS:
            raise InputError(f"format is {name!r}; it must be one of {', '.join(_FORMATS)}")
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if "onnx" in formats and find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install '{METHOD.name}[export]'")
    folder = writable_folder(out)
    model = copy.deepcopy(model).cpu().float().eval()
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(b, model.config.channels, h, w, generator=generator) for b, h, w in SIZES]
    shapes = {0: Dim("batch"), 2: MULTIPLE * Dim("rows", min=1), 3: MULTIPLE * Dim("columns", min=1)}
    with torch.no_grad(), _quiet():
        expected = [model(image) for image in images]
        program = torch.export.export(model, (images[0],), dynamic_shapes=(shapes,))
    errors = {}
    for name in formats:
        path = folder / f"model.{name}"
        encode, run = _FORMATS[name]
        with atomic_path(path) as temporary:
            with _quiet():
                encoded = encode(program)
            temporary.write_bytes(encoded)
            with torch.no_grad():
                results = run(temporary, images)
            differences = [(result - wanted).abs().max() for result, wanted in zip(results, expected, strict=True)]
            errors[path] = float(torch.stack(differences).max())
            if not errors[path] <= TOLERANCE:
                raise InputError(f"{path}: not written; it differs from eager by {errors[path]:.2e}, over {TOLERANCE}")
    return errors


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


def _encode_pt2(program: ExportedProgram) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _run_pt2(path: Path, images: Iterable[Tensor]) -> list[Tensor]:
    network = torch.export.load(path).module()
    return [network(image) for image in images]


def _encode_onnx(program: ExportedProgram) -> bytes:
    converted = torch.onnx.export(
        program, dynamo=True, opset_version=18, input_names=["noisy"], output_names=["denoised"]
    )
    assert converted is not None
    return converted.model_proto.SerializeToString()


def _run_onnx(path: Path, images: Iterable[Tensor]) -> list[Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(session.run(None, {"noisy": image.numpy()})[0]) for image in images]


_FORMATS: dict[str, tuple[Callable[[ExportedProgram], bytes], Callable[[Path, Iterable[Tensor]], list[Tensor]]]] = {
    "onnx": (_encode_onnx, _run_onnx),
    "pt2": (_encode_pt2, _run_pt2),
}
