"""Commands for somebody else: where files may lie, harmless names, limits, processes that end."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from visioncore.errors import InputError
from visioncore.jobs.allowed import Allowed
from visioncore.jobs.gathering import gather
from visioncore.jobs.limits import Limits
from visioncore.jobs.listening import address_of, is_loopback, listen
from visioncore.jobs.names import safe_name
from visioncore.jobs.outcome import Outcome
from visioncore.jobs.running import MOST_SAID, Call, Running
from visioncore.methods import Method

KINDS = (".png", ".nii.gz", ".gz")


def refused(told: str, call: Any, *given: Any) -> None:
    with pytest.raises(InputError) as caught:
        call(*given)
    assert told in str(caught.value), caught.value
    assert "\n" not in str(caught.value)


class TestAllowed:
    def test_files_inside(self, allowed: Allowed, inside: Path) -> None:
        assert allowed.existing(str(inside / "a.png")) == (inside / "a.png").resolve()
        assert allowed.existing(str(inside)) == inside.resolve()
        assert allowed.writable(str(inside / "new" / "out")) == inside.resolve() / "new" / "out"

    def test_files_outside(self, allowed: Allowed, inside: Path) -> None:
        for given in (
            inside.parent / "outside" / "secret.png",
            inside / ".." / "outside" / "secret.png",
            "/etc/passwd",
            f"{inside}side",
        ):
            refused("outside the allowed folders", allowed.existing, str(given))
            refused("outside the allowed folders", allowed.writable, str(given))
        refused("no such file", allowed.existing, str(inside / "none.png"))
        refused("not an absolute path", allowed.existing, "a.png")
        refused("empty", allowed.existing, "")
        refused("empty", allowed.existing, "/a\0b")

    def test_links_that_lead_outside(self, allowed: Allowed, inside: Path) -> None:
        (inside / "link.png").symlink_to(inside.parent / "outside" / "secret.png")
        (inside / "sub" / "deep").symlink_to(inside.parent / "outside")
        refused("outside the allowed folders", allowed.existing, str(inside / "link.png"))
        refused("outside the allowed folders", allowed.existing, str(inside / "sub" / "deep" / "secret.png"))
        refused("leads out of the allowed folders", allowed.existing, str(inside / "sub"))
        refused("outside the allowed folders", allowed.writable, str(inside / "sub" / "deep" / "new"))

    def test_links_inside_are_followed_once(self, allowed: Allowed, inside: Path) -> None:
        (inside / "sub" / "round").symlink_to(inside)
        assert allowed.existing(str(inside)) == inside.resolve()

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("list.txt", "a.png\n{outside}\n"),
            ("list.csv", "name,image\nb,{outside}\n"),
            ("list.csv", "../outside/secret.png\n"),
            ("layout.json", '{{"elements": [{{"image": "..\\u002foutside/secret.png"}}]}}'),
            ("list.jsonl", '{{"a": 1}}\n{{"image": "{outside}"}}\n'),
            ("list.yaml", "images:\n  - {outside}\n"),
            ("list.txt", "link.png\n"),
        ],
    )
    def test_lists_that_name_files_outside(self, allowed: Allowed, inside: Path, name: str, text: str) -> None:
        outside = inside.parent / "outside" / "secret.png"
        (inside / "link.png").symlink_to(outside)
        (inside / name).write_text(text.format(outside=outside))
        refused(f"{name}: names ", allowed.existing, str(inside / name))

    def test_lists_that_name_files_inside(self, allowed: Allowed, inside: Path) -> None:
        (inside / "list.json").write_text(json.dumps({"image": "sub/b.png", "prompt": "a cat / a dog"}))
        (inside / "broken.json").write_text("{")
        for name in ("list.json", "broken.json"):
            allowed.existing(str(inside / name))

    def test_texts(self, allowed: Allowed, inside: Path) -> None:
        for text in ("demo", "a cat", "owner/name", str(inside / "a.png"), "sub/b.png", "a... b"):
            allowed.check_text(text)
        for text in ("/etc/passwd", "../x", "~/x", "C:\\x", str(inside.parent / "outside")):
            refused("", allowed.check_text, text)
        refused("addresses are not taken", allowed.check_text, "https://example.org/net.pth")

    def test_folders_that_are_none(self, inside: Path) -> None:
        refused("--allow", Allowed.of, [])
        refused("no such folder", Allowed.of, [inside / "none"])
        refused("no such folder", Allowed.of, [inside / "a.png"])


class TestNames:
    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("photo.png", "photo.png"),
            ("Photo.PNG", "Photo.png"),
            ("../../etc/a.png", "a.png"),
            ("..\\..\\a.png", "a.png"),
            ("-rf.png", "rf.png"),
            ("$(touch x);`id`.png", "touch_x_id.png"),
            ("a*[b]?.png", "a_b.png"),
            ("snow ☃\n.png", "snow.png"),
            (".png", "input.png"),
            ("scan.nii.gz", "scan.nii.gz"),
            ("a" * 300 + ".png", "a" * 80 + ".png"),
        ],
    )
    def test_they_mean_nothing(self, name: str, safe: str) -> None:
        assert safe_name(name, KINDS) == safe
        assert shlex.quote(safe) == safe

    @pytest.mark.parametrize("name", ["a.exe", "png", "a.png.exe", ""])
    def test_other_kinds_are_not_taken(self, name: str) -> None:
        with pytest.raises(InputError, match="not a file of a kind"):
            safe_name(name, KINDS)

    def test_of_any_kind(self) -> None:
        names = {"../../../etc/passwd": "passwd", "C:\\x\\y.png": "y.png", ".hidden.png": "hidden.png"}
        names |= {"-o.png": "o.png", "scan.nii.gz": "scan.nii.gz", "n" * 500 + ".png": "n" * 80 + ".png"}
        names |= {"фото.png": "фото.png", "ф" * 300 + ".png": "ф" * 40 + ".png"}
        assert {name: safe_name(name) for name in names} == names
        for nothing in ("", "..", "/", "☃"):
            refused("without a name", safe_name, nothing)


class TestGathering:
    """Files and ZIP files in, a folder out, and nothing beside it."""

    @pytest.fixture
    def packed(self, tmp_path: Path) -> Any:
        def pack(members: dict[str, str], name: str = "scan.zip") -> Path:
            with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, text in members.items():
                    archive.writestr(member, text)
            return tmp_path / name

        return pack

    def gathered(self, files: list[Path], limits: Limits | None = None) -> dict[str, str]:
        folder = files[0].parent / "gathered"
        before = {path for path in folder.parent.rglob("*") if path != folder}
        gather(files, folder, limits or Limits())
        inside = [path for path in folder.rglob("*") if path.is_file()]
        made = {path for path in folder.parent.rglob("*") if not path.is_relative_to(folder)}
        assert made == before
        return {path.relative_to(folder).as_posix(): path.read_text() for path in inside}

    def test_both_kinds(self, packed: Any, tmp_path: Path) -> None:
        (tmp_path / "I9").write_text("nine")
        members = {"study/a/I1": "one", "study/b/I1": "two", "I9": "ten", "__MACOSX/I1": "-", "a/.hidden": "-"}
        expected = {"study/a/I1": "one", "study/b/I1": "two", "I9": "nine", "4_I9": "ten"}
        assert self.gathered([tmp_path / "I9", packed(members)]) == expected

    def test_hostile_names(self, packed: Any) -> None:
        members = {"../../up": "1", "/root": "2", "a\\..\\..\\b": "3", "C:/x": "4", "-rf *": "5", "n" * 400: "6"}
        found = self.gathered([packed(members)])
        assert found == {"up": "1", "root": "2", "a/b": "3", "C/x": "4", "rf": "5", "n" * 80: "6"}

    def test_too_large_when_unpacked(self, packed: Any, tmp_path: Path) -> None:
        file = packed({"a": "0" * 150_000, "b": "0" * 150_000})
        assert file.stat().st_size < 2000
        refused("more than 0.2 MB together", gather, [file], tmp_path / "out", Limits(megabytes=0.2))
        assert not (tmp_path / "out").exists()
        assert len(self.gathered([file], Limits(megabytes=0.3))) == 2
        for name in ("c", "d"):
            (tmp_path / name).write_text("0" * 150_000)
        refused("more than 0.2", gather, [tmp_path / "c", tmp_path / "d"], tmp_path / "out", Limits(megabytes=0.2))

    def test_a_size_that_is_not_what_it_says(self, packed: Any, tmp_path: Path) -> None:
        """A part of a million bytes says of itself, in both places, that it has ten: no more come out."""
        file = packed({"a": "0" * 10**6})
        file.write_bytes(file.read_bytes().replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little")))
        refused("scan.zip: the ZIP file is damaged", gather, [file], tmp_path / "out", Limits(megabytes=0.5))
        assert not (tmp_path / "out").exists()

    def test_too_many(self, packed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("visioncore.jobs.gathering.MOST_FILES", 3)
        refused("more than 3 files", gather, [packed(dict.fromkeys("abcd", "x"))], tmp_path / "out", Limits())

    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
    def test_no_archives(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "x.zip").write_bytes(content)
        refused("x.zip: the ZIP file is damaged", gather, [tmp_path / "x.zip"], tmp_path / "out", Limits())


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
class TestRunning:
    @pytest.fixture
    def run(self, made_up: Method, tmp_path: Path) -> Any:
        def start(text: str, *options: str) -> Running:
            (tmp_path / "a.png").write_text(text)
            words = ("predict", "a.png", "--weights", "demo", "--out", "result", *options)
            return Running(Call(made_up, words, tmp_path / "result"), tmp_path)

        return start

    def test_results(self, run: Any) -> None:
        running = run("image")
        assert running.wait(60) == 0
        outcome = running.outcome()
        assert (outcome.code, outcome.failure) == (0, "")
        assert [file.name for file in outcome.files] == [file.name for file in outcome.made] == ["a.png"]
        assert outcome.record["command"] == "predict"
        assert outcome.complaints == "note: a remark\n"

    @pytest.mark.parametrize(
        ("text", "options", "line"),
        [
            ("broken", (), "failed: a.png: broken"),
            ("killed", (), "ended by the system (signal 9); perhaps the memory did not suffice"),
            ("image", ("--crash",), "the command broke down with code 7"),
            ("image", ("--times", "x"), "predict"),
        ],
    )
    def test_failures_are_one_line(self, text: str, options: tuple[str, ...], line: str, run: Any) -> None:
        running = run(text, *options)
        running.wait(60)
        told = running.outcome().failure
        assert line in told
        assert "\n" not in told

    def test_it_ends_with_all_that_it_started(self, run: Any, tmp_path: Path) -> None:
        running, pid = run("starts another"), tmp_path / "result" / "pid"
        wait_for(lambda: pid.is_file() and pid.read_text())
        outcome = running.outcome()
        assert outcome.code is None
        assert "was over" in outcome.failure
        wait_for(lambda: not is_alive(pid.read_text()))

    def test_of_what_is_said_the_end_is_kept(self, run: Any) -> None:
        running = run("talks")
        running.wait(60)
        said = running.outcome().said
        assert MOST_SAID <= len(said) < 4 * MOST_SAID
        assert "\nthe end\n" in said


def test_the_last_line_that_counts_is_told(tmp_path: Path) -> None:
    said = "note: a\nfailed: a.png: broken\nUserWarning: of a library\n"
    assert Outcome(1, 0, "", said, tmp_path).failure == "failed: a.png: broken"
    assert Outcome(2, 0, "", "error: no such file\n", tmp_path).failure == "no such file"
    assert Outcome(1, 0, "", "Traceback\nTypeError: x\n", tmp_path).failure == "TypeError: x"
    assert Outcome(0, 0, "", "note: a\n", tmp_path).failure == "no result was made"


def test_addresses() -> None:
    with listen("127.0.0.1", 0) as place:
        assert address_of(place) == f"http://127.0.0.1:{place.getsockname()[1]}"
        refused("is in use", listen, "127.0.0.1", place.getsockname()[1])
    refused("port is 70000", listen, "127.0.0.1", 70000)
    refused("cannot be listened on", listen, "no.such.host.invalid", 0)
    hosts = {"localhost": True, "127.0.0.2": True, "::1": True, "0.0.0.0": False, "example.org": False}
    assert {host: is_loopback(host) for host in hosts} == hosts


@pytest.mark.parametrize("given", [{"seconds": 0}, {"megabytes": 0}, {"inputs": 0}, {"waiting": -1}])
def test_limits_that_are_none(given: dict[str, int]) -> None:
    refused("it must be at least", lambda: Limits(**given))


def is_alive(pid: str) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout.strip()
    # one that is dead and not yet fetched is there still
    return bool(told) and told[0] != "Z"


def wait_for(event: Any, seconds: float = 30) -> None:
    begun = time.monotonic()
    while not event():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)
