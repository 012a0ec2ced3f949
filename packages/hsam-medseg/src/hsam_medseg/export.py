"""The network as a file that runs without this package, checked on the spot against the network it came from."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from visioncore import lora
from visioncore.errors import InputError
from visioncore.files import atomic_path, writable_folder

from .method import METHOD
from .model import HSAM
from .output import Output
from .plain import as_plain

TOLERANCE = 1e-3
"""Largest difference from eager at which an export counts as right, over the largest logit or 1."""

INPUT = "images"
OUTPUTS = ("logits", "coarse_logits", "fine_logits")
"""Names of what goes in and comes out, see `export`; networks with one decoder have no fine logits."""

_MOST = 2**31
"""Bytes that an ONNX file can hold."""


def export(model: HSAM, out: str | Path, *, formats: Iterable[str] = ("onnx",)) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2`` for any number of slices, each compared with the model.

    In goes ``images`` (B, 3, S, S) in [0, 1], S the image size of the network; out come ``logits`` (B, K, S, S),
    ``coarse_logits`` (B, K, S/4, S/4) and ``fine_logits`` (B, K, S, S). What is done to scans before, and to labels
    afterwards, is not part of it.

    Args:
        model: the network; exported in float32 on the CPU, with its additions folded.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).

    Returns:
        Each file with its largest difference from the model, over the largest logit or 1.

    Raises:
        InputError: if a format is wrong, a package is missing, the network is too large for ONNX, or the numbers differ
            by over `TOLERANCE` (the file is then not kept).
    """
    formats = tuple(formats)
    for name in formats:
        if name not in _FORMATS:
            raise InputError(f"format is {name!r}; it must be one of {', '.join(_FORMATS)}")
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if "onnx" in formats and find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install '{METHOD.name}[export]'")
    network = _Exported(model)
    size = 4 * sum(parameter.numel() for parameter in network.parameters())
    if "onnx" in formats and size >= _MOST:
        raise InputError(f"the weights take {size / 2**30:.1f} GiB, and an ONNX file holds 2; export to pt2 instead")
    folder = writable_folder(out)
    side = model.config.image_size
    # Not one slice: that would be taken for the only number there can be.
    images = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), _quiet():
        expected = _all_logits(copy.deepcopy(model).cpu().float().eval()(images))
        program = torch.export.export(network, (images[:2],), dynamic_shapes=({0: Dim("batch", min=1)},))
    errors = {}
    for name in formats:
        path = folder / f"model.{name}"
        encode, run = _FORMATS[name]
        with atomic_path(path) as temporary:
            with _quiet():
                encoded = encode(program)
            temporary.write_bytes(encoded)
            with torch.no_grad():
                errors[path] = _difference(run(temporary, images), expected)
            if not errors[path] <= TOLERANCE:
                raise InputError(f"{path}: not written; it differs from eager by {errors[path]:.2e}, over {TOLERANCE}")
    return errors


class _Exported(nn.Module):
    """A copy of a network on its plain path, in plain layers, that returns a tuple."""

    def __init__(self, model: HSAM) -> None:
        super().__init__()
        self.network = as_plain(model).cpu().float().eval().fold()
        self.network.unused = None
        for name, layer in list(self.network.named_modules()):
            if isinstance(layer, lora.LoRALinear):
                self.network.set_submodule(name, _merged(layer))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return _all_logits(self.network(images))


def _all_logits(output: Output) -> tuple[Tensor, ...]:
    """Return what `OUTPUTS` names."""
    both = (output.logits, output.coarse_logits)
    return both if output.fine_logits is None else (*both, output.fine_logits)


def _merged(layer: lora.LoRALinear) -> nn.Linear:
    """Return a folded layer without the additions that are part of its weight."""
    linear = nn.Linear(layer.in_features, layer.out_features, device="meta")
    linear.weight, linear.bias = layer.weight, layer.bias
    return linear


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


def _encode_pt2(program: ExportedProgram) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def _run_pt2(path: Path, images: Tensor) -> Sequence[Tensor]:
    outputs: Sequence[Tensor] = torch.export.load(path).module()(images)
    return outputs


def _encode_onnx(program: ExportedProgram) -> bytes:
    count = len(program.graph_signature.user_outputs)
    converted = torch.onnx.export(
        program, dynamo=True, opset_version=18, input_names=[INPUT], output_names=OUTPUTS[:count]
    )
    assert converted is not None
    encoded: bytes = converted.model_proto.SerializeToString()
    return encoded


def _run_onnx(path: Path, images: Tensor) -> Sequence[Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(output) for output in session.run(None, {INPUT: images.numpy()})]


_FORMATS: dict[str, tuple[Callable[[ExportedProgram], bytes], Callable[[Path, Tensor], Sequence[Tensor]]]] = {
    "onnx": (_encode_onnx, _run_onnx),
    "pt2": (_encode_pt2, _run_pt2),
}
