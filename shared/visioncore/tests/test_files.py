"""Files in and out: folders that appear whole, and how a file begins."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from visioncore.errors import InputError
from visioncore.files import (
    check_listed,
    check_regular,
    check_writable,
    expand_inputs,
    first_bytes,
    natural_key,
    read_json,
    read_json_lines,
    read_list,
    read_text_lines,
    whole_folder,
    writable_folder,
    write_text,
)
from visioncore.report import Table, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "new") as folder:
        (folder / "a").write_text("a")
        assert not (tmp_path / "new").exists()
        (folder / "b").write_text("b")
    assert names(tmp_path) == ["new"]
    assert names(tmp_path / "new") == ["a", "b"]


def test_in_a_folder_that_is_there_other_files_stay(tmp_path: Path) -> None:
    for name in ("a", "other"):
        (tmp_path / name).write_text("before")
    with whole_folder(tmp_path) as folder:
        (folder / "a").write_text("after")
        assert (tmp_path / "a").read_text() == "before"
    assert names(tmp_path) == ["a", "other"]
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["after", "before"]


def test_a_write_that_fails_leaves_nothing_and_names_the_folder(tmp_path: Path) -> None:
    def half(error: Exception) -> None:
        with whole_folder(tmp_path / "new") as folder:
            (folder / "a").write_text("a")
            raise InputError(f"{folder / 'b'}: {error}") if isinstance(error, InputError) else error

    with pytest.raises(InputError) as caught:
        half(InputError("is no good"))
    assert str(caught.value) == f"{tmp_path / 'new' / 'b'}: is no good"
    with pytest.raises(InputError, match="new: could not be written"):
        half(OSError(28, "No space left on device"))
    assert names(tmp_path) == []


def test_how_a_file_begins(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abcdef")
    (tmp_path / "empty").touch()
    assert [first_bytes(tmp_path / "a", number) for number in (2, 9)] == [b"ab", b"abcdef"]
    for name, told in (("empty", "the file is empty"), ("none", "cannot be read"), (".", "cannot be read")):
        with pytest.raises(InputError, match=told):
            first_bytes(tmp_path / name, 2)


# what inputs name


def touch(folder: Path, *places: str) -> None:
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).touch()


def test_links_to_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "in/b/2.a", "in/b/10.a", "in/.hidden/3.a", "elsewhere/deep/4.a", "elsewhere/5.x")
    (tmp_path / "in" / "a").symlink_to(tmp_path / "in" / "b")
    (tmp_path / "in" / "b" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "self").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "gone").symlink_to(tmp_path / "none")

    def found(*inputs: Path | str) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in expand_inputs(inputs, [".a"])]

    everything = ["in/b/2.a", "in/b/10.a", "in/c/deep/4.a"]
    assert found(tmp_path / "in") == everything
    assert found(f"{tmp_path}/in/**/*.a") in (everything, ["in/a/2.a", "in/a/10.a", "in/c/deep/4.a"])
    assert found(tmp_path / "in" / "b", tmp_path / "in" / "a") == [
        "in/b/2.a", "in/b/10.a", "in/b/up/c/deep/4.a"
    ]  # fmt: skip


def test_digits_that_are_no_numbers_have_an_order() -> None:
    names = ["a10", "a2", "a\u00b2", "\u2460", "a\u0663"]
    assert sorted(names, key=natural_key) == ["a2", "a\u0663", "a10", "a\u00b2", "\u2460"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_pipes_and_devices_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        for use in (check_regular, lambda path: expand_inputs([path], [".a"]), lambda path: first_bytes(path, 4)):
            with pytest.raises(InputError, match="a pipe or a device"):
                use(path)
    check_regular(tmp_path)
    check_regular(tmp_path / "none")


@pytest.mark.parametrize(
    "text",
    [
        "one.a,two.a\n",
        "\ufefffirst,second\none.a,two.a",
        " First ,Second, ignored\none.a , two.a,x\n",
        "SECOND,FIRST\n\n,\ntwo.a,one.a\n",
    ],
)
def test_lists_with_and_without_header(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    ((_, entries),) = read_list(tmp_path / "list.csv", ("first", "second"), "a list")
    assert {name: entries[name] for name in ("first", "second")} == {"first": "one.a", "second": "two.a"}


def test_lists_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    for content, told in (
        (b"\x89PNG\0", "not a list of"),
        (b"1,2,3\n", "line 1: 3 columns; there should be first,second"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=told):
            read_list(path, ("first", "second"), "a list of")
    with pytest.raises(InputError, match="not a list"):
        read_list(tmp_path / "none.csv", ("first", "second"), "a list of")
    with pytest.raises(InputError, match=r"line 1: no such file: .*one \(a header must name first,second\)$"):
        check_listed(path, 1, [path, tmp_path / "one"], ("first", "second"))
    with pytest.raises(InputError, match=r"line 2: no such file: .*one$"):
        check_listed(path, 2, [tmp_path / "one"], ("first", "second"))
    path.write_bytes(b"caf\xe9,2\n")
    assert read_list(path, ("first", "second"), "a list")[0][1]["first"] == os.fsdecode(b"caf\xe9")


# what is written


def test_names_near_the_limit_of_the_file_system(tmp_path: Path) -> None:
    for name in ("n" * 251 + ".txt", "\u00fc" * 125 + ".txt", "n." + "s" * 240):
        write_text(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name
        with whole_folder(tmp_path / "in" / name) as folder:
            (folder / "a").touch()
        assert names(tmp_path / "in" / name) == ["a"]
    with pytest.raises(InputError, match="could not be written"):
        write_text(tmp_path / ("n" * 300), "")


def test_bytes_of_names_that_are_no_utf8_are_written_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    write_text(tmp_path / "a.txt", f"{name} \u00e9\n")
    assert (tmp_path / "a.txt").read_bytes() == b"caf\\xe9 \xc3\xa9\n"
    write_json(tmp_path / "a.json", {name: [name, Path(name)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"caf\\xe9": ["caf\\xe9", "caf\\xe9"]}
    table = Table(["image"])
    table.add(name)
    table.save(tmp_path / "table")
    assert (tmp_path / "table.csv").read_text() == "image\ncaf\\xe9\n"


def test_a_folder_that_could_be_made_is_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deep")
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(InputError, match="cannot write in this folder"):
            check_writable(folder)
        with pytest.raises(InputError, match=r"cannot write in this folder \(Not a directory\)"):
            writable_folder(folder)


def test_names_that_no_folder_has(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty; name one"):
        writable_folder("")
    with pytest.raises(InputError, match="a name cannot hold this character"):
        writable_folder(tmp_path / "a\0b")


def test_an_empty_input_is_not_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="an input is empty"):
        expand_inputs([""], [".png"])
    assert expand_inputs(["."], [".png"]) == [Path("a.png")]


def test_text_and_json_that_users_write(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  {"b": "\xc3\xa4"}')
    assert read_text_lines(path, "a list") == [(1, '{"a": 1}'), (3, '{"b": "\xe4"}')]
    assert read_json_lines(path, "a list") == [(1, {"a": 1}), (3, {"b": "\xe4"})]
    path.write_text('[1,\n{"a": 2}]')
    assert read_json(path, "a list") == [1, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1}\n{"a"', "line 2: not JSON"),
        (b"[1]", "line 1: should be a JSON object, {...}"),
        (b"\xff\xfe", "not a list (not text in UTF-8)"),
        (b"a\0", "not a list (not text in UTF-8)"),
        (b"[" * 100_000, "line 1: not JSON"),
    ],
)
def test_json_lines_that_are_none(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_json_lines(tmp_path / "a.jsonl", "a list")
    assert str(caught.value).startswith(f"{tmp_path / 'a.jsonl'}")
    assert told in str(caught.value)
    with pytest.raises(InputError, match="none: not a list"):
        read_json(tmp_path / "none", "a list")
