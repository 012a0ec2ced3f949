"""Predictions of other programs turned into words of a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from visioncore.errors import InputError
from visioncore.jobs.allowed import Allowed
from visioncore.methods import Method
from visioncore.programs.calls import explained, listed_methods, prediction
from visioncore.testing.made_up_method import NAME


def refused(told: str, call: Any, *given: Any) -> None:
    with pytest.raises(InputError) as caught:
        call(*given)
    assert told in str(caught.value), caught.value
    assert "\n" not in str(caught.value)


class TestCalls:
    @pytest.fixture
    def words(self, made_up: Method, allowed: Allowed, inside: Path) -> Any:
        def make(given: dict[str, Any], name: str = NAME, inputs: list[str] | None = None) -> list[str]:
            files = [str(inside / "a.png")] if inputs is None else inputs
            options = {"weights": "demo"} | given
            return list(prediction(name, files, str(inside / "out"), options, allowed, most_inputs=2).words)

        return make

    def test_values_become_words(self, words: Any, inside: Path) -> None:
        file = str(inside.resolve() / "a.png")
        start = ["predict", file, f"--out={inside.resolve() / 'out'}", "--weights", "demo"]
        assert words({}) == start
        assert words({"times": 3, "mode": "loud"}) == [*start, "--times", "3", "--mode", "loud"]
        assert words({"times": "3", "pause": "0.5"}) == [*start, "--times", "3", "--pause", "0.5"]
        assert words({"points": [1, -2.5], "words": "one"}) == [*start, "--points", "1.0", "-2.5", "--words", "one"]
        assert words({"overwrite": True, "crash": "false"}) == [*start, "--overwrite", "--no-crash"]
        assert words({"mask": file, "words": []}) == [*start, "--mask", file]
        assert words({"mask": "--crash"}) == [*start, "--mask=--crash"]

    def test_values_that_will_not_do(self, words: Any, inside: Path) -> None:
        for given, told in (
            ({"tims": 3}, "no option 'tims'; did you mean times?"),
            ({"out": "x"}, "no option 'out'"),
            ({"inputs": ["x"]}, "no option 'inputs'"),
            ({"times": 1.5}, "times is 1.5; it should be a whole number"),
            ({"times": True}, "should be a whole number"),
            ({"pause": "nan"}, "should be a number"),
            ({"pause": [1, 2]}, "one value is expected"),
            ({"mode": "soft"}, "it may be plain, loud"),
            ({"crash": "perhaps"}, "should be true or false"),
            ({"words": ["--crash"]}, "begins with -"),
            ({"mask": 3}, "should be text"),
            ({"mask": "a\0b"}, "letters"),
            ({"mask": str(inside.parent / "outside")}, "outside the allowed folders"),
            ({"weights": "../outside"}, "not an absolute path"),
        ):
            refused(told, words, given)
        refused("no method 'made-up-copy'; did you mean made-up-copies?", words, {}, "made-up-copy")
        refused("at least one is needed", words, {}, NAME, [])
        refused("2 are allowed at a time", words, {}, NAME, ["a"] * 3)

    def test_what_is_needed(self, made_up: Method, allowed: Allowed, inside: Path) -> None:
        refused("weights is needed", prediction, NAME, [str(inside / "a.png")], str(inside), {}, allowed, 1)

    def test_what_there_is(self, made_up: Method) -> None:
        (listed,) = listed_methods()
        assert (listed["name"], listed["task"], listed["weights"]) == (NAME, "copy files", ["demo"])
        told = explained(NAME)
        assert (told["summary"], told["options"][0]["name"]) == ("Copy files.", "inputs")
        refused("it has predict", explained, NAME, "train")
        refused("no method", explained, "nothing")
