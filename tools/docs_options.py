"""The options of commands as Markdown, from the same signatures that the commands parse their arguments by."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from visioncore.cli import OVERRIDES_HELP, SHORT, Command, Positional, parameters

SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Examples?):$", re.MULTILINE)


def command_section(program: str, name: str, command: Command) -> str:
    """Return a command's heading, help and options as Markdown."""
    takes_fields = "overrides" in inspect.signature(command).parameters
    text = [SECTION.split(inspect.getdoc(command) or "", maxsplit=1)[0].strip()]
    explained = _explained(command)
    entries = [_entry(parameter, explained) for parameter in parameters(command).values()]
    if takes_fields:
        entries.append(f"`--set.FIELD VALUE`\n: {OVERRIDES_HELP}")
    return "\n\n".join([f"## {name}", f"```text\n{program} {name} {_usage(command)}\n```", *text, *entries]) + "\n"


def _usage(command: Command) -> str:
    given = parameters(command).values()
    inputs = [each.name.upper() for each in given if Positional in _markers(each)]
    needed = [
        f"{_option(each)} {_kind(each)}" for each in given if _is_needed(each) and Positional not in _markers(each)
    ]
    others = ["[OPTIONS]"] if any(not _is_needed(each) for each in given) else []
    return " ".join(inputs + needed + others)


def _entry(parameter: Parameter, explained: Mapping[str, str]) -> str:
    positional = Positional in _markers(parameter)
    name = parameter.name.upper() if positional else _option(parameter)
    short = "" if positional or parameter.name not in SHORT else f", `{SHORT[parameter.name]}`"
    kind = "" if positional and "{" not in _kind(parameter) else _kind(parameter)
    head = f"`{f'{name} {kind}'.strip()}`{short}"
    told = [getattr(marker, "help", None) for marker in _markers(parameter)]
    text = next(filter(None, told), None) or explained.get(parameter.name, "")
    return f"{head}\n: {_plain(text)}{_default(parameter)}"


def _option(parameter: Parameter) -> str:
    return f"--{parameter.name.replace('_', '-')}"


def _is_needed(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty


def _markers(parameter: Parameter) -> tuple[Any, ...]:
    hint = parameter.annotation
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _kind(parameter: Parameter) -> str:
    """Return the words that stand for an option's value."""
    hint = parameter.annotation
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return " ".join(_values(plain))


def _values(hint: Any) -> Iterator[str]:
    """Yield a word for each value that a type takes on the command line."""
    if get_origin(hint) is Annotated:
        yield from _values(get_args(hint)[0])
    elif get_origin(hint) is Literal:
        yield "{" + ",".join(map(str, get_args(hint))) + "}"
    elif get_origin(hint) in (Union, types.UnionType):
        yield next(word for part in get_args(hint) if part is not type(None) for word in _values(part))
    elif get_origin(hint) in (list, tuple):
        inner = [part for part in get_args(hint) if part is not Ellipsis]
        yield from (word for part in inner for word in _values(part))
        if get_origin(hint) is list or Ellipsis in get_args(hint):
            yield "..."
    elif hint is not bool:
        yield {int: "INT", float: "FLOAT", Path: "PATH"}.get(hint, "TEXT")


def _default(parameter: Parameter) -> str:
    value = parameter.default
    if _is_needed(parameter):
        return " *Needed.*" if Positional not in _markers(parameter) else ""
    if value is None or value is False or value in ("", (), []):
        return ""
    if value is True:
        return f" On by default; `--no-{parameter.name.replace('_', '-')}` turns it off."
    shown = " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return f" Default: `{Path(value).as_posix() if isinstance(value, Path) else shown}`."


def _plain(text: str) -> str:
    """Return a help text with a full stop, and such that Markdown leaves it as it is."""
    return re.sub(r"([\\`*_<>\[\]|$])", r"\\\1", " ".join(text.split()).removesuffix(".")) + "."


def _explained(command: Command) -> dict[str, str]:
    """Return {argument: explanation} from the ``Args`` of the docstring."""
    parts = SECTION.split(inspect.getdoc(command) or "")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    entries = re.findall(r"^ {4}(\w+): ((?:.|\n {5,})*)", sections.get("Args", ""), flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
