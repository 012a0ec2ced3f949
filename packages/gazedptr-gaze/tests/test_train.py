"""Training by recipe: the runs, what is trained on and held out, samples and their augmentation, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gazedptr_gaze import GazeDPTR, GazeDPTRV2, load_model
from gazedptr_gaze.data.augmentation import Augmentation, augmented, mirrored
from gazedptr_gaze.data.conventions import official_angles
from gazedptr_gaze.data.faces import FaceSamples, network_inputs
from gazedptr_gaze.data.ivgaze import read_fold
from gazedptr_gaze.data.normalisation import normalise
from gazedptr_gaze.data.procedural_drivers import procedural_folds
from gazedptr_gaze.data.rotations import to_matrices
from gazedptr_gaze.evaluation.angular import published_angular_error
from gazedptr_gaze.network.config import GazeConfig
from gazedptr_gaze.network.losses import training_losses
from gazedptr_gaze.network.model import NETWORKS
from gazedptr_gaze.training import trainer
from visioncore.errors import InputError
from visioncore.recipes import load_recipe, recipe_names
from visioncore.testing.suites.train import TrainSuite

SMALL: tuple[tuple[str, object], ...] = (
    ("model.image_size", 64),
    ("model.widths", "[4, 4, 8, 8]"),
    ("model.dim", 8),
    ("model.heads", 2),
    ("model.layers", 1),
    ("model.feed_forward", 16),
    ("model.n_freqs", 2),
)
FIELDS = {name: str(value) for name, value in SMALL}


class TestTrain(TrainSuite):
    package = "gazedptr_gaze"
    fields = (*SMALL, ("model.variant", "gazedptr_v2"), ("augmentation.noise", 0.1))
    changed = ("model.dim", 16)

    def make_data(self, folder: Path) -> tuple[object, ...]:
        shutil.copytree(procedural_folds(64)[0].folder, folder / "drivers")
        return ("--data", folder / "drivers")


def test_published_recipes() -> None:
    assert recipe_names("gazedptr_gaze") == ["demo", *sorted(NETWORKS)]
    for variant in NETWORKS:
        config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", variant)
        assert config.model == GazeConfig(variant)
        loop = config.loop
        assert (loop.batch_size, loop.learning_rate, loop.betas, loop.seed) == (64, 1e-3, (0.9, 0.95), 123)
        assert (loop.weight_decay, loop.clip_norm, loop.ema_decay, loop.precision) == (0, None, None, "float32")
        assert (config.epochs, config.schedule, config.augmentation) == (80, "published", Augmentation())
        # 80 epochs of the two largest folds
        assert loop.steps >= 80 * (15165 + 14866) / 64


def test_demo_networks_fit_in_5_mb() -> None:
    sizes = []
    for variant in NETWORKS:
        config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", {"model.variant": variant})
        sizes += [4 * parameter.numel() for parameter in NETWORKS[variant](config.model).parameters()]
    assert sum(sizes) < 5e6


def test_what_is_trained_on_and_held_out(
    drivers: Path, tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given, said = instead_of_fit(trainer), list[str]()
    fields = {**FIELDS, "test_fold": "2", "epochs": "3", "loop.batch_size": "8", "schedule": "published"}
    trainer.train("demo", drivers, tmp_path / "run", overrides=fields, say=said.append)
    assert given["source"].names == [*read_fold(drivers, 1).names, *read_fold(drivers, 3).names]
    # three passes over twelve samples are 36, in batches of eight
    assert said == ["12 samples to train on, 5 steps; 6 of fold 2 held out"]
    assert given["config"].steps == 5
    # the samples of step 4 begin with number 32, of the third epoch
    assert given["learning_rate"](4) == pytest.approx(2e-3 * 3 / 5)
    trainer.train("demo", drivers, tmp_path / "run", overrides={**FIELDS, "loop.steps": "4"}, say=said.append)
    assert given["config"].steps == 4
    assert given["learning_rate"] is None

    network = given["model"].eval()
    with torch.no_grad():
        values = given["validate"](network)
        held_out = FaceSamples([read_fold(drivers, 1)], "gazedptr", 64)
        batch = {name: torch.stack([held_out[i][name] for i in range(6)]) for name in held_out[0]}
        gaze = network(**network_inputs(batch, "gazedptr")).gaze
    assert values == {
        "angular_error": pytest.approx(published_angular_error(gaze, batch["normalised_gaze"]).mean(), rel=1e-5)
    }


def test_rendered_drivers_where_there_is_no_data(
    tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given = instead_of_fit(trainer)
    trainer.train("demo", None, tmp_path / "run", overrides={**FIELDS, "model.variant": "gazeptr"})
    assert len(given["source"]) == 12
    assert given["source"].kept.keys() == {"normalised"}
    assert given["source"].kept["normalised"].shape == (12, 3, 64, 64)


def test_losses_of_a_step(drivers: Path) -> None:
    config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", {**FIELDS, "model.variant": "gazedptr_v2"})
    network, samples = GazeDPTRV2(config.model).eval(), FaceSamples([read_fold(drivers, 1)], "gazedptr_v2", 64)
    batch = {name: torch.stack([samples[i][name] for i in range(6)]) for name in samples[0]}
    assert batch["normalised"].dtype == torch.uint8
    with torch.no_grad():
        losses = trainer.step_losses(network, batch, "gazedptr_v2")
        faces = [batch[name] / 255 for name in ("normalised", "original")]
        out = network(*faces, batch["axis"], batch["to_camera"], batch["origin"], auxiliary=True)
    expected = training_losses(out, batch["normalised_gaze"], batch["original_gaze"], batch["zone"])
    assert losses.keys() == expected.keys() == {"gaze", "zone", "original", "normalised"}
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name])


def test_trunks_that_start_from_imagenet(
    drivers: Path, tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", FIELDS)
    given = instead_of_fit(trainer)
    state = trainer.initial_network(config.model).normalised.trunk.state_dict()  # type: ignore[union-attr]
    theirs = {name: torch.rand_like(value.float()) for name, value in state.items() if "num_batches" not in name}
    theirs |= {"fc.weight": torch.zeros(1000, 8), "fc.bias": torch.zeros(1000)}
    torch.save(theirs, tmp_path / "resnet18.pth")
    trainer.train("demo", drivers, tmp_path / "run", imagenet=tmp_path / "resnet18.pth", overrides=FIELDS)
    for stream in (given["model"].normalised, given["model"].original):
        assert torch.equal(stream.trunk.layer2[0].downsample[0].weight, theirs["layer2.0.downsample.0.weight"])
        assert torch.equal(stream.trunk.bn1.running_var, theirs["bn1.running_var"])
    assert given["run_description"]["imagenet"] == "resnet18.pth"
    with pytest.raises(InputError, match="weights and imagenet are both given"):
        trainer.initial_network(config.model, "demo", tmp_path / "resnet18.pth")
    del theirs["layer1.0.conv1.weight"]
    torch.save(theirs, tmp_path / "resnet18.pth")
    with pytest.raises(InputError, match=r"resnet18\.pth: .*layer1\.0\.conv1\.weight"):
        trainer.initial_network(config.model, imagenet=tmp_path / "resnet18.pth")


def test_a_run_that_starts_from_weights(saved: Callable[[Any], Path]) -> None:
    config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", FIELDS)
    weights = saved(GazeDPTR(config.model))
    started = trainer.initial_network(config.model, weights).state_dict()
    assert all(torch.equal(value, started[name]) for name, value in load_model(weights).state_dict().items())


def test_images_of_another_size_are_resized_and_told(drivers: Path) -> None:
    said: list[str] = []
    small = FaceSamples([read_fold(drivers, 1)], "gazedptr", 32, say=said.append)
    assert small[0]["original"].shape == (3, 32, 32)
    (told,) = said
    assert told.endswith("1.jpg: 64x64 pixels; images are resized to 32x32")
    FaceSamples([read_fold(drivers, 1)], "gazedptr", 64, say=said.append)
    assert len(said) == 1


def test_sets_that_are_too_large_to_keep(drivers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = read_fold(drivers, 1)
    kept = FaceSamples([fold], "gazedptr", 64)
    monkeypatch.setattr("gazedptr_gaze.data.faces.KEPT_BYTES", 12 * 3 * 64**2 - 1)
    read = FaceSamples([fold], "gazedptr", 64)
    assert (len(kept.kept), len(read.kept)) == (2, 0)
    for name, value in kept[5].items():
        assert torch.equal(value, read[5][name])


def reflected(vector: Any) -> Any:
    """Return vectors (..., 3) with left and right exchanged."""
    return np.asarray(vector) * [-1, 1, 1]


def test_a_mirrored_sample_is_that_of_the_mirrored_scene() -> None:
    camera, size = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), 64
    centre, gaze = np.array([80.0, -40, 600]), np.array([0.5, 0.2, -0.8])
    head = to_matrices(np.array([0.2, 0.5, 0.1]))
    # what was the head's left is its right in the mirror
    mirrored_head = np.diag([-1, 1, 1]) @ head @ np.diag([-1, 1, 1])

    def tensors(centre: Any, gaze: Any, head: Any) -> tuple[dict[str, Tensor], Any]:
        virtual = normalise(camera, centre, head, focal=960 * size / 224, size=(size, size))
        values = {
            "normalised_gaze": official_angles(virtual.gaze(gaze)),
            "original_gaze": official_angles(gaze),
            "axis": virtual.axis,
            "to_camera": virtual.to_camera,
            "origin": centre,
        }
        return {name: torch.from_numpy(value).float() for name, value in values.items()}, virtual.warp

    sample, warp = tensors(centre, gaze, head)
    expected, mirrored_warp = tensors(reflected(centre), reflected(gaze), mirrored_head)
    x = torch.arange(size).expand(3, size, size)
    made = mirrored(sample | {"normalised": x, "zone": torch.tensor(3)})
    for name, value in expected.items():
        torch.testing.assert_close(made[name], value, rtol=0, atol=1e-5, msg=name)
    assert torch.equal(made["normalised"], size - 1 - x)
    # a point of the scene, and its mirror point, in the two virtual cameras; the middle of the image is size / 2
    point = centre + np.array([20, 10, -5])
    first, second = (each @ camera @ p for each, p in ((warp, point), (mirrored_warp, reflected(point))))
    first, second = first[:2] / first[2], second[:2] / second[2]
    np.testing.assert_allclose(second, [size - first[0], first[1]])


def test_brightness_contrast_and_noise(drivers: Path) -> None:
    sample = FaceSamples([read_fold(drivers, 1)], "gazedptr", 64)[0]
    grey = sample | {name: torch.full((3, 64, 64), 100, dtype=torch.uint8) for name in ("normalised", "original")}
    for how in (Augmentation(brightness=0.2), Augmentation(noise=0.1)):
        made = augmented(grey, how, np.random.default_rng(1))
        normalised, original = (made[name].float() for name in ("normalised", "original"))
        assert made["normalised"].dtype == torch.uint8
        assert torch.equal(normalised[0], normalised[2])
        if how.brightness:
            # one shift, that of both faces
            assert normalised.unique().tolist() == original.unique().tolist() != [100]
            assert abs(float(normalised[0, 0, 0]) - 100) <= 51
        else:
            assert 1 < normalised.std() < 25.5
            assert abs(float(normalised.mean()) - 100) < 2
            assert not torch.equal(normalised, original)
    face = sample["normalised"].float()
    changed = augmented(sample, Augmentation(contrast=0.5), np.random.default_rng(3))["normalised"].float()
    gain = 1 + 0.5 * np.random.default_rng(3).uniform(-1, 1, 2)[1]
    torch.testing.assert_close(changed, ((face - face.mean()) * gain + face.mean()).round().clamp(0, 255))
    assert augmented(sample, Augmentation(), np.random.default_rng(0)) is sample


def test_flips_are_drawn(drivers: Path) -> None:
    samples = FaceSamples([read_fold(drivers, 1)], "gazedptr", 64, augmentation=Augmentation(flip=0.5))
    plain, rng = samples[0], np.random.default_rng(0)
    flipped = [not torch.equal(samples.sample(0, rng)["original"], plain["original"]) for _ in range(40)]
    assert 10 < sum(flipped) < 30


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"test_fold": "4"}, "test_fold is 4; it must be 1, 2 or 3"),
        ({"epochs": "0"}, "epochs is 0; it must be at least 1"),
        ({"augmentation.flip": "1.5"}, "augmentation.flip is 1.5; it must be from 0 to 1"),
        ({"augmentation.contrast": "1"}, "augmentation.contrast is 1.0; it must be from 0 to below 1"),
        ({"augmentation.flip": "0.5", "model.variant": "gazedptr_v2"}, "it must be 0 for gazedptr_v2"),
        ({"model.variant": "gazedptr_v2", "model.zones": "5"}, r"model.zones is 5, but .* has samples of zone \d+"),
    ],
)
def test_fields_that_are_wrong(drivers: Path, tmp_path: Path, overrides: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        trainer.train("demo", drivers, tmp_path / "run", overrides={**FIELDS, **overrides})
    assert not (tmp_path / "run").exists()


def test_data_that_will_not_do(drivers: Path, tmp_path: Path) -> None:
    def refused(told: str) -> None:
        with pytest.raises(InputError, match=told):
            trainer.train("demo", drivers, tmp_path / "run", overrides=FIELDS)
        assert not (tmp_path / "run").exists()

    name = read_fold(drivers, 2).names[1]
    (drivers / "Origin" / name).rename(tmp_path / "away.jpg")
    refused(f"1 of 24 images are missing: .*{name}")
    (drivers / "Origin" / name).write_text("no image")
    refused(f"{name}.*not an image")
    (drivers / "Norm" / "label_class" / "train3.txt").unlink()
    refused(r"train3\.txt: cannot be read")
