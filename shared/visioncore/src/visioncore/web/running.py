"""One run of a method for a page: the upload and the options in, the files of the result out."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..methods import Method
from .fields import Field, panel_of, words_of
from .limits import Limits
from .processes import Running
from .uploads import Holdings, safe_name

OUT = "result"
"""The folder of results in that of a run."""
NOT_RESULTS = ("made.jsonl", "run.json")
"""Records that commands keep of themselves."""


@dataclass(frozen=True)
class Outcome:
    """The end of a run, or how far it is."""

    seconds: float
    command: str
    """The command line that does the same."""
    running: bool = False
    fault: str = ""
    """The error in one line; empty if there is none."""
    notes: tuple[str, ...] = ()
    """Remarks of the command."""
    before: Path | None = None
    """The input."""
    files: tuple[Path, ...] = field(default_factory=tuple)
    """The files of the result."""


@dataclass(frozen=True)
class Runner:
    """Runs one method for all its pages."""

    method: Method
    fields: Sequence[Field]
    limits: Limits
    holdings: Holdings

    def run(self, session: str, upload: Path | None, given: Mapping[str, Any]) -> Iterator[Outcome]:
        """Run ``predict`` on an upload; yield how far it is every second, and then what came of it.

        Args:
            session: whose page it is; its files are removed when that is closed.
            upload: the file that the browser sent.
            given: values by the names of options; files as their paths.

        Raises:
            InputError: if there is no upload, or it or a value is not taken.
        """
        panel = panel_of(self.method)
        if upload is None or not upload.is_file():
            raise InputError(f"no file chosen; {panel.takes} is needed")
        folder = self.holdings.new_folder(session)
        name = safe_name(upload.name, panel.kinds)
        shutil.copyfile(upload, folder / name)
        values = {**given, **self._files(folder, name, given)}
        words = [name, "--weights", "demo", "--out", OUT, *panel.always, *words_of(self.fields, values)]
        command = shlex.join([self.method.name, "predict", *words])
        running = Running(f"{self.method.module}.cli", ["predict", *words], folder)
        self.holdings.run(session, running)
        try:
            while (code := running.wait(1.0)) is None and running.seconds < self.limits.seconds:
                yield Outcome(running.seconds, command, running=True)
            took = running.seconds
            if code is None:
                running.end()
                limit = f"{self.limits.seconds} seconds"
                yield Outcome(took, command, fault=f"stopped after {limit}, the limit of a run; try a smaller file")
                return
            yield self._outcome(folder, name, command, code, took, running.lines())
        finally:
            running.end()
            self.holdings.ran(session)

    def _files(self, folder: Path, taken: str, given: Mapping[str, Any]) -> dict[str, str]:
        """Copy the files of options beside the input and return their names there."""
        names = {}
        for each in self.fields:
            option = each.option
            if each.kind == "file" and given.get(option.name):
                path = Path(given[option.name])
                names[option.name] = safe_name(path.name, option.kinds)
                if names[option.name] == taken:
                    names[option.name] = f"{option.name}_{taken}"
                shutil.copyfile(path, folder / names[option.name])
        return names

    def _outcome(
        self, folder: Path, name: str, command: str, code: int, seconds: float, lines: Sequence[str]
    ) -> Outcome:
        said = [line.strip().replace(f"{folder}/", "") for line in lines if line.strip()]
        out = folder / OUT
        found = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
        files = tuple(sorted(path for path in found if path.name not in NOT_RESULTS and path.name[0] != "."))
        if code or not files:
            fault = _fault(code, said)
            return Outcome(seconds, command, fault=fault)
        # the last lines count what was done, which one file does not need
        notes = tuple(line for line in said if "results in" not in line)
        return Outcome(seconds, command, notes=notes[-5:], before=folder / name, files=files)


def _fault(code: int, said: Sequence[str]) -> str:
    """Return the line that tells most of why a run failed."""
    if code < 0:
        return f"the run was ended by the system (signal {-code}); perhaps the memory did not suffice"
    errors = [line for line in said if "error" in line.lower() or "failed" in line.lower()]
    for line in errors or said:
        if "results in" not in line:
            return line.removeprefix("error: ")
    return f"the command ended with exit code {code}"
