"""The panel of every method for ``visioncore app``: its options are those of ``predict``, and its example is there."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from functools import wraps
from importlib.resources import files
from typing import Any

import pytest

from isolation import CORE, module_name
from visioncore.cli import parameters, run
from visioncore.errors import InputError
from visioncore.jobs.names import safe_name
from visioncore.methods import Method, find_methods, load
from visioncore.panels import Option
from visioncore.web.fields import Field, fields_of, panel_of, sample_of, words_of_all
from visioncore.weights.model_card import example_command
from workspace import members

METHODS = [load(f"{module_name(member)}.method:METHOD") for member in members() if member.name != CORE]


@pytest.fixture(params=METHODS, ids=lambda method: method.name)
def method(request: pytest.FixtureRequest) -> Method:
    found: Method = request.param
    return found


def example_values(fields: tuple[Field, ...]) -> dict[str, object]:
    """Return the values of the example by the names of options; files as their names alone."""
    values = {each.option.name: each.option.example for each in fields if each.option.example is not None}
    return {name: value.rpartition("/")[2] if "assets/" in str(value) else value for name, value in values.items()}


def test_the_options_are_those_of_predict(method: Method) -> None:
    fields = fields_of(method)
    assert len({each.option.name for each in fields}) == len(fields)
    assert all(each.help for each in fields if each.kind == "file")
    known = parameters(method.load("cli:COMMANDS")["predict"])
    for word in panel_of(method).always:
        assert word.removeprefix("--").removeprefix("no-").replace("-", "_") in known


def test_the_example_is_there_and_taken(method: Method) -> None:
    place, panel, package = sample_of(method), panel_of(method), files(method.module)
    assert package.joinpath(place).is_file()
    assert safe_name(place, panel.kinds) == place.rpartition("/")[2]
    for option in panel.options:
        if option.kinds and option.example:
            assert package.joinpath(option.example).is_file()
            assert safe_name(option.example, option.kinds)


def test_the_command_in_a_model_card_is_one(method: Method) -> None:
    (line,) = example_command(method, "owner/name")
    name, *words = shlex.split(line)
    assert name == method.name
    given: dict[str, Any] = {}
    command = method.load("cli:COMMANDS")["predict"]

    @wraps(command)
    def taken(**values: Any) -> None:
        given.update(values)

    assert run(name, {"predict": taken}, "", words) == 0
    assert given["weights"] == "owner/name"


def test_the_command_takes_the_values_of_the_example(method: Method) -> None:
    """The words that the page makes are parsed by the command itself."""
    given: dict[str, Any] = {}
    command = method.load("cli:COMMANDS")["predict"]

    @wraps(command)
    def predict(**values: Any) -> None:
        given.update(values)

    fields = fields_of(method)
    words = ["a", "--weights", "demo", "--out", "b", *panel_of(method).always]
    assert (
        run(method.name, {"predict": predict}, "", ["predict", *words, *words_of_all(fields, example_values(fields))])
        == 0
    )
    for name, value in example_values(fields).items():
        assert given[name] == (tuple(value) if isinstance(value, list) else value)


def test_what_could_name_a_file_of_the_server_is_not_free_text(method: Method) -> None:
    free = [each.option.name for each in fields_of(method) if each.kind == "text"]
    assert set(free) <= {"prompt", "negative"}


def test_verbs_are_short_and_different() -> None:
    verbs = [panel_of(method).verb for method in find_methods()[0]]
    assert len(set(verbs)) == len(verbs)
    assert all(len(verb) <= 28 and verb[0].isupper() for verb in verbs)


def test_wrong_panels_are_seen() -> None:
    method = METHODS[0]
    panel = panel_of(method)
    for option, reason in (
        (Option("absent"), "no option absent"),
        (Option("batch"), "needs bounds"),
        (Option("inputs"), "needs values"),
    ):
        with pytest.raises(InputError, match=reason):
            fields_of(replace(method, panel=replace(panel, options=(option,))))
    with pytest.raises(InputError, match="no panel"):
        fields_of(replace(method, panel=None))


def test_neither_torch_nor_gradio_is_needed_to_read_the_panels() -> None:
    lines = (
        "import sys",
        "from visioncore.methods import find_methods",
        "from visioncore.web.fields import fields_of",
        "print([len(fields_of(method)) for method in find_methods()[0]])",
        "assert not {'torch', 'gradio', 'numpy'} & set(sys.modules)",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
