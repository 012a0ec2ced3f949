"""The headers of MetaImage and NRRD files: what SimpleITK passes over in them, and what it must not be trusted with."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path
from typing import NamedTuple

from ..configs import shown
from ..errors import InputError
from ..size_limit import DEFLATE, PLAIN, check_size

METAIMAGE, NRRD = (b"ObjectTy", b"NDims", b"Comment"), (b"NRRD0",)
"""How files of each kind begin."""
_LONGEST = 2**20
"""Bytes of a header that are read at most."""
_PIECE = 2**20
"""Bytes that are read and unpacked at a time."""
_ANY_ZLIB = 47
"""For zlib: the largest window, with the head of zlib or of gzip."""
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
    fields, start = _metaimage_fields(path)
    _check_dimensions(path, fields.get("ndims", ""), fields.get("dimsize", ""))
    count = int(fields.get("elementnumberofchannels", "1")) * _product(fields.get("dimsize", ""))
    kind = fields.get("elementtype", "").lower().removeprefix("met_").removesuffix("_array")
    # whole numbers of MetaImage have 4 bytes in a long
    size = 4 if kind.removeprefix("u") == "long" else _bytes_of(path, kind.replace("uchar", "char").replace("_", ""))
    packing = DEFLATE if _is_true(fields.get("compresseddata")) else PLAIN
    if "binarydata" in fields and not _is_true(fields["binarydata"]):
        raise InputError(f"{path}: its voxels are written in digits; convert it to BinaryData = True")
    data = _check_data(path, fields.get("elementdatafile", ""), count * size, packing)
    if packing != PLAIN:
        start = start if data == path else 0
        length = int(fields.get("compresseddatasize", "0" if data == path else str(data.stat().st_size)))
        if not 0 < length <= data.stat().st_size - start:
            raise InputError(
                f"{path}: CompressedDataSize is missing or wrong, or the file is truncated or damaged; write it anew"
            )
        _check_packed(data, start, length, count * size, fields.get("headersize", "0"))
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
    fields, start = _nrrd_fields(path)
    _check_dimensions(path, fields.get("dimension", ""), fields.get("sizes", ""))
    kind = re.sub(r"\b(un)?signed\b|\s", "", fields.get("type", "").lower())
    size = _bytes_of(path, {"uchar": "char", "": "int"}.get(kind, kind))
    encoding = fields.get("encoding", "raw").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise InputError(f"{path}: its encoding is {encoding}; it must be raw or gzip")
    packing = PLAIN if encoding == "raw" else DEFLATE
    announced = _product(fields.get("sizes", "")) * size
    data = _check_data(path, fields.get("datafile", _LOCAL), announced, packing)
    if packing != PLAIN:
        skipped = fields.get("byteskip", "0") + fields.get("lineskip", "0")
        start = start if data == path else 0
        _check_packed(data, start, data.stat().st_size - start, announced, skipped)
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


def _metaimage_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the values by their names in lower case, the last says where the data are, and the header's end."""
    fields: dict[str, str] = {}
    end = 0
    for line in _text(path).split("\n"):
        end += len(line) + 1
        # MetaIO takes a colon for an equals sign
        name, found, value = line.replace(":", "=", 1 if ":" in line.partition("=")[0] else 0).partition("=")
        name = name.strip().lower()
        if not found and not line.strip():
            continue
        # which it would take for the beginning of the next line
        if not found or not name:
            raise InputError(f"{path}: the MetaImage header is damaged: {shown(line)} is no line of it")
        if name in fields and name != "comment":
            raise InputError(f"{path}: the header has {name} twice; each only once")
        fields[name] = value.strip()
        if name == "elementdatafile":
            return fields, end
    raise InputError(f"{path}: the MetaImage header is truncated or damaged; it has no ElementDataFile")


def _nrrd_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the values by their names in lower case and without spaces, and where the line before the data ends."""
    fields: dict[str, str] = {}
    text = _text(path)
    end = re.search(r"\n\r?\n", text)
    if end is None and len(text) == _LONGEST:
        raise InputError(f"{path}: the NRRD header has no end; an empty line must follow it")
    for line in text[: end.start() if end else None].split("\n")[1:]:
        line = line.removesuffix("\r")
        # at what readers end a line differs, and nothing may be read by one and passed over by another
        if not re.fullmatch(r"[^\0-\x08\x0a-\x1f\x7f-\x9f]*", line):
            raise InputError(f"{path}: the NRRD header is damaged: {shown(line)} is no line of it")
        name, found, value = line.partition(": ")
        if found and line[0] != "#" and ":=" not in name:
            fields[re.sub(r"\s", "", name.lower())] = value.strip()
    return fields, end.end() if end else len(text)


def _check_dimensions(path: Path, announced: str, sizes: str) -> None:
    """Validate that a header has a size for each dimension; readers set up as many as it announces."""
    count = len(sizes.split())
    if announced != str(count):
        raise InputError(
            f"{path}: the header is truncated or damaged: it announces {shown(announced)} dimensions and {count} sizes"
        )


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


def _check_data(path: Path, named: str, announced: int, packing: int) -> Path:
    """Return the file that the data are in, once it is validated that there can be as many as announced."""
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
    return data


def _check_packed(data: Path, start: int, length: int, announced: int, skipped: str) -> None:
    """Validate that packed data can be unpacked to the end: readers go on with whatever was in memory where not."""
    if skipped.strip("0"):
        raise InputError(f"{data}: a part before its packed voxels is to be skipped; write it without")
    with data.open("rb") as file:
        file.seek(start)
        unpacking, found = zlib.decompressobj(_ANY_ZLIB), 0
        while found <= announced:
            piece = unpacking.unconsumed_tail or unpacking.unused_data
            if not piece:
                piece = file.read(min(_PIECE, length))
                length -= len(piece)
            if not piece:
                break
            if unpacking.eof and found < announced:  # gzip files may follow one another
                unpacking = zlib.decompressobj(_ANY_ZLIB)
            elif unpacking.eof:
                break
            found += len(unpacking.decompress(piece, _PIECE))
        while found <= announced and (rest := unpacking.decompress(b"", _PIECE)):
            found += len(rest)
    if found != announced or not unpacking.eof:
        raise InputError(f"{data}: the packed voxels are truncated or damaged; fetch it again")


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
