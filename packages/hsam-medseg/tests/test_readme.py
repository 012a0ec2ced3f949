"""The README's examples run as they stand."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import torch

from hsam_medseg import HSAM, HSAMConfig
from hsam_medseg.data.synthetic import synthetic_volume
from visioncore.testing.readme import ReadmeExamples, code_blocks, pages

README = Path(__file__).parents[1] / "README.md"


class TestReadme(ReadmeExamples):
    readme = README
    shorter = (
        ("hsam-medseg export", "--weights coarse/ --format pt2"),  # both decoders and ONNX are in test_export.py
        ("hsam-medseg bench", "--rounds 1 --slices 2 --dtypes float32"),
        ("hsam-medseg train", "--set.loop.steps 1 --set.loop.batch_size 1 --set.model.image_size 32"),
    )

    elsewhere = ("hsam-medseg demo",)  # test_commands.py

    def prepare(self, folder: Path) -> None:
        """Lay out small scans with labels, label maps, and checkpoints in the published layouts."""
        for data, count in (("scans", 3), ("cases", 1)):
            for number in range(count):
                write_case(folder / data, f"patient{number}.nii.gz", seed=number)
        write_case(folder, "scan.nii.gz", seed=9, labelled=False)
        for page in pages(README):
            for label_map in code_blocks(page, "yaml"):
                name = label_map.partition("\n")[0].removeprefix("# ")
                (folder / name).write_text(label_map, encoding="utf-8")
        write_checkpoints(folder)
        coarse = HSAMConfig("vit_micro", 80, decoder="coarse", decoder_width=32, decoder_mlp=64)
        HSAM(coarse).save_pretrained(folder / "coarse")


def write_case(folder: Path, name: str, *, seed: int, labelled: bool = True) -> None:
    """Write a synthetic scan of a few slices in 8 bit, as the demo weights take it, and its labels."""
    image, labels = synthetic_volume(seed, (3, 64, 48))
    scan = np.rint(255 * image).astype(np.uint8)
    for kind, voxels in (("images", scan), ("labels", labels)) if labelled else (("", scan),):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        nifti = nibabel.Nifti1Image(voxels.T, np.diag([-4.0, -4.0, 8.0, 1.0]))  # type: ignore[no-untyped-call]
        nibabel.save(nifti, folder / kind / name)


def write_checkpoints(folder: Path) -> None:
    """Write ``adapter.pth`` and ``sam_vit_b.pth`` of ViT-B, all zeros, which take hardly any space."""
    layouts = json.loads((Path(__file__).parent / "data" / "manifest.json").read_text(encoding="utf-8"))
    for name, layout in (("adapter.pth", "hsam_vit_b_224_c8"), ("sam_vit_b.pth", "sam_vit_b")):
        torch.save({key: torch.zeros(()).expand(shape) for key, shape in layouts[layout].items()}, folder / name)
