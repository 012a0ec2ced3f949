"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Images, Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

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
        "linked from the README of github.com/cschenxiang/NeRD-Rain: one .pth file for each data set and variant; that "
        "repository states no licence, so ask its authors before you pass their weights on"
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
)

__version__ = METHOD.version
