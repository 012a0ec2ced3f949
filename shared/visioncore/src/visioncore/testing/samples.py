"""A small valid file for every reader, made anew."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..files import read_list
from ..images import Image, image_size, read_image, write_image
from ..medical import ScanReader
from ..recipes import load_recipe
from ..video import read_frames
from ..weights.pretrained import Pretrained
from ..weights.state_dicts import read_state_dict, write_state_dict
from ..weights.torchscript import read_torchscript
from .dicom_files import write_series
from .fuzzing import Sample
from .photos import photo


@dataclass(frozen=True)
class _Config:
    width: int = 3
    name: str = "net"
    scale: float = 1.0
    sizes: tuple[int, ...] = (1, 2)


class _Net(Pretrained):
    config_class = _Config

    def __init__(self, config: _Config) -> None:
        super().__init__()
        self.config = config
        self.layer = nn.Linear(config.width, config.width)


def make_samples(folder: Path) -> list[Sample]:
    """Return valid files below ``folder``, each in a folder of its own, and their readers."""
    return [
        Sample(path, read, name)
        for make in (_images, _tiffs, _videos, _weights, _recipes, _scans, _lists)
        for name, path, read in make(folder)
    ]


Made = Iterator[tuple[str, Path, Callable[[Path], object]]]


def _placed(folder: Path, name: str) -> Path:
    path = folder / name.replace(".", "-") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _read_both(path: Path) -> object:
    try:
        image_size(path)
    finally:
        read_image(path)
    return path


def _images(folder: Path) -> Made:
    from PIL import Image as Pillow

    pixels = photo(20, 28)
    described = Image(pixels, pixels[:, :, 0], xmp=b"<x/>", dpi=(72, 72), icc=None)
    for name in ("a.png", "a.jpg", "a.webp", "a.bmp"):
        write_image(_placed(folder, name), Image(pixels) if name == "a.bmp" else described)
        yield "read_image", _placed(folder, name), _read_both
    deep = Image(pixels.astype(np.uint16) * 257, xmp=b"<x/>")
    write_image(_placed(folder, "deep.png"), deep)
    yield "read_image", _placed(folder, "deep.png"), _read_both
    exif = Pillow.Exif()
    exif[0x0132], exif[0x8769] = "2024:06:17 10:00:00", {0x9003: "2024:06:17 09:59:59"}
    kinds: dict[str, dict[str, Any]] = {
        "described.jpg": {"exif": exif.tobytes(), "progressive": True},
        "described.png": {"exif": exif.tobytes()},
        "a.gif": {},
        "a.avif": {"exif": exif.tobytes()},
    }
    for name, options in kinds.items():
        Pillow.fromarray(pixels).save(_placed(folder, name), **options)
        yield "read_image", _placed(folder, name), _read_both
    Pillow.fromarray(pixels).quantize(16).save(_placed(folder, "palette.png"), transparency=3)
    yield "read_image", _placed(folder, "palette.png"), _read_both


def _tiffs(folder: Path) -> Made:
    import tifffile
    from PIL import Image as Pillow

    pixels = photo(20, 28)
    layouts: dict[str, tuple[Any, dict[str, Any]]] = {
        "a.tif": (pixels, {"photometric": "rgb"}),
        "deflated.tif": (pixels.astype(np.uint16), {"photometric": "rgb", "compression": "zlib", "predictor": 2}),
        "tiles.tif": (pixels, {"photometric": "rgb", "compression": "zlib", "tile": (16, 16)}),
        "planes.tif": (np.moveaxis(pixels, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "real.tif": ((pixels / 255).astype(np.float32), {"photometric": "rgb", "byteorder": ">"}),
    }
    for name, (values, options) in layouts.items():
        tifffile.imwrite(_placed(folder, name), values, metadata=None, **options)
        yield "read_image", _placed(folder, name), _read_both
    for name, compression in (("lzw.tif", "tiff_lzw"), ("jpeg.tif", "jpeg")):
        Pillow.fromarray(pixels).save(_placed(folder, name), compression=compression)
        yield "read_image", _placed(folder, name), _read_both


def _videos(folder: Path) -> Made:
    import av

    for name, kind, codec in (
        ("a.mp4", "mp4", "libx264"),
        ("a.webm", "webm", "libvpx-vp9"),
        ("a.ts", "mpegts", "mpeg2video"),
        ("a.avi", "avi", "mpeg4"),
    ):
        with av.open(str(_placed(folder, name)), "w", format=kind) as container:
            stream: Any = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            for number in range(4):
                frame = av.VideoFrame.from_ndarray(photo(32, 32, number), format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        yield "read_frames", _placed(folder, name), lambda path: [frame.time for frame in read_frames(path)]


def _weights(folder: Path) -> Made:
    state = {"layer.weight": torch.arange(12.0).reshape(3, 4), "layer.bias": torch.arange(3)}
    write_state_dict(_placed(folder, "a.safetensors"), state, {"note": "mine"})
    torch.save({"state_dict": state, "epoch": 3}, _placed(folder, "a.pth"))
    torch.save(state, _placed(folder, "old.pth"), _use_new_zipfile_serialization=False)
    with (
        zipfile.ZipFile(_placed(folder, "a.pth")) as source,
        zipfile.ZipFile(_placed(folder, "deflated.pth"), "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    for name in ("a.safetensors", "a.pth", "old.pth", "deflated.pth"):
        yield "read_state_dict", _placed(folder, name), read_state_dict
    traced: Any = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
    torch.jit.save(traced, str(_placed(folder, "program.pt")))
    yield "read_torchscript", _placed(folder, "program.pt"), read_torchscript
    model = _Net(_Config())
    for name in ("config.json", "model.safetensors"):
        model.save_pretrained(_placed(folder, name).parent)
        yield "from_pretrained", _placed(folder, name), lambda path: _Net.from_pretrained(path.parent)
    model.save_file(_placed(folder, "net.safetensors"))
    yield "from_pretrained", _placed(folder, "net.safetensors"), _Net.from_pretrained


def _recipes(folder: Path) -> Made:
    text = "width: 4\nname: &n net\nscale: 1e-3\nsizes: [1, 2, -3]\n"
    _placed(folder, "a.yaml").write_text(text)
    yield "load_recipe", _placed(folder, "a.yaml"), lambda path: load_recipe(_Config, "visioncore", path)


def _scans(folder: Path) -> Made:
    from PIL import Image as Pillow

    read = ScanReader().read
    for name in ("slice.png", "slice.tif", "slice.jpg"):
        Pillow.fromarray(photo(16, 16)[:, :, 0]).save(_placed(folder, name))
        yield "ScanReader", _placed(folder, name), read
    np.save(_placed(folder, "volume.npy"), np.zeros((3, 4, 5), np.int16))
    np.savez_compressed(_placed(folder, "volume.npz"), image=np.zeros((3, 4, 5)), label=np.zeros((3, 4, 5), np.uint8))
    import nibabel as nib

    ramp = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    for name in ("volume.nii", "volume.nii.gz"):
        nib.save(nib.Nifti1Image(ramp, np.diag([2.0, 2, 5, 1])), _placed(folder, name))  # type: ignore[no-untyped-call]
    for name in ("volume.npy", "volume.npz", "volume.nii", "volume.nii.gz"):
        yield "ScanReader", _placed(folder, name), read
    series = write_series(folder / "series", (0, 5))
    yield "ScanReader", series / "IM0000.dcm", lambda path: read(path.parent)


def _lists(folder: Path) -> Made:
    _placed(folder, "list.csv").write_text('first,second,name\na.png,"b c.png",\n\nd.png,e.png,5\n')
    yield "read_list", _placed(folder, "list.csv"), lambda path: read_list(path, ("first", "second"), "a list")
