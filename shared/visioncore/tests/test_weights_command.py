"""The authors' files of a made-up method: listed, fetched from a server on this machine, found by their names."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec, NamespaceLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import pytest
import torch
from torch import nn

from visioncore.commands.shared import program, shared_commands
from visioncore.errors import InputError
from visioncore.methods import Checkpoint, Images, Method, Network
from visioncore.testing.file_server import FileServer, serving
from visioncore.testing.suites.weights import checkpoint_faults
from visioncore.weights.fetched import backbone_file, cache_folder
from visioncore.weights.fetching import fetch
from visioncore.weights.loading import load_model
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import read_state_dict

Call = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Config:
    width: int = 2
    note: str = ""


class Model(Pretrained):
    config_class = Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layer = nn.Linear(config.width, 1, bias=False)

    @classmethod
    def from_published(cls, path: str | Path, note: str = "", base: str | Path | None = None) -> Self:
        state = read_state_dict(path)
        if state.keys() != {"layer.weight"}:
            raise InputError(f"{path}: not a checkpoint of the made-up")
        beside = "" if base is None else f" on {sorted(read_base(base))}"
        model = cls(Config(state["layer.weight"].shape[1], note + beside))
        model.load_state_dict(state)
        return model.eval()


def read_base(path: str | Path) -> dict[str, Any]:
    state: dict[str, Any] = read_state_dict(path)
    if "base" not in state:
        raise InputError(f"{path}: not a base")
    return state


def as_bytes(**tensors: torch.Tensor) -> bytes:
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


CONTENT = as_bytes(**{"layer.weight": torch.arange(5.0)[None]})
BASE = as_bytes(base=torch.zeros(3))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as given:
        yield given


@pytest.fixture
def base_server() -> Iterator[FileServer]:
    with serving(BASE) as given:
        yield given


@pytest.fixture
def method(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: FileServer, base_server: FileServer) -> Method:
    about: dict[str, Any] = {"licence": "MIT", "terms": "keep the notice"}
    network = Network("parts:Model", "parts:VARIANTS.get", ("small",), Images("x", 1), ("y",), companions={"base": "-"})
    record: dict[str, Any] = dict.fromkeys(
        ("title", "task", "paper", "authors", "venue", "arxiv", "citation", "licence"), "text"
    )
    made_up = Method(
        name="made-up",
        module="made_up",
        demo="made_up.parts:demo",
        weights="somewhere",
        network=network,
        checkpoints=(
            Checkpoint("net", "the network", server.address, **about, options={"note": "told"}),
            Checkpoint(
                "base",
                "what others stand on",
                base_server.address,
                **about,
                size=len(BASE),
                sha256=hashlib.sha256(BASE).hexdigest()[:12],
                option="base",
                reads="parts:read_base",
            ),
            Checkpoint("both", "the network on its base", server.address, **about, companions={"base": "base"}),
        ),
        **record,
    )
    package, parts, method_module = ModuleType("made_up"), ModuleType("made_up.parts"), ModuleType("made_up.method")
    package.__path__ = []
    package.__spec__ = ModuleSpec("made_up", None, is_package=True)
    package.__spec__.loader = NamespaceLoader("made_up", [str(tmp_path)], lambda *_: None)
    vars(parts).update(Model=Model, VARIANTS={"small": Config()}, read_base=read_base)
    vars(method_module).update(METHOD=made_up)
    for module in (package, parts, method_module):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return made_up


def runner(method: Method, run_program: Callable[..., tuple[int, str, str]]) -> Call:
    main = program(method, *shared_commands(method))[1]
    return lambda *words: run_program(main, "weights", *words)


@pytest.fixture
def call(method: Method, run_program: Callable[..., tuple[int, str, str]]) -> Call:
    """Runs ``weights`` of the made-up method."""
    return runner(method, run_program)


def with_net(method: Method, **changes: Any) -> Method:
    """Return the method with another first checkpoint; programs find it by its module as well."""
    net, *others = method.checkpoints
    changed = replace(method, checkpoints=(replace(net, **changes), *others))
    vars(sys.modules["made_up.method"]).update(METHOD=changed)
    return changed


def left() -> list[str]:
    """Return the files of the cache, without locks."""
    folder = cache_folder() / "weights" / "made-up"
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(name for name in found if not name.endswith(".lock"))


def test_where_things_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VISIONCORE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "visioncore"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "visioncore"
    monkeypatch.setenv("VISIONCORE_CACHE", "~/mine")
    assert cache_folder() == Path.home() / "mine"


def test_a_network_is_fetched_converted_and_found_by_its_name(method: Method, call: Call, server: FileServer) -> None:
    assert call("path", "net") == (2, "", "error: net: not fetched yet; run: made-up weights get net\n")
    with pytest.raises(InputError, match=r"net: not fetched yet; run: made-up weights get net$"):
        load_model(method, "net")
    code, said, complaints = call("get", "net", "--accept")
    folder = cache_folder() / "weights" / "made-up" / "net"
    assert (code, complaints) == (0, "")
    for told in (
        "the network",
        server.address,
        "not known",
        "MIT",
        "keep the notice",
        f"{folder}; to be given as --weights net",
    ):
        assert told in said
    assert left() == ["net", "net.json", "net/card.json", "net/config.json", "net/model.safetensors"]
    assert call("path", "net") == (0, f"{folder}\n", "")
    model = load_model(method, "net")
    assert model.config == Config(5, "told")
    assert torch.equal(model.layer.weight.detach(), torch.arange(5.0)[None])
    assert not model.training
    assert json.loads((folder.parent / "net.json").read_text())["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_what_is_there_is_not_fetched_again(call: Call, server: FileServer) -> None:
    assert call("get", "net", "--accept")[0] == 0
    server.status = 500
    code, said, _ = call("get", "net")
    assert code == 0
    assert len(said.splitlines()) == 1
    assert len(server.asked) == 1


def test_weights_of_that_name_in_the_working_folder_come_first(method: Method, call: Call) -> None:
    assert call("get", "net", "--accept")[0] == 0
    Path("net").mkdir()
    assert load_model(method, "net").config.width == 5
    Model(Config(3)).save_pretrained("net")
    assert load_model(method, "net").config.width == 3


def test_a_backbone_stays_as_it_is(method: Method, call: Call) -> None:
    with pytest.raises(InputError, match="base: not fetched yet; run: made-up weights get base"):
        backbone_file(method, "base")
    assert "--base base" in call("get", "base", "--accept")[1]
    file = backbone_file(method, "base")
    assert file == cache_folder() / "weights" / "made-up" / "base" / "net.pth"
    assert file.read_bytes() == BASE
    assert backbone_file(method, "other.pth") == Path("other.pth")
    Path("base").write_bytes(b"mine")
    assert backbone_file(method, "base") == Path("base")


def test_one_is_not_taken_for_the_other(method: Method, call: Call) -> None:
    assert call("get", "both", "--accept")[0] == 0
    with pytest.raises(InputError, match=r"base: what others stand on; it is given as --base$"):
        load_model(method, "base")
    with pytest.raises(InputError, match=r"both: the network on its base; it is given as --weights$"):
        backbone_file(method, "both")


def test_what_a_checkpoint_needs_beside_it_comes_with_it(method: Method, call: Call) -> None:
    code, said, _ = call("get", "both", "--accept")
    assert code == 0
    assert said.index("what others stand on") < said.index("the network on its base")
    assert load_model(method, "both").config.note == " on ['base']"
    assert call("path", "base")[0] == 0


def test_faults_of_a_table_are_seen(method: Method) -> None:
    right = with_net(method, address="https://example.com/net.pth")
    (net, base, both) = (replace(checkpoint, address="https://example.com/net.pth") for checkpoint in right.checkpoints)
    assert checkpoint_faults(replace(method, checkpoints=(net, base, both))) == []
    assert checkpoint_faults(method)[0] == "net: the address should begin with https://"
    wrong: dict[str, dict[str, Any]] = {
        "the name should be": {"name": "Net_1"},
        "a variant of the network": {"name": "small"},
        "base is named twice": {"name": "base"},
        "should end with /uc?id=ID": {"address": "https://drive.google.com/file/d/key/view"},
        "wants the place of the file inside": {"address": "https://drive.google.com/drive/folders/key"},
        "licence and terms should be given": {"licence": ""},
        "number of bytes": {"size": 0},
        "hexadecimal": {"sha256": "xyz"},
        "a companion should be a backbone": {"companions": {"base": "both"}},
        "one of the network's": {"companions": {"basis": "base"}},
        "a backbone has an option of its own": {"option": "base"},
    }
    for told, changes in wrong.items():
        (found,) = checkpoint_faults(replace(method, checkpoints=(replace(net, **changes), base, both)))
        assert told in found


def test_list(call: Call, method: Method, run_program: Callable[..., tuple[int, str, str]]) -> None:
    call("get", "base", "--accept")
    code, said, _ = call("list")
    assert code == 0
    rows = [line.split("│")[1:-1] for line in said.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["net", "the network", "not known", "MIT", "no"],
        ["base", "what others stand on", "0 MB", "MIT", "yes"],
        ["both", "the network on its base", "not known", "MIT", "no"],
    ]
    facts = json.loads(call("list", "--json")[1])
    assert [entry["name"] for entry in facts] == ["net", "base", "both"]
    assert facts[0]["fetched"] is None
    assert facts[1]["fetched"] == str(backbone_file(method, "base"))
    assert facts[1]["terms"] == "keep the notice"
    none = runner(replace(method, checkpoints=()), run_program)
    assert none("list") == (0, "text: no weights are published\n", "")
    assert none("list", "--json") == (0, "[]\n", "")
    assert "there are none" in none("get", "net")[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("get", "nett"), "no published weights are called 'nett'; did you mean net?"),
        (("path", "x"), "no published weights are called 'x'; there are net, base, both"),
        (("get",), "which weights? there are net, base, both"),
        (("list", "net"), "weights list shows all"),
        (("list", "--accept"), "--accept goes with weights get, not with weights list"),
        (("path", "net", "--file", "x"), "--file goes with weights get"),
        (("get", "net", "--json"), "--json goes with weights list"),
        (("get", "net", "--file", "none.pth"), "none.pth: no such file"),
        (("fetch", "net"), "fetch"),
    ],
)
def test_wrong_usage_is_one_line(call: Call, server: FileServer, words: tuple[str, ...], told: str) -> None:
    code, _, complaints = call(*words)
    assert code == 2
    assert complaints.count("\n") == 1
    assert told in complaints
    assert server.asked == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terms_are_accepted_first(call: Call, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, said, complaints = call("get", "net")
    assert code == 2
    assert "keep the notice" in said
    assert complaints == "error: net: not fetched; --accept says that you accept licence and terms\n"
    for answer in ("n\n", "", "\n", "never\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code, _, complaints = call("get", "net")
        assert (code, complaints) == (2, "error: net: not fetched, for licence and terms were not accepted\n")
    assert server.asked == []
    assert not cache_folder().exists()
    monkeypatch.setattr(sys, "stdin", Terminal("Yes\n"))
    assert call("get", "net")[0] == 0


def test_a_file_that_the_user_has_fetched(
    method: Method, call: Call, server: FileServer, base_server: FileServer
) -> None:
    Path("mine.pth").write_bytes(CONTENT)
    assert call("get", "net", "--file", "mine.pth")[0] == 0
    assert load_model(method, "net").config.width == 5
    Path("base.pth").write_bytes(BASE)
    assert call("get", "base", "--file", "base.pth")[0] == 0
    assert Path("mine.pth").read_bytes() == CONTENT
    assert Path("base.pth").read_bytes() == BASE
    assert server.asked == base_server.asked == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>no</html>", "a web page came in place of the file"),
        (b"", "empty"),
        (b"anything", "not a checkpoint"),
        (BASE, "not a checkpoint of the made-up"),
    ],
)
def test_a_wrong_file_of_the_user_stays(call: Call, content: bytes, told: str) -> None:
    Path("mine.pth").write_bytes(content)
    code, _, complaints = call("get", "net", "--file", "mine.pth")
    assert code == 2
    assert told in complaints
    assert "mine.pth" in complaints
    assert "removed" not in complaints
    assert Path("mine.pth").read_bytes() == content
    assert left() == []


def test_only_a_person_can_fetch_it(method: Method, run_program: Callable[..., tuple[int, str, str]]) -> None:
    by_hand = runner(with_net(method, by_hand=True), run_program)
    code, _, complaints = by_hand("get", "net", "--accept")
    assert code == 2
    assert f"only a person can fetch this file: open {method.checkpoints[0].address} in a browser" in complaints
    assert "--file" in complaints
    assert left() == []
    Path("mine.pth").write_bytes(CONTENT)
    assert by_hand("get", "net", "--file", "mine.pth")[0] == 0


def test_a_wrong_digest(method: Method, run_program: Callable[..., tuple[int, str, str]], server: FileServer) -> None:
    told = runner(with_net(method, sha256="0123abcd"), run_program)("get", "net", "--accept")[2]
    assert told.startswith(f"error: net: what came from {server.address} was removed again: ")
    assert f"its SHA-256 is {hashlib.sha256(CONTENT).hexdigest()}, but should be 0123abcd" in told
    assert told.count("\n") == 1
    assert left() == []


def test_a_wrong_size_of_a_file_at_hand(method: Method, run_program: Callable[..., tuple[int, str, str]]) -> None:
    Path("mine.pth").write_bytes(CONTENT)
    sized = runner(with_net(method, size=3), run_program)
    assert f"mine.pth: {len(CONTENT):,} bytes long, but should be 3" in sized("get", "net", "--file", "mine.pth")[2]


def test_tensors_that_do_not_fit(call: Call, server: FileServer, base_server: FileServer) -> None:
    server.content = BASE
    code, _, complaints = call("get", "net", "--accept")
    assert code == 2
    assert "was removed again" in complaints
    assert "not a checkpoint of the made-up" in complaints
    assert left() == []
    base_server.content = bytes(len(BASE))
    assert "but should be" in call("get", "base", "--accept")[2]
    assert left() == []


def test_the_digest_of_the_first_download_counts_for_later_ones(call: Call, server: FileServer) -> None:
    assert call("get", "net", "--accept")[0] == 0
    folder = Path(call("path", "net")[1].strip())
    shutil.rmtree(folder)
    server.content = as_bytes(**{"layer.weight": torch.ones(1, 5)})
    code, _, complaints = call("get", "net", "--accept")
    record = folder.parent / "net.json"
    assert code == 2
    assert f"but was {hashlib.sha256(CONTENT).hexdigest()} when it was first fetched" in complaints
    assert f"remove {record}" in complaints
    assert left() == ["net.json"]
    record.write_text("{")
    assert f"{record}: cannot be read; remove it" in call("get", "net", "--accept")[2]
    record.unlink()
    assert call("get", "net", "--accept")[0] == 0


def test_what_broke_off_goes_on_with_the_same_command(call: Call, server: FileServer) -> None:
    server.break_after = [300, 0]
    code, _, complaints = call("get", "net", "--accept")
    assert code == 2
    assert "the same command goes on from there" in complaints
    assert left() == [".net.download", ".net.download/net.pth.part", ".net.download/net.pth.part.json"]
    assert call("path", "net")[0] == 2
    assert call("get", "net", "--accept")[0] == 0
    assert server.sent == len(CONTENT)
    assert left() == ["net", "net.json", "net/card.json", "net/config.json", "net/model.safetensors"]


@pytest.mark.parametrize("what", ["page", "gone", "unreachable"])
def test_what_does_not_come_leaves_nothing(
    method: Method, run_program: Callable[..., tuple[int, str, str]], server: FileServer, what: str
) -> None:
    if what == "page":
        server.content = b"<!doctype html>"
    elif what == "gone":
        server.status = 404
    else:
        with serving(b"") as gone:
            method = with_net(method, address=gone.address)
    code, _, complaints = runner(method, run_program)("get", "net", "--accept")
    assert code == 2
    assert complaints.count("\n") == 1
    assert left() == []


def test_a_full_disk_at_the_download_leaves_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if path.suffix == ".part":
            open_file(path, "wb").close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open_file(path, mode, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        code, _, complaints = call("get", "net", "--accept")
    assert code == 2
    assert "could not be written (No space left on device)" in complaints
    assert left() == []
    assert call("get", "net", "--accept")[0] == 0


def test_a_full_disk_at_the_conversion_keeps_the_download(
    call: Call, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def full(path: Path, *given: Any, **options: Any) -> int:
        if path.name.startswith(".config."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_text(path, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        code, _, complaints = call("get", "net", "--accept")
    assert code == 2
    assert "No space left on device" in complaints
    assert left() == [".net.download", ".net.download/net.pth"]
    assert call("path", "net")[0] == 2
    assert call("get", "net", "--accept")[0] == 0
    assert len(server.asked) == 1


def test_a_kill_at_any_write_leaves_what_the_next_call_makes_whole(
    method: Method, call: Call, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each file or folder that takes its name, one after the other."""
    for name in ("replace", "rename"):
        for number in range(10):
            original, count = getattr(Path, name), 0

            def killed(path: Path, target: Path, original: Any = original, number: int = number) -> Path:
                nonlocal count
                count += 1
                if count == number + 1:
                    raise KeyboardInterrupt
                return Path(original(path, target))

            with monkeypatch.context() as patch:
                patch.setattr(Path, name, killed)
                code = call("get", "net", "--accept")[0]
            if code == 130:
                fetched = call("path", "net")
                assert fetched[0] == 2 or load_model(method, "net").config.width == 5
                assert call("get", "net", "--accept")[0] == 0
            assert load_model(method, "net").config.width == 5
            shutil.rmtree(cache_folder())
            if code == 0:
                break
        else:
            raise AssertionError("killed at every write")


def test_of_two_at_once_one_fetches_and_the_other_waits(
    method: Method, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    read = Model.from_published.__func__  # type: ignore[attr-defined]

    def slow(cls: type[Model], *given: Any, **options: Any) -> Model:
        begun.set()
        assert go_on.wait(20)
        found: Model = read(cls, *given, **options)
        return found

    monkeypatch.setattr(Model, "from_published", classmethod(slow))
    (net, *_), said, places = method.checkpoints, [], []

    def wait_said(line: str) -> None:
        said.append(line)
        go_on.set()

    first = threading.Thread(target=lambda: places.append(fetch(method, net, say=said.append)))
    first.start()
    assert begun.wait(20)
    places.append(fetch(method, net, say=wait_said))
    first.join()
    assert said == ["net: another process is fetching it; waiting"]
    assert places[0] == places[1]
    assert len(server.asked) == 1
    assert load_model(method, "net").config.width == 5


class Drive(ModuleType):
    """What gdown offers, with a folder of files."""

    def __init__(self) -> None:
        super().__init__("gdown")
        self.asked: list[str] = []
        self.content: bytes | Exception = CONTENT
        self.files = {"experiment/one/net.pth": "key1", "experiment/other-one/net.pth": "key2"}

    def download(self, *, id: str, output: str, quiet: bool, use_cookies: bool, resume: bool) -> str:
        self.asked.append(id)
        if isinstance(self.content, Exception):
            Path(output).with_suffix(".part").write_bytes(b"half")
            raise self.content
        Path(output).write_bytes(self.content)
        return output

    def download_folder(self, *, url: str, skip_download: bool, quiet: bool, use_cookies: bool) -> list[Any]:
        assert skip_download
        return [SimpleNamespace(path=path, id=key) for path, key in self.files.items()]


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Drive:
    found = Drive()
    monkeypatch.setitem(sys.modules, "gdown", found)
    return found


FILE = "https://drive.google.com/uc?id=key"
FOLDER = "https://drive.google.com/drive/folders/abc"


def test_google_drive(method: Method, run_program: Callable[..., tuple[int, str, str]], drive: Drive) -> None:
    assert runner(with_net(method, address=FILE), run_program)("get", "net", "--accept")[0] == 0
    assert drive.asked == ["key"]
    assert load_model(method, "net").config.width == 5
    shutil.rmtree(cache_folder())
    in_folder = with_net(method, address=FOLDER, inside="one/net.pth")
    assert runner(in_folder, run_program)("get", "net", "--accept")[0] == 0
    assert drive.asked == ["key", "key1"]
    shutil.rmtree(cache_folder())
    missing = runner(with_net(method, address=FOLDER, inside="two/net.pth"), run_program)("get", "net", "--accept")
    assert missing[0] == 2
    assert f"0 files two/net.pth in the folder {FOLDER}" in missing[2]
    assert left() == []


@pytest.mark.parametrize(
    ("content", "told", "stays"),
    [
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "a web page came in place of the file", False),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device", False),
        (
            RuntimeError("Cannot retrieve\n\tthe link"),
            "not to be had from Google Drive (Cannot retrieve the link)",
            True,
        ),
    ],
)
def test_google_drive_that_does_not_give_it(
    method: Method,
    run_program: Callable[..., tuple[int, str, str]],
    drive: Drive,
    content: bytes | Exception,
    told: str,
    stays: bool,
) -> None:
    drive.content = content
    code, _, complaints = runner(with_net(method, address=FILE), run_program)("get", "net", "--accept")
    assert code == 2
    assert complaints.count("\n") == 1
    assert told in complaints
    assert "--file" in complaints
    assert left() == ([".net.download", ".net.download/net.part"] if stays else [])


def test_google_drive_without_gdown(
    method: Method,
    run_program: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    base_server: FileServer,
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    on_drive = runner(with_net(method, address=FILE, companions={"base": "base"}), run_program)
    code, _, complaints = on_drive("get", "net", "--accept")
    assert code == 2
    assert complaints == 'error: gdown is not installed; run: pip install "visioncore[drive]"\n'
    assert base_server.asked == []  # what it needs beside it is no use without it


def test_the_hub(
    method: Method, run_program: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def download(repo_id: str, filename: str, *, revision: str, local_dir: Path) -> str:
        asked.append((repo_id, filename, revision))
        (local_dir / "sub").mkdir()
        (local_dir / filename).write_bytes(CONTENT)
        return str(local_dir / filename)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    address = "https://huggingface.co/owner/repo/resolve/v1/sub/net.bin"
    assert runner(with_net(method, address=address), run_program)("get", "net", "--accept")[0] == 0
    assert asked == [("owner/repo", "sub/net.bin", "v1")]
    assert left() == ["net", "net.json", "net/card.json", "net/config.json", "net/model.safetensors"]
