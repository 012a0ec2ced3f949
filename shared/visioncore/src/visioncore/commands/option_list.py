"""Options of commands as plain values, for programs: read from the same signatures that the command line is made of."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from inspect import Parameter
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union

from ..cli import SHORT, Command, Positional, parameters

TYPES = {bool: "boolean", int: "integer", float: "number", str: "text", Path: "path"}
OVERRIDES = "overrides"


@dataclass(frozen=True)
class Option:
    """An option of a command.

    Attributes:
        name: its name in Python, such as ``self_ensemble``.
        option: its name on the command line, such as ``--self-ensemble``; with ``no-`` before it, it says no.
        short: its short name, empty for none.
        positional: whether the value stands alone on the command line, without a name.
        type: boolean, integer, number, text, or path (a file or folder).
        count: how many values it takes; None for any number.
        required: whether it must be given.
        default: its value where it is not given; None if it must be.
        choices: the values that it may have; empty for any.
        also: words that it may be beside values of its type, such as ``auto``.
        help: a line on it.
    """

    name: str
    option: str
    short: str
    positional: bool
    type: str
    count: int | None
    required: bool
    default: Any
    choices: tuple[Any, ...]
    also: tuple[str, ...]
    help: str


def options_of(command: Command) -> list[Option]:
    """Return the options of a command in their order."""
    told = _told_in_docstring(command)
    return [_option(parameter, told.get(name, "")) for name, parameter in parameters(command).items()]


def summary_of(command: Command) -> str:
    """Return the first line of a command's help."""
    return (inspect.getdoc(command) or "").partition("\n")[0]


def command_facts(command: Command) -> dict[str, Any]:
    """Return the summary and the options of a command, and whether it sets fields of a recipe, as plain values."""
    return {
        "summary": summary_of(command),
        "options": [asdict(option) for option in options_of(command)],
        "sets_recipe_fields": OVERRIDES in inspect.signature(command).parameters,
    }


def _option(parameter: Parameter, told: str) -> Option:
    hint, markers = parameter.annotation, list[Any]()
    if typing.get_origin(hint) is Annotated:
        hint, *markers = typing.get_args(hint)
    hint, also = _apart(hint)
    kind, count = _values(hint)
    choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
    required = parameter.default is Parameter.empty
    helps = [text for marker in markers if (text := getattr(marker, "help", None))]
    return Option(
        name=parameter.name,
        option=f"--{parameter.name.replace('_', '-')}",
        short=SHORT.get(parameter.name, ""),
        positional=Positional in markers,
        type=TYPES[type(choices[0]) if choices else kind],
        count=count,
        required=required,
        default=None if required else _plain(parameter.default),
        choices=choices,
        also=also,
        help=helps[-1] if helps else told,
    )


def _apart(hint: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the first type of a union, and the words that stand for further values; None is none of either."""
    if typing.get_origin(hint) not in (Union, UnionType):
        return hint, ()
    first, *others = (kind for kind in typing.get_args(hint) if kind is not NoneType)
    return first, tuple(word for kind in others for word in typing.get_args(kind))


def _values(hint: Any) -> tuple[Any, int | None]:
    """Return the type of one value of an annotation, and how many there are."""
    if typing.get_origin(hint) not in (tuple, list):
        return hint, 1
    kinds = typing.get_args(hint)
    any_length = typing.get_origin(hint) is list or kinds[-1] is Ellipsis
    return kinds[0], None if any_length else len(kinds)


def _plain(value: Any) -> Any:
    return value.as_posix() if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def _told_in_docstring(command: Command) -> Mapping[str, str]:
    """Return the lines of the section Args of a command's docstring, by the names of the parameters."""
    section = re.search(r"^Args:\n((?:(?: .*)?\n?)*)", inspect.getdoc(command) or "", flags=re.MULTILINE)
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section[1] if section else "", flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
