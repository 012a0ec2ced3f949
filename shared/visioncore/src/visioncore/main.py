"""The ``visioncore`` command: installed methods, their demos, and this machine."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from .cli import run, say
from .errors import InputError
from .files import writable_folder, write_text
from .methods import Method, find_methods, load
from .report import DemoReport, Table, print_table
from .report.gallery import Failure, write_gallery


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
    names = [method.name for method in found] + [method.name for method in broken]
    if not names:
        raise InputError("no method is installed; pip install one, such as nerdrain-derain")
    for name in only:
        if name not in names:
            raise InputError(f"--only {name}: not installed; installed are {', '.join(names)}")
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``visioncore`` command and return its exit code."""
    description = "The installed vision methods: list them, see them at work, check the machine."
    return run("visioncore", {"demo": demo, "methods": methods, "doctor": doctor}, description, argv)


if __name__ == "__main__":
    sys.exit(main())
