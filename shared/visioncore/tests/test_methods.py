"""Discovery of methods: what is found, and that a broken one does not take the others down."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints, version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import visioncore
from visioncore import methods
from visioncore.errors import InputError
from visioncore.methods import GROUP, BrokenMethod, Method, find_methods, load
from visioncore.versions import version_of


def test_a_version_is_that_of_the_distribution_or_of_the_copy(tmp_path: Path) -> None:
    assert visioncore.__version__ == version_of("visioncore") == version("visioncore")
    assert version_of("not-installed-at-all") == version_of("not-installed-at-all", tmp_path) == "0+unknown"
    (tmp_path / "VENDORED").write_text('version = "7.8.9"\nvisioncore = "1.2.3"\n')
    assert version_of("visioncore", tmp_path) == "7.8.9"
    assert version_of("visioncore", tmp_path, "visioncore") == "1.2.3"
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        visioncore.versoin  # noqa: B018


def make_method(name: str) -> Method:
    fields: dict[str, Any] = dict.fromkeys(Method.__dataclass_fields__, "text")
    return Method(**{**fields, "name": name})


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare two methods that work, and one of each way to be broken."""
    module = ModuleType("a_method")
    module.SECOND = make_method("second")  # type: ignore[attr-defined]
    module.FIRST = make_method("first")  # type: ignore[attr-defined]
    module.NUMBER = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_method", module)
    values = {
        "second": "a_method:SECOND",
        "first": "a_method:FIRST",
        "number": "a_method:NUMBER",
        "absent": "a_method:ABSENT",
        "missing": "no_such_module:METHOD",
    }
    entries = EntryPoints(EntryPoint(name, value, GROUP) for name, value in values.items())
    monkeypatch.setattr(methods, "entry_points", lambda group: entries.select(group=group))


@pytest.mark.usefixtures("declared")
def test_methods_are_found_in_order_and_broken_ones_told() -> None:
    found, broken = find_methods()
    assert [method.name for method in found] == ["first", "second"]
    assert [method.name for method in broken] == ["absent", "missing", "number"]
    assert all(isinstance(method, BrokenMethod) and method.reason for method in broken)
    assert "int" in broken[2].reason


def test_load_follows_a_reference() -> None:
    assert load("visioncore.methods:Method") is Method
    assert load("visioncore.methods:Method.__name__") == "Method"


@pytest.mark.parametrize("reference", ["", "module", ":name", "module:", "visioncore.methods:nothing", "no_such:x"])
def test_load_refuses_in_one_line(reference: str) -> None:
    with pytest.raises(InputError) as error:
        load(reference)
    assert "\n" not in str(error.value)
