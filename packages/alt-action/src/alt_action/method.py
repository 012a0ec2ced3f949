"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Images, Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

METHOD = Method(
    name="alt-action",
    module=PACKAGE,
    title="ALT",
    task="recognise actions in video by the entities that take part",
    paper=("Align before Adapt: Leveraging Entity-to-Region Alignments for Generalizable Video Action Recognition"),
    authors="Yifei Chen, Dapeng Chen, Ruijin Liu, Sai Zhou, Wenyuan Xue, Wei Peng",
    venue="CVPR 2024",
    arxiv="2311.15619",
    citation=(
        "@inproceedings{chen2024alt_action,\n"
        "  title = {Align before Adapt: Leveraging Entity-to-Region Alignments for Generalizable "
        "Video Action Recognition},\n"
        "  author = {Yifei Chen and Dapeng Chen and Ruijin Liu and Sai Zhou and Wenyuan Xue and Wei"
        " Peng},\n"
        "  booktitle = {CVPR 2024}\n"
        "}"
    ),
    licence="Apache-2.0 (this package and its demo weights)",
    weights="not known yet: say where the authors publish them, and under which terms",
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make the bundled dim photo bright and measure the gain.",
    demo_data="made-up photos",
    network=Network(
        model="network.model:ALT",
        config="network.config:VARIANTS.get",
        variants=("rgb",),
        inputs=Images("dim", multiple=1),
        outputs=("bright",),
    ),
)

__version__ = METHOD.version
