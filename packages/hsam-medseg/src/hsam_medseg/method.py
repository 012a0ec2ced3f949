"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

METHOD = Method(
    name="hsam-medseg",
    module=PACKAGE,
    title="H-SAM",
    task="segment organs in CT and MR without prompts, from few labels",
    paper="Unleashing the Potential of SAM for Medical Adaptation via Hierarchical Decoding",
    authors="Zhiheng Cheng, Qingyue Wei, Hongru Zhu, Yan Wang, Liangqiong Qu, Wei Shao, Yuyin Zhou",
    venue="CVPR 2024",
    arxiv="2403.18271",
    citation="""@inproceedings{cheng2024hsam,
  title = {Unleashing the Potential of SAM for Medical Adaptation via Hierarchical Decoding},
  author = {Cheng, Zhiheng and Wei, Qingyue and Zhu, Hongru and Wang, Yan and Qu, Liangqiong and Shao, Wei and
            Zhou, Yuyin},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}""",
    licence="Apache-2.0 (this package and its demo weights)",
    weights=(
        "the 10 % Synapse network (220_epoch_299.pth) is linked from the README of github.com/Cccccczh404/H-SAM (MIT); "
        "it needs SAM's sam_vit_b_01ec64.pth beside it, linked from github.com/facebookresearch/segment-anything "
        "(Apache-2.0)"
    ),
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Segment the bundled synthetic volume and measure what the second decoder gains.",
    demo_data="synthetic volumes",
    notice="A research tool, not a medical device.",
    network=Network(
        model="network.model:HSAM",
        config="network.config:named_config",
        variants=("vit_b-512", "vit_b-224", "vit_l-512", "vit_l-224", "vit_h-512", "vit_h-224"),
        inputs="network.exported:slices",
        outputs=("logits", "coarse_logits", "fine_logits"),
        counted="network.exported:Logits.folded",
        exported="network.exported:exported",
        facts="network.facts:facts",
        unseen=("keep_unused",),
        companions={"sam": "SAM's own checkpoint, which an adapter of the authors needs beside it"},
        published_config="network.published:read_config",
    ),
)

__version__ = METHOD.version
