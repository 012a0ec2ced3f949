"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Images, Method, Network

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
    arxiv="",
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
    weights="not known yet: say where the authors publish them, and under which terms",
    demo=f"{PACKAGE}.demo:demo",
    demo_shows="Make the bundled dim photo bright and measure the gain.",
    network=Network(
        model="network.model:GazeDPTR",
        config="network.config:VARIANTS.get",
        variants=("rgb",),
        inputs=Images("dim", multiple=1),
        outputs=("bright",),
    ),
)
