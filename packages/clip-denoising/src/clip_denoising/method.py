"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Images, Method, Network, Sample
from visioncore.panels import PHOTOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_TERMS = "keep the copyright notice and the licence text with copies"
_TRAINED = {  # variant: (on what, folder of its experiment)
    "synthetic": ("photos with Gaussian noise of sigma 15", "SyntheticDenoising_GaussianSigma15"),
    "srgb": ("raw noise through a simulated camera", "sRGBDenoising_FixedPoissonGaussian"),
    "ldct": ("CT slices with Gaussian noise", "LDCTDenoising_GaussianSigma5"),
}
_CLIP = "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"

_CHECKPOINTS = (
    *(
        Checkpoint(
            name=f"published-{variant}",
            what=f"{variant}, trained on {trained}",
            address="https://drive.google.com/drive/folders/1F8md2zen0iPlhGnI5-VdjdBOLY8DBIiF",
            inside=f"CLIPDenoising_{folder}/models/net_g_latest.pth",
            licence="MIT",
            terms=_TERMS,
            options={"variant": variant},
        )
        for variant, (trained, folder) in _TRAINED.items()
    ),
    Checkpoint(
        name="clip-rn50",
        what="OpenAI's CLIP RN50, to train from",
        address=f"https://openaipublic.azureedge.net/clip/models/{_CLIP}/RN50.pt",
        licence="MIT",
        terms=_TERMS,
        size=255_827_503,
        sha256=_CLIP,
        option="clip",
        reads="network.published:read_clip_resnet",
    ),
)

METHOD = Method(
    name="clip-denoising",
    module=PACKAGE,
    title="CLIPDenoiser",
    task="denoise photos and low-dose CT under noise the network never saw",
    paper="Transfer CLIP for Generalizable Image Denoising",
    authors="Jun Cheng, Dong Liang, Shan Tan",
    venue="CVPR 2024",
    arxiv="2403.15132",
    citation="""@inproceedings{cheng2024transfer,
  title = {Transfer CLIP for Generalizable Image Denoising},
  author = {Cheng, Jun and Liang, Dong and Tan, Shan},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages = {25974--25984},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "linked from the README of github.com/alwaysuu/CLIPDenoising (MIT), one file for each of the synthetic, sRGB "
        "and LDCT networks; to train from CLIP, OpenAI's RN50.pt (MIT); the command weights lists and fetches them"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Denoise the bundled sample photos under noises the bundled network never saw, and measure the gain.",
    demo_data="400 photos with Gaussian noise of sigma 15",
    network=Network(
        model="network.model:CLIPDenoiser",
        config="network.config:VARIANTS.get",
        variants=("synthetic", "srgb", "ldct"),
        inputs=Images("noisy", multiple=32),
        outputs=("denoised",),
        sizes=(256, 512),
        exported="network.exported:exported",
        facts="network.config:facts",
        unseen=("keep_layer4",),
        compiles_on_cpu=False,
    ),
    sample=Sample("assets/samples/input/coffee_gaussian-50.png"),
    checkpoints=_CHECKPOINTS,
    hub_task="image-to-image",
    panel=Panel(
        verb="Remove noise",
        takes="a photo",
        kinds=PHOTOS,
        options=(Option("strength", low=0, high=1), Option("self_ensemble", label="eight versions averaged")),
        compares=True,
        hint="For CT scans use the command, with weights for CT.",
    ),
)

__version__ = METHOD.version
