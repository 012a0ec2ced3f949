"""One run of a method for a page: the upload and the options in, the files of the result out."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..commands.option_list import options_of
from ..errors import InputError, some
from ..jobs.allowed import Allowed
from ..jobs.gathering import PACKED, gather
from ..jobs.limits import Limits
from ..jobs.names import safe_name
from ..jobs.outcome import Outcome, without
from ..jobs.running import Call, Running
from ..jobs.words import words_of
from ..methods import Method
from ..weights.places import CONFIG_FILE, DEMO, SUFFIXES, WEIGHTS_FILE
from .fields import Field, panel_of, words_of_all
from .holdings import Holdings

OUT, OWN = "result", "weights"
"""The folders of results, and of weights that were sent, in that of a run."""
MOST_NOTES = 5


@dataclass(frozen=True)
class Shown:
    """A run as its page shows it."""

    seconds: float
    command: str
    """The command line that does the same."""
    folder: Path
    """Of the run."""
    before: Path
    """The input."""
    outcome: Outcome | None = None
    """The end of it; None while it goes on."""

    @property
    def fault(self) -> str:
        """The error in one line; empty if there is none."""
        return without(self.outcome.failure, self.folder) if self.outcome else ""

    @property
    def files(self) -> list[Path]:
        """The files of the result."""
        return self.outcome.files if self.outcome else []

    @property
    def notes(self) -> list[str]:
        """Remarks of the command."""
        said = f"{self.outcome.complaints}\n{self.outcome.said}" if self.outcome else ""
        # the last line counts what was done, which one file does not need
        lines = [line.strip() for line in without(said, self.folder).splitlines() if "results in" not in line]
        return [line for line in lines if line][-MOST_NOTES:]


@dataclass(frozen=True)
class Runner:
    """Runs one method for all its pages; weights may be named in ``folders``."""

    method: Method
    fields: Sequence[Field]
    limits: Limits
    holdings: Holdings
    folders: tuple[Path, ...] = ()

    def run(
        self, session: str, sent: Sequence[Path], given: Mapping[str, Any], weights: str | Sequence[Path] = DEMO
    ) -> Iterator[Shown]:
        """Run ``predict`` on an upload; yield how far it is every second, and then what came of it.

        Args:
            session: whose page it is; its files are removed when that is closed.
            sent: the files that the browser sent.
            given: values by the names of options; files as their paths.
            weights: as the command takes them, or files that the browser sent.

        Raises:
            InputError: if there is no upload, or it, the weights or a value are not taken.
        """
        panel = panel_of(self.method)
        if not sent or not all(file.is_file() for file in sent):
            raise InputError(f"no file chosen; {panel.takes} is needed")
        folder = self.holdings.new_folder(session)
        name = self._input(folder, sent)
        values = {**given, **self._files(folder, name, given)}
        words = ["predict", name, *self._weights(folder, weights), "--out", OUT]
        words += [*panel.always, *words_of_all(self.fields, values)]
        command = shlex.join([self.method.name, *words])
        running = Running(Call(self.method, tuple(words), folder / OUT), folder)
        self.holdings.run(session, running)
        try:
            while running.wait(1.0) is None and running.seconds < self.limits.seconds:
                yield Shown(running.seconds, command, folder, folder / name)
            outcome = running.outcome()
            yield Shown(outcome.seconds, command, folder, folder / name, outcome)
        finally:
            running.end()
            self.holdings.ran(session)

    def _input(self, folder: Path, sent: Sequence[Path]) -> str:
        """Place the input in the folder of a run, and return its name there."""
        panel = panel_of(self.method)
        if panel.gathers and (len(sent) > 1 or sent[0].suffix.lower() == PACKED):
            name = safe_name(sent[0].stem)
            name = f"{name}_input" if name in (OUT, OWN) else name
            gather(sent, folder / name, self.limits)
            return name
        if len(sent) > 1:
            raise InputError(f"{len(sent)} files chosen; {panel.takes} is needed")
        name = safe_name(sent[0].name, panel.kinds)
        shutil.copyfile(sent[0], folder / name)
        return name

    def _weights(self, folder: Path, weights: str | Sequence[Path]) -> list[str]:
        """Place weights that were sent in the folder of a run, and return the words for them."""
        if isinstance(weights, str):
            listed = {each.name: each for each in options_of(self.method.load("cli:COMMANDS")["predict"])}
            return words_of(listed["weights"], weights.strip() or DEMO, Allowed(self.folders))
        names = {safe_name(file.name, (".json", *SUFFIXES)): file for file in weights}
        if len(weights) > 1 and set(names) != {CONFIG_FILE, WEIGHTS_FILE}:
            raise InputError(f"weights: a file of the authors or {CONFIG_FILE} with {WEIGHTS_FILE}; not {some(names)}")
        (folder / OWN).mkdir()
        for name, file in names.items():
            shutil.copyfile(file, folder / OWN / name)
        return ["--weights", OWN if len(weights) > 1 else f"{OWN}/{next(iter(names))}"]

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
