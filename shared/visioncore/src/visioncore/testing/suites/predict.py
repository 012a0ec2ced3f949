"""The behaviour of ``predict`` with files, the same in every method."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ...images import Image, write_image
from ...weights.places import digests_of
from ..photos import photo
from .base import Run, Suite, files_in, refuses


class PredictSuite(Suite):
    """The tests of a ``predict``; expects a fixture ``tiny_weights``, the folder of a network that takes no time."""

    suffix: ClassVar[str]
    """Of an input."""
    other_suffix: ClassVar[str]
    """Of another kind of input that holds the same."""
    results: ClassVar[tuple[str, ...]]
    """Files written for an input, by suffix; the first is the result itself."""
    broken_told: ClassVar[tuple[str, str]]
    """Messages for an input that is cut in half, and for one that holds a line of text."""
    options: ClassVar[tuple[str, ...]] = ("--device", "cpu")
    side: ClassVar[int] = 32
    """Of square images that the network takes."""

    def make_input(self, path: Path, seed: int) -> None:
        """Write a small valid input, of either suffix."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder of three inputs, one of them in a folder of its own."""
        names = (f"1{self.suffix}", f"2{self.other_suffix}", f"sub/1{self.suffix}")
        for seed, name in enumerate(names):
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.make_input(path, seed)
        return tmp_path / "in"

    @pytest.fixture
    def predict(self, run: Run, tiny_weights: Path, tmp_path: Path) -> Run:
        """Runs ``predict`` on inputs, and options after them, with results in ``tmp_path/out``."""

        def call(*words: object) -> tuple[int, str, str]:
            return run("predict", *words, "--weights", tiny_weights, "--out", tmp_path / "out", *self.options)

        return call

    def written(self, *stems: str) -> list[str]:
        """Return the files of results of these inputs."""
        return sorted(stem + ending for stem in stems for ending in self.results)

    def test_a_folder_keeps_its_places(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        code, said, complaints = predict(folder)
        assert (code, complaints) == (0, "")
        assert said == f"3 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'out'}\n"
        assert files_in(tmp_path / "out") == self.written("1", "2", "sub/1")

    def test_files_and_patterns(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        code, said, _ = predict(folder / f"2{self.other_suffix}", folder / "s*" / f"*{self.suffix}")
        assert code == 0
        assert said.startswith("2 done")
        assert files_in(tmp_path / "out") == self.written("2", "sub/1")

    def test_short_options(self, run: Run, folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
        short = ("-w", tiny_weights, "-o", tmp_path / "out", "-i", folder / f"1{self.suffix}")
        code, said, _ = run("predict", *short, *self.options)
        assert (code, said.partition(",")[0]) == (0, "1 done")
        assert files_in(tmp_path / "out") == self.written("1")

    def test_a_broken_file_stops_no_other(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        broken = folder / f"0{self.suffix}", folder / f"3{self.suffix}"
        whole = (folder / f"1{self.suffix}").read_bytes()
        broken[0].write_bytes(whole[: len(whole) // 2])
        broken[1].write_text("something else")
        code, said, complaints = predict(folder)
        assert code == 1
        assert said.startswith("3 done, 0 skipped as done before, 2 failed")
        assert files_in(tmp_path / "out") == self.written("1", "2", "sub/1")
        for line, path, told in zip(complaints.splitlines(), broken, self.broken_told, strict=True):
            assert line.startswith(f"failed: {path}: ")
            assert told in line

    def test_the_run_is_recorded(self, predict: Run, folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
        (folder / f"0{self.suffix}").write_text("something else")
        assert predict(folder)[0] == 1
        about = json.loads((tmp_path / "out" / "run.json").read_text())
        method = self.module("method").METHOD
        assert (about["method"], about["version"], about["command"]) == (method.name, method.version, "predict")
        assert {"visioncore", "torch", "numpy"} <= about["libraries"].keys()
        assert about["weights"]["weights"] == {"given": str(tiny_weights), "sha256": digests_of(tiny_weights)}
        assert (about["options"]["device"], about["options"]["overwrite"]) == ("cpu", False)
        assert about["inputs"] == [str(folder)]
        assert (len(about["done"]), about["skipped"]) == (3, [])
        assert all((tmp_path / "out" / name).exists() for name in about["done"])
        ((failed, reason),) = about["failed"].items()
        assert failed == str(folder / f"0{self.suffix}")
        assert self.broken_told[1] in reason
        assert predict(folder)[0] == 1
        assert len(json.loads((tmp_path / "out" / "run.json").read_text())["skipped"]) == 3

    def test_what_is_done_is_skipped_and_made_anew_on_demand(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        assert predict(folder)[0] == 0
        first, second = (tmp_path / "out" / f"{stem}{self.results[0]}" for stem in ("1", "2"))
        second.unlink()
        # results that were copied have another date
        os.utime(first, (1e9, 1e9))
        code, said, complaints = predict(folder)
        assert (code, complaints) == (0, "")
        assert said.startswith("1 done, 2 skipped as done before, 0 failed")
        assert second.exists()
        assert first.stat().st_mtime == 1e9
        assert predict(folder, "--overwrite")[1].startswith("3 done, 0 skipped")
        assert first.stat().st_mtime != 1e9

    def test_what_was_made_otherwise_is_made_anew(
        self, run: Run, predict: Run, folder: Path, tiny_weights: Path, tmp_path: Path
    ) -> None:
        """Other weights, another input of that name, a result that is empty or cut short, or of an unknown origin."""
        one, out = folder / f"1{self.suffix}", tmp_path / "out"
        result = out / f"1{self.results[0]}"

        def again(told: str, given: Path = one, weights: Path = tiny_weights) -> None:
            os.utime(result, (2e9, 2e9))
            words = ("predict", given, "--weights", weights, "--out", out, *self.options)
            code, said, complaints = run(*words)
            assert code == 0
            assert said.startswith("1 done, 0 skipped"), told
            assert complaints.count("\n") == 1, complaints
            assert complaints.startswith("a result is made anew: "), complaints
            assert told in complaints

        assert predict(one)[0] == 0
        whole = result.stat().st_size
        result.write_bytes(b"")
        again("it is empty or cut short")
        result.write_bytes(result.read_bytes()[:-1])
        again("it is empty or cut short")
        assert result.stat().st_size == whole
        self.make_input(one, seed=7)
        again("its input is another or was changed")
        (folder / "other").mkdir()
        again("its input is another or was changed", one.rename(folder / "other" / one.name))
        again("weights was ", folder / "other" / one.name, self.other_weights(tiny_weights, tmp_path / "others"))
        (out / "made.jsonl").unlink()
        again("there is no record of how it was made", folder / "other" / one.name)
        assert predict(folder / "other" / one.name)[1].startswith("0 done, 1 skipped")

    def other_weights(self, weights: Path, out: Path) -> Path:
        """Write weights that differ a little from others into a folder and return it."""
        import torch

        model = self.public.load_model(weights)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1e-3)
        model.save_pretrained(out)
        return out

    def test_a_record_that_was_cut_off_is_no_record(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        assert predict(folder)[0] == 0
        record = tmp_path / "out" / "made.jsonl"
        results = [line for line in record.read_bytes().splitlines(keepends=True) if b'"result":' in line]
        record.write_bytes(b"".join(results)[:-40])
        for said in ("1 done, 2 skipped", "0 done, 3 skipped"):
            assert predict(folder)[1].startswith(said)

    def test_two_inputs_of_one_name_both_have_results(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        self.make_input(folder / f"1{self.other_suffix}", seed=3)
        assert predict(folder)[0] == 0
        both = f"1{self.suffix}", f"1{self.other_suffix}"
        assert files_in(tmp_path / "out") == self.written(*both, "2", "sub/1")

    def test_results_inside_the_inputs_are_no_inputs(self, run: Run, folder: Path, tiny_weights: Path) -> None:
        for begin in ("3 done, 0 skipped", "0 done, 3 skipped"):
            _, said, _ = run("predict", folder, "--weights", tiny_weights, "--out", folder / "out", *self.options)
            assert said.startswith(begin)
        assert files_in(folder / "out") == self.written("1", "2", "sub/1")

    def test_processes_share_the_inputs(
        self, predict: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As ``accelerate launch`` starts them."""
        monkeypatch.setenv("WORLD_SIZE", "2")
        for rank, count in (("0", 2), ("1", 1)):
            monkeypatch.setenv("RANK", rank)
            code, said, _ = predict(folder)
            assert code == 0
            assert said.startswith(f"{count} done, 0 skipped")
        assert files_in(tmp_path / "out") == self.written("1", "2", "sub/1")

    def test_a_share_that_is_not_told_is_refused(
        self, predict: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("RANK", raising=False)
        monkeypatch.setenv("WORLD_SIZE", "2")
        refuses(predict, folder, told="RANK is not set, WORLD_SIZE is '2'")
        for rank in ("2", "", "first"):
            monkeypatch.setenv("RANK", rank)
            refuses(predict, folder, told=f"RANK is {rank!r}")
        assert not (tmp_path / "out").exists()

    def test_links_to_folders_are_followed_once(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        self.make_input(tmp_path / "elsewhere" / f"3{self.suffix}", seed=4)
        (folder / "linked").symlink_to(tmp_path / "elsewhere")
        (folder / "sub" / "round").symlink_to(folder)
        everything = self.written("1", "2", "sub/1", "linked/3")
        assert predict(folder)[1].startswith("4 done, 0 skipped")
        assert files_in(tmp_path / "out") == everything
        assert predict(f"{folder}/**/*{self.suffix}")[1].startswith("0 done, 3 skipped")
        assert predict(folder / "sub" / "round" / f"2{self.other_suffix}", folder)[1].startswith("0 done, 4 skipped")
        assert files_in(tmp_path / "out") == everything

    def test_one_input_may_go_to_a_file(self, run: Run, folder: Path, tiny_weights: Path, tmp_path: Path) -> None:
        more = ("--weights", tiny_weights, *self.options)
        target = tmp_path / "new" / f"named{self.results[0]}"
        code, said, _ = run("predict", folder / f"1{self.suffix}", "--out", target, *more)
        assert code == 0
        assert said.startswith("1 done")
        assert files_in(tmp_path / "new") == self.written("named")
        assert sorted(path.name for path in target.parent.iterdir()) == self.written("named")
        target = tmp_path / f"several{self.results[0]}"
        refuses(run, "predict", folder, "--out", target, *more, told="one file, but there are 3 ")
        assert not target.exists()

    @pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes")
    def test_names_that_are_no_utf8(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9")
        self.make_input(folder / f"1{self.suffix}", seed=0)
        (folder / f"1{self.suffix}").rename(folder / f"{name}{self.suffix}")
        (folder / f"{name}-broken{self.suffix}").write_text("something else")
        for begin in ("3 done, 0 skipped", "0 done, 3 skipped"):
            code, said, complaints = predict(folder)
            assert code == 1
            assert said.startswith(begin)
            assert complaints.startswith(f"failed: {folder / 'caf'}\\xe9-broken{self.suffix}: ")
        assert files_in(tmp_path / "out") == self.written(name, "2", "sub/1")

    def test_odd_names(self, predict: Run, folder: Path, tmp_path: Path) -> None:
        """Digits that are no numbers, and a name as long as a result's may be."""
        longest = "n" * (255 - max(map(len, (*self.results, self.suffix))))
        for stem in ("\u00b2", "2\u2460", longest):
            self.make_input(folder / f"s{self.suffix}", seed=0)
            (folder / f"s{self.suffix}").rename(folder / f"{stem}{self.suffix}")
        code, said, complaints = predict(folder)
        assert (code, complaints) == (0, "")
        assert said.startswith("6 done")
        assert files_in(tmp_path / "out") == self.written("1", "2", "sub/1", "\u00b2", "2\u2460", longest)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
    def test_a_pipe_is_not_waited_for(self, predict: Run, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / f"pipe{self.suffix}")
        refuses(predict, tmp_path / f"pipe{self.suffix}", told="a pipe or a device")

    def test_no_images_are_an_empty_result(self, tiny_weights: Path) -> None:
        import torch

        predictor = self.public.Predictor(self.public.load_model(tiny_weights), "cpu")
        channels, side = getattr(predictor, "channels", 3), self.side
        whole = predictor.run(torch.rand(1, channels, side, side))
        empty = predictor.run(torch.rand(0, channels, side, side))
        assert empty.shape == (0, *whole.shape[1:])
        assert empty.dtype == whole.dtype

    def test_a_full_disk_leaves_nothing_half_written(
        self, predict: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_file, write_bytes = Path.open, Path.write_bytes

        def fill(path: Path) -> None:
            # as the results of both files called 1 are named until they are whole
            if path.name.startswith(".1."):
                with open_file(path, "wb") as file:
                    file.write(b"half of it")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def full_open(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
            if "w" in mode:
                fill(path)
            return open_file(path, mode, *more, **options)

        def full_write(path: Path, data: bytes) -> int:
            fill(path)
            return write_bytes(path, data)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", full_open)
            patch.setattr(Path, "write_bytes", full_write)
            code, said, complaints = predict(folder)
        assert code == 1
        assert said.startswith("1 done, 0 skipped as done before, 2 failed")
        assert complaints.count("No space left on device") == complaints.count("\n") == 2
        names = files_in(tmp_path / "out")
        assert [name for name in names if name.endswith(self.results[0])] == [f"2{self.results[0]}"]
        assert not [name for name in names if "partial" in name or Path(name).name.startswith(".")]

    def test_a_network_that_is_not_finite_fails_file_by_file(
        self, run: Run, folder: Path, tiny_weights: Path, tmp_path: Path
    ) -> None:
        import torch

        model = self.public.load_model(tiny_weights)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(float("nan"))
        model.save_pretrained(tmp_path / "nan")
        out = tmp_path / "out"
        code, said, complaints = run("predict", folder, "--weights", tmp_path / "nan", "--out", out, *self.options)
        assert code == 1
        assert said.startswith("0 done, 0 skipped as done before, 3 failed")
        assert complaints.startswith(f"failed: {folder / f'1{self.suffix}'}: ")
        assert ("not numbers" in complaints) or ("not finite" in complaints)
        assert files_in(out) == []

    def test_inputs_and_options_that_will_not_do(
        self, run: Run, predict: Run, folder: Path, tiny_weights: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        (tmp_path / "empty").mkdir()
        weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
        for words, told in (
            ((tmp_path / "none",), "no such file or folder"),
            ((tmp_path / "empty",), f"{tmp_path / 'empty'}: no "),
            ((tmp_path / "empty" / f"*{self.suffix}",), "no "),
            ((), "inputs: at least one is needed"),
            ((folder, "--batch", "0"), "batch is 0"),
            ((folder, "--dtype", "half"), "half"),
        ):
            refuses(predict, *words, told=told)
        refuses(run, "predict", folder, *out, told="--weights")
        refuses(run, "predict", folder, *weights, told="--out")
        refuses(run, "predict", folder, *weights, *out, "--device", "tpu", told="unknown device 'tpu'")
        refuses(run, "predict", folder, *weights, "--out", tmp_path / "file", told="cannot write in this folder")
        refuses(run, "predict", folder, *weights, "--out", folder, told="next time")
        assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []


class ImagePredictSuite(PredictSuite):
    """The tests of a ``predict`` that makes images of images."""

    suffix, other_suffix, results = ".png", ".jpg", (".png",)
    broken_told = "the PNG file is truncated or damaged", "not an image"
    size: ClassVar[tuple[int, int]]
    """Height and width of the inputs."""

    def make_input(self, path: Path, seed: int) -> None:
        write_image(path, Image(photo(*self.size, seed=seed)))
