"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Images, Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

METHOD = Method(
    name="csc-pretrain3d",
    module=PACKAGE,
    title="CSC",
    task="pre-train LiDAR networks across scenes",
    paper="Building a Strong Pre-Training Baseline for Universal 3D Large-Scale Perception",
    authors="Haoming Chen, Zhizhong Zhang, Yanyun Qu, Ruixin Zhang, Xin Tan, Yuan Xie",
    venue="CVPR 2024",
    arxiv="2405.07201",
    citation=(
        "@inproceedings{chen2024csc_pretrain3d,\n"
        "  title = {Building a Strong Pre-Training Baseline for Universal 3D Large-Scale "
        "Perception},\n"
        "  author = {Haoming Chen and Zhizhong Zhang and Yanyun Qu and Ruixin Zhang and Xin Tan and"
        " Yuan Xie},\n"
        "  booktitle = {CVPR 2024}\n"
        "}"
    ),
    licence="Apache-2.0 (this package and its demo weights)",
    weights="not known yet: say where the authors publish them, and under which terms",
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make the bundled dim photo bright and measure the gain.",
    demo_data="made-up photos",
    network=Network(
        model="network.model:CSC",
        config="network.config:VARIANTS.get",
        variants=("rgb",),
        inputs=Images("dim", multiple=1),
        outputs=("bright",),
    ),
)

__version__ = METHOD.version
