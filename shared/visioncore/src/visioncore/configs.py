"""Configurations: plain values (mappings, lists, numbers, text) into frozen dataclasses, every field checked, and back.

The values come from YAML (`visioncore.recipes`), from the command line or from a model's config.json.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import reprlib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from .errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")

MOST_VALUES = 10_000
MOST_LEVELS = 20
MOST_BYTES = 10_000_000
"""Most values, levels of nesting and bytes: a few lines of YAML aliases can stand for more than memory holds."""

_EXPECTED: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    types.NoneType: "null",
}


@dataclass(frozen=True, repr=False)
class Typed:
    """A value from the command line: the option, the letters that were typed, and what YAML makes of them."""

    option: str
    text: str
    value: Any

    def __repr__(self) -> str:
        return repr(self.text)


class _MismatchError(Exception):
    """A value is not of the wanted type; the text says what is expected."""


class _Short(reprlib.Repr):
    """Values in one line of a length that can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxdict = 10
        self.maxstring = self.maxother = 200

    def repr_int(self, x: int, level: int) -> str:
        # Python writes out no longer ones.
        return super().repr_int(x, level) if x.bit_length() < 10_000 else "a number of thousands of digits"


shown = _Short().repr
"""A value as messages show it."""


def from_plain(config_class: type[Config], values: Mapping[Any, Any], where: str) -> Config:
    """Return the configuration that mappings, lists, numbers and text describe.

    Args:
        config_class: a dataclass whose fields are int, float, bool, str, Path, Literal, tuple, unions of these,
            or dataclasses. A nested dataclass that is filled in part keeps the rest of the field's default.
        values: {field: value}; `Typed` for those from the command line.
        where: where they stand, for messages.

    Raises:
        InputError: for an unknown or missing field, a value of the wrong type, or more values than any configuration
            has.
    """
    check_extent(values, where)
    return _build(config_class, values, None, "", where)


def to_plain(value: Any) -> Any:
    """Return a configuration as mappings, lists, numbers and text, which JSON and YAML can hold."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def check_choices(config: DataclassInstance) -> None:
    """Validate the Literal fields of a configuration, for a ``__post_init__``.

    Raises:
        InputError: naming the first field whose value is none of its choices.
    """
    for name, hint in typing.get_type_hints(type(config)).items():
        choices = typing.get_args(hint)
        if typing.get_origin(hint) is Literal and getattr(config, name) not in choices:
            right = " or ".join(map(str, choices))
            raise InputError(f"{name} is {getattr(config, name)!r}; it must be {right}")


def read_text(path: Path) -> str:
    """Return the text of a file with a configuration.

    Raises:
        InputError: if it cannot be read, is no UTF-8, or is longer than any configuration.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{path}: more than {MOST_BYTES / 1e6:.0f} MB; a configuration has less")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8") from error


def check_most(config: DataclassInstance, prefix: str = "", **bounds: int) -> None:
    """Validate that numbers of a configuration are not absurd, for a ``__post_init__``; of a tuple all, None is none.

    Args:
        config: the configuration.
        prefix: of its fields in messages, such as ``data.``.
        bounds: field -> the highest value.

    Raises:
        InputError: naming the first field with a value above.
    """
    for name, most in bounds.items():
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and not number <= most:
                raise InputError(f"{prefix}{name} is {shown(value)}; it must be at most {most}")


def did_you_mean(name: str, known: list[str]) -> str:
    """Return the start of a hint at the known name that is most like ``name``; empty where none is."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}? " if near else ""


def check_extent(values: Any, where: str) -> None:
    """Validate that what was parsed has no more values and levels than a configuration, aliases written out.

    Raises:
        InputError: if it has.
    """
    waiting, seen = [(values, 0)], 0
    while waiting:
        value, level = waiting.pop()
        seen += 1
        if seen > MOST_VALUES or level > MOST_LEVELS:
            raise InputError(
                f"{where}: more than {MOST_VALUES} values or {MOST_LEVELS} levels of nesting, aliases written out; "
                "a configuration has fewer"
            )
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(item, level + 1) for item in inner]


def _origin(value: Any, where: str) -> str:
    """Return the option a value comes from, or ``where`` when it stands in the recipe."""
    if isinstance(value, Typed):
        return value.option
    if isinstance(value, dict) and value:
        origins = {_origin(inner, where) for inner in value.values()}
        return where if where in origins else min(origins)
    return where


def _build(
    config_class: type[Config], values: Mapping[Any, Any], base: Config | None, prefix: str, where: str
) -> Config:
    """Return ``base`` (or the class's defaults) with ``values`` converted and put in."""
    hints = typing.get_type_hints(config_class)
    fields = {field.name: field for field in dataclasses.fields(config_class) if field.init}
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        origin = _origin(value, where)
        if name not in fields:
            known = ", ".join(prefix + field for field in fields)
            near = did_you_mean(str(name), list(fields))
            raise InputError(f"{origin}: unknown field {_field(prefix, name)}; {near}known are {known}")
        try:
            default = _default(fields[name]) if base is None else getattr(base, name)
            arguments[name] = _convert(hints[name], value, default, f"{prefix}{name}", where)
        except _MismatchError as expected:
            raise InputError(f"{origin}: {prefix}{name} should be {expected}, not {shown(value)}") from None
    missing = [
        name for name, field in fields.items() if name not in arguments and _default(field) is dataclasses.MISSING
    ]
    if missing and base is None:
        raise InputError(f"{where}: {', '.join(prefix + name for name in missing)} must be given")
    try:
        return config_class(**arguments) if base is None else dataclasses.replace(base, **arguments)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _field(prefix: str, name: Any) -> str:
    path = f"{prefix}{name}"
    return path if path.isprintable() and len(path) < 100 else shown(path)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _convert(hint: Any, value: Any, default: Any, path: str, where: str) -> Any:
    """Return ``value`` as ``hint`` wants it, or raise ``_MismatchError``.

    Args:
        hint: the type of the field.
        value: what YAML gave, or a ``Typed``.
        default: the field's default, which a nested dataclass is built upon.
        path: dotted name of the field, for messages from nested fields.
        where: the recipe, for messages from nested fields.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    plain = value.value if isinstance(value, Typed) else value
    if origin in (Union, types.UnionType):
        return _convert_union(parts, value, default, path, where)
    if origin is Literal:
        return _convert_literal(parts, value)
    if origin is tuple:
        return _convert_tuple(parts, plain, path, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(plain, dict) or isinstance(value, Typed):
            raise _MismatchError(f"set field by field ({path}.{dataclasses.fields(hint)[0].name} and so on)")
        return _build(hint, plain, default if isinstance(default, hint) else None, f"{path}.", where)
    if hint in (str, Path) and isinstance(value, Typed):
        return hint(value.text)
    return _convert_plain(hint, plain)


def _convert_union(members: tuple[Any, ...], value: Any, default: Any, path: str, where: str) -> Any:
    text = value.text.lower() if isinstance(value, Typed) else value
    if types.NoneType in members and text in (None, "null", "none", "~"):
        return None
    expected = []
    # Exact types first, so that `int | float` keeps 3 whole and `bool | str` keeps true a truth value.
    plain = value.value if isinstance(value, Typed) else value
    for member in sorted(members, key=lambda member: (member is not type(plain), _unknown(member, plain))):
        try:
            return _convert(member, value, default, path, where)
        except _MismatchError as mismatch:
            expected.append(str(mismatch))
    raise _MismatchError(" or ".join(expected))


def _unknown(member: Any, plain: Any) -> int:
    """Return how many of the given fields a dataclass does not have, so that of several the fitting one is taken."""
    if not dataclasses.is_dataclass(member) or not isinstance(plain, dict):
        return 0
    return len(plain.keys() - {field.name for field in dataclasses.fields(member)})


def _convert_literal(choices: tuple[Any, ...], value: Any) -> Any:
    for choice in choices:
        if isinstance(value, Typed):
            if str(choice) == value.text or (choice == value.value and type(choice) is type(value.value)):
                return choice
        elif choice == value and type(choice) is type(value):
            return choice
    raise _MismatchError(f"one of {', '.join(map(str, choices))}")


def _convert_tuple(members: tuple[Any, ...], value: Any, path: str, where: str) -> tuple[Any, ...]:
    if members[-1] is Ellipsis:
        if not isinstance(value, list):
            raise _MismatchError("a list such as [1, 2]")
        members = members[:1] * len(value)
    elif not isinstance(value, list) or len(value) != len(members):
        raise _MismatchError(f"a list of {len(members)}")
    try:
        return tuple(_convert(member, item, None, path, where) for member, item in zip(members, value, strict=True))
    except _MismatchError as expected:
        raise _MismatchError(f"a list, each entry {expected}") from None


def _convert_plain(hint: Any, value: Any) -> Any:
    if hint is Any:
        return value
    if hint not in _EXPECTED:
        raise TypeError(f"recipes have no fields of type {hint}")
    if hint in (int, float) and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        # YAML reads 1e-4, which has no dot, as text.
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise _MismatchError(_EXPECTED[hint]) from None
        if hint is float and math.isfinite(number):
            return number
        if hint is int and number.is_integer() and abs(number) < 2**63:
            return value if isinstance(value, int) else int(number)
    elif hint is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    elif hint in (bool, str, types.NoneType) and isinstance(value, hint):
        return value
    raise _MismatchError(_EXPECTED[hint])


def published_variant(variants: Mapping[str, Config], name: str) -> Config:
    """Return the settings of a published variant.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in variants:
        raise InputError(f"{name}: no published variant; known are {', '.join(variants)}")
    return variants[name]
