"""State dicts: tensors by name, read without running any code, written, and compared with a model.

A state is a plain ``{name: tensor}`` dictionary on the CPU. Published files are PyTorch zips, older PyTorch pickles or
safetensors; which of them a file is shows in its first bytes, never in its suffix.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError, one_line, some
from ..files import atomic_path, check_regular
from ..size_limit import check_members, check_size

ENVELOPES = ("state_dict", "params_ema", "params", "model")
"""Entries under which published checkpoints keep their tensors, in the order they are looked for."""

Value = TypeVar("Value")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU, without running any code that the file may hold.

    Reads safetensors, PyTorch zip files (memory mapped: an optimizer beside the weights costs nothing) and the older
    PyTorch files. Tensors may lie under one of ``ENVELOPES``, also one in another; what is no tensor beside them
    (epochs, options) is left out. Parameters come back as plain tensors, tied ones still share their memory.

    Raises:
        InputError: if the file is missing, a folder, empty, truncated, no checkpoint, holds pickled objects other than
            tensors (nothing of them is run), or holds no tensor.
    """
    path = Path(path)
    content = read_content(path)
    state: Any = content
    # At most as deep as there are envelopes: a hostile file may hold one that contains itself.
    for _ in ENVELOPES:
        state = _open_envelope(state)
    tensors = {
        name: value.detach() for name, value in _entries(state) if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        holds = (
            f"its entries are {some(map(str, content))}"
            if isinstance(content, Mapping) and content
            else (f"it holds {type(content).__name__}")
        )
        raise InputError(
            f"{path}: no tensors by name in this checkpoint ({holds}); they should lie at the top or under "
            f"{', '.join(ENVELOPES)}"
        )
    check_dense(path, tensors)
    return tensors


def read_content(path: str | Path) -> Any:
    """Return a checkpoint as it lies in its file, on the CPU, without running any code that the file may hold.

    `read_state_dict` is for those with the tensors of one network. What this returns is not validated: the tensors that
    are taken from it go through `check_dense`.

    Raises:
        InputError: if the file is missing, a folder, empty, truncated, no checkpoint, or holds pickled objects other
            than tensors, text, numbers, lists and mappings (nothing of them is run).
    """
    path = Path(path)
    kind = _kind(path)
    return _read_safetensors(path)[0] if kind == "safetensors" else _read_torch(path, zipped=kind == "zip")


def check_dense(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Validate that tensors hold their values one by one; of a few stored numbers others can claim any shape.

    Raises:
        InputError: naming one that does not, or if all together take more than `size_limit` allows.
    """
    stretched = 0
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
            raise InputError(f"{path}: {one_line(name)} is no dense tensor of values; convert it before it is saved")
        size = tensor.numel() * tensor.element_size()
        stretched += size if size > tensor.untyped_storage().nbytes() else 0
    check_size(path, stretched)


def check_finite(tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Validate that no value is NaN or infinite, as those of a training that diverged are.

    Args:
        where: the file that they came from, as the error should name it.

    Raises:
        InputError: naming the tensors that hold such values.
    """
    bad = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(
            f"{where}: NaN or infinite values in {some(bad)}; take weights from before the training diverged, or the "
            "file anew"
        )


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the metadata in the header of a safetensors file, empty if it has none.

    Raises:
        InputError: if the file is missing, a folder, empty, truncated or not a safetensors file.
    """
    path = Path(path)
    if _kind(path) != "safetensors":
        raise InputError(f"{path}: a PyTorch checkpoint, where a safetensors file is expected")
    return _read_safetensors(path, tensors=False)[1]


def write_state_dict(path: str | Path, state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors to a safetensors file, whole or not at all.

    Every name is written with its values: tensors that share memory are stored once per name, so that any reader finds
    every name.

    Raises:
        InputError: if the system refuses the write (disk full, no permission, no such folder), with its reason.
    """
    taken: set[int] = set()
    ready: dict[str, Tensor] = {}
    for name, tensor in state.items():
        tensor = tensor.detach().to("cpu").contiguous()
        # safetensors refuses two names on one storage.
        ready[name] = tensor.clone() if tensor.untyped_storage().data_ptr() in taken else tensor
        taken.add(ready[name].untyped_storage().data_ptr())
    with atomic_path(path) as temporary:
        # safetensors makes files that only their owner can read; take the usual rights instead.
        temporary.touch()
        rights = temporary.stat().st_mode
        save_file(ready, temporary, dict(metadata) if metadata else None)
        temporary.chmod(rights)


def strip_prefix(state: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """Return ``state`` with ``prefix`` (such as ``"module."``) taken off the names that begin with it, and only those.

    Raises:
        InputError: if two names become one.
    """
    return _renamed(state, {name: name.removeprefix(prefix) for name in state})


@dataclass(frozen=True)
class Fit:
    """How the tensors of a checkpoint fit a model; names in the order of the model and of the file.

    Attributes:
        missing: the model has them, the file does not.
        unexpected: the file has them, the model does not.
        misshapen: {name: (shape in the file, shape in the model)} for those that both have and that differ.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: Mapping[str, tuple[torch.Size, torch.Size]]

    @property
    def ok(self) -> bool:
        """True if every tensor is there, none is left over, and all have the model's shapes."""
        return not (self.missing or self.unexpected or self.misshapen)

    def describe(self, limit: int | None = 8) -> str:
        """Return one line that names the tensors, at most ``limit`` of each kind (None: all)."""
        shapes = [
            f"{name} is {_shape(found)}, not {_shape(wanted)}" for name, (found, wanted) in self.misshapen.items()
        ]
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "misshapen": shapes}
        parts = [f"{len(names)} {kind} ({some(names, limit)})" for kind, names in kinds.items() if names]
        return ", ".join(parts) if parts else "every tensor fits"


def compare(state: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> Fit:
    """Compare the tensors of a checkpoint with the shapes that a model expects."""
    return Fit(
        missing=tuple(name for name in expected if name not in state),
        unexpected=tuple(name for name in state if name not in expected),
        misshapen={
            name: (state[name].shape, shape)
            for name, shape in expected.items()
            if name in state and state[name].shape != shape
        },
    )


def load_into(model: nn.Module, state: Mapping[str, Tensor], *, where: str) -> None:
    """Copy ``state`` into ``model``, every tensor or none; values are cast to the model's types and device.

    Args:
        where: the file that ``state`` came from, as the error should name it.

    Raises:
        InputError: if a tensor is missing, unexpected, misshapen or complex where the model's is not; the line names
            it, and the model is as it was.
    """
    wanted = model.state_dict()
    shapes = {name: tensor.shape for name, tensor in wanted.items()}
    check_fit(type(model).__name__, state, shapes, where=where)
    for name, tensor in state.items():
        if tensor.is_complex() and not wanted[name].is_complex():
            raise InputError(f"{where}: {name} holds complex numbers; {type(model).__name__} has real ones")
    model.load_state_dict(dict(state))


def check_fit(model: str, state: Mapping[str, Tensor], expected: Mapping[str, torch.Size], *, where: str) -> None:
    """Validate that ``state`` has the tensors that a model of this name expects.

    Raises:
        InputError: naming those that are missing, unexpected or misshapen.
    """
    fit = compare(state, expected)
    if not fit.ok:
        raise InputError(f"{where}: these weights do not fit {model}: {fit.describe()}")


def _kind(path: Path) -> str:
    """Return "safetensors", "zip" or "pickle", by the first bytes of the file."""
    if path.is_dir():
        raise InputError(f"{path}: this is a folder, a checkpoint file is expected")
    check_regular(path)
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: this file cannot be read ({error.strerror})") from error
    if not head:
        raise InputError(f"{path}: this file is empty, a checkpoint is expected; fetch or copy it again")
    # A safetensors file: the length of its JSON header in eight bytes, never near four gigabytes, then the header.
    if head[4:] == b"\0\0\0\0{":
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x80"):
        return "pickle"
    raise InputError(f"{path}: not a checkpoint (neither safetensors nor a PyTorch file)")


def _read_safetensors(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = file.keys() if tensors else []
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    # SafetensorError, and what PyTorch says of types and sizes
    except Exception as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path, zipped: bool) -> Any:
    mapped = zipped and _check_zip(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of PyTorch's, which advise to read files unsafely
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except UnpicklingError as error:
        raise InputError(
            f"{path}: holds pickled objects, which could run code ({_pickled_objects(path, error)}); nothing in it was "
            "run; where you trust it, load it with its own code and save the tensors alone with torch.save"
        ) from None
    # Damaged bytes can surface in the unpickler as almost any exception.
    except Exception as error:
        raise _damaged(path, error) from None


def _check_zip(path: Path) -> bool:
    """Validate a checkpoint that is a zip file, and return whether it can be mapped into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = {Path(name).name for name in archive.namelist()}
            mapped = check_members(path, archive.infolist())
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, error) from None
    if "constants.pkl" in files:
        raise InputError(f"{path}: a TorchScript program, not a checkpoint; save its state_dict() with torch.save")
    if "data.pkl" not in files:
        raise InputError(f"{path}: not a checkpoint (a zip file, but not written by PyTorch)")
    return mapped


def _pickled_objects(path: Path, error: UnpicklingError) -> str:
    """Return the names of the classes and functions that kept the file from being read as tensors alone."""
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except Exception:
        # Older files, and newer pickle protocols: the reader names the first one that it met, or only its reason.
        named = re.findall(r"GLOBAL (\S+)", str(error)) or [safe_reason(error)]
    return some(sorted(named))


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: truncated, damaged or not a checkpoint ({safe_reason(error)}); fetch or copy it again")


def safe_reason(error: Exception) -> str:
    """Return the text of an exception in one line, without PyTorch's advice to read files unsafely."""
    # PyTorch puts a page of advice before its own reason.
    text = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    return one_line(text.splitlines()[0] if text else type(error).__name__).rstrip(".")


def _open_envelope(state: Any) -> Any:
    entries = dict(_entries(state))
    return next((entries[name] for name in ENVELOPES if isinstance(entries.get(name), Mapping)), state)


def _entries(state: Any) -> Iterable[tuple[Any, Any]]:
    return state.items() if isinstance(state, Mapping) else ()


def _renamed(state: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    renamed: dict[str, Value] = {}
    origin: dict[str, str] = {}
    for name, value in state.items():
        new = names[name]
        if new in origin:
            raise InputError(f"the tensors {origin[new]!r} and {name!r} would both be named {new!r}")
        renamed[new], origin[new] = value, name
    return renamed


def _shape(size: torch.Size) -> str:
    return "x".join(map(str, size)) or "a single number"
