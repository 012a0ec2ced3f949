"""Recipes: YAML files that fill frozen dataclasses, every field checked.

A recipe is a file in ``<package>/recipes/`` named by its stem, or any YAML file named by its path. The dataclass says
which fields there are and of which type; what a recipe leaves out keeps its default; ``--set.field value`` comes last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from .configs import Config, Typed, check_extent, did_you_mean, from_plain, read_text, shown
from .errors import InputError, one_line
from .files import check_regular


def recipe_names(package: str) -> list[str]:
    """Return the names of the recipes that ``package`` ships, sorted."""
    folder = files(package) / "recipes"
    if not folder.is_dir():
        return []
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def check_recipe(package: str, name: str | Path) -> None:
    """Check that there is such a recipe, as far as that shows without its fields; arguments as of `load_recipe`.

    Raises:
        InputError: if it is unknown or cannot be read.
    """
    _read(package, name)


def load_recipe(
    config_class: type[Config], package: str, name: str | Path, overrides: Mapping[str, str] | None = None
) -> Config:
    """Return the configuration that a recipe describes, with ``overrides`` on top.

    Args:
        config_class: a dataclass of what `visioncore.configs.from_plain` takes. A nested one that a recipe fills in
            part keeps the rest of the field's default.
        package: the package whose recipes are meant, such as ``nerdrain_derain``.
        name: name of a shipped recipe, or the path of a YAML file (whatever has a folder or a suffix).
        overrides: {dotted field: value as typed}, as ``visioncore.cli`` collects from ``--set.field value``.

    Raises:
        InputError: for an unknown recipe, a file that is not YAML, an unknown or missing field, or a value of the
            wrong type; it says in which file or option, and what is expected.
    """
    where, text = _read(package, name)
    values = parse_yaml(where, text)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise InputError(f"{where}: a recipe is fields with their values, this is {shown(values)}")
    for field, typed in (overrides or {}).items():
        option = f"--set.{field}"
        _put(values, field, Typed(option, typed, parse_yaml(option, typed)))
    return from_plain(config_class, values, where)


def _read(package: str, name: str | Path) -> tuple[str, str]:
    """Return how to call the recipe in messages, and its text."""
    path = Path(name)
    check_regular(path)
    if path.suffix or len(path.parts) > 1:
        if not path.is_file():
            raise InputError(f"{path}: no such recipe; {_shipped(package)}")
        return str(path), read_text(path)
    names = recipe_names(package)
    if str(name) not in names:
        near = did_you_mean(str(name), names)
        raise InputError(f"unknown recipe {str(name)!r}; {near}{_shipped(package)}; a YAML file is named by its path")
    return f"recipe {name}", (files(package) / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")


def _shipped(package: str) -> str:
    return f"the recipes of {package} are {', '.join(recipe_names(package)) or '(none)'}"


_INTEGER = "tag:yaml.org,2002:int"


class _Loader(yaml.SafeLoader):
    """YAML in which what is no number in plain digits stays text as it is typed, and no key is there twice.

    YAML's own would take 010 for 8, 1:30 for 90, and 2024-13-01 for an error.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [each for each in resolvers if each[0] not in (_INTEGER, "tag:yaml.org,2002:timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Raise for a merge (``<<``): each can double what the ones before it have become."""
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, "'<<' merges mappings; write their fields out")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping, or raise for a key given twice, of which only the last would count."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise InputError(
                    f"line {key.start_mark.line + 1}: {one_line(name, 100)} is there twice; each only once"
                )
            seen.add(name)
        return dict(super().construct_mapping(node, deep))


_Loader.add_implicit_resolver(_INTEGER, re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"), list("-+0123456789"))


def parse_yaml(where: str, text: str) -> Any:
    """Return the mappings, lists, numbers and text of a YAML document.

    Dates stay text, and so do numbers that are not in plain decimal digits, such as 010 and 0x10.

    Args:
        where: it is from, for messages.
        text: the document.

    Raises:
        InputError: if it is no YAML, names something twice, or has more values or levels than any configuration.
    """
    try:
        values = yaml.load(text, _Loader)
    except InputError as error:
        raise InputError(f"{where}, {error}") from None
    # YAML's own errors, and whatever Python says of a number with too many digits or brackets too deep for it.
    except Exception as error:
        raise InputError(f"{where}: this is not YAML ({one_line(error)})") from error
    check_extent(values, where)
    return values


def _put(values: dict[Any, Any], field: str, value: Typed) -> None:
    *outer, last = field.split(".")
    for name in outer:
        if not isinstance(values.get(name), dict):
            values[name] = {}
        values = values[name]
    values[last] = value
