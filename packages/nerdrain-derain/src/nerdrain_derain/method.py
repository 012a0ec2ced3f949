"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Images, Method, Network, Sample
from visioncore.panels import PHOTOS, VIDEOS, Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

_TERMS = "the authors' repository states no licence: ask them before you pass the file on or use it beyond trying it"
_DRIVE = {
    "rain200l": "14pAgjJu8txIy7KD-7iB089U7jysnARrW",
    "rain200l-s": "1Grzb8ga_1tZEIMGXhtF_W2cDHS4Dq-Lz",
    "rain200h": "1MOG3ZrXQxH-o13O1QWB6EiZhJsXOlUXs",
    "rain200h-s": "1WXjrM50r7m8YjPKZOqmfNeJU57WEjZzc",
    "did": "10uvLyC0NjbOWAEfFgB9nDEQDHC_CB8KC",
    "did-s": "12drqRA6tVv_k_y3WCuFVIBEEHKe6KTsr",
    "ddn": "1KYiW5lYFrgP5AsImF94-fpXw5B0NdR4K",
    "ddn-s": "1oonCvgCEjDQXHuGBRkdZ5DmE33zv6Rt7",
    "spa": "1c3lLvRQACii_-9hJLA_J4mgZePWNXWLR",
    "spa-s": "1oO5Q4ZDFF983uXL2isYzzdV3BwPXY0Ru",
    "cnn": "1NzObBRbrrYPZE4V52o-H1G8r0r54Efta",
}
_DATA = {"rain200l": "Rain200L", "rain200h": "Rain200H", "did": "DID-Data", "ddn": "DDN-Data", "spa": "SPA-Data"}


def _checkpoint(name: str) -> Checkpoint:
    data = _DATA.get(name.removesuffix("-s"))
    variant = "nerd-rain-mprnet" if data is None else "nerd-rain-s" if name.endswith("-s") else "nerd-rain"
    return Checkpoint(
        name=name,
        what=f"{variant}, trained on {data}" if data else f"{variant}, the CNN variant of the paper's Table 6",
        address=f"https://drive.google.com/uc?id={_DRIVE[name]}",
        licence="none stated",
        terms=_TERMS,
        options={"variant": variant},
    )


METHOD = Method(
    name="nerdrain-derain",
    module=PACKAGE,
    title="NeRD-Rain",
    task="remove rain from photos and video",
    paper="Bidirectional Multi-Scale Implicit Neural Representations for Image Deraining",
    authors="Xiang Chen, Jinshan Pan, Jiangxin Dong",
    venue="CVPR 2024",
    arxiv="2404.01547",
    citation="""@inproceedings{chen2024nerdrain,
  title = {Bidirectional Multi-Scale Implicit Neural Representations for Image Deraining},
  author = {Chen, Xiang and Pan, Jinshan and Dong, Jiangxin},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "linked from the README of github.com/cschenxiang/NeRD-Rain, which states no licence, so ask its authors "
        "before you pass their weights on; the command weights lists and fetches them"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Remove the rain from the bundled sample photos and measure the gain.",
    demo_data="400 photos in synthetic rain",
    network=Network(
        model="network.model:NeRDRain",
        config="network.config:VARIANTS.get",
        variants=("nerd-rain", "nerd-rain-s", "nerd-rain-mprnet"),
        inputs=Images("rainy", multiple=16),
        outputs=("restored",),
    ),
    sample=Sample("assets/samples/input/rocket.jpg"),
    checkpoints=tuple(map(_checkpoint, _DRIVE)),
    hub_task="image-to-image",
    panel=Panel(
        verb="Remove rain",
        takes="a photo or a video",
        kinds=(*PHOTOS, *VIDEOS),
        shows=("*.png", "*.mp4"),
        options=(Option("self_ensemble", label="eight versions averaged"),),
        compares=True,
    ),
)

__version__ = METHOD.version
