"""Output of a run: lines of JSON in a file, a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import escaped
from ..files import write_text

_SECONDS_BETWEEN_LINES = 30.0


class JsonLog:
    """A file with one JSON object per line, each with its step, in order.

    Args:
        path: the file; lines beyond ``step`` and a last line cut short by a kill are dropped.
        step: the step the run goes on from.
    """

    def __init__(self, path: Path, step: int) -> None:
        kept = []
        if step and path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    if json.loads(line)["step"] <= step:
                        kept.append(f"{line}\n")
                except (ValueError, KeyError, TypeError):
                    continue
        write_text(path, "".join(kept))
        self._file = path.open("a", encoding="utf-8")

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one object and hand it to the system at once."""
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Progress:
    """The state of the run on standard error: a bar on a terminal, else a line now and then.

    Args:
        steps: of the whole run.
        shown: False keeps silent, as all processes but the main one do.
    """

    def __init__(self, steps: int, shown: bool) -> None:
        from rich.console import Console

        self._steps, self._shown = steps, shown
        self._console = Console(file=sys.stderr)
        self._first, self._began, self._last_line = 0, 0.0, float("-inf")
        self._bar: Any = None
        self._task: Any = None

    def start(self, done: int) -> None:
        """Begin, or go on, after ``done`` steps."""
        self._first, self._began = done, time.monotonic()
        if self._shown and self._console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                MofNCompleteColumn(),
                BarColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=self._steps, completed=done)
            self._bar.start()

    def advance(self, step: int) -> None:
        """Show that ``step`` steps are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step)

    def figures(self, step: int, loss: float, samples_per_s: float, memory_mb: float) -> None:
        """Show the newest figures of the run."""
        text = f"loss {loss:.4g}, {samples_per_s:.3g} samples/s, {memory_mb:.0f} MB"
        if self._bar is not None:
            self._bar.update(self._task, description=text)
            return
        now = time.monotonic()
        if now - self._last_line >= _SECONDS_BETWEEN_LINES or step == self._steps:
            self._last_line = now
            left = (now - self._began) / max(1, step - self._first) * (self._steps - step)
            self.line(f"step {step}/{self._steps}: {text}, {left / 60:.0f} min left")

    def line(self, text: str) -> None:
        """Print one line."""
        if self._shown:
            self._console.print(escaped(text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()
