"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import PHOTOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

STYLE_SUFFIX = ".safetensors"
"""Of style files."""

_CHECKPOINTS = (
    Checkpoint(
        name="vgg19",
        what="VGG-19 trained on ImageNet, as torchvision has it, whose features' statistics tell style",
        address="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        licence="BSD-3-Clause",
        terms="the licence is torchvision's; ImageNet's images are for non-commercial research",
        sha256="dcbb9e9d",
        option="set.vgg",
        reads="network.published:read_vgg",
    ),
)

METHOD = Method(
    name="artadapter-style",
    module=PACKAGE,
    title="ArtAdapter",
    task="text-to-image in the style of references",
    paper="ArtAdapter: Text-to-Image Style Transfer using Multi-Level Style Encoder and Explicit Adaptation",
    authors="Dar-Yen Chen, Hamish Tennent, Ching-Wen Hsu",
    venue="CVPR 2024",
    arxiv="2312.02109",
    citation=(
        "@inproceedings{chen2024artadapter,\n"
        "  title = {ArtAdapter: Text-to-Image Style Transfer using Multi-Level Style Encoder and "
        "Explicit Adaptation},\n"
        "  author = {Dar-Yen Chen and Hamish Tennent and Ching-Wen Hsu},\n"
        "  booktitle = {CVPR 2024},\n"
        "  pages = {8619--8628}\n"
        "}"
    ),
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "none: the authors never released any (github.com/cardinalblue/ArtAdapter); training starts from Stable "
        "Diffusion 1.5 (CreativeML OpenRAIL-M) and torchvision's VGG-19"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Draw things in styles that they were held out in, and count how often style and thing are right.",
    demo_data="small drawings of things in five styles",
    network=Network(
        model="network.model:ArtAdapter",
        config="network.config:VARIANTS.get",
        variants=("sd15", "sd15-decoupled"),
        inputs="network.examples:inputs",
        outputs=("tokens",),
        exported="network.examples:exported",
        facts="network.examples:facts",
        unseen=("content",),
    ),
    sample=Sample("assets/samples/striped.png", options={"steps": 1}),
    checkpoints=_CHECKPOINTS,
    hub_task="text-to-image",
    panel=Panel(
        verb="Draw in a style",
        takes="a reference image whose style is taken",
        kinds=PHOTOS,
        options=(
            Option("prompt", example="a cup"),
            Option("scale", label="strength of the style", low=0, high=2),
            Option("steps", low=5, high=50, example=20),
            Option("guidance", low=1, high=15, step=0.5, example=3.0),
            Option("images", label="how many", low=1, high=4),
            Option("seed", low=0, high=9999),
            Option("negative"),
            Option("low_scale", label="of brushwork and colour", low=0, high=2),
            Option("mid_scale", label="of shapes", low=0, high=2),
            Option("high_scale", label="of composition", low=0, high=2),
        ),
        hint="The bundled model draws 64 x 64 icons; with Stable Diffusion the command makes larger images.",
    ),
)

__version__ = METHOD.version
