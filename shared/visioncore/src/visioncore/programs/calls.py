"""A prediction as another program asks for it, turned into the words of the package's own command."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..commands.option_list import Option, command_facts, options_of
from ..configs import did_you_mean
from ..errors import InputError
from ..methods import Method, find_methods, load
from ..weights.card import by_name, card_of
from ..weights.places import bundled_names
from .allowed import Allowed

PREDICT = "predict"
APART = ("inputs", "out")
"""Options that are given apart from the others."""
MOST_TEXT = 10_000
"""Letters of a value."""


@dataclass(frozen=True)
class Call:
    """A prediction that was checked.

    Attributes:
        method: whose.
        words: of the command line, from the command on.
        out: where the results go.
    """

    method: Method
    words: tuple[str, ...]
    out: Path


def listed_methods() -> list[dict[str, Any]]:
    """Return the installed methods, as plain values."""
    keys = ("name", "version", "title", "task", "notice", "paper", "venue", "licence")
    return [
        {**{key: getattr(method, key) for key in keys}, "weights": [*bundled_names(method), *_fetchable(method)]}
        for method in find_methods()[0]
    ]


def explained(name: str, command: str = PREDICT) -> dict[str, Any]:
    """Return the summary and options of a command, and the cards of a method's bundled weights, as plain values.

    Raises:
        InputError: if there is no such method or command.
    """
    method = find_method(name)
    commands = load(f"{method.module}.cli:COMMANDS")
    if command not in commands:
        raise InputError(f"{name} has no command {command!r}; it has {', '.join(commands)}")
    return {
        "method": name,
        "task": method.task,
        "notice": method.notice,
        "command": command,
        **command_facts(commands[command]),
        "bundled_weights": by_name((each, card_of(method, each)) for each in bundled_names(method)),
    }


def find_method(name: str) -> Method:
    """Return an installed method.

    Raises:
        InputError: if there is none of that name.
    """
    found = {method.name: method for method in find_methods()[0]}
    if name not in found:
        hint = did_you_mean(name, list(found)).strip() or f"installed are {', '.join(found) or 'none'}"
        raise InputError(f"no method {name!r}; {hint}")
    return found[name]


def predict_options(method: Method) -> dict[str, Option]:
    """Return the options of ``predict`` by their names."""
    return {option.name: option for option in options_of(load(f"{method.module}.cli:COMMANDS")[PREDICT])}


def prediction(
    name: str, inputs: Sequence[str], out: str, options: Mapping[str, Any], allowed: Allowed, most_inputs: int
) -> Call:
    """Check a prediction and return it as a command.

    Args:
        name: of the method.
        inputs: absolute paths of files and folders.
        out: absolute path of the folder for the results.
        options: further options of ``predict`` by their names; values or texts that stand for them.
        allowed: where all files must lie.
        most_inputs: how many inputs there may be.

    Raises:
        InputError: if the method, an option, a value or a file is not what it should be.
    """
    method = find_method(name)
    known = predict_options(method)
    if len(inputs) > most_inputs:
        raise InputError(f"inputs: {len(inputs)} are given, {most_inputs} are allowed at a time")
    if not inputs and known["inputs"].required:
        raise InputError("inputs: at least one is needed")
    words = [PREDICT, *(str(allowed.existing(each)) for each in inputs), f"--out={allowed.writable(out)}"]
    given = {key.replace("-", "_"): value for key, value in options.items()}
    for key, value in given.items():
        if key not in known or key in APART:
            hint = did_you_mean(key, [each for each in known if each not in APART]).strip()
            raise InputError(f"predict of {name} has no option {key!r}{f'; {hint}' if hint else ''}")
        words += _words(known[key], value, allowed)
    if missing := [each for each, option in known.items() if option.required and each not in (*APART, *given)]:
        raise InputError(f"{missing[0]} is needed: {known[missing[0]].help}")
    return Call(method, tuple(words), allowed.writable(out))


def _fetchable(method: Method) -> list[str]:
    from ..weights.fetched import place_of

    return [each.name for each in method.checkpoints if not each.reads and place_of(method, each)]


def _words(option: Option, value: Any, allowed: Allowed) -> list[str]:
    """Return the words of one option; no value can be taken for another option."""
    if option.type == "boolean":
        return [option.option if _truth(option, value) else option.option.replace("--", "--no-", 1)]
    if option.count == 1:
        if isinstance(value, list | tuple):
            raise InputError(f"{option.name}: one value is expected, not {len(value)}")
        return [f"{option.option}={_text(option, value, allowed)}"]
    values = list(value) if isinstance(value, list | tuple) else [value]
    if option.count is not None and len(values) != option.count:
        raise InputError(f"{option.name}: {option.count} values are expected, not {len(values)}")
    texts = [_text(option, each, allowed) for each in values]
    if option.type in ("text", "path") and any(text.startswith("-") for text in texts):
        raise InputError(f"{option.name}: a value begins with -, which would be taken for an option")
    return [option.option, *texts] if texts else []


def _text(option: Option, value: Any, allowed: Allowed) -> str:
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
