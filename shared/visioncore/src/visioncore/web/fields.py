"""The options of a page, read from the signature of the command that they are options of."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any, Literal

from ..cli import Command, parameters
from ..errors import InputError
from ..methods import Method
from ..panels import Option, Panel
from .limits import MOST_TEXT

Kind = Literal["switch", "choice", "several", "number", "text", "file"]


@dataclass(frozen=True)
class Field:
    """One option as the page shows it."""

    option: Option
    kind: Kind
    default: Any
    values: tuple[Any, ...]
    """Those on offer, for choice and several."""
    whole: bool
    """Whether it is a whole number."""
    help: str

    @property
    def label(self) -> str:
        """Its name on the page."""
        return self.option.label or self.option.name.replace("_", " ")

    @property
    def step(self) -> float:
        """From one number to the next."""
        return self.option.step or (1 if self.whole else 0.05)

    def words(self, value: Any) -> list[str]:
        """Return the words of the command line for a value; none for the default.

        Raises:
            InputError: if the value is not among those on offer, out of bounds, or too long.
        """
        if value is None or value == "" or value == self.default:
            return []
        flag = f"--{self.option.name.replace('_', '-')}"
        if self.kind == "switch":
            return [flag if value else flag.replace("--", "--no-", 1)]
        if self.kind == "several":
            chosen = [str(self._offered(each)) for each in value]
            return [flag, *chosen] if chosen and tuple(value) != tuple(self.default or ()) else []
        text = str(self._checked(value))
        return [f"{flag}={text}"] if text.startswith("-") else [flag, text]

    def _checked(self, value: Any) -> Any:
        if self.kind == "choice":
            return self._offered(value)
        if self.kind == "number":
            return self._bounded(value)
        text = " ".join(str(value).split())
        if len(text) > MOST_TEXT:
            raise InputError(f"{self.label}: {len(text)} characters; at most {MOST_TEXT} are taken")
        return text

    def _offered(self, value: Any) -> Any:
        if value not in self.values:
            raise InputError(f"{self.label}: {value!r} is not on offer; one of {', '.join(map(str, self.values))} is")
        return value

    def _bounded(self, value: Any) -> int | float:
        low, high = self.option.low, self.option.high
        if not isinstance(value, int | float) or not (low or 0) <= value <= (high or 0):
            raise InputError(f"{self.label}: {value!r} should be a number from {low:g} to {high:g}")
        return round(value) if self.whole else float(f"{value:.6g}")


def panel_of(method: Method) -> Panel:
    """Return the panel of a method.

    Raises:
        InputError: if it has none.
    """
    if method.panel is None:
        raise InputError(f"{method.name}: its record has no panel")
    return method.panel


def sample_of(method: Method) -> str:
    """Return the place of a method's bundled input in its package.

    Raises:
        InputError: if it has none.
    """
    if method.sample is None:
        raise InputError(f"{method.name}: its record has no sample")
    return method.sample.path


def fields_of(method: Method) -> tuple[Field, ...]:
    """Return the options of a method's page.

    Raises:
        InputError: if the panel names an option that ``predict`` lacks, or one that cannot be offered so.
    """
    command: Command = method.load("cli:COMMANDS")["predict"]
    known, helps = parameters(command), _helps(command)
    found = []
    for option in panel_of(method).options:
        if option.name not in known:
            raise InputError(f"{method.name} predict has no option {option.name}")
        found.append(_field(method.name, option, known[option.name], helps.get(option.name, "")))
    return tuple(found)


def words_of(fields: Sequence[Field], given: Mapping[str, Any]) -> list[str]:
    """Return the words of the command line for values by the names of their options.

    Raises:
        InputError: as `Field.words`.
    """
    return [word for field in fields for word in field.words(given.get(field.option.name))]


def _field(name: str, option: Option, parameter: Parameter, told: str) -> Field:
    hint, *marks = typing.get_args(parameter.annotation) if _annotated(parameter) else (parameter.annotation,)
    told = option.help or next((mark.help for mark in marks if getattr(mark, "help", None)), told)
    several = typing.get_origin(hint) is tuple
    inner = typing.get_args(hint)[0] if several else hint
    values = option.values or (typing.get_args(inner) if typing.get_origin(inner) is Literal else ())
    kind: Kind
    if option.kinds:
        kind = "file"
    elif hint is bool:
        kind = "switch"
    elif values:
        kind = "several" if several else "choice"
    elif hint in (int, float):
        kind = "number"
        if option.low is None or option.high is None:
            raise InputError(f"{name}: the number {option.name} needs bounds in the panel")
    elif hint is str:
        kind = "text"
    else:
        raise InputError(f"{name}: {option.name} is a {hint}, which needs values in the panel")
    default = "" if kind == "file" else parameter.default
    if kind == "choice" and default not in values:
        values = (default, *values)
    return Field(option, kind, default, values, hint is int, told[:1].upper() + told[1:])


def _annotated(parameter: Parameter) -> bool:
    return typing.get_origin(parameter.annotation) is Annotated


def _helps(command: Callable[..., object] | types.FunctionType) -> dict[str, str]:
    """Return the lines of a docstring on its arguments."""
    section = re.search(r"^Args:\n(.*?)(?:\n\S|\Z)", inspect.getdoc(command) or "", flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^    (\w+): (.*(?:\n      +.*)*)", section[1] if section else "", flags=re.MULTILINE)
    return {name: " ".join(text.split()).removesuffix(".") for name, text in lines}
