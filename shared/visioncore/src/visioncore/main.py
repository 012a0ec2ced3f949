"""The ``visioncore`` command: installed methods, their demos, and this machine."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from .cli import Command, complain, run, say
from .errors import InputError
from .files import writable_folder, write_text
from .jobs.allowed import Allowed
from .jobs.limits import Limits
from .jobs.listening import is_loopback, listen
from .methods import Method, find_methods, load
from .report import DemoReport, Table, print_table
from .report.gallery import Failure, write_gallery

AllowedFolders = Annotated[
    tuple[Path, ...], arg(help="folders that files may be read from and written to, and no others")
]
Seconds = Annotated[float, arg(help="that one prediction may take")]
Megabytes = Annotated[float, arg(help="that one may send")]
Waiting = Annotated[int, arg(help="predictions that may wait while one runs")]
MostInputs = Annotated[int, arg(help="files or folders that one prediction may be given")]


def methods() -> int:
    """List the installed methods.

    Returns:
        0, or 1 if a method announces itself but cannot be read.
    """
    found, broken = find_methods()
    table = Table(("method", "title", "what it does", "published"))
    for method in found:
        table.add(method.name, method.title, method.task, f"{method.venue}, arXiv {method.arxiv}")
    for unread in broken:
        table.add(unread.name, "(cannot be read)", unread.reason, "")
    if table.rows:
        print_table(table)
    else:
        say("No method is installed.")
    return 1 if broken else 0


def demo(out: Path = Path("out/demo"), only: tuple[str, ...] = ()) -> int:
    """Run the demo of every installed method and show them all on one page.

    Each demo writes into a folder of its own; one that fails is reported and the others still run.

    Args:
        out: folder for the results; open its index.html afterwards.
        only: names of the methods to show, by default all.

    Returns:
        0, or 1 if a demo failed.

    Raises:
        InputError: if no method is installed, a name in ``only`` is not, or ``out`` cannot be written.
    """
    found, broken = find_methods()
    _check_names([*(method.name for method in found), *(method.name for method in broken)], only)
    writable_folder(out)
    outcomes: list[tuple[Method | None, DemoReport | Failure]] = []
    for method in found:
        if not only or method.name in only:
            say(f"{method.name}: {method.task}")
            outcome = _run_demo(method, out / method.name)
            say(f"  {outcome.headline if isinstance(outcome, DemoReport) else f'failed: {outcome.reason}'}")
            outcomes.append((method, outcome))
    for unread in broken:
        if not only or unread.name in only:
            say(f"{unread.name}: failed: {unread.reason}")
            outcomes.append((None, Failure(unread.name, unread.reason)))
    say(f"All on one page: {write_gallery(out, outcomes)}")
    return 1 if any(isinstance(outcome, Failure) for _, outcome in outcomes) else 0


def _check_names(installed: Sequence[str], only: Sequence[str]) -> None:
    if not installed:
        raise InputError("no method is installed; pip install one, such as nerdrain-derain")
    for name in only:
        if name not in installed:
            raise InputError(f"--only {name}: not installed; installed are {', '.join(installed)}")


def _run_demo(method: Method, folder: Path) -> DemoReport | Failure:
    # A demo is another package's code: whatever it raises must not keep the other demos from running.
    try:
        report = load(method.demo)(writable_folder(folder))
        if not isinstance(report, DemoReport):
            raise TypeError(f"{method.demo} returned a {type(report).__name__}, not a DemoReport")
        return report
    except InputError as error:
        return Failure(method.name, str(error))
    except Exception as error:
        write_text(folder / "error.txt", traceback.format_exc())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Failure(method.name, f"{reason} (details in {folder / 'error.txt'})")


def app(
    host: str = "127.0.0.1",
    port: int = 7860,
    only: tuple[str, ...] = (),
    megabytes: Megabytes = 200.0,
    seconds: Seconds = 600.0,
    waiting: Waiting = 20,
    allow: Annotated[tuple[Path, ...], arg(help="folders in which pages may name weights")] = (),
    browse: bool = False,
) -> None:
    """Open a page in the browser for every installed method: a file in, the result out.

    It listens on this machine alone, one run goes at a time, and files are deleted when a page is left.

    Args:
        host: address to listen on; 0.0.0.0 lets others in, and there is no password.
        port: port to listen on; 0 for a free one.
        only: names of the methods to show, by default all.
        browse: show the page in this machine's browser at once.

    Raises:
        InputError: if gradio is missing, no method is installed, a name in ``only`` is not, or the port is in use.
    """
    from .web.server import serve

    found, _ = find_methods()
    _check_names([method.name for method in found], only)
    shown = [method for method in found if method.panel is not None and (not only or method.name in only)]
    serve(shown, Limits(seconds, megabytes, waiting=waiting), host, port, _folders(allow), browse)


def doctor() -> None:
    """Print the properties of this machine, and the installed methods and optional parts."""
    from .devices import describe_machine

    machine = Table(("machine", ""))
    for what, value in describe_machine().items():
        machine.add(what, value)
    print_table(machine)
    methods()
    found, _ = find_methods()
    extras = Table(("optional part", "needs", "state"))
    for name in ("visioncore", *(method.name for method in found)):
        for extra, needed in _extras(name).items():
            missing = [requirement for requirement in needed if not _is_installed(requirement)]
            state = f"missing: {', '.join(missing)}" if missing else "present"
            extras.add(f"{name}[{extra}]", ", ".join(needed), state)
    if extras.rows:
        print_table(extras)


def _extras(name: str) -> dict[str, list[str]]:
    """Return {extra: distributions it asks for} of an installed distribution."""
    try:
        requirements = requires(name) or []
    except PackageNotFoundError:
        return {}
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        needed, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement)
        if needed and extra:
            extras.setdefault(extra[1], []).append(needed[0])
    return extras


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def mcp(allow: AllowedFolders, seconds: Seconds = 600.0, inputs: MostInputs = 100) -> None:
    """Serve the installed methods to a program that speaks the Model Context Protocol, over stdin and stdout.

    Its tools list the methods, explain their options, and run predictions on files inside the allowed folders, in
    processes of their own.
    """
    from .extras import require

    require("mcp", "mcp")
    from .programs.mcp_server import make_server

    make_server(Allowed.of(allow), Limits(seconds, inputs=inputs)).run("stdio")


def serve(
    host: Annotated[str, arg(help="address to listen on; others than this machine's own let others in")] = "127.0.0.1",
    port: Annotated[int, arg(help="0 for one that is free")] = 8765,
    allow: Annotated[tuple[Path, ...], arg(help="folders that requests may name files in, such as weights")] = (),
    seconds: Seconds = 600.0,
    inputs: MostInputs = 100,
    megabytes: Megabytes = 256.0,
    waiting: Waiting = 4,
) -> None:
    """Serve the installed methods over HTTP: POST files to /METHOD/predict, with options as fields of the form.

    /openapi.json describes it. Predictions run in processes of their own, one at a time; what was sent is deleted.
    Nobody is asked who they are.
    """
    from .extras import require

    for module in ("starlette", "uvicorn", "python_multipart"):
        require(module, "serve")
    from .programs.http_app import LOOPBACK, Service
    from .programs.http_app import serve as run_server

    limits = Limits(seconds, megabytes, inputs, waiting)
    service = Service(limits, _folders(allow), LOOPBACK if is_loopback(host) else ())
    with listen(host, port) as place:
        if not is_loopback(host):
            complain(f"note: {host} can be reached by others, and nobody is asked who they are")
        run_server(place, service, say)


def _folders(allow: Sequence[Path]) -> tuple[Path, ...]:
    return Allowed.of(allow).folders if allow else ()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``visioncore`` command and return its exit code."""
    description = "The installed vision methods: list them, see them at work, check the machine."
    commands: dict[str, Command] = {
        "app": app,
        "demo": demo,
        "methods": methods,
        "doctor": doctor,
        "mcp": mcp,
        "serve": serve,
    }
    return run("visioncore", commands, description, argv)


if __name__ == "__main__":
    sys.exit(main())
