"""Files in and out: folders that appear whole, and how a file begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from visioncore.errors import InputError
from visioncore.files import first_bytes, whole_folder


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
