"""The options of commands, as programs read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, Unpack

from tyro.conf import Positional, arg

from visioncore.cli import Default
from visioncore.commands.option_list import command_facts, options_of


class Shared(TypedDict, total=False):
    rate: Annotated[float, arg(help="steps per second"), Default(0.5)]


def command(
    inputs: Positional[tuple[str, ...]],
    out: Annotated[Path, arg(help="folder")],
    overrides: Mapping[str, str],
    size: tuple[int, int] = (0, 0),
    mode: Literal["a", "b"] = "a",
    tile: int | Literal["auto"] = "auto",
    mask: Path | None = None,
    deep: bool = False,
    **more: Unpack[Shared],
) -> None:
    """Do it.

    At length.

    Args:
        inputs: files of
            two lines.
        size: height and width.

    Raises:
        InputError: never.
    """


def told(name: str) -> dict[str, Any]:
    return next(option for option in command_facts(command)["options"] if option["name"] == name)


def test_a_command_is_told_whole() -> None:
    facts = command_facts(command)
    assert (facts["summary"], facts["sets_recipe_fields"]) == ("Do it.", True)
    names = ["inputs", "out", "size", "mode", "tile", "mask", "deep", "rate"]
    assert [option["name"] for option in facts["options"]] == names
    json.dumps(facts)


def test_types_counts_and_choices() -> None:
    def values(name: str) -> tuple[Any, ...]:
        option = told(name)
        return option["type"], option["count"], option["required"], option["default"]

    assert values("inputs") == ("text", None, True, None)
    assert values("out") == ("path", 1, True, None)
    assert values("size") == ("integer", 2, False, [0, 0])
    assert values("mode") == ("text", 1, False, "a")
    assert values("tile") == ("integer", 1, False, "auto")
    assert values("mask") == ("path", 1, False, None)
    assert values("deep") == ("boolean", 1, False, False)
    assert values("rate") == ("number", 1, False, 0.5)
    assert (told("mode")["choices"], told("tile")["also"]) == (("a", "b"), ("auto",))


def test_names_and_help() -> None:
    assert (told("inputs")["positional"], told("out")["positional"]) == (True, False)
    assert (told("out")["option"], told("out")["short"]) == ("--out", "-o")
    helps = {option.name: option.help for option in options_of(command)}
    assert helps["inputs"] == "files of two lines."
    assert (helps["size"], helps["rate"], helps["mode"]) == ("height and width.", "steps per second", "")
