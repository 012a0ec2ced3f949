"""The record of this method."""

from __future__ import annotations

from visioncore.methods import Checkpoint, Method, Network, Sample
from visioncore.panels import Option, Panel

PACKAGE = __name__.rpartition(".")[0]
"""Under which name this package was imported; another one where its folder was copied into a larger package."""

# The names of these files hold the beginning of their MD5. Sizes and SHA-256 are those that other projects which fetch
# them, of different hands, agree on.
_SAM = {
    "b": ("sam_vit_b_01ec64.pth", 375_042_383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"),
    "l": ("sam_vit_l_0b3195.pth", 1_249_524_607, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"),
    "h": ("sam_vit_h_4b8939.pth", 2_564_550_879, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"),
}

_CHECKPOINTS = (
    Checkpoint(
        name="synapse-10",
        what="vit_b-512, trained on 10 % of Synapse (eight abdominal organs in CT)",
        address="https://drive.google.com/uc?id=1A1wqTT_FD6FXzqCj9LNStxT425ZfYpnE",
        licence="MIT",
        terms="keep the copyright notice and the licence text with copies; a research tool, not a medical device",
        companions={"sam": "sam-vit-b"},
    ),
    *(
        Checkpoint(
            name=f"sam-vit-{size}",
            what=f"SAM's ViT-{size.upper()}, to train from and beside adapters",
            address=f"https://dl.fbaipublicfiles.com/segment_anything/{file}",
            licence="Apache-2.0",
            terms="keep the licence text and the notices with copies",
            size=length,
            sha256=digest,
            option="sam",
            reads="network.published:read_encoder",
            options={"backbone": f"vit_{size}"},
        )
        for size, (file, length, digest) in _SAM.items()
    ),
)

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
        "(Apache-2.0); the command weights lists and fetches them"
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
        window=("preprocessing", "window"),
    ),
    sample=Sample("assets/samples/input/patient.nii.gz", "data.scans:read_volume"),
    checkpoints=_CHECKPOINTS,
    hub_task="image-segmentation",
    panel=Panel(
        verb="Segment organs",
        takes="a CT or MR scan; DICOM slices all together, or as one .zip",
        kinds=(".nii.gz", ".nii", ".nrrd", ".mha", ".npy", ".dcm"),
        gathers=True,
        shows=("*.png", "*.json"),
        options=(
            Option(
                "window", help="of intensities", values=("", "abdomen", "lung", "brain", "bone", "mr", "range", "unit")
            ),
            Option("largest_component", label="largest piece of each organ alone"),
            Option("smooth", label="smoothing in slices", low=0, high=3),
            Option("stage", label="decoder"),
            Option("self_ensemble", label="eight versions averaged"),
        ),
    ),
)

__version__ = METHOD.version
