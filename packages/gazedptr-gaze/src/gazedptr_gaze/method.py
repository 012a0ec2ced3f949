"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Method, Network

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

METHOD = Method(
    name="gazedptr-gaze",
    module=PACKAGE,
    title="GazeDPTR",
    task="a driver's gaze direction and zone",
    paper="What Do You See in Vehicle? Comprehensive Vision Solution for In-Vehicle Gaze Estimation",
    authors=(
        "Yihua Cheng, Yaning Zhu, Zongji Wang, Hongquan Hao, Yongwei Liu, Shiqing Cheng, Xi Wang, Hyung Jin Chang"
    ),
    venue="CVPR 2024",
    arxiv="2403.15664",
    citation=(
        "@inproceedings{cheng2024gazedptr_gaze,\n"
        "  title = {What Do You See in Vehicle? Comprehensive Vision Solution for In-Vehicle Gaze "
        "Estimation},\n"
        "  author = {Yihua Cheng and Yaning Zhu and Zongji Wang and Hongquan Hao and Yongwei Liu "
        "and Shiqing Cheng and Xi Wang and Hyung Jin Chang},\n"
        "  booktitle = {CVPR 2024}\n"
        "}"
    ),
    licence="Apache-2.0 (this package and its demo weights)",
    weights="linked from the README of github.com/yihuacheng/IVGaze (Apache-2.0), one file for each fold",
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make the bundled dim photo bright and measure the gain.",
    network=Network(
        model="network.weights:AnyGaze",
        config="network.config:VARIANTS.get",
        variants=("gazedptr", "gazeptr", "gazedptr_v2"),
        inputs="network.example:example_inputs",
        outputs=("gaze",),
    ),
)
