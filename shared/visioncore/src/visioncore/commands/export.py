"""Networks as files that run without the package they come from, each compared on the spot with the network."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ..errors import InputError
from ..files import atomic_path, clear_partials, writable_folder
from ..inference.batch import progress
from ..methods import Method
from .networks import difference, example_inputs, tensors_of

Model = TypeVar("Model", bound=nn.Module)

TOLERANCE = 1e-3
"""Largest difference from eager at which an export counts as right, over the largest value or 1."""

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

_MOST = 2**31
"""Bytes that an ONNX file can hold."""


@dataclass(frozen=True)
class Exported:
    """A network to export, and how.

    Attributes:
        network: in evaluation mode, in float32 and on the CPU; takes tensors and returns one or several.
        inputs: what the comparison is made with: {name: tensor}.
        expected: what should come out; default: what the network makes of the inputs.
        traced: inputs of the shape that is exported; default: ``inputs``.
        dynamic_shapes: which of its sizes stay free, as `torch.export.export` takes it.
        compared: how many of the outputs are compared, from the first on; default: all. For a network whose further
            outputs turn rounding into noise.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    expected: Sequence[Tensor] | None = None
    traced: Sequence[Tensor] | None = None
    dynamic_shapes: Any = None
    compared: int | None = None


def export(
    method: Method,
    model: nn.Module,
    out: str | Path,
    *,
    formats: Iterable[str] = ("onnx",),
    size: int | None = None,
) -> dict[Path, float]:
    """Write a network as ``model.onnx`` or ``model.pt2``, each compared with the model.

    Args:
        method: whose network it is.
        model: the network; exported in float32 on the CPU.
        out: as the formats, the result and the errors, see `export_files`.
        formats: ``onnx`` and ``pt2``.
        size: side of the images, where the file is for one size alone.
    """
    if method.network.exported:
        exported = method.load(method.network.exported)(model)
    else:
        exported = Exported(float32_copy(model), example_inputs(method, model.config, size))
    return export_files(exported, out, formats=formats, outputs=method.network.outputs, package=method.name)


def float32_copy(model: Model) -> Model:
    """Return a copy of a model as `Exported` takes it."""
    return copy.deepcopy(model).cpu().float().eval()


def export_files(
    exported: Exported, out: str | Path, *, formats: Iterable[str], outputs: Sequence[str], package: str
) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2`` and compare what they compute with the network.

    Args:
        exported: the network, and what goes in.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).
        outputs: names of what comes out.
        package: whose extra ``export`` brings what ONNX needs, for the error.

    Returns:
        Each file with its largest difference, over the largest value or 1.

    Raises:
        InputError: if a format is wrong, a package is missing, the network is too large for ONNX, or the numbers differ
            by over `TOLERANCE` (the file is then not kept).
    """
    formats = _checked(formats, package)
    size = sum(tensor.numel() * tensor.element_size() for tensor in exported.network.state_dict().values())
    if "onnx" in formats and size >= _MOST:
        raise InputError(f"the weights take {size / 2**30:.1f} GiB, and an ONNX file holds 2; export to pt2 instead")
    folder = writable_folder(out)
    clear_partials(folder)
    given = tuple(exported.inputs.values())
    errors = {}
    # of each format: encoded, and compared
    with progress(1 + 2 * len(formats), "steps of the export") as advance:
        with torch.no_grad(), _quiet():
            expected = exported.expected or tensors_of(exported.network(*given))
            traced = given if exported.traced is None else tuple(exported.traced)
            program = torch.export.export(exported.network, traced, dynamic_shapes=exported.dynamic_shapes)
        advance()
        for name in formats:
            path = folder / f"model.{name}"
            encode, run = FORMATS[name]
            with atomic_path(path) as temporary:
                with _quiet():
                    encoded = encode(program, tuple(exported.inputs), outputs[: len(expected)])
                temporary.write_bytes(encoded)
                advance()
                with torch.no_grad():
                    found = run(temporary, exported.inputs)
                    errors[path] = difference(found[: exported.compared], expected[: exported.compared])
                advance()
                if not errors[path] <= TOLERANCE:
                    raise InputError(
                        f"{path}: not written; it differs from eager by {errors[path]:.2e}, over {TOLERANCE}"
                    )
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


def _encode_pt2(program: ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _run_pt2(path: Path, inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
    return tensors_of(torch.export.load(path).module()(*inputs.values()))


def _encode_onnx(program: ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    converted = torch.onnx.export(
        program, dynamo=True, opset_version=18, input_names=list(inputs), output_names=list(outputs)
    )
    assert converted is not None
    encoded: bytes = converted.model_proto.SerializeToString()
    return encoded


def _run_onnx(path: Path, inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    return [torch.from_numpy(output) for output in session.run(None, arrays)]


Encode = Callable[[ExportedProgram, Sequence[str], Sequence[str]], bytes]
Run = Callable[[Path, Mapping[str, Tensor]], Sequence[Tensor]]

FORMATS: dict[str, tuple[Encode, Run]] = {"onnx": (_encode_onnx, _run_onnx), "pt2": (_encode_pt2, _run_pt2)}
"""How a format is written, and how what was written is run."""
