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
from torch.export import ExportedProgram

from visioncore.errors import InputError
from visioncore.files import atomic_path, writable_folder

from .model import MULTIPLE, NeRDRain

TOLERANCE = 1e-3
"""Largest difference from eager, on values of about 1, at which an export counts as right."""


def export(
    model: NeRDRain, out: str | Path, *, formats: Iterable[str] = ("onnx",), size: int = 256
) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2`` for images (1, 3, size, size), each compared with the model.

    Args:
        model: the network; exported in float32 on the CPU.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).
        size: side of the images, a multiple of 16.

    Returns:
        Each file with its largest absolute difference from the model.

    Raises:
        InputError: if the size or a format is wrong, a package is missing, or the numbers differ by over `TOLERANCE`
            (the file is then not kept).
    """
    if size < MULTIPLE or size % MULTIPLE:
        raise InputError(f"size is {size}; it must be a positive multiple of {MULTIPLE}")
    formats = tuple(formats)
    for name in formats:
        if name not in _FORMATS:
            raise InputError(f"format is {name!r}; it must be one of {', '.join(_FORMATS)}")
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if "onnx" in formats and find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install 'nerdrain-derain[export]'")
    folder = writable_folder(out)
    model = copy.deepcopy(model).cpu().float().eval()
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), _quiet():
        expected = model(image)
        program = torch.export.export(model, (image,))
    errors = {}
    for name in formats:
        path = folder / f"model.{name}"
        encode, run = _FORMATS[name]
        with atomic_path(path) as temporary:
            with _quiet():
                encoded = encode(program)
            temporary.write_bytes(encoded)
            with torch.no_grad():
                errors[path] = float((run(temporary, image) - expected).abs().max())
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


def _run_pt2(path: Path, image: Tensor) -> Tensor:
    restored: Tensor = torch.export.load(path).module()(image)
    return restored


def _encode_onnx(program: ExportedProgram) -> bytes:
    converted = torch.onnx.export(
        program, dynamo=True, opset_version=18, input_names=["rainy"], output_names=["restored"]
    )
    assert converted is not None
    return converted.model_proto.SerializeToString()


def _run_onnx(path: Path, image: Tensor) -> Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"rainy": image.numpy()})[0])


_FORMATS: dict[str, tuple[Callable[[ExportedProgram], bytes], Callable[[Path, Tensor], Tensor]]] = {
    "onnx": (_encode_onnx, _run_onnx),
    "pt2": (_encode_pt2, _run_pt2),
}
