"""The golden cases of the published networks, in double precision; everything else rests on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_networks import SMALL, golden_state, noises, unclipped
from torch import Tensor

from lvmm_motion.network import diffusion
from lvmm_motion.network.attention import buckets
from lvmm_motion.network.autoencoder import FlowAutoencoder
from lvmm_motion.network.base import LVMM
from lvmm_motion.network.config import FrameUNetConfig, ImageBindConfig, MotionUNetConfig
from lvmm_motion.network.flow import Motion, relative_affine
from lvmm_motion.network.fourier import coefficients, from_coefficients
from lvmm_motion.network.image_bind import ImageBind
from lvmm_motion.network.image_bind_names import CONSTANTS, image_bind_name
from lvmm_motion.network.losses import PerceptualLoss, autoencoder_losses
from lvmm_motion.network.perceptual import VGG19
from lvmm_motion.network.published import to_published
from lvmm_motion.network.representation import OfficialRepresentation, clip_motion, packed
from lvmm_motion.network.thin_plate import ThinPlate
from lvmm_motion.network.unet import MotionUNet, guided
from visioncore.errors import InputError
from visioncore.testing.golden import filled_tensors

Load = Callable[..., Any]

PUBLISHED = {
    "autoencoder-webvid": "flowae-webvid",
    "autoencoder-celebv": "flowae-celebv",
    "autoencoder-lfdm": "lfdm-128-flowae",
    "motion": "unet-flow",
    "frame": "unet-frame",
}
"""Our names of the published variants, and those of their layouts."""


class TestAutoencoder:
    @pytest.fixture(scope="class")
    def whole(self, case: Load, filled: Load, layouts: dict[str, Any]) -> Any:
        golden, inputs = case("flowae-webvid")
        return golden, inputs, filled("autoencoder-webvid", layouts["flowae-webvid"])

    @torch.no_grad()
    def test_a_pair(self, whole: Any) -> None:
        golden, inputs, model = whole
        np.testing.assert_array_equal(model.region_predictor.down.weight[0, 0], golden.outputs["blur_kernel"])
        made = model(inputs["source"], inputs["driving"])
        golden.close("source_shift", made.source.shift)
        golden.close("source_covar", made.source.covar)
        golden.close("source_heatmap", made.source.heatmap)
        golden.close("driving_shift", made.driving.shift)
        golden.close("driving_covar", made.driving.covar)
        golden.close("driving_heatmap", made.driving.heatmap)
        golden.close("relative_affine", relative_affine(made.source, made.driving, flip_axes=True))
        golden.close("optical_flow", made.motion.flow)
        golden.close("occlusion_map", made.motion.occlusion)
        golden.close("deformed", made.rendered.deformed)
        golden.close("prediction", made.rendered.prediction)

    @torch.no_grad()
    def test_the_parts(self, whole: Any) -> None:
        golden, inputs, model = whole
        source, driving = inputs["source"], inputs["driving"]
        predictor, flow = model.region_predictor, model.generator.pixelwise_flow_predictor
        golden.close("blurred_source", predictor.down(source))
        golden.close("source_region_features", predictor.predictor(predictor.down(source)))
        regions, code = predictor(source), model.encode_motion(source, driving)
        golden.close("bg_matrix", code.background)
        small = flow.down(source)
        heat = flow.heat_difference(regions, code.regions, small)
        motions = flow.region_motions(regions, code.regions, code.background, small)
        deformed = flow.deformed(small, motions)
        golden.close("heatmap_difference", heat)
        golden.close("sparse_motion", motions)
        golden.close("deformed_regions", deformed)
        features = flow.hourglass(torch.cat((heat, deformed), dim=2).flatten(1, 2))
        golden.close("flow_features", features)
        golden.close("mask_logits", flow.mask(features))
        golden.close("bottle_neck_feat", model.generator.encode(source)[-1])

    @torch.no_grad()
    def test_given_motion(self, whole: Any) -> None:
        golden, inputs, model = whole
        made = model.render(inputs["source"], Motion(inputs["given_flow"], inputs["given_occlusion"]))
        golden.close("rendered_deformed_feat", made.warped_features)
        golden.close("rendered_deformed", made.deformed)
        golden.close("rendered_prediction", made.prediction)
        bare = model.render(inputs["source"], Motion(inputs["given_flow"], None))
        golden.close("rendered_prediction_no_occlusion", bare.prediction)

    def test_losses_and_gradients(self, case: Load, filled: Load) -> None:
        golden, inputs = case("losses")
        model = filled(SMALL, golden.about["layout"])
        perceptual = PerceptualLoss(golden_vgg()).double()
        for size, scale in zip(perceptual.sizes[1:], (0.5, 0.25, 0.125), strict=True):
            golden.close(f"pyramid_{scale}", size(inputs["driving"]))
        for level, feature in enumerate(perceptual.features(inputs["driving"]), start=1):
            golden.close(f"vgg_relu{level}_1", feature)
        affine = torch.eye(2, 3).double() + 0.05 * inputs["theta_noise"]
        plate = ThinPlate(affine, 0.005 * inputs["tps_noise"][:, 0])
        golden.close("transformed_frame", plate.frames(inputs["driving"]))
        points = model.region_predictor(plate.frames(inputs["driving"])).shift
        golden.close("transformed_shift", points)
        golden.close("warped_points", plate.points(points))
        golden.close("warp_jacobian", plate.jacobian(points))
        made = model(inputs["source"], inputs["driving"])
        losses = autoencoder_losses(perceptual, model.region_predictor, inputs["driving"], made, plate)
        golden.close("loss_perceptual", losses.perceptual)
        golden.close("loss_equivariance_shift", losses.shift)
        golden.close("loss_equivariance_affine", losses.affine)
        total = losses.perceptual + losses.shift + losses.affine
        golden.close("loss_total", total)
        total.backward()
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        wanted = [name for name in golden.about["outputs"] if name.startswith("grad_")]
        assert len(wanted) == 4
        for name in wanted:
            golden.close(name, gradients[name.removeprefix("grad_")])


def golden_vgg() -> VGG19:
    """Return VGG-19 with the weights of the golden case."""
    vgg = VGG19().double()
    state = filled_tensors({name: tensor.shape for name, tensor in vgg.state_dict().items()})
    vgg.load_state_dict({n: t * 2**0.5 if n.endswith("weight") else t for n, t in state.items()})
    return vgg


class TestDenoisers:
    @torch.no_grad()
    def test_of_motion(self, case: Load, filled: Load, layouts: dict[str, Any]) -> None:
        golden, inputs = case("unet-flow")
        model = filled("motion", layouts["unet-flow"])
        seen = watch(
            {
                "init_attention": model.init_attention,
                "down0_resnet1": model.downs[0].resnet1,
                "down0_resnet2": model.downs[0].resnet2,
                "down0_linear_attention": model.downs[0].linear_attention,
                "down0_cross_attention": model.downs[0].cross_attention,
                "down0_frequency_attention": model.downs[0].attention,
                "mid_spatial_attention": model.middle.spatial_attention,
                "mid": model.middle,
            }
        )
        golden.close("position_bias", model.position_bias(4))
        golden.close("time_embedding", model.time(inputs["t"]))
        args = inputs["x"], inputs["t"], inputs["cond"]
        golden.close("output", model(*args))
        for name, value in seen.items():
            golden.close(name, value.permute(0, 4, 1, 2, 3))
        golden.close("output_scale_0", guided(model, 0, *args))
        golden.close("output_scale_3", guided(model, 3, *args))
        nothing_first = args[2] * torch.tensor([0.0, 1])[:, None, None]
        golden.close("output_first_sample_null", model(*args[:2], nothing_first))
        np.testing.assert_array_equal(buckets(40)[0], golden.outputs["buckets_40"])
        np.testing.assert_array_equal(buckets(40)[39], golden.outputs["buckets_40_last"])

    @torch.no_grad()
    def test_of_frames(self, case: Load, filled: Load, layouts: dict[str, Any]) -> None:
        golden, inputs = case("unet-frame")
        model = filled("frame", layouts["unet-frame"])
        args = inputs["x"][:, :, 0], inputs["t"], inputs["cross"], inputs["cat"][:, :, 0], inputs["seq"]
        golden.close("sequence_embedding", model.sequence(inputs["seq"]))
        golden.close("output", model(*args).unsqueeze(2))
        golden.close("output_scale_2", guided(model, 2, *args).unsqueeze(2))


def watch(modules: dict[str, torch.nn.Module]) -> dict[str, Tensor]:
    """Return a mapping that the next call fills with what modules return."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, args: object, output: Tensor) -> None:
            seen.setdefault(name, output)

        return hook

    for name, module in modules.items():
        module.register_forward_hook(keep(name))
    return seen


class TestEmbedder:
    @torch.no_grad()
    def test_small(self, case: Load) -> None:
        golden, inputs = case("embedder-small")
        model = ImageBind(ImageBindConfig(64, 2, 4, 48, 2, 4, 32)).double()
        state = filled_tensors(golden.about["layout"])
        assert {image_bind_name(name) for name in model.state_dict()} | set(CONSTANTS) == set(state)
        model.load_state_dict({name: state[image_bind_name(name)] for name in model.state_dict()})
        golden.close("resized_image", model.image.resized(inputs["image"]))
        golden.close("image_embedding", model.image(inputs["image"]))
        golden.close("text_embedding", model.text(inputs["tokens"]))
        golden.close("tokens_out", model(inputs["image"], inputs["tokens"]))

    def test_published_layout(self, layouts: dict[str, Any]) -> None:
        with torch.device("meta"):
            model = ImageBind()
        shapes = {image_bind_name(name): list(tensor.shape) for name, tensor in model.state_dict().items()}
        layout = {n: s for n, s in layouts["imagebind-huge-vision-text"].items() if n not in CONSTANTS}
        assert shapes == layout


class TestDiffusion:
    def test_schedule(self, case: Load) -> None:
        golden, inputs = case("diffusion")
        schedule, index = diffusion.cosine_schedule(inputs["x0"]), golden.about["config"]["indices"]
        names = {
            "betas": schedule.betas,
            "alphas_cumprod": schedule.kept,
            "alphas_cumprod_prev": schedule.kept_before,
            "sqrt_alphas_cumprod": schedule.signal,
            "sqrt_one_minus_alphas_cumprod": schedule.noise,
            "sqrt_recip_alphas_cumprod": schedule.clean_of_x,
            "sqrt_recipm1_alphas_cumprod": schedule.clean_of_noise,
            "posterior_mean_coef1": schedule.mean_of_clean,
            "posterior_mean_coef2": schedule.mean_of_x,
            "posterior_log_variance_clipped": schedule.log_variance,
        }
        for name, value in names.items():
            golden.close(f"schedule_{name}", value[index])
        for steps in (10, 25, 50, 250):
            assert diffusion.ddim_times(steps) == golden.about["config"][f"ddim_times_{steps}"]

    def test_steps(self, case: Load) -> None:
        golden, inputs = case("diffusion")
        clean, t, noise = inputs["x0"], inputs["t"], inputs["noise"]
        x = diffusion.noised(clean, t, noise)
        golden.close("q_sample", x)
        found = stand_in(x, t)
        golden.close("predicted_x0", diffusion.denoised(x, t, found))
        golden.close("loss_pred_x0_thresholded", diffusion.thresholded(diffusion.denoised(x, t, found)))
        mean, log_variance = diffusion.posterior(clean, x, t)
        golden.close("posterior_mean", mean)
        golden.close("posterior_log_variance", log_variance)
        golden.close("loss_l2", (found - noise).square().mean())

    @pytest.mark.parametrize("threshold", [True, False])
    @pytest.mark.parametrize("which", [0, 1])
    def test_official_sampler(self, case: Load, which: int, threshold: bool) -> None:
        golden, inputs = case("diffusion")
        noise = noises(f"diffusion/ddim-eta{which}", inputs["xT"].shape)
        eta = golden.about["config"]["etas"][which]
        *_, last = diffusion.official_ddim(stand_in, inputs["xT"], 10, noise, eta=eta, threshold=threshold)
        golden.close(f"ddim_eta{which}{'' if threshold else '_unclipped'}", last)

    @pytest.mark.parametrize(("which", "keep", "frames"), [(0, 16, 150), (1, 4, 9), (2, None, 8)])
    def test_fourier(self, case: Load, which: int, keep: int | None, frames: int) -> None:
        golden, inputs = case("fourier")
        kept = coefficients(inputs[f"x{which}"], keep)
        golden.close(f"coefficients{which}", kept)
        again = from_coefficients(kept, frames)
        golden.close(f"reconstruction{which}", again)
        golden.close(f"loss{which}", torch.linalg.vector_norm(again - inputs[f"x{which}"]))


def stand_in(x: Tensor, t: Tensor) -> Tensor:
    """Return the noise as the golden case's stand-in of a network predicts it."""
    return 0.6 * x + 0.3 * torch.sin(3 * x) + (t / 1000).view(-1, 1, 1, 1, 1) * torch.cos(x)


class TestPipelines:
    @torch.no_grad()
    def test_of_motion(self, case: Load, filled: Load) -> None:
        golden, inputs = case("pipeline-flow")
        layout = golden.about["layout"]
        model = filled(SMALL, layout["flow_ae"])
        denoiser = filled(MotionUNetConfig(8, (1, 2), 6, 6, 16), layout["unet"])
        frames = inputs["video"][0].transpose(0, 1)
        motion = clip_motion(model, frames[:1], frames)
        golden.close("video_flow", motion.flow.permute(3, 0, 1, 2)[None])
        assert motion.occlusion is not None
        golden.close("video_occlusion", motion.occlusion.transpose(0, 1)[None])
        values = packed(motion, (8, 8))[None]
        golden.close("motion", values)
        representation = OfficialRepresentation(frames=6, keep=3)
        clean = representation.encode(values)
        golden.close("coefficients", clean)
        source = frames[:1].expand_as(frames)
        golden.close("reconstructed_video", model.render(source, motion).prediction.transpose(0, 1)[None])
        found = denoiser(diffusion.noised(clean, inputs["t"], inputs["noise"]), inputs["t"], inputs["cond"])
        golden.close("loss", (found - inputs["noise"]).square().mean())
        noise = noises("pipeline-flow/sample", (1, 6, 3, 8, 8))
        *_, last = diffusion.official_ddim(
            lambda x, t: guided(denoiser, 2.0, x, t, inputs["cond"]), noise(), steps=4, noise=noise
        )
        sampled = representation.decode(last)
        golden.close("sampled_flow", sampled[:, :2])
        golden.close("sampled_occlusion", (sampled[:, 2:] + 1) / 2)
        rendered = model.render(source, unclipped(sampled[0]))
        golden.close("sampled_video", rendered.prediction.transpose(0, 1)[None])
        golden.close("sampled_warped", rendered.deformed.transpose(0, 1)[None])

    @torch.no_grad()
    def test_of_frames(self, case: Load, filled: Load) -> None:
        golden, inputs = case("pipeline-frame")
        layout = golden.about["layout"]
        model = filled(SMALL, layout["flow_ae"])
        denoiser = filled(FrameUNetConfig(8, (1, 2), 64, 32, 32), layout["unet"])
        frames = inputs["video"][0].transpose(0, 1)
        values = packed(clip_motion(model, frames[:1], frames), (16, 16))[None]
        representation = OfficialRepresentation(frames=4, keep=2)
        smooth = representation.decode(representation.encode(values))[0]
        golden.close("lowpass_flow", smooth[None, :2])
        golden.close("lowpass_occlusion", (smooth[None, 2:] + 1) / 2)
        motion = unclipped(smooth)
        features = model.generator.encode(frames)[-1]
        golden.close("driving_features", features)
        moved = model.generator.moved(features[:1].expand_as(features), motion)
        golden.close("warped_reference_features", moved)
        index = inputs["pairs"]
        noisy = diffusion.noised(features[index], inputs["t"], inputs["noise"][:, :, 0])
        found = denoiser(noisy, inputs["t"], tokens(features[index - 1]), moved[index], index)
        golden.close("loss", (found - inputs["noise"][:, :, 0]).square().mean())
        noise = noises("pipeline-frame/sample", (1, 32, 1, 8, 8))
        pictures, warped, before = [], [], features[:1]
        for k in range(4):
            here = moved[k : k + 1]
            condition, place = tokens(before), torch.tensor([k])
            *_, refined = diffusion.official_ddim(
                partial(_denoised, denoiser, here, condition, place),
                noise()[:, :, 0],
                steps=3,
                noise=lambda: noise()[:, :, 0],
            )
            assert motion.occlusion is not None
            rendered = model.render(frames[:1], Motion(motion.flow[k : k + 1], motion.occlusion[k : k + 1]), refined)
            pictures.append(rendered.prediction)
            warped.append(rendered.deformed)
            before = here
        golden.close("sampled_video", torch.stack(pictures, dim=2))
        golden.close("sampled_warped", torch.stack(warped, dim=2))


def tokens(features: Tensor) -> Tensor:
    """Return the pixels of features (B, C, h, w) as tokens (B, h * w, C)."""
    return features.flatten(2).mT


class TestPublishedFiles:
    @pytest.mark.parametrize("variant", PUBLISHED)
    def test_round_trip(self, variant: str, layouts: dict[str, Any], tmp_path: Path) -> None:
        layout = layouts[PUBLISHED[variant]]
        state = {n: t.float() if t.is_floating_point() else t for n, t in golden_state(LVMM(variant), layout).items()}
        path = tmp_path / "theirs.pth"
        torch.save(as_published(variant, state), path)
        model = LVMM.from_published(path)
        assert model.config == LVMM.variants[variant]
        again = to_published(model.config, model.state_dict())
        assert again.keys() == state.keys()
        assert all(torch.equal(again[name], state[name]) for name in state)

    def test_regressed_matrices(self, tmp_path: Path) -> None:
        config = replace(SMALL, affine="regressed", covariance_heat=False)
        torch.save({"state_dict": LVMM(config).state_dict()}, tmp_path / "theirs.pth")
        model = FlowAutoencoder.from_published(tmp_path / "theirs.pth")
        assert model.config == config
        affine = model.region_predictor(torch.rand(2, 3, 32, 32)).affine
        torch.testing.assert_close(affine, torch.eye(2).expand_as(affine))


def as_published(variant: str, state: dict[str, Tensor]) -> dict[str, Any]:
    """Return a checkpoint as the authors' training writes it."""
    if variant != "autoencoder-lfdm":
        return {"global_step": 1, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}
    parts = ("generator", "region_predictor", "bg_predictor")
    split = {p: {n.removeprefix(f"{p}."): t for n, t in state.items() if n.startswith(f"{p}.")} for p in parts}
    return {"example": 3, "epoch": 5, **split}


def test_another_network_is_refused(layouts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "flowdiff.pth"
    torch.save({"diffusion": {"denoise_fn.a": torch.ones(1)}}, path)
    with pytest.raises(InputError, match="LFDM's diffusion network"):
        FlowAutoencoder.from_published(path)
    state = golden_state(LVMM("motion"), layouts["unet-flow"])
    torch.save({"state_dict": state}, path)
    with pytest.raises(InputError, match="checkpoint of MotionUNet, not of FlowAutoencoder"):
        FlowAutoencoder.from_published(path)
    assert isinstance(MotionUNet.from_published(path), MotionUNet)


def _denoised(denoiser: Any, here: Tensor, condition: Tensor, place: Tensor, x: Tensor, t: Tensor) -> Tensor:
    noise: Tensor = denoiser(x, t, condition, here, place)
    return noise
