"""Values of options as others give them, checked and turned into words of the command line."""

from __future__ import annotations

import math
from typing import Any

from ..commands.option_list import Option
from ..errors import InputError
from .allowed import Allowed

MOST_TEXT = 10_000
"""Letters of a value."""


def words_of(option: Option, value: Any, allowed: Allowed | None) -> list[str]:
    """Return the words of one option; no value can be taken for another option.

    Args:
        option: of the command.
        value: for it, or text that stands for one.
        allowed: where a text may lead that is a path; None if it cannot be one.

    Raises:
        InputError: if the value is not what it should be.
    """
    if option.type == "boolean":
        return [option.option if _truth(option, value) else option.option.replace("--", "--no-", 1)]
    if option.count == 1:
        if isinstance(value, list | tuple):
            raise InputError(f"{option.name}: one value is expected, not {len(value)}")
        text = _text(option, value, allowed)
        return [f"{option.option}={text}"] if text.startswith("-") else [option.option, text]
    values = list(value) if isinstance(value, list | tuple) else [value]
    if option.count is not None and len(values) != option.count:
        raise InputError(f"{option.name}: {option.count} values are expected, not {len(values)}")
    texts = [_text(option, each, allowed) for each in values]
    if option.type in ("text", "path") and any(text.startswith("-") for text in texts):
        raise InputError(f"{option.name}: a value begins with -, which would be taken for an option")
    return [option.option, *texts] if texts else []


def _text(option: Option, value: Any, allowed: Allowed | None) -> str:
    if option.choices or option.also:
        choices = {str(each) for each in (*option.choices, *option.also)}
        if str(value) in choices:
            return str(value)
        if option.choices:
            raise InputError(f"{option.name} is {value!r}; it may be {', '.join(map(str, option.choices))}")
    if option.type in ("integer", "number"):
        return _number(option, value)
    if not isinstance(value, str):
        raise InputError(f"{option.name} is {value!r}; it should be text")
    if len(value) > MOST_TEXT or "\0" in value:
        raise InputError(f"{option.name}: a text of at most {MOST_TEXT} letters is expected")
    if allowed is not None:
        allowed.check_text(value)
    return value


def _number(option: Option, value: Any) -> str:
    kind = int if option.type == "integer" else float
    try:
        number = kind(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not math.isfinite(number) or (kind is int and isinstance(value, float) and value != number):
        raise InputError(f"{option.name} is {value!r}; it should be {'a whole number' if kind is int else 'a number'}")
    return str(number)


def _truth(option: Option, value: Any) -> bool:
    said = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(str(value).lower())
    if said is None:
        raise InputError(f"{option.name} is {value!r}; it should be true or false")
    return said
