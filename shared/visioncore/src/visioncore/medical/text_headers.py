"""The headers of MetaImage and NRRD files: what SimpleITK passes over in them, and what it must not be trusted with."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..size_limit import DEFLATE, PLAIN, check_size

METAIMAGE, NRRD = (b"ObjectTy", b"NDims", b"Comment"), (b"NRRD0",)
"""How files of each kind begin."""
_LONGEST = 2**20
"""Bytes of a header that are read at most."""
_LOCAL = "LOCAL"
"""Where data are that follow their header."""
_MILLIMETRES = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "nm": 1e-6}
_LONG = {"millimet": "mm", "centimet": "cm", "decimet": "dm", "micromet": "um", "micron": "um", "nanomet": "nm"}
_PLACED = {"lps", "las", "ras", "leftposteriorsuperior", "leftanteriorsuperior", "rightanteriorsuperior"}
"""Spaces of NRRD that tell left from right and front from back, without signs."""
_BYTES = {"char": 1, "short": 2, "int": 4, "long": 8, "longlong": 8, "float": 4, "double": 8}
_BITS = re.compile(r"u?int(\d+)(_t)?")


class TextHeader(NamedTuple):
    """A header.

    Attributes:
        located: whether it says where the voxels lie.
        millimetres: in its unit of length.
        scaling: slope and intercept, which make values of the stored numbers.
    """

    located: bool
    millimetres: float
    scaling: tuple[float, float] = (1.0, 0.0)


def read_metaimage_header(path: Path) -> TextHeader:
    """Read and validate the header of a MetaImage file.

    Raises:
        InputError: if it announces more than its data can hold or is allowed, names data in another folder or in
            several files, has a spacing that is not above 0, or a unit that is none of length.
    """
    fields = _metaimage_fields(path)
    count = int(fields.get("elementnumberofchannels", "1")) * _product(fields.get("dimsize", ""))
    kind = fields.get("elementtype", "").lower().removeprefix("met_").removesuffix("_array")
    # whole numbers of MetaImage have 4 bytes in a long
    size = 4 if kind.removeprefix("u") == "long" else _bytes_of(path, kind.replace("uchar", "char").replace("_", ""))
    packing = DEFLATE if _is_true(fields.get("compresseddata")) else PLAIN
    if "binarydata" in fields and not _is_true(fields["binarydata"]):
        raise InputError(f"{path}: its voxels are written in digits; convert it to BinaryData = True")
    _check_data(path, fields.get("elementdatafile", ""), count * size, packing)
    spacing = fields.get("elementspacing", fields.get("elementsize"))
    _check_spacing(path, (spacing or "").split())
    turned = any(name in fields for name in ("transformmatrix", "rotation", "orientation"))
    slope = float(fields.get("elementtointensityfunctionslope", "1"))
    intercept = float(fields.get("elementtointensityfunctionoffset", "0"))
    if not (slope and math.isfinite(slope) and math.isfinite(intercept)):
        raise InputError(f"{path}: the intensity function has the slope {slope:g} and the offset {intercept:g}")
    unit = fields.get("distanceunits", "")
    return TextHeader(spacing is not None and turned, _unit(path, unit), (slope, intercept))


def read_nrrd_header(path: Path) -> TextHeader:
    """Read and validate the header of an NRRD file.

    Raises:
        InputError: as `read_metaimage_header`.
    """
    fields = _nrrd_fields(path)
    kind = re.sub(r"\b(un)?signed\b|\s", "", fields.get("type", "").lower())
    size = _bytes_of(path, {"uchar": "char", "": "int"}.get(kind, kind))
    encoding = fields.get("encoding", "raw").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise InputError(f"{path}: its encoding is {encoding}; it must be raw or gzip")
    packing = PLAIN if encoding == "raw" else DEFLATE
    _check_data(path, fields.get("datafile", _LOCAL), _product(fields.get("sizes", "")) * size, packing)
    _check_spacing(path, [step for step in fields.get("spacings", "").split() if step.lower() != "nan"])
    units = set(re.findall(r'"([^"]*)"', fields.get("spaceunits", "")))
    factors = {_unit(path, unit) for unit in units} or {1.0}
    if len(factors) > 1:
        raise InputError(f"{path}: the axes are in several units, {', '.join(sorted(units))}; a volume has one")
    space = re.sub(r"[^a-z]", "", fields.get("space", "").lower())
    return TextHeader(space in _PLACED and "spacedirections" in fields, factors.pop())


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST).decode("latin-1")


def _metaimage_fields(path: Path) -> dict[str, str]:
    """Return the values by their names in lower case; the last says where the data are."""
    fields: dict[str, str] = {}
    for line in _text(path).split("\n"):
        name, found, value = line.partition("=")
        if not found:
            continue
        fields[name.strip().lower()] = value.strip()
        if name.strip().lower() == "elementdatafile":
            return fields
    raise InputError(f"{path}: the MetaImage header is truncated or damaged; it has no ElementDataFile")


def _nrrd_fields(path: Path) -> dict[str, str]:
    """Return the values by their names in lower case and without spaces, up to the empty line before the data."""
    fields: dict[str, str] = {}
    for line in _text(path).splitlines()[1:]:
        if not line.strip():
            break
        name, found, value = line.partition(": ")
        if found and line[0] != "#" and ":=" not in name:
            fields[re.sub(r"\s", "", name.lower())] = value.strip()
    return fields


def _product(sizes: str) -> int:
    """Return the number of elements; -1, which is refused, if a size is not above 0 or there is none."""
    count = 1
    for size in sizes.split():
        count *= int(size) if int(size) > 0 else 0
    return count if count and sizes.split() else -1


def _bytes_of(path: Path, kind: str) -> int:
    kind = kind.removeprefix("u") if kind.removeprefix("u") in _BYTES else kind
    if kind in _BYTES:
        return _BYTES[kind]
    if match := _BITS.fullmatch(kind):
        return int(match[1]) // 8
    raise InputError(f"{path}: holds {kind or 'no'} voxels; they must be whole or real numbers")


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in ("true", "t", "1", "yes")


def _check_data(path: Path, named: str, announced: int, packing: int) -> None:
    """Validate where the data are, and that there are as many as announced."""
    data = path
    if named not in (_LOCAL, _LOCAL.lower()):
        data = path.parent / named
        if not named or "%" in named or named.split()[0] == "LIST" or Path(named).name != named or "\\" in named:
            raise InputError(
                f"{path}: its voxels are in {named or 'no file'}; they must be in one file beside the header, by its "
                "name alone"
            )
        if not data.is_file():
            raise InputError(f"{path}: its voxels are in {named}, which is not beside it")
    check_size(path, announced, data.stat().st_size, packing)


def _check_spacing(path: Path, steps: list[str]) -> None:
    if not all(0 < float(step) < math.inf for step in steps):
        raise InputError(f"{path}: the spacing in the header is {' x '.join(steps)}; each must be above 0")


def _unit(path: Path, unit: str) -> float:
    """Return the millimetres in a unit; 1 where none is named."""
    plain = unit.strip().lower()
    plain = next((short for long, short in _LONG.items() if plain.startswith(long)), plain)
    plain = "m" if plain in ("meter", "metre", "meters", "metres") else plain
    if plain in ("", "?", "unknown"):
        return 1.0
    if plain not in _MILLIMETRES:
        raise InputError(f"{path}: lengths are in {unit!r}; it must be one of {', '.join(_MILLIMETRES)}")
    return _MILLIMETRES[plain]
