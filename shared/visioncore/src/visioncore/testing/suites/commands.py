"""Help, errors and the commands that tell of a method: in every method alike."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ...cli import parameters
from ...commands.info import TABLE
from .base import Run, Suite, refuses

TOLD = (
    *(
        "name",
        "version",
        "title",
        "task",
        "variant",
        "config",
        "parameters",
        "multiply_accumulates",
        "inputs",
        "outputs",
    ),
    *("classes", "window", "sizes", "variants", "companions", "commands", "bundled_weights", "weights_card"),
    *("paper", "authors", "venue", "arxiv", "citation", "licence", "published_weights"),
)
"""Facts that ``info --json`` tells of every method."""
HEAVY = ("torch", "numpy", "PIL", "cv2", "av", "nibabel", "pydicom", "scipy", "accelerate", "matplotlib", "onnx")


class CommandsSuite(Suite):
    """The tests of a program as a whole; expects a fixture ``tiny_weights``, the folder of a small network."""

    options_told: ClassVar[tuple[str, ...]]
    """Options that the help of the commands must name."""
    bench: ClassVar[tuple[str, ...]] = ()
    """Options that make ``bench`` quick."""
    bench_sizes: ClassVar[tuple[int, ...]] = ()
    """Sides of images, for a network from images to images, of which ``bench`` then measures all paths."""
    public_names: ClassVar[tuple[str, ...]]
    """Public names of the package besides ``Predictor`` and ``load_model``."""
    least: ClassVar[tuple[tuple[str, float], ...]]
    """Values that the demo must measure at least, its gain over a plain baseline among them."""

    def test_help_is_quick_and_loads_no_torch(self) -> None:
        """The help of the program and of every command, in one process."""
        program = f"""
import sys
import {self.package}, {self.package}.method
from {self.package}.cli import COMMANDS, main
for words in [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)]:
    assert main(words) == 0, words
heavy = set({HEAVY!r}) & set(sys.modules)
assert not heavy, heavy
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        for command in (*self.module("cli").COMMANDS, *self.options_told, "--set.FIELD"):
            assert command in done.stdout, command

    def test_errors_that_need_no_torch_come_before_it_is_loaded(self, tmp_path: Path) -> None:
        """In a process of its own, which has loaded nothing yet."""
        for name in ("file", "there.png"):
            (tmp_path / name).write_text("")
        out, none = ("--out", tmp_path / "out"), tmp_path / "none"
        commands = self.module("cli").COMMANDS
        faults = [
            (("predict", none, "--weights", "demo", *out), "no such file or folder"),
            (("predict", none / "*.png", "--weights", "demo", *out), "no file matches this pattern"),
            (("predict", tmp_path / "there.png", "--weights", "demo", "--out", tmp_path / "file"), "cannot write in"),
            (("predict", tmp_path / "there.png", "--weights", "demo", "--out", "/proc/none"), "cannot write in"),
            (("train", "--recipe", "none", "--data", tmp_path, *out), "unknown recipe 'none'"),
            (("train", "--recipe", none.with_suffix(".yaml"), "--data", tmp_path, *out), "no such recipe"),
            (("train", "--recipe", "demo", "--data", none, *out), "no such file or folder"),
            (("evaluate", "--data", none, "--weights", "demo", *out), "no such file or folder"),
            (("evaluate", "--data", tmp_path, "--results", none, *out), "no such file or folder"),
            (("bench", "--out", tmp_path / "file" / "b.json"), "cannot write in"),
        ]
        assert {words[0] for words, _ in faults} <= set(commands)
        program = f"""
import sys
from {self.package}.cli import main
for words, _ in {[([str(word) for word in words], told) for words, told in faults]!r}:
    print("code", main(words), file=sys.stderr)
assert "torch" not in sys.modules
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        assert lines[1::2] == ["code 2"] * len(faults), done.stderr
        for line, (_, told) in zip(lines[::2], faults, strict=True):
            assert line.startswith("error: ")
            assert told in line
        assert not (tmp_path / "out").exists()

    @pytest.mark.skipif(os.name == "nt", reason="streams are closed as on POSIX")
    def test_nobody_reads(self) -> None:
        """The end of a pipe is closed at once, or the process is started without stdout."""
        command = [sys.executable, "-m", f"{self.package}.cli", "info", "--help"]
        for start, code in (("{} | true; exit ${{PIPESTATUS[0]}}", 141), ("{} >&-", 0)):
            line = start.format(f"(sleep 0.2; exec {shlex.join(command)})")
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
            assert (done.returncode, done.stderr) == (code, ""), line

    def test_wrong_usage_is_one_line(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no checkpoint")
        out = ("--out", tmp_path / "out")
        refuses(run, told="no command given")
        refuses(run, "predct", told="did you mean predict?")
        refuses(run, "info", "--set.dim", "3", told="has no recipe")
        refuses(run, "info", "--weights", tmp_path / "file", told="not a checkpoint")
        refuses(run, *self.convert_words(tmp_path / "none"), *out, told="no such file")
        refuses(run, *self.convert_words(tmp_path / "file"), *out, told="not a checkpoint")
        refuses(run, "export", "--weights", "demo", *out, "--format", "tflite", told="tflite")
        assert not (tmp_path / "out").exists()

    def test_debug_shows_where_an_error_came_from(self, run: Run, tmp_path: Path) -> None:
        code, _, complaints = run(*self.convert_words(tmp_path / "none"), "--out", tmp_path / "out", "--debug")
        assert code == 2
        assert "Traceback" in complaints

    def test_info_names_the_paper(self, run: Run, tiny_weights: Path) -> None:
        method = self.module("method").METHOD
        for words in ((), ("--weights", tiny_weights)):
            code, said, complaints = run("info", *words)
            assert (code, complaints) == (0, "")
            for fact in ("title", "task", "paper", "authors", "venue", "arxiv", "licence", "citation"):
                assert getattr(method, fact) in said, fact
            assert "parameters" in said
        assert str(tiny_weights) in said

    def test_info_tells_programs_all_without_torch(self) -> None:
        """In a process of its own; of the published network and of every command with its options.

        A method without a table of its networks has to count them.
        """
        heavy = HEAVY if (files(self.package) / "assets" / TABLE).is_file() else ()
        program = f"""
import sys
from {self.package}.cli import main
assert main(["info", "--json"]) == 0
heavy = set({heavy!r}) & set(sys.modules)
assert not heavy, heavy
"""
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        print(f"info --json: {time.monotonic() - start:.2f} s of the clock")  # noqa: T201
        assert (done.returncode, done.stderr) == (0, "")
        about = json.loads(done.stdout)
        assert set(TOLD) - about.keys() == set()
        assert all(about["inputs"].values())
        assert all(about["outputs"].values())
        assert about["bundled_weights"][0]["name"] == "demo"
        commands = self.module("cli").COMMANDS
        assert list(about["commands"]) == list(commands)
        for name, told in about["commands"].items():
            assert told["summary"], name
            assert [option["name"] for option in told["options"]] == list(parameters(commands[name]))
            assert [option["name"] for option in told["options"] if not option["help"]] == [], name
        predict = {option["name"]: option for option in about["commands"]["predict"]["options"]}
        assert predict["inputs"]["positional"]
        assert (predict["weights"]["required"], predict["weights"]["short"]) == (True, "-w")
        assert (predict["overwrite"]["type"], predict["overwrite"]["default"]) == ("boolean", False)
        assert "float32" in predict["dtype"]["choices"]

    def test_bench_writes_its_figures(self, run: Run, tiny_weights: Path, tmp_path: Path) -> None:
        out = tmp_path / "new" / "bench.json"
        more = ("--sizes", *self.bench_sizes) if self.bench_sizes else self.bench
        words = ("--weights", tiny_weights, "--out", out, "--device", "cpu", "--rounds", 1, *more)
        code, said, complaints = run("bench", *words)
        assert (code, complaints) == (0, "")
        assert "ratio" in said
        assert said.endswith(f"figures: {out}\n")
        report = json.loads(out.read_text())
        assert len(report["rows"]) >= 2
        assert report["network"] == str(tiny_weights)
        parts = {row["part"]: row["ms"] for row in report["file"]}
        assert list(parts) == ["start", "read", "predict", "write"]
        # of a process that loads torch
        assert parts["start"] > 200
        assert min(parts.values()) > 0
        assert all(part in said for part in parts)
        if self.bench_sizes:
            check_all_paths(report, self.bench_sizes)

    def test_bench_tells_first_what_it_cannot_do(self, run: Run, tiny_weights: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "bench.json")
        refuses(run, "bench", *weights, *out, "--device", "gpu", told="unknown device")
        refuses(run, "bench", *weights, *out, "--dtypes", "half", told="half")
        refuses(run, "bench", *weights, "--out", tmp_path / "file" / "b.json", told="cannot write in this folder")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_demo_beats_the_baseline(self, run: Run, tmp_path: Path) -> None:
        start = time.process_time()
        code, said, _ = run("demo", "--out", tmp_path / "out")
        assert code == 0
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        assert report["method"] == self.module("method").METHOD.name
        assert report["headline"] in said
        assert (tmp_path / "out" / report["figure"]).stat().st_size > 0
        for name, least in self.least:
            assert report["measured"][name] > least, name
        # of one core; not of the clock, which goes on while others use the machine
        assert time.process_time() - start < 60

    def test_public_names_are_there(self) -> None:
        names = sorted((*self.public_names, "Predictor", "load_model", "__version__"))
        assert sorted(dir(self.public)) == sorted(self.public.__all__) == names
        assert all(getattr(self.public, name) is not None for name in names)


def check_all_paths(report: Mapping[str, Any], sizes: tuple[int, ...]) -> None:
    """Check that ``bench`` measured every path from images to images, in its precision and at every size."""
    paths = (("reference", "float32"), ("fast float32", "float32"), ("fast bfloat16", "bfloat16"))
    measured = [(row["size"], row["path"], row["dtype"]) for row in report["rows"]]
    assert measured == [(size, *path) for size in sizes for path in paths]
    accuracy = {row["path"]: row["psnr_to_reference"] for row in report["rows"]}
    assert accuracy["fast float32"] > 100 > accuracy["fast bfloat16"] > 20
    assert report["multiply_accumulates"] > 1e8
