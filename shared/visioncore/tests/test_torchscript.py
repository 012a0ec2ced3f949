"""TorchScript archives: their tensors by name, and nothing of them run."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from visioncore.errors import InputError
from visioncore.testing.deterministic import filled
from visioncore.weights.torchscript import is_torchscript, read_torchscript

DATA = Path(__file__).parent / "data"
# as torch.jit.save wrote it, but for the folder of code, which readers of tensors have no use for
ARCHIVE = DATA / "scripted_clip.pt"


def write(path: Path, description: bytes, **storages: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/constants.pkl", pickle.dumps(()))
        archive.writestr("net/data.pkl", description)
        for key, content in storages.items():
            archive.writestr(f"net/data/{key[1:]}", content)
    return path


def test_every_tensor_is_there_with_its_values_and_type() -> None:
    assert is_torchscript(ARCHIVE)
    tensors = read_torchscript(ARCHIVE)
    assert len(tensors) == 136
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            assert tensor.dtype == torch.int64
            assert tensor.shape == ()
        else:
            expected = np.asarray(filled(name, tensor.shape))
            rough = tensor.dtype == torch.float16
            np.testing.assert_allclose(tensor.double(), expected, rtol=1e-3 if rough else 1e-6, atol=1e-7, err_msg=name)
    assert tensors["visual.conv1.weight"].dtype == torch.float16
    assert tensors["visual.layer2.1.bn3.running_var"].dtype == torch.float32
    assert tensors["logit_scale"].shape == ()


def test_modules_with_lists_and_dictionaries(tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 3)
            self.sizes = [1, 2]
            self.names = {"a": 1}
            self.shifts = [torch.zeros(2)]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(x + self.shifts[0]) * self.names["a"] * self.sizes[0]
            return y

    net = Net()
    torch.jit.script(net).save(str(tmp_path / "net.pt"))
    tensors = read_torchscript(tmp_path / "net.pt")
    assert list(tensors) == ["layer.weight", "layer.bias"]
    assert torch.equal(tensors["layer.weight"], net.layer.weight)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 and no more"])
def test_what_is_no_archive(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "net.pt"
    if content is not None:
        path.write_bytes(content)
    assert not is_torchscript(path)
    with pytest.raises(InputError, match="no such file" if content is None else "not a TorchScript archive"):
        read_torchscript(path)


def test_a_plain_checkpoint_is_no_archive(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "net.pt")
    assert not is_torchscript(tmp_path / "net.pt")


def test_nothing_but_tensors_is_built(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "sprung"),)

    path = write(tmp_path / "net.pt", pickle.dumps(Trap(), protocol=2))
    with pytest.raises(InputError, match=r"net\.pt: names .*nothing in it was run"):
        read_torchscript(path)
    assert not (tmp_path / "sprung").exists()


def test_damaged_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(ARCHIVE) as archive:
        description = archive.read("RN50/data.pkl")
    for damaged in (
        write(tmp_path / "lacks_storages.pt", description),
        write(tmp_path / "cut.pt", description[:500]),
        write(tmp_path / "short_storage.pt", description, **{f"_{key}": b"\0\0" for key in range(200)}),
    ):
        with pytest.raises(InputError, match=rf"{damaged.name}: a damaged TorchScript archive") as caught:
            read_torchscript(damaged)
        assert "\n" not in str(caught.value)
