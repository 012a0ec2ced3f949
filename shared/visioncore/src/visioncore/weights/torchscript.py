"""The tensors of a TorchScript archive by name, read without running the program that it is.

Such an archive is a zip file: ``data.pkl`` describes modules as attributes, each tensor as a stretch of a file beside
it. Only that is read.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, one_line
from ..size_limit import check_members
from .state_dicts import check_dense

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def is_torchscript(path: str | Path) -> bool:
    """Return whether a file is a TorchScript archive; False too where there is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"constants.pkl", "data.pkl"} <= {Path(name).name for name in archive.namelist()}
    # what zipfile raises over damaged bytes shares no base class
    except Exception:
        return False


def read_torchscript(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a TorchScript archive by dotted names, as its ``state_dict`` has them, on the CPU.

    Plain tensors among the attributes of a module are there too; tied ones share their memory.

    Raises:
        InputError: if the file is missing, no TorchScript archive, damaged, or describes anything but modules, tensors
            and simple values (nothing of it is run).
    """
    path = Path(path)
    if not is_torchscript(path):
        raise InputError(f"{path}: {'not a TorchScript archive' if path.is_file() else 'no such file'}")
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(path, archive.infolist())
            description = next(name for name in archive.namelist() if Path(name).name == "data.pkl")
            with archive.open(description) as file:
                root = _Reader(file, archive, description.removesuffix("data.pkl")).load()
        tensors = dict(_tensors(root, ""))
    except InputError as error:
        told = str(error)
        raise InputError(told if told.startswith(f"{path}: ") else f"{path}: {told}") from error
    # Damaged bytes can surface in the unpickler as almost any exception.
    except Exception as error:
        raise InputError(
            f"{path}: a damaged TorchScript archive ({one_line(error)}); fetch or copy it again"
        ) from error
    check_dense(path, tensors)
    return tensors


class _Module:
    """A module of the archive: its attributes, none of its code."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class _Reader(pickle._Unpickler):  # in Python: the one in C gives memory to whatever number of objects is announced
    """Builds modules, tensors, and lists of simple values; refuses every other class or function."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "__torch__":
            return _Module
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _view,
        }
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return list
        if (module, name) == ("torch.jit._pickle", "restore_type_tag"):
            return _untagged
        if (module, name) not in known:
            raise InputError(f"names {module}.{name}, which no archive of tensors needs; nothing in it was run")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, _, _ = pid
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._folder}data/{key}"))
            self._storages[key] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return self._storages[key]


def _view(storage: Tensor, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(shape, strides, offset)


def _untagged(value: Any, _: str) -> Any:
    return value


def _tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, _Module):
        for key, inner in value.attributes.items():
            yield from _tensors(inner, f"{name}.{key}" if name else str(key))
