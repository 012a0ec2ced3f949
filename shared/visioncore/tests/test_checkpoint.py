"""Reading what others saved, without running it; saying what does not fit; writing whole files."""

from __future__ import annotations

import argparse
import os
import pickle
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from visioncore.errors import InputError
from visioncore.testing.refusals import one_line
from visioncore.weights.state_dicts import (
    check_finite,
    compare,
    load_into,
    read_metadata,
    read_state_dict,
    strip_prefix,
    write_state_dict,
)

STATE = {"first.weight": torch.arange(12.0).reshape(3, 4), "first.bias": torch.tensor([1, 2, 3])}


class Touch:
    """An object whose unpickling makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f'echo ran > "{self.path}"',)


def save_new(content: Any, path: Path) -> None:
    torch.save(content, path)


def save_old(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def error_of(path: Path) -> str:
    text = one_line(read_state_dict, path)
    assert text.startswith(f"{path}: ")
    return text


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("save", [save_new, save_old])
@pytest.mark.parametrize("envelope", [None, "state_dict", "params_ema", "params", "model"])
def test_reads_published_files(tmp_path: Path, save: Callable[[Any, Path], None], envelope: str | None) -> None:
    path = tmp_path / "published.pth"
    content = {envelope: STATE, "epoch": 3, "optimizer": {"state": {0: {"step": 1}}}} if envelope else STATE
    save(content, path)
    assert_same(read_state_dict(path), STATE)


def test_prefers_the_averaged_weights_and_opens_envelopes_in_envelopes(tmp_path: Path) -> None:
    path = tmp_path / "both.pth"
    torch.save({"params": {"a": torch.zeros(1)}, "params_ema": {"a": torch.ones(1)}}, path)
    assert read_state_dict(path)["a"] == 1
    torch.save({"model": {"state_dict": STATE, "epoch": 1}}, path)
    assert_same(read_state_dict(path), STATE)


def test_an_envelope_that_contains_itself_ends(tmp_path: Path) -> None:
    content: dict[str, Any] = {}
    content["model"] = content
    torch.save(content, tmp_path / "loop.pth")
    assert "no tensors by name" in error_of(tmp_path / "loop.pth")


def test_reads_safetensors_by_content(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    write_state_dict(path, STATE, {"note": "mine"})
    assert_same(read_state_dict(path), STATE)
    assert read_metadata(path) == {"note": "mine"}


def test_parameters_come_back_as_plain_tensors(tmp_path: Path) -> None:
    torch.save({"a": nn.Parameter(torch.ones(2))}, tmp_path / "a.pth")
    tensor = read_state_dict(tmp_path / "a.pth")["a"]
    assert type(tensor) is torch.Tensor
    assert not tensor.requires_grad


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("save", [save_new, save_old, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(
    tmp_path: Path, save: Callable[[Any, Path], None]
) -> None:
    path, witness = tmp_path / "evil.pth", tmp_path / "witness"
    save({"state_dict": {"a": torch.ones(2)}, "extra": Touch(witness)}, path)
    assert "nothing in it was run" in error_of(path)
    assert not witness.exists()
    # The witness does appear when the code runs, so its absence means something.
    if zipfile.is_zipfile(path):
        torch.load(path, weights_only=False)
        assert witness.exists()


@pytest.mark.parametrize("save", [save_new, save_old])
def test_pickled_objects_are_named(tmp_path: Path, save: Callable[[Any, Path], None]) -> None:
    path = tmp_path / "options.pth"
    save({"model": STATE, "args": argparse.Namespace(lr=1)}, path)
    assert "argparse.Namespace" in error_of(path)
    save(nn.Linear(2, 2), path)
    assert "torch.nn.modules.linear.Linear" in error_of(path)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("save", [save_new, save_old, lambda content, path: write_state_dict(path, content)])
def test_truncated_files(tmp_path: Path, save: Callable[[Any, Path], None], keep: float) -> None:
    path = tmp_path / "cut"
    save({"a": torch.randn(50, 50)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    text = error_of(path)
    assert "truncated" in text
    assert "weights_only" not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x80", "truncated"),
        (b"\x89PNG\r\n\x1a\n not weights", "not a checkpoint"),
        (b"<html>404: Not Found</html>", "not a checkpoint"),
        (b"cos\nsystem\n.", "not a checkpoint"),
        (b"\x10\0\0\0\0\0\0\0{not a header at", "truncated, damaged"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    assert words in error_of(path)


def test_other_zip_files(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.txt", "no tensors")
    assert "not written by PyTorch" in error_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", "")
        archive.writestr("net/constants.pkl", "")
    assert "TorchScript" in error_of(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert "no such file" in error_of(tmp_path / "none.pth")
    assert "folder" in error_of(tmp_path)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The rights of the file would not stop an administrator, so the refusal is played.
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in error_of(tmp_path / "secret.pth")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.ones(2)], "it holds list"),
        (torch.ones(2), "it holds Tensor"),
        ({"net": STATE, "epoch": 3}, "its entries are net, epoch"),
        ({}, "it holds dict"),
    ],
)
def test_checkpoints_without_named_tensors(tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "odd.pth"
    torch.save(content, path)
    assert words in error_of(path)


def test_metadata_of_a_torch_file(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "a.pth")
    with pytest.raises(InputError, match="safetensors file is expected"):
        read_metadata(tmp_path / "a.pth")
    write_state_dict(tmp_path / "b.safetensors", STATE)
    assert read_metadata(tmp_path / "b.safetensors") == {}


def test_strip_prefix_where_present() -> None:
    state = {"module.a": 1, "b": 2, "c.module.d": 3}
    assert strip_prefix(state, "module.") == {"a": 1, "b": 2, "c.module.d": 3}
    with pytest.raises(InputError, match=r"'module\.a' and 'a' would both be named 'a'"):
        strip_prefix({"module.a": 1, "a": 2}, "module.")


def test_fit_names_what_differs() -> None:
    model = nn.Linear(4, 3)
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert compare(model.state_dict(), expected).ok
    assert compare(model.state_dict(), expected).describe() == "every tensor fits"
    fit = compare({"weight": torch.ones(3, 5), "scale": torch.ones(())}, expected)
    assert not fit.ok
    assert (fit.missing, fit.unexpected, list(fit.misshapen)) == (("bias",), ("scale",), ["weight"])
    assert fit.describe() == "1 missing (bias), 1 unexpected (scale), 1 misshapen (weight is 3x5, not 3x4)"


def test_fit_shortens_long_lists() -> None:
    fit = compare({}, {f"t{index}": torch.Size([1]) for index in range(20)})
    assert fit.describe(limit=2) == "20 missing (t0, t1 and 18 more)"
    assert "t19" in fit.describe(limit=None)


def test_load_into_is_all_or_nothing() -> None:
    model = nn.Linear(4, 3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(
        InputError, match=r"weights\.pth: these weights do not fit Linear: 1 misshapen \(bias is 2, not 3\)"
    ):
        load_into(model, {"weight": torch.zeros(3, 4), "bias": torch.zeros(2)}, where="weights.pth")
    assert_same(model.state_dict(), before)
    load_into(model, {"weight": torch.ones(3, 4, dtype=torch.float64), "bias": torch.zeros(3)}, where="weights.pth")
    assert model.weight.dtype == torch.float32
    assert (model.weight == 1).all()


def test_values_that_are_not_finite_are_named() -> None:
    good = {"weight": torch.ones(2), "count": torch.tensor(3), "half": torch.ones(1, dtype=torch.float16)}
    check_finite(good, where="model.pth")
    bad = {**good, "bias": torch.tensor([0.0, torch.nan]), "scale": torch.tensor(-torch.inf)}
    with pytest.raises(InputError, match=r"^model\.pth: NaN or infinite values in bias, scale; take weights from"):
        check_finite(bad, where="model.pth")


def test_complex_numbers_are_not_cut_down_to_real_ones(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    with pytest.raises(InputError, match=r"a\.pth: weight holds complex numbers; Linear has real ones"):
        load_into(model, {"bias": torch.ones(2), "weight": torch.ones(2, 2, dtype=torch.complex64)}, where="a.pth")
    assert torch.equal(model.weight, before)


def test_names_in_a_file_do_not_break_the_line(tmp_path: Path) -> None:
    torch.save({"a\n\x1b[2J" + "b" * 9999: torch.eye(2).to_sparse()}, tmp_path / "a.pth")
    assert len(error_of(tmp_path / "a.pth")) < 800
    assert "\x1b" not in error_of(tmp_path / "a.pth")
    assert len(compare({"a\nb" + "c" * 9999: torch.ones(1)}, {}).describe().splitlines()) == 1
    assert len(compare({"c" * 9999: torch.ones(1)}, {}).describe()) < 400


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pth")
    assert "a pipe or a device" in error_of(tmp_path / "a.pth")


def test_tied_and_overlapping_tensors_are_written_under_every_name(tmp_path: Path) -> None:
    whole = torch.arange(10.0)
    state = {"a": whole, "tied": whole, "part": whole[2:5], "strided": whole.reshape(2, 5).T, "empty": torch.ones(0)}
    write_state_dict(tmp_path / "tied.safetensors", state)
    found = read_state_dict(tmp_path / "tied.safetensors")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    net = nn.Sequential(nn.PReLU(), nn.Conv2d(1, 1, 1))
    net.append(net[0])
    write_state_dict(tmp_path / "net.safetensors", net.state_dict())
    load_into(net, read_state_dict(tmp_path / "net.safetensors"), where="net")
    assert net[0].weight is net[2].weight


def test_written_files_have_the_usual_rights(tmp_path: Path) -> None:
    write_state_dict(tmp_path / "a.safetensors", STATE)
    (tmp_path / "b").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_write_that_fails_leaves_the_previous_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "model.safetensors"
    write_state_dict(path, STATE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(InputError, match="could not be written") as caught:
            write_state_dict(path, {"big": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]
    assert read_state_dict(path).keys() == STATE.keys()


def test_write_into_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be written"):
        write_state_dict(tmp_path / "none" / "a.safetensors", STATE)


# sizes that are announced


def repacked(path: Path, target: Path, compression: int) -> Path:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", compression) as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name))
    return target


def test_a_compressed_checkpoint_is_read_within_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(STATE | {"zeros": torch.zeros(300, 1000)}, tmp_path / "a.pth")
    path = repacked(tmp_path / "a.pth", tmp_path / "b.pth", zipfile.ZIP_DEFLATED)
    assert_same(read_state_dict(path), STATE | {"zeros": torch.zeros(300, 1000)})
    monkeypatch.setenv("VISIONCORE_MOST_GB", "0.001")
    assert "more than the limit of 0.001 GB; if that is right, set VISIONCORE_MOST_GB" in error_of(path)
    monkeypatch.setenv("VISIONCORE_MOST_GB", "much")
    with pytest.raises(InputError, match="VISIONCORE_MOST_GB is 'much'; it must be a number of gigabytes above 0"):
        read_state_dict(path)
    repacked(tmp_path / "a.pth", tmp_path / "c.pth", zipfile.ZIP_BZIP2)
    assert "compressed in an unusual way" in error_of(tmp_path / "c.pth")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sizes_beyond_the_file_are_refused_before_memory_is_given(tmp_path: Path, compression: int) -> None:
    torch.save(STATE, tmp_path / "a.pth")
    path = repacked(tmp_path / "a.pth", tmp_path / "b.pth", compression)
    with zipfile.ZipFile(path) as archive:
        (member,) = (each for each in archive.infolist() if each.filename.endswith("data/0"))
    content = bytearray(path.read_bytes())
    entry = content.rindex(member.filename.encode()) - 46  # in the list at the end
    content[entry + 24 : entry + 28] = (3_000_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    assert "truncated or damaged" in error_of(path)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(2, 2).to_sparse(),
        torch.empty(3, device="meta"),
    ],
)
def test_tensors_that_do_not_hold_their_values(tmp_path: Path, tensor: torch.Tensor) -> None:
    torch.save({"a": tensor}, tmp_path / "a.pth")
    assert "no dense tensor of values" in error_of(tmp_path / "a.pth")


def test_one_number_cannot_claim_any_shape(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1).expand(1000, 1000)}, tmp_path / "a.pth")
    assert read_state_dict(tmp_path / "a.pth")["a"].shape == (1000, 1000)
    torch.save({"a": torch.ones(1).expand(2**20, 2**20)}, tmp_path / "b.pth")
    assert "more than the limit of 16 GB" in error_of(tmp_path / "b.pth")


@pytest.mark.parametrize("save", [save_new, save_old])
def test_nothing_advises_to_read_unsafely(
    tmp_path: Path, save: Callable[[Any, Path], None], recwarn: pytest.WarningsRecorder
) -> None:
    save({"a": torch.ones(2), "extra": Touch(tmp_path / "witness")}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps({"a": 1, "extra": Touch(tmp_path / "witness")}, protocol=4))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(InputError) as caught:
            read_state_dict(tmp_path / name)
        told = "".join(traceback.format_exception(caught.value))
        for advice in ("weights_only=False", "weights_only` to `False", "add_safe_globals"):
            assert advice not in told
    assert not recwarn.list
