"""Downloads from a server on this machine: resumed, refused, never half there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from visioncore.errors import InputError
from visioncore.testing.file_server import FileServer, serving
from visioncore.weights.download import TRIES, download

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as given:
        yield given


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "net.pth"


def refused(address: str, file: Path, **options: Any) -> str:
    """Return the one line with which a download ends that leaves no file of its name."""
    with pytest.raises(InputError) as caught:
        download(address, file, **options)
    assert "\n" not in str(caught.value)
    assert not file.exists()
    return str(caught.value)


def left(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.iterdir())


def test_a_file_comes_whole(server: FileServer, file: Path) -> None:
    download(server.address, file, size=len(CONTENT))
    assert file.read_bytes() == CONTENT
    assert left(file) == ["net.pth"]
    assert server.asked == [""]


def test_what_broke_off_goes_on_by_itself(server: FileServer, file: Path) -> None:
    server.break_after = [300_000, 400_000]
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=300000-", "bytes=700000-"]
    assert server.sent == len(CONTENT)


def test_what_broke_off_for_long_goes_on_at_the_next_call(server: FileServer, file: Path) -> None:
    server.break_after = [200_000, 0]
    assert refused(server.address, file).endswith(
        f"broke off (200,000 of {len(CONTENT):,} bytes came); the same command goes on from there"
    )
    assert left(file) == ["net.pth.part", "net.pth.part.json"]
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)
    assert left(file) == ["net.pth"]


def test_the_tries_have_an_end(server: FileServer, file: Path) -> None:
    server.break_after = [1000] * 20
    assert "broke off" in refused(server.address, file)
    assert len(server.asked) == TRIES


def test_a_part_goes_on_by_the_date_where_there_is_no_tag(server: FileServer, file: Path) -> None:
    server.tag, server.modified, server.break_after = 'W/"weak"', "Sat, 28 Nov 2026 22:00:00 GMT", [1000]
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize(
    "change",
    [
        {"tag": '"second"'},
        {"ranges": False},
        {"shift": 3},
    ],
)
def test_a_part_of_another_file_is_never_gone_on_with(server: FileServer, file: Path, change: dict[str, Any]) -> None:
    server.break_after = [200_000, 0]
    refused(server.address, file)
    server.content = CONTENT[::-1]
    vars(server).update(change)
    download(server.address, file)
    assert file.read_bytes() == CONTENT[::-1]


def test_a_part_that_nothing_can_be_told_of_is_begun_anew(server: FileServer, file: Path) -> None:
    server.tag, server.break_after = "", [200_000, 1000]
    assert refused(server.address, file).endswith("begins anew")
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    assert server.asked == [""] * 3


def test_a_part_that_is_longer_than_the_file_is_begun_anew(server: FileServer, file: Path) -> None:
    server.break_after = [200_000, 0]
    refused(server.address, file)
    server.content = CONTENT[:1000]
    download(server.address, file)
    assert file.read_bytes() == CONTENT[:1000]


def test_a_kill_before_a_new_file_is_begun_leaves_no_bytes_of_the_old_one(
    server: FileServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.break_after = [200_000, 0]
    refused(server.address, file)
    server.content, server.tag = CONTENT[::-1], '"second"'
    open_file = Path.open

    def killed(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if path.suffix == ".part":
            raise KeyboardInterrupt
        return open_file(path, mode, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", killed)
        with pytest.raises(KeyboardInterrupt):
            download(server.address, file)
    download(server.address, file)
    assert file.read_bytes() == CONTENT[::-1]


def test_a_part_of_another_address_is_begun_anew(server: FileServer, file: Path) -> None:
    server.break_after = [200_000, 0]
    refused(server.address, file)
    download(f"{server.address}?other", file)
    assert server.asked[-1] == ""
    assert file.read_bytes() == CONTENT


def test_a_whole_part_asks_nobody(server: FileServer, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if path.suffix == ".part":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            download(server.address, file)
    assert left(file) == ["net.pth.part", "net.pth.part.json"]
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    assert len(server.asked) == 1


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("off", [-1, 1])
def test_a_file_of_another_size(server: FileServer, file: Path, announced: bool, off: int) -> None:
    server.length = announced
    told = refused(server.address, file, size=len(CONTENT) + off)
    if announced:
        assert f"{len(CONTENT):,} bytes long, but should be {len(CONTENT) + off:,}" in told
        assert server.asked == [""]
    else:
        assert ("longer than" if off < 0 else "broke off") in told
    if announced or off < 0:
        assert left(file) == []


def test_a_file_without_announced_length(server: FileServer, file: Path) -> None:
    server.length = False
    download(server.address, file)
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_page_in_the_place_of_the_file(server: FileServer, file: Path, kind: str) -> None:
    server.content, server.type = b"\n <!DOCTYPE html><html><body>Quota exceeded</body></html>", kind
    assert "a web page came in place of the file" in refused(server.address, file)
    assert left(file) == []


def test_a_page_leaves_the_part_of_the_file(server: FileServer, file: Path) -> None:
    server.break_after = [200_000, 0]
    refused(server.address, file)
    server.content, server.type, server.tag = b"<html>later</html>", "text/html", '"page"'
    assert "a web page" in refused(server.address, file)
    server.content, server.type, server.tag = CONTENT, "application/octet-stream", '"first"'
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=200000-"


def test_redirects(server: FileServer, file: Path, tmp_path: Path) -> None:
    server.redirect = "/moved"
    download(server.address, file)
    assert file.read_bytes() == CONTENT
    for wrong in ("http://example.com/net.pth", "ftp://127.0.0.1/net.pth"):
        server.redirect = wrong
        told = refused(server.address, tmp_path / "other.pth")
        assert f"leads to {wrong}: not fetched, for the way there is not encrypted" in told


@pytest.mark.parametrize(
    "address", ["http://example.com/net.pth", "file:///etc/hostname", "ftp://127.0.0.1/n", "net.pth"]
)
def test_addresses_that_are_not_https(address: str, file: Path) -> None:
    assert refused(address, file) == f"{address}: not fetched, for the way there is not encrypted; it should be https"


def test_a_file_that_is_not_there(server: FileServer, file: Path) -> None:
    server.status = 404
    assert refused(server.address, file) == f"{server.address}: not to be had there (HTTP 404 Not Found)"
    assert left(file) == []


def test_no_network(file: Path) -> None:
    with serving(b"") as gone:
        address = gone.address
    told = refused(address, file)
    assert told.startswith(f"{address}: cannot be reached (")
    assert "refused" in told


def test_a_disk_without_room(server: FileServer, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(file.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * len(CONTENT) - 1))
    download(server.address, file.with_name("once.pth"))
    needed = 2 * len(CONTENT)
    told = refused(server.address, file, copies=2)
    assert told.startswith(f"{file.parent}: {needed:,} bytes are needed and {needed - 1:,} are free")
    assert left(file) == ["once.pth"]


def test_a_disk_that_fills_up(server: FileServer, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        opened = open_file(path, mode, *more, **options)
        if not path.name.endswith(".part"):
            return opened
        written = 0

        class Full:
            def __enter__(self) -> Any:
                opened.__enter__()
                return self

            def __exit__(self, *given: Any) -> None:
                opened.__exit__(*given)

            def write(self, data: bytes) -> int:
                nonlocal written
                written += len(data)
                if written > 500_000:
                    opened.write(data[:100])
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return int(opened.write(data))

            def __getattr__(self, name: str) -> Any:
                return getattr(opened, name)

        return Full()

    monkeypatch.setattr(Path, "open", full)
    assert "could not be written (No space left on device)" in refused(server.address, file)
    assert left(file) == []
