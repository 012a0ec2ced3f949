"""A prediction as another program asks for it, turned into the words of the package's own command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..commands.option_list import Option, command_facts, options_of
from ..configs import did_you_mean
from ..errors import InputError
from ..jobs.allowed import Allowed
from ..jobs.running import Call
from ..jobs.words import words_of
from ..methods import Method, find_methods, load
from ..weights.card import by_name, card_of
from ..weights.places import bundled_names

PREDICT = "predict"
APART = ("inputs", "out")
"""Options that are given apart from the others."""


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
        words += words_of(known[key], value, allowed)
    if missing := [each for each, option in known.items() if option.required and each not in (*APART, *given)]:
        raise InputError(f"{missing[0]} is needed: {known[missing[0]].help}")
    return Call(method, tuple(words), allowed.writable(out))


def _fetchable(method: Method) -> list[str]:
    from ..weights.fetched import place_of

    return [each.name for each in method.checkpoints if not each.reads and place_of(method, each)]
