"""Folders that other programs may name files in, and predictions turned into words of a command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_up_method import NAME

from visioncore.errors import InputError
from visioncore.methods import Method
from visioncore.programs.allowed import Allowed
from visioncore.programs.calls import explained, listed_methods, prediction


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    for name in ("inside/sub", "outside"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("inside/a.png", "inside/sub/b.png", "outside/secret.png"):
        (tmp_path / name).write_text("image")
    return tmp_path / "inside"


@pytest.fixture
def allowed(inside: Path) -> Allowed:
    return Allowed.of([inside])


def refused(told: str, call: Any, *given: Any) -> None:
    with pytest.raises(InputError) as caught:
        call(*given)
    assert told in str(caught.value), caught.value
    assert "\n" not in str(caught.value)


class TestAllowed:
    def test_files_inside(self, allowed: Allowed, inside: Path) -> None:
        assert allowed.existing(str(inside / "a.png")) == (inside / "a.png").resolve()
        assert allowed.existing(str(inside)) == inside.resolve()
        assert allowed.writable(str(inside / "new" / "out")) == inside.resolve() / "new" / "out"

    def test_files_outside(self, allowed: Allowed, inside: Path) -> None:
        for given in (
            inside.parent / "outside" / "secret.png",
            inside / ".." / "outside" / "secret.png",
            "/etc/passwd",
            f"{inside}side",
        ):
            refused("outside the allowed folders", allowed.existing, str(given))
            refused("outside the allowed folders", allowed.writable, str(given))
        refused("no such file", allowed.existing, str(inside / "none.png"))
        refused("not an absolute path", allowed.existing, "a.png")
        refused("empty", allowed.existing, "")
        refused("empty", allowed.existing, "/a\0b")

    def test_links_that_lead_outside(self, allowed: Allowed, inside: Path) -> None:
        (inside / "link.png").symlink_to(inside.parent / "outside" / "secret.png")
        (inside / "sub" / "deep").symlink_to(inside.parent / "outside")
        refused("outside the allowed folders", allowed.existing, str(inside / "link.png"))
        refused("outside the allowed folders", allowed.existing, str(inside / "sub" / "deep" / "secret.png"))
        refused("leads out of the allowed folders", allowed.existing, str(inside / "sub"))
        refused("outside the allowed folders", allowed.writable, str(inside / "sub" / "deep" / "new"))

    def test_links_inside_are_followed_once(self, allowed: Allowed, inside: Path) -> None:
        (inside / "sub" / "round").symlink_to(inside)
        assert allowed.existing(str(inside)) == inside.resolve()

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("list.txt", "a.png\n{outside}\n"),
            ("list.csv", "name,image\nb,{outside}\n"),
            ("list.csv", "../outside/secret.png\n"),
            ("layout.json", '{{"elements": [{{"image": "..\\u002foutside/secret.png"}}]}}'),
            ("list.jsonl", '{{"a": 1}}\n{{"image": "{outside}"}}\n'),
            ("list.yaml", "images:\n  - {outside}\n"),
            ("list.txt", "link.png\n"),
        ],
    )
    def test_lists_that_name_files_outside(self, allowed: Allowed, inside: Path, name: str, text: str) -> None:
        outside = inside.parent / "outside" / "secret.png"
        (inside / "link.png").symlink_to(outside)
        (inside / name).write_text(text.format(outside=outside))
        refused(f"{name}: names ", allowed.existing, str(inside / name))

    def test_lists_that_name_files_inside(self, allowed: Allowed, inside: Path) -> None:
        (inside / "list.json").write_text(json.dumps({"image": "sub/b.png", "prompt": "a cat / a dog"}))
        (inside / "broken.json").write_text("{")
        for name in ("list.json", "broken.json"):
            allowed.existing(str(inside / name))

    def test_texts(self, allowed: Allowed, inside: Path) -> None:
        for text in ("demo", "a cat", "owner/name", str(inside / "a.png"), "sub/b.png", "a... b"):
            allowed.check_text(text)
        for text in ("/etc/passwd", "../x", "~/x", "C:\\x", str(inside.parent / "outside")):
            refused("", allowed.check_text, text)
        refused("addresses are not taken", allowed.check_text, "https://example.org/net.pth")

    def test_folders_that_are_none(self, inside: Path) -> None:
        refused("--allow", Allowed.of, [])
        refused("no such folder", Allowed.of, [inside / "none"])
        refused("no such folder", Allowed.of, [inside / "a.png"])


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
        start = ["predict", file, f"--out={inside.resolve() / 'out'}", "--weights=demo"]
        assert words({}) == start
        assert words({"times": 3, "mode": "loud"}) == [*start, "--times=3", "--mode=loud"]
        assert words({"times": "3", "pause": "0.5"}) == [*start, "--times=3", "--pause=0.5"]
        assert words({"points": [1, -2.5], "words": "one"}) == [*start, "--points", "1.0", "-2.5", "--words", "one"]
        assert words({"overwrite": True, "crash": "false"}) == [*start, "--overwrite", "--no-crash"]
        assert words({"mask": file, "words": []}) == [*start, f"--mask={file}"]
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
