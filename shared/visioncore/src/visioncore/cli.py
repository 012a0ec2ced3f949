"""Plain typed functions become the commands of a program.

A command's docstring is its help, its signature its options, and what it returns its exit code. Options that several
commands share are fields of a TypedDict, which a command takes as ``**name: Unpack[TheDict]``; `Default` gives a field
its default. Arguments are parsed by tyro; ``--debug`` and ``--set.field value`` are taken out before tyro sees them.
``-o`` is short for ``--out`` and ``-w`` for ``--weights``, and ``-i`` may stand before positional inputs.

Exit codes: 0 done, 1 some inputs failed, 2 wrong usage or bad input, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import io
import itertools
import os
import re
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, TextIO

import tyro
from tyro.conf import Positional

from .errors import InputError, escaped
from .versions import version_of

__all__ = ["Command", "Default", "Positional", "complain", "parameters", "run", "say"]

DONE = 0
USAGE = 2
INTERRUPTED = 130
# What a shell reports for a program that ended because nobody read its output any more.
NOBODY_READS = 141

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

OVERRIDES_HELP = (
    "Fields of the recipe can be set with --set.FIELD VALUE (dots reach into nested fields), as often as needed, "
    "for example --set.optimizer.rate 1e-4."
)

Command = Callable[..., object]
Check = Callable[[Mapping[str, Any]], None]

SHORT = {"out": "-o", "weights": "-w"}
"""Options with a short name."""
INPUTS, INPUTS_OPTION = "inputs", "-i"
"""Positional arguments of this name may have this before them, as other programs have it."""


@dataclass(frozen=True)
class Default:
    """Default of an option that is a field of a TypedDict: ``batch: Annotated[Batch, Default(8)]``."""

    value: Any


def run(
    prog: str,
    commands: Mapping[str, Command],
    description: str,
    argv: Sequence[str] | None = None,
    *,
    check: Check | None = None,
    version: Callable[[], str] | None = None,
) -> int:
    """Run the command that the arguments name and return the exit code.

    A command returns None (done), an int (its exit code), or an object with an ``exit_code``. One with a parameter
    ``overrides: Mapping[str, str]`` is given what ``--set.field value`` collected; the others refuse ``--set``. A
    required list cannot be empty. ``InputError``, ``OSError`` and Ctrl-C end in one line on stderr, ``--debug`` shows
    the traceback. Any other exception is a defect and is raised.

    Args:
        prog: name of the program.
        commands: name -> function. Functions import what is heavy inside their body, so that help stays quick.
        description: one or two sentences on what the program does.
        argv: the arguments without the program's name; by default those of the process.
        check: given the values of a command's parameters before it runs; raises `InputError` for what shows in them.
        version: returns what ``--version`` prints; by default the version of the distribution called ``prog``.
    """
    _wait_gently()
    _keep_memory()
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        # a process may be started without streams
        sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
        code = _dispatch(prog, commands, description, arguments, check, version or partial(version_of, prog))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _write_nowhere()
        return NOBODY_READS
    except KeyboardInterrupt:
        return _tell("interrupted", INTERRUPTED, debug)
    except (InputError, OSError) as error:
        return _tell(f"error: {error}", USAGE, debug)


def _wait_gently() -> None:
    """Let threads of torch sleep while they wait for one another, unless the user's environment says how they wait.

    By default they spin, and beside one other busy process on a machine of two cores a program then takes several times
    as long. It counts for what loads torch later, and for processes that are started.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _keep_memory() -> None:
    """Let glibc keep memory that was freed for what asks next, unless the user's environment sets its limits.

    By default it hands maps of a network back to the system after each layer, and every page of the next one is cleared
    and mapped anew.
    """
    if sys.platform != "linux" or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    from ctypes import CDLL

    # other C libraries have no such function
    if set_limit := getattr(CDLL(None), "mallopt", None):
        set_limit(_MMAP_THRESHOLD, 32 * 2**20)  # the most that glibc takes
        set_limit(_TRIM_THRESHOLD, 256 * 2**20)


def _tell(line: str, code: int, debug: bool) -> int:
    try:
        if debug:
            traceback.print_exc()
        complain(" ".join(line.split()))
    except BrokenPipeError:
        _write_nowhere()
    return code


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _write_nowhere() -> None:
    """Let go of streams that nobody reads: the interpreter flushes them once more at exit and would complain there."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _dispatch(
    prog: str,
    commands: Mapping[str, Command],
    description: str,
    arguments: list[str],
    check: Check | None,
    version: Callable[[], str],
) -> int:
    first = arguments[0] if arguments else None
    if first in ("-h", "--help"):
        print(_overview(prog, commands, description))  # noqa: T201
        return DONE
    if first == "--version":
        print(f"{prog} {version()}")  # noqa: T201
        return DONE
    if first is None:
        raise InputError(f"no command given; one of {', '.join(commands)} is expected ({prog} --help explains them)")
    if first not in commands:
        kind = "option" if first.startswith("-") else "command"
        near = difflib.get_close_matches(first, commands, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(commands)}"
        raise InputError(f"unknown {kind} {first!r}; {hint} ({prog} --help explains them)")
    return _run_command(f"{prog} {first}", commands[first], arguments[1:], check)


def _run_command(prog: str, command: Command, arguments: list[str], check: Check | None) -> int:
    takes_overrides = "overrides" in inspect.signature(command).parameters
    overrides, arguments = _take_overrides(arguments)
    if overrides and not takes_overrides:
        raise InputError(f"--set.{next(iter(overrides))}: {prog} has no recipe whose fields could be set")
    parsed = _parse(prog, command, arguments)
    if isinstance(parsed, int):
        return parsed
    if check is not None:
        check(parsed)
    if takes_overrides:
        parsed["overrides"] = overrides
    result = command(**parsed)
    code = getattr(result, "exit_code", result)
    return code if isinstance(code, int) else DONE


def _take_overrides(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the ``--set`` options as {field: value}, and the arguments without them."""
    overrides: dict[str, str] = {}
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--set" or argument.startswith("--set="):
            raise InputError("--set: no field named; write --set.FIELD VALUE")
        if not argument.startswith("--set."):
            rest.append(argument)
            continue
        field, given, value = argument.removeprefix("--set.").partition("=")
        if not given:
            value = next(waiting, "--")
            if value.startswith("--"):
                raise InputError(f"--set.{field}: no value given; write --set.{field} VALUE or --set.{field}=VALUE")
        if not all(field.split(".")):
            raise InputError(f"{argument}: no field named; write --set.FIELD VALUE")
        overrides[field] = value
    return overrides, rest


def _parse(prog: str, command: Command, arguments: Sequence[str]) -> dict[str, Any] | int:
    """Return the values of the command's parameters, or the exit code when help was asked for."""
    if INPUTS in parameters(command):
        arguments = [argument for argument in arguments if argument != INPUTS_OPTION]
    _check_options(prog, command, arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            parsed = tyro.cli(
                _without_overrides(command),
                prog=prog,
                description=_help_text(command),
                args=list(arguments),
                config=(tyro.conf.DisallowNone,),
            )
    except SystemExit as stop:
        if not stop.code:
            return DONE
        raise InputError(f"{_compact(complaint.getvalue())} ({prog} --help shows the options)") from None
    for name, parameter in parameters(command).items():
        if parameter.default is Parameter.empty and parsed.get(name) in ([], ()):
            raise InputError(f"{name}: at least one is needed ({prog} --help shows the options)")
    return parsed


def _check_options(prog: str, command: Command, arguments: Sequence[str]) -> None:
    """Check that every option has a name that is known: tyro may first complain of others that are missing.

    Raises:
        InputError: naming the option and the one that may be meant, or an option whose path is empty: it would be the
            working folder, and comes of a shell variable that is not set.
    """
    paths = [name for name, parameter in parameters(command).items() if _is_path(parameter.annotation)]
    for name in paths:
        options = (f"--{name.replace('_', '-')}", SHORT.get(name))
        given = itertools.pairwise(arguments)
        if f"{options[0]}=" in arguments or any(option in options and not value for option, value in given):
            raise InputError(f"{options[0]} is empty; name a file or a folder (. for this one)")
    names = [name.replace("_", "-") for name in parameters(command)]
    short = [SHORT[name] for name in parameters(command) if name in SHORT]
    known = ["--help", "-h", *short, *(f"--{start}{name}" for name in names for start in ("", "no-"))]
    for argument in arguments:
        option = argument.partition("=")[0]
        if re.fullmatch(r"--?[A-Za-z][\w.-]*", option) and option.replace("_", "-") not in known:
            near = difflib.get_close_matches(option, [f"--{name}" for name in names], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"unknown option {option}{hint} ({prog} --help shows the options)")


def _is_path(hint: Any) -> bool:
    plain = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    return plain is Path


def _without_overrides(command: Command) -> Callable[..., dict[str, Any]]:
    """Return a function with the command's options, less ``overrides``, that returns what it was given.

    Parsing and running are kept apart, so that an error inside the command is never taken for wrong usage.
    """

    def values(**given: Any) -> dict[str, Any]:
        return given

    options = [each.replace(annotation=_explained(each)) for each in parameters(command).values()]
    values.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    values.__annotations__ = {option.name: option.annotation for option in options}
    values.__doc__ = command.__doc__
    return values


def parameters(command: Command) -> dict[str, Parameter]:
    """Return the options of a command by their names, ``overrides`` left out, all to be given by name."""
    return {parameter.name: parameter for parameter in _parameters(command)}


def _parameters(command: Command) -> Iterator[Parameter]:
    declared = inspect.signature(command).parameters
    # The return type and ``overrides`` are left unread: their names may be imported for type checkers only.
    named = {name: hint for name, hint in command.__annotations__.items() if name in declared and name != "overrides"}
    hints = _resolved(named, getattr(inspect.unwrap(command), "__globals__", {}))
    for name, parameter in declared.items():
        if parameter.kind == Parameter.VAR_KEYWORD:
            (fields,) = typing.get_args(hints[name])
            for field, hint in typing.get_type_hints(fields, include_extras=True).items():
                (default,) = (each.value for each in typing.get_args(hint) if isinstance(each, Default))
                yield Parameter(field, Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        elif name != "overrides":
            # tyro passes positional arguments by position where the signature allows it.
            yield parameter.replace(annotation=hints.get(name, str), kind=Parameter.KEYWORD_ONLY)


def _resolved(annotations: Mapping[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    def annotated() -> None: ...

    annotated.__annotations__ = dict(annotations)
    return typing.get_type_hints(annotated, globalns=names, include_extras=True)


def _explained(parameter: Parameter) -> Any:
    """Return the annotation with what tyro's help would leave unsaid of lists and positional arguments.

    Options that most commands have are given their short names.
    """
    hint = parameter.annotation
    plain, *markers = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    any_length = typing.get_origin(plain) is list or typing.get_args(plain)[-1:] == (Ellipsis,)
    name = parameter.name.upper()
    metavar = (f"{name} [{name} ...]" if any_length else name) if Positional in markers else None
    if metavar and parameter.name == INPUTS:
        metavar = f"[{INPUTS_OPTION}] {metavar}"
    hint_of_default = None
    if any_length and parameter.default is Parameter.empty:
        hint_of_default = "(one or more)"
    elif parameter.default == ():
        hint_of_default = "(default: none)"
    short = (SHORT[parameter.name],) if parameter.name in SHORT else None
    return Annotated[hint, tyro.conf.arg(metavar=metavar, help_behavior_hint=hint_of_default, aliases=short)]


def _help_text(command: Command) -> str:
    """Return the docstring up to its sections, with what it takes to set recipe fields."""
    text = re.split(r"\n\n(?:Args|Returns|Raises|Yields|Examples?):\n", inspect.getdoc(command) or "")[0]
    if "overrides" in inspect.signature(command).parameters:
        text = f"{text}\n\n{OVERRIDES_HELP}"
    return text


def _compact(box: str) -> str:
    """Return the framed message that tyro prints as one line, without its frame, help texts and advice."""
    lines: list[str] = []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines():
        text = line.strip("╭╮╰╯│")
        if set(text.strip()) == {"─"}:
            if lines:
                break
            continue
        # Help texts of options stand further in than the options they belong to.
        if text.strip("─ ") and not text.startswith(" " * 9):
            lines.append(text.strip("─ "))
    return " ".join(lines[1:] or lines) or "the arguments do not fit"


def _overview(prog: str, commands: Mapping[str, Command], description: str) -> str:
    width = max(len(name) for name in commands)
    summaries = {name: (inspect.getdoc(command) or "").partition("\n")[0] for name, command in commands.items()}
    return "\n".join(
        [
            f"usage: {prog} COMMAND [OPTIONS]",
            "",
            description,
            "",
            "commands:",
            *(f"  {name:<{width}}  {summary}" for name, summary in summaries.items()),
            "",
            f"{prog} COMMAND --help explains the options of a command.",
            "--version prints the version; --debug, anywhere, shows where an error came from.",
        ]
    )


def say(line: str) -> None:
    """Print a line of a command's result."""
    print(_writable(line, sys.stdout), flush=True)  # noqa: T201


def complain(line: str) -> None:
    """Print a line on what went wrong or is worth knowing, apart from the result."""
    print(_writable(line, sys.stderr), file=sys.stderr, flush=True)  # noqa: T201


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def _writable(line: str, stream: TextIO) -> str:
    """Return a line with what a stream cannot write, such as bytes of a file name that are no UTF-8, as ``\\xe9``.

    So are control characters: names of files and of what is in them must not command a terminal.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return escaped(line).translate(_CONTROLS).encode(encoding, "backslashreplace").decode(encoding)
