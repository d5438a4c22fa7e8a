"""What holds for every baseline: legal samples of any kind, seeds, batches, options."""

from __future__ import annotations

import numpy as np
import pytest
from commands import run_code
from tpgbench.benchmark.model import MODELS
from tpgbench.benchmark.model_options import make_config
from tpgbench.benchmark.sample import Sample
from tpgbench.core.errors import TpgbenchError, UnknownNameError

NAMES = ("autofill", "crop", "lattice", "quilting", "tile-crop")


def make_model(name, **options):
    model_class = MODELS.get(name)
    return model_class(make_config(model_class, options))


def make_sample(seed=0, size=48, sample_id="a"):
    rng = np.random.default_rng(seed)
    garment = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    mask = np.zeros((size, size), bool)
    mask[size // 8 : -size // 8, size // 4 : -size // 4] = True
    return Sample(sample_id, size, garment, mask)


def edge_masks(size):
    masks = {name: np.zeros((size, size), bool) for name in ("pixel", "corner", "line", "dust")}
    masks["pixel"][size // 2, size // 3] = True
    masks["corner"][-1, -1] = True
    masks["line"][size // 2] = True
    masks["dust"][::5, ::7] = True
    return {**masks, "all": np.ones((size, size), bool)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [16, 33, 64])
@pytest.mark.parametrize("mask", edge_masks(16))
def test_every_legal_mask_gives_an_image_of_the_garments_colours(name, size, mask):
    visible = edge_masks(size)[mask]
    garment = np.where(visible[..., None], (200, 40, 90), (0, 255, 0)).astype(np.uint8)
    (image,) = make_model(name).generate([Sample("a", size, garment, visible)], [3])
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    # A plain garment is a plain pattern, and nothing of the green around it may leak in.
    assert np.abs(image.astype(int) - (200, 40, 90)).max() <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, 255])
def test_a_black_and_a_white_garment_stay_what_they_are(name, value):
    sample = Sample(
        "a",
        32,
        np.full((32, 32, 3), value, np.uint8),
        edge_masks(32)["dust"] | np.eye(32, dtype=bool),
    )
    (image,) = make_model(name).generate([sample], [0])
    assert np.abs(image.astype(int) - value).max() <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [17, 100, 257])
def test_odd_sizes(name, size):
    (image,) = make_model(name).generate([make_sample(size=size)], [0])
    assert image.shape == (size, size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_largest_size(name):
    (image,) = make_model(name).generate([make_sample(size=1024)], [0])
    assert image.shape == (1024, 1024, 3)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_a_function_of_sample_and_seed_alone(name):
    samples = [make_sample(seed=seed, sample_id=str(seed)) for seed in range(3)]
    model = make_model(name)
    together = model.generate(samples, [5, 6, 7])
    backwards = model.generate(samples[::-1], [7, 6, 5])[::-1]
    alone = [
        make_model(name).generate([s], [seed])[0]
        for s, seed in zip(samples, (5, 6, 7), strict=True)
    ]
    for one, other, third in zip(together, backwards, alone, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)


def test_the_seed_draws_quiltings_blocks():
    model, sample = make_model("quilting", guidance=0), make_sample()
    first, again, other = model.generate([sample] * 3, [1, 1, 2])
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone(name):
    sample = make_sample()
    garment, mask = sample.garment.copy(), sample.mask.copy()
    make_model(name).generate([sample], [0])
    np.testing.assert_array_equal(sample.garment, garment)
    np.testing.assert_array_equal(sample.mask, mask)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_described_and_bounded(name):
    model_class = MODELS.get(name)
    assert model_class.name == name
    assert model_class.card.source
    for field in model_class.config_type.model_fields.values():
        assert field.description
    with pytest.raises(TpgbenchError, match="flatten_sigma"):
        make_config(model_class, {"flatten_sigma": 0})
    with pytest.raises(UnknownNameError, match="did you mean 'flatten'"):
        make_config(model_class, {"flaten": True})


@pytest.mark.parametrize("name", NAMES)
def test_flatten_reaches_every_model(name):
    sample = make_sample()
    on, off = (make_model(name, flatten=flag).generate([sample], [0])[0] for flag in (True, False))
    assert (on != off).any()


def test_flatten_takes_the_light_off_a_crop():
    light = np.linspace(100, 200, 64).astype(np.uint8)
    garment = np.broadcast_to(light[:, None, None], (64, 64, 3)).copy()
    sample = Sample("a", 64, garment, np.ones((64, 64), bool))
    on, off = (
        make_model("crop", flatten=flag, flatten_sigma=1 / 16).generate([sample], [0])[0]
        for flag in (True, False)
    )
    assert np.ptp(off.astype(int)) == 100
    assert np.ptp(on.astype(int)) < 25


def test_no_baseline_loads_torch():
    code = (
        "import sys; from tpgbench.benchmark.model import MODELS; "
        f"[MODELS.get(name) for name in {NAMES!r}]; assert 'torch' not in sys.modules"
    )
    run_code(code)
