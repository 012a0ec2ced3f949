"""Discovery of methods: what is found, and that a broken one does not take the others down."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import Any

import pytest

from visioncore import methods
from visioncore.errors import InputError
from visioncore.methods import GROUP, BrokenMethod, Method, find_methods, load


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
