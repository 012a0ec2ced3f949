"""The options of a page, read from the signature of the command that they are options of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..commands import option_list
from ..errors import InputError
from ..jobs.words import words_of
from ..methods import Method
from ..panels import Option, Panel

Kind = Literal["switch", "choice", "several", "number", "text", "file"]
MOST_TEXT = 300
"""Characters of a text option."""


@dataclass(frozen=True)
class Field:
    """One option as the page shows it."""

    option: Option
    """Of the panel."""
    listed: option_list.Option
    """Of the command."""
    kind: Kind
    values: tuple[Any, ...]
    """Those on offer, for choice and several."""

    @property
    def default(self) -> Any:
        """Its value where nothing is chosen."""
        return "" if self.kind == "file" else self.listed.default

    @property
    def label(self) -> str:
        """Its name on the page."""
        return self.option.label or self.option.name.replace("_", " ")

    @property
    def step(self) -> float:
        """From one number to the next."""
        return self.option.step or (1 if self.listed.type == "integer" else 0.05)

    @property
    def help(self) -> str:
        """One line on it."""
        told = self.option.help or self.listed.help.removesuffix(".")
        return told[:1].upper() + told[1:]

    def words(self, value: Any) -> list[str]:
        """Return the words of the command line for a value; none for the default.

        Raises:
            InputError: if the value is not among those on offer, out of bounds, or too long.
        """
        if value is None or value == "" or value == self.default:
            return []
        if self.kind == "several":
            value = [self._offered(each) for each in value]
            return words_of(self.listed, value, None) if value != list(self.default or ()) else []
        return words_of(self.listed, self._checked(value), None)

    def _checked(self, value: Any) -> Any:
        if self.kind == "switch":
            return value
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
        return round(value) if self.listed.type == "integer" else float(f"{value:.6g}")


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
    known = {each.name: each for each in option_list.options_of(method.load("cli:COMMANDS")["predict"])}
    found = []
    for option in panel_of(method).options:
        if option.name not in known:
            raise InputError(f"{method.name} predict has no option {option.name}")
        found.append(_field(method.name, option, known[option.name]))
    return tuple(found)


def words_of_all(fields: Sequence[Field], given: Mapping[str, Any]) -> list[str]:
    """Return the words of the command line for values by the names of their options.

    Raises:
        InputError: as `Field.words`.
    """
    return [word for field in fields for word in field.words(given.get(field.option.name))]


def _field(name: str, option: Option, listed: option_list.Option) -> Field:
    values = option.values or listed.choices
    kind: Kind
    if option.kinds:
        kind = "file"
    elif listed.type == "boolean":
        kind = "switch"
    elif values:
        kind = "choice" if listed.count == 1 else "several"
    elif listed.type in ("integer", "number") and listed.count == 1:
        kind = "number"
        if option.low is None or option.high is None:
            raise InputError(f"{name}: the number {option.name} needs bounds in the panel")
    elif listed.type == "text" and listed.count == 1:
        kind = "text"
    else:
        raise InputError(f"{name}: {option.name} takes several values or a path, so it needs values in the panel")
    if kind == "choice" and listed.default not in values:
        values = (listed.default, *values)
    return Field(option, listed, kind, values)
