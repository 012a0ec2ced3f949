"""Recipes: YAML files that fill frozen dataclasses, every field checked.

A recipe is a file in ``<package>/recipes/`` named by its stem, or any YAML file named by its path. The dataclass says
which fields there are and of which type; what a recipe leaves out keeps its default; ``--set.field value`` comes last.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

import yaml

from .errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")

_EXPECTED: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    types.NoneType: "null",
}


def recipe_names(package: str) -> list[str]:
    """Return the names of the recipes that ``package`` ships, sorted."""
    folder = files(package) / "recipes"
    if not folder.is_dir():
        return []
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(
    config_class: type[Config], package: str, name: str | Path, overrides: Mapping[str, str] | None = None
) -> Config:
    """Return the configuration that a recipe describes, with ``overrides`` on top.

    Args:
        config_class: a dataclass whose fields are int, float, bool, str, Path, Literal, tuple, unions of these,
            or dataclasses. A nested dataclass that a recipe fills in part keeps the rest of the field's default.
        package: the package whose recipes are meant, such as ``nerdrain_derain``.
        name: name of a shipped recipe, or the path of a YAML file (whatever has a folder or a suffix).
        overrides: {dotted field: value as typed}, as ``visioncore.cli`` collects from ``--set.field value``.

    Raises:
        InputError: for an unknown recipe, a file that is not YAML, an unknown or missing field, or a value of the
            wrong type; it says in which file or option, and what is expected.
    """
    where, text = _read(package, name)
    values = _parse(where, text)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise InputError(f"{where}: a recipe is fields with their values, this is {values!r}")
    for field, typed in (overrides or {}).items():
        option = f"--set.{field}"
        _put(values, field, _Typed(option, typed, _parse(option, typed)))
    return from_plain(config_class, values, where)


def from_plain(config_class: type[Config], values: Mapping[Any, Any], where: str) -> Config:
    """Return the configuration that mappings, lists, numbers and text describe; ``where`` they stand, for messages.

    Raises:
        InputError: for an unknown or missing field or a value of the wrong type.
    """
    return _build(config_class, values, None, "", where)


def to_plain(value: Any) -> Any:
    """Return a configuration as mappings, lists, numbers and text, which JSON and YAML can hold."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


@dataclass(frozen=True)
class _Typed:
    """A value from the command line: the option, the letters that were typed, and what YAML makes of them."""

    option: str
    text: str
    value: Any


class _MismatchError(Exception):
    """A value is not of the wanted type; the text says what is expected."""


def _read(package: str, name: str | Path) -> tuple[str, str]:
    """Return how to call the recipe in messages, and its text."""
    path = Path(name)
    if path.suffix or len(path.parts) > 1:
        try:
            return str(path), path.read_text(encoding="utf-8")
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{path}: this recipe cannot be read ({reason}); {_shipped(package)}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: this recipe is not text in UTF-8") from error
    names = recipe_names(package)
    if str(name) not in names:
        near = _near(str(name), names)
        raise InputError(f"unknown recipe {str(name)!r}; {near}{_shipped(package)}; a YAML file is named by its path")
    return f"recipe {name}", (files(package) / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")


def _shipped(package: str) -> str:
    return f"the recipes of {package} are {', '.join(recipe_names(package)) or '(none)'}"


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}? " if near else ""


def _parse(where: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: this is not YAML ({' '.join(str(error).split())})") from error


def _put(values: dict[Any, Any], field: str, value: _Typed) -> None:
    *outer, last = field.split(".")
    for name in outer:
        if not isinstance(values.get(name), dict):
            values[name] = {}
        values = values[name]
    values[last] = value


def _origin(value: Any, where: str) -> str:
    """Return the option a value comes from, or ``where`` when it stands in the recipe."""
    if isinstance(value, _Typed):
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
            raise InputError(
                f"{origin}: unknown field {prefix}{name}; {_near(str(name), list(fields))}known are {known}"
            )
        try:
            default = _default(fields[name]) if base is None else getattr(base, name)
            arguments[name] = _convert(hints[name], value, default, f"{prefix}{name}", where)
        except _MismatchError as expected:
            given = value.text if isinstance(value, _Typed) else value
            raise InputError(f"{origin}: {prefix}{name} should be {expected}, not {given!r}") from None
    missing = [
        name for name, field in fields.items() if name not in arguments and _default(field) is dataclasses.MISSING
    ]
    if missing and base is None:
        raise InputError(f"{where}: {', '.join(prefix + name for name in missing)} must be given")
    try:
        return config_class(**arguments) if base is None else dataclasses.replace(base, **arguments)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _convert(hint: Any, value: Any, default: Any, path: str, where: str) -> Any:
    """Return ``value`` as ``hint`` wants it, or raise ``_MismatchError``.

    Args:
        hint: the type of the field.
        value: what YAML gave, or a ``_Typed``.
        default: the field's default, which a nested dataclass is built upon.
        path: dotted name of the field, for messages from nested fields.
        where: the recipe, for messages from nested fields.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    plain = value.value if isinstance(value, _Typed) else value
    if origin in (Union, types.UnionType):
        return _convert_union(parts, value, default, path, where)
    if origin is Literal:
        return _convert_literal(parts, value)
    if origin is tuple:
        return _convert_tuple(parts, plain, path, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(plain, dict) or isinstance(value, _Typed):
            raise _MismatchError(f"set field by field ({path}.{dataclasses.fields(hint)[0].name} and so on)")
        return _build(hint, plain, default if isinstance(default, hint) else None, f"{path}.", where)
    if hint in (str, Path) and isinstance(value, _Typed):
        return hint(value.text)
    return _convert_plain(hint, plain)


def _convert_union(members: tuple[Any, ...], value: Any, default: Any, path: str, where: str) -> Any:
    text = value.text.lower() if isinstance(value, _Typed) else value
    if types.NoneType in members and text in (None, "null", "none", "~"):
        return None
    expected = []
    # Exact types first, so that `int | float` keeps 3 whole and `bool | str` keeps true a truth value.
    plain = value.value if isinstance(value, _Typed) else value
    for member in sorted(members, key=lambda member: member is not type(plain)):
        try:
            return _convert(member, value, default, path, where)
        except _MismatchError as mismatch:
            expected.append(str(mismatch))
    raise _MismatchError(" or ".join(expected))


def _convert_literal(choices: tuple[Any, ...], value: Any) -> Any:
    for choice in choices:
        if isinstance(value, _Typed):
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
        if hint is float and not math.isnan(number):
            return number
        if hint is int and number.is_integer():
            return value if isinstance(value, int) else int(number)
    elif hint is Path and isinstance(value, str):
        return Path(value)
    elif hint in (bool, str, types.NoneType) and isinstance(value, hint):
        return value
    raise _MismatchError(_EXPECTED[hint])
