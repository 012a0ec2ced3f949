"""Every example in a README, and on the pages beside it, runs as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path
from typing import ClassVar

import pytest

FOREIGN = ("pip", "uv", "git")
"""Commands that a reader runs before there is anything of ours to test."""


def pages(readme: Path) -> list[Path]:
    """Return a README, the pages in ``docs`` beside it, and the one on what is bundled."""
    beside = (sorted(readme.parent.glob(pattern)) for pattern in ("docs/*.md", "src/*/assets/README.md"))
    return [readme, *chain.from_iterable(beside)]


def code_blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def shell_commands(page: Path) -> list[str]:
    """Return the commands of the page that are ours to run, each in one line and without comments."""
    blocks = [re.sub(r" *\\\n *", " ", block) for block in code_blocks(page, "bash")]
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line.split()[0] not in FOREIGN]


def run_command(command: str) -> int:
    """Run a command line in this process, as its console script would, and return the exit code."""
    name, *arguments = shlex.split(command)
    (script,) = entry_points(group="console_scripts", name=name)
    main: Callable[[list[str]], int] = script.load()
    return main(arguments)


class ReadmeExamples:
    """The tests of a README and of its pages, see `pages`; subclass it as ``TestReadme``, one README each.

    The Python examples of a page run together, and so do its commands (```` ```bash ````), each in a folder of their
    own. What no test can run, as it takes hours or data of others, stands there as ```` ```text ````.
    """

    readme: ClassVar[Path]
    shorter: ClassVar[tuple[tuple[str, str], ...]] = ()
    """(how a command begins, options added to it so that it does not take long)."""
    elsewhere: ClassVar[tuple[str, ...]] = ()
    """Commands that another test of the package runs as they stand."""

    def prepare(self, folder: Path) -> None:
        """Lay out the files that the examples speak of."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run the tests of examples on the README, and on each page that has some."""
        language = {"test_python_examples": "python", "test_commands": "bash"}.get(metafunc.function.__name__)
        if language:
            chosen = [page for page in pages(self.readme) if page == self.readme or code_blocks(page, language)]
            names = [page.relative_to(self.readme.parent).as_posix() for page in chosen]
            metafunc.parametrize("page", chosen, ids=names)

    def test_python_examples(self, page: Path, tmp_path: Path) -> None:
        examples = code_blocks(page, "python")
        assert examples
        self.prepare(tmp_path)
        (tmp_path / "example.py").write_text("\n".join(examples), encoding="utf-8")
        ran = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr

    def test_commands(self, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from huggingface_hub import constants

        commands = shell_commands(page)
        assert commands
        self.prepare(tmp_path)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        for command in (command for command in commands if command not in self.elsewhere):
            more = [options for beginning, options in self.shorter if command.startswith(beginning)]
            assert run_command(" ".join([command, *more])) == 0, command
