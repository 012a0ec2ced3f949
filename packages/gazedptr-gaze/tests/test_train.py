"""Training by recipe: the runs, what is trained on and held out, samples and their augmentation, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gazedptr_gaze import GazeDPTR, GazeDPTRV2, load_model
from gazedptr_gaze.data.augmentation import Augmentation
from gazedptr_gaze.data.faces import FaceSamples, network_inputs
from gazedptr_gaze.data.ivgaze import read_fold
from gazedptr_gaze.data.zones import coarse_of_fine
from gazedptr_gaze.evaluation.angular import angular_error
from gazedptr_gaze.evaluation.zones import coarse_accuracy, confusion, fine_accuracy
from gazedptr_gaze.network.config import GazeConfig
from gazedptr_gaze.network.model import NETWORKS
from gazedptr_gaze.training import trainer
from visioncore.errors import InputError
from visioncore.recipes import load_recipe, recipe_names

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
    drivers: Path,
    tmp_path: Path,
    instead_of_fit: Callable[[object], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, said = instead_of_fit(trainer), list[str]()
    fields = {**FIELDS, "test_fold": "2", "epochs": "3", "loop.batch_size": "8", "schedule": "published"}
    trainer.train("demo", drivers, tmp_path / "run", overrides=fields, say=said.append)
    assert given["source"].names == [*read_fold(drivers, 1).names, *read_fold(drivers, 3).names]
    # three passes over twelve samples are 36, in batches of eight
    assert said == ["12 samples to train on, 5 steps; 6 of fold 2 to validate on"]
    assert given["config"].steps == 5
    # the samples of step 4 begin with number 32, of the third epoch
    assert given["learning_rate"](4) == pytest.approx(2e-3 * 3 / 5)
    monkeypatch.setattr(trainer, "validate", lambda _, samples, *__: samples.names)
    assert given["validate"](given["model"]) == [*read_fold(drivers, 2).names]

    trainer.train("demo", drivers, tmp_path / "run", overrides={**FIELDS, "loop.steps": "4"}, say=said.append)
    assert given["config"].steps == 4
    assert given["learning_rate"] is None

    other = shutil.copytree(drivers, tmp_path / "other")
    trainer.train("demo", drivers, tmp_path / "run", validation=other, overrides=FIELDS, say=said.append)
    assert len(given["source"]) == len(given["validate"](given["model"])) == 18
    assert said[-1].endswith(f"18 of {other} to validate on")
    assert given["run_description"]["validation"] == "other"


def test_validation(drivers: Path) -> None:
    fields = {**FIELDS, "model.variant": "gazedptr_v2"}
    config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", fields).model
    network, fold = GazeDPTRV2(config).eval(), read_fold(drivers, 1)
    samples = FaceSamples([fold], "gazedptr_v2", 64)
    batch = {name: torch.stack([samples[i][name] for i in range(6)]) for name in samples[0]}
    with torch.no_grad():
        out = network(**network_inputs(batch, "gazedptr_v2"))
    expected = {"angular_error": angular_error(out.gaze, batch["normalised_gaze"]).mean()}
    samples.labels["zone"] = out.zone_logits[2].argmax(-1)
    samples.labels["zone"][:2] = torch.tensor([0, 72])  # elsewhere, and the rear-view mirror
    truth = samples.labels["zone"].numpy()
    for head, zone in enumerate(out.zone_logits.argmax(-1).numpy(), start=1):
        expected[f"zone head {head}"] = fine_accuracy(zone, truth)
        expected[f"coarse zone head {head}"] = coarse_accuracy(confusion(zone, truth))
    assert expected["zone head 3"] > 0
    with torch.no_grad():
        coarse = coarse_of_fine()
        assert trainer.validate(network, samples, config, coarse) == pytest.approx(expected, rel=1e-5)
        samples.labels["zone"] = torch.zeros(6, dtype=torch.int64)
        assert "coarse zone head 1" not in trainer.validate(network, samples, config, coarse)


def test_another_number_of_zones(
    drivers: Path, tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    """Regions in validation are those of the data's own map, and there are none without one."""
    given, fields = instead_of_fit(trainer), {**FIELDS, "model.variant": "gazedptr_v2", "model.zones": "200"}
    change_zones(drivers, lambda zone: zone + 70)
    trainer.train("demo", drivers, tmp_path / "run", overrides=fields)
    assert given["model"].zones.heads[0].out_features == 200
    values = given["validate"](given["model"].eval())
    assert {"zone head 1", "zone head 2", "zone head 3"} < values.keys()
    assert not [name for name in values if name.startswith("coarse")]

    (drivers / "class.label").write_text("".join(f"{zone} a 1\n" for zone in range(200)))
    trainer.train("demo", drivers, tmp_path / "run", overrides=fields)
    # all zones are of one region
    assert given["validate"](given["model"].eval())["coarse zone head 2"] == 1
    (drivers / "class.label").write_text("".join(f"{zone} a 1\n" for zone in range(199)))
    with pytest.raises(InputError, match=r"class\.label: 199 fine zones, but the network has 200"):
        trainer.train("demo", drivers, tmp_path / "run", overrides=fields)
    # a network that learns no zones takes what the data have
    trainer.train("demo", drivers, tmp_path / "run", overrides=FIELDS)


def test_zones_of_the_samples_for_validation(drivers: Path, tmp_path: Path) -> None:
    change_zones(drivers, lambda zone: zone % 60)
    other = Path(shutil.copytree(drivers, tmp_path / "other"))
    change_zones(other, lambda zone: zone + 60)
    fields = {**FIELDS, "model.variant": "gazedptr_v2", "model.zones": "60"}
    with pytest.raises(InputError, match=rf"{other}.*train1\.txt, line 2: zone is '\d+'; it should be from 0 to 59"):
        trainer.train("demo", drivers, tmp_path / "run", validation=other, overrides=fields)
    assert not (tmp_path / "run").exists()


def change_zones(folder: Path, change: Callable[[int], int]) -> None:
    """Change all zones in the labels of a data set."""
    for path in folder.glob("*/label_class/*.txt"):
        header, *lines = path.read_text().splitlines()
        words = [line.split(" ") for line in lines]
        changed = (" ".join([*each[:3], str(change(int(each[3]))), *each[4:]]) for each in words)
        path.write_text("\n".join([header, *changed]) + "\n")


def test_rendered_drivers_where_there_is_no_data(
    tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given = instead_of_fit(trainer)
    trainer.train("demo", None, tmp_path / "run", overrides={**FIELDS, "model.variant": "gazeptr"})
    assert len(given["source"]) == 12
    assert given["source"].kept.keys() == {"normalised"}
    assert given["source"].kept["normalised"].shape == (12, 3, 64, 64)


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


def test_weights_of_another_variant(saved: Callable[[Any], Path]) -> None:
    config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", FIELDS)
    weights = saved(NETWORKS["gazeptr"](replace(config.model, variant="gazeptr")))
    with pytest.raises(InputError, match=r"holds gazeptr, but the recipe is of gazedptr; --set\.model"):
        trainer.initial_network(config.model, weights)


def test_a_run_that_starts_from_weights(saved: Callable[[Any], Path]) -> None:
    config = load_recipe(trainer.TrainConfig, "gazedptr_gaze", "demo", FIELDS)
    weights = saved(GazeDPTR(config.model))
    started = trainer.initial_network(config.model, weights).state_dict()
    assert all(torch.equal(value, started[name]) for name, value in load_model(weights).state_dict().items())


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"test_fold": "4"}, "test_fold is 4; it must be 1, 2 or 3"),
        ({"epochs": "0"}, "epochs is 0; it must be at least 1"),
        ({"augmentation.flip": "1.5"}, "augmentation.flip is 1.5; it must be from 0 to 1"),
        ({"augmentation.contrast": "1"}, "augmentation.contrast is 1.0; it must be from 0 to below 1"),
        (
            {"model.variant": "gazedptr_v2", "model.zones": "5"},
            r"train1\.txt, line \d: zone is '\d+'; it should be from 0 to 4, as there are 5 zones",
        ),
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
