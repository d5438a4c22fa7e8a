"""FID, KID and the inception score over folders, archives and statistics files."""

import shutil
import zipfile

import numpy as np
import PIL.Image
import pytest
from tpgbench import TpgbenchError
from tpgbench.core.images import READING
from tpgbench.metrics import compute_fid, compute_is, compute_kid, save_statistics
from tpgbench.metrics.features import inception
from tpgbench.metrics.features.inception import InceptionFeatures
from tpgbench.metrics.features.statistics import read_statistics
from tpgbench.metrics.fid import FIDMetric, fid_interval
from tpgbench.metrics.frechet import Gaussian, frechet_distance

pytestmark = pytest.mark.usefixtures("cheap_inception")


@pytest.fixture
def cheap_inception(inception_weights, monkeypatch):
    """Colour statistics where the network would be: these tests are about all around it."""
    embedded = []

    def embed(self, prepared):
        embedded.append(len(prepared))
        planes = np.stack(prepared).reshape(len(prepared), 3, -1)
        parts = [planes.mean(2), planes.std(2), planes[:, :, ::30_000].reshape(len(prepared), -1)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    monkeypatch.setattr(InceptionFeatures, "embed", embed)
    monkeypatch.setattr(
        InceptionFeatures, "logits", lambda self, features: np.asarray(features) * 10
    )
    return embedded


def save_images(folder, count, *, seed=0, size=None, suffix=".png"):
    rng = np.random.default_rng(seed)
    for index in range(count):
        width, height = (20, 24) if size is None else size[index % len(size)]
        small = PIL.Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        folder.mkdir(exist_ok=True)
        small.resize((width, height)).save(folder / f"{index}{suffix}")
    return folder


@pytest.fixture
def real(tmp_path):
    return save_images(tmp_path / "real", 24, seed=1)


@pytest.fixture
def generated(tmp_path):
    return save_images(tmp_path / "generated", 20, seed=2)


def features(folder, protocol="clean"):
    extractor = InceptionFeatures(protocol)
    images = [np.asarray(PIL.Image.open(path)) for path in sorted(folder.rglob("*.png"))]
    return extractor.extract(images)


def test_fid_is_the_distance_of_the_features(real, generated):
    value = compute_fid(real, generated)
    expected = frechet_distance(
        Gaussian.of_features(features(real)), Gaussian.of_features(features(generated))
    )
    assert value.value == pytest.approx(expected, rel=1e-9)
    assert (value.name, value.n, value.interval) == ("fid", 20, None)
    assert value.unranked == "20 images: an FID of fewer than 2,048 is too biased to rank"


def test_the_recipe_names_all_that_matters(real, generated):
    parts = dict(p.split(":", 1) for p in compute_fid(real, generated).recipe.split("|")[1:])
    assert parts.pop("real") != ""
    assert parts.pop("weights") not in ("", inception.INCEPTION_WEIGHTS.sha256[:8])
    assert parts == {
        "read": READING,
        "bound": "2048",
        "backbone": "inception-2015-12-05",
        "features": "1",
        "format": "png",
        "format-real": "png",
        "input-resize": "pil-bicubic-float",
        "n": "20",
        "n-real": "24",
        "pairs": "none",
        "protocol": "clean",
        "range": "(x-128)/128",
        "size": "20x24",
        "size-real": "20x24",
        "version": "1",
    }


def test_another_reference_protocol_or_size_is_another_recipe(real, generated, tmp_path):
    other = save_images(tmp_path / "other", 24, seed=9)
    mixed = save_images(tmp_path / "mixed", 20, seed=2, size=[(20, 24), (30, 17)], suffix=".jpg")
    recipes = [
        compute_fid(real, generated).recipe,
        compute_fid(other, generated).recipe,
        compute_fid(real, generated, protocol="torch-fidelity").recipe,
        compute_fid(real, mixed).recipe,
    ]
    assert len(set(recipes)) == 4
    assert "size:mixed" in recipes[3]
    assert "format:jpg" in recipes[3]


def test_what_generated_the_images_is_not_in_the_recipe(real, generated, tmp_path):
    other = save_images(tmp_path / "other", 20, seed=9)
    assert compute_fid(real, generated).recipe == compute_fid(real, other).recipe
    assert compute_fid(real, generated).value != compute_fid(real, other).value


def test_folders_nested_folders_and_archives_agree(real, generated, tmp_path):
    nested = tmp_path / "nested"
    for index, path in enumerate(sorted(generated.iterdir())):
        target = nested / str(index % 3) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in generated.iterdir():
            archive.write(path, f"deep/{path.name}")
    expected = compute_fid(real, generated).value
    assert compute_fid(real, nested).value == pytest.approx(expected, rel=1e-9)
    assert compute_fid(real, packed).value == pytest.approx(expected, rel=1e-9)


def test_images_of_many_sizes_are_each_resized_by_themselves(real, tmp_path):
    sizes = [(20, 24), (64, 64), (299, 299), (333, 201)]
    mixed = save_images(tmp_path / "mixed", 8, seed=3, size=sizes)
    expected = frechet_distance(
        Gaussian.of_features(features(real)), Gaussian.of_features(features(mixed))
    )
    assert compute_fid(real, mixed).value == pytest.approx(expected, rel=1e-9)


def test_a_second_time_no_image_passes_the_network(real, generated, cheap_inception, tmp_path):
    first = compute_fid(real, generated)
    assert sum(cheap_inception) == 44
    assert compute_fid(real, generated) == first
    compute_kid(real, generated)
    compute_is(generated)
    assert sum(cheap_inception) == 44
    compute_fid(real, generated, protocol="pytorch-fid")
    assert sum(cheap_inception) == 88
    assert compute_fid(real, generated, cache=False) == first
    assert sum(cheap_inception) == 132


def test_an_equal_file_is_known_under_another_name(real, generated, cheap_inception, tmp_path):
    compute_fid(real, generated)
    moved = shutil.copytree(generated, tmp_path / "moved")
    compute_fid(real, moved)
    assert sum(cheap_inception) == 44


def test_the_network_gets_whole_batches(tmp_path, cheap_inception):
    many = save_images(tmp_path / "many", 70)
    compute_fid(many, many, cache=False)
    assert cheap_inception == [32, 32, 6] * 2


def test_statistics_give_the_number_of_the_images(real, generated, tmp_path):
    save_statistics(real, tmp_path / "real.npz", keep_features=True)
    save_statistics(generated, tmp_path / "generated.npz")
    expected = compute_fid(real, generated)
    for first, second in [
        (tmp_path / "real.npz", generated),
        (tmp_path / "real.npz", tmp_path / "generated.npz"),
        (real, tmp_path / "generated.npz"),
    ]:
        found = compute_fid(first, second)
        assert found.value == pytest.approx(expected.value, rel=1e-6)
        assert found.n == 20
        assert found.recipe != expected.recipe
    kid = compute_kid(real, generated).value
    assert compute_kid(tmp_path / "real.npz", generated).value == pytest.approx(kid, rel=1e-12)
    with pytest.raises(TpgbenchError, match=r"generated\.npz: holds mu and sigma only, and kid"):
        compute_kid(real, tmp_path / "generated.npz")
    with pytest.raises(TpgbenchError, match="and an interval needs the images"):
        compute_fid(real, tmp_path / "generated.npz", interval=True)


def test_pytorch_fid_and_clean_fid_read_what_is_written(real, tmp_path):
    from pytorch_fid.fid_score import compute_statistics_of_path

    save_statistics(real, tmp_path / "real.npz", keep_features=True)
    expected = features(real)
    mean, cov = compute_statistics_of_path(str(tmp_path / "real.npz"), None, 1, 2048, "cpu")
    np.testing.assert_allclose(mean, expected.mean(0, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(cov, np.cov(expected, rowvar=False), rtol=1e-9, atol=1e-12)
    with np.load(tmp_path / "real.npz", allow_pickle=False) as archive:  # as clean-fid's KID does
        np.testing.assert_array_equal(archive["feats"], expected)


def test_files_of_pytorch_fid_and_clean_fid_are_read(real, generated, tmp_path):
    known = features(real)
    np.savez_compressed(  # both write FID's moments so
        tmp_path / "moments.npz", mu=known.mean(0), sigma=np.cov(known, rowvar=False)
    )
    np.savez_compressed(tmp_path / "feats.npz", feats=known)  # clean-fid's, for KID
    expected = compute_fid(real, generated)
    moments = compute_fid(tmp_path / "moments.npz", generated)
    assert moments.value == pytest.approx(expected.value, rel=1e-5)
    assert "n-real:unknown" in moments.recipe
    feats = compute_fid(tmp_path / "feats.npz", generated)
    assert feats.value == pytest.approx(expected.value, rel=1e-9)
    assert compute_kid(tmp_path / "feats.npz", generated).value == pytest.approx(
        compute_kid(real, generated).value, rel=1e-12
    )


def test_statistics_of_another_protocol_are_refused(real, generated, tmp_path):
    save_statistics(real, tmp_path / "real.npz", protocol="pytorch-fid")
    with pytest.raises(TpgbenchError, match=r"pytorch-fid.* and not from .*clean"):
        compute_fid(tmp_path / "real.npz", generated)
    compute_fid(tmp_path / "real.npz", generated, protocol="pytorch-fid")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "cannot be read as statistics"),
        ({"other": np.zeros(3)}, "holds other; statistics are mu and sigma"),
        ({"mu": np.zeros(3), "sigma": np.eye(4)}, "sigma has shape"),
        ({"mu": np.full(3, np.nan), "sigma": np.eye(3)}, "mu holds NaN or infinite values"),
        ({"mu": np.zeros(3), "sigma": np.eye(3) + np.eye(3, k=1)}, "sigma is not symmetric"),
        ({"mu": np.zeros(3), "sigma": np.diag([1, 1, -0.1])}, "it has the eigenvalue -0.1"),
        ({"mu": np.zeros(3), "sigma": 1j * np.eye(3)}, "sigma is complex128 of shape"),
        ({"mu": np.zeros(3), "sigma": np.eye(3), "n": np.array(-4)}, "n is -4: it must be"),
        ({"feats": np.full((4, 27), np.inf)}, "feats holds NaN or infinite"),
        ({"feats": np.zeros((1, 27))}, "at least 2 images"),
        ({"mu": np.array([{}]), "sigma": np.eye(1)}, "cannot be read as statistics"),
        ({"mu": np.zeros(5), "sigma": np.eye(5)}, "5 dimensions and the other"),
    ],
)
def test_files_that_are_no_statistics_are_refused(generated, tmp_path, content, message):
    path = tmp_path / "bad.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(TpgbenchError, match=message):
        compute_fid(path, generated)


def test_a_corrupt_image_in_the_middle_of_a_thousand_is_named(tmp_path, real, cheap_inception):
    many = tmp_path / "many"
    many.mkdir()
    PIL.Image.new("RGB", (16, 16)).save(many / "000.png")
    for index in range(1, 1_000):
        if index != 500:
            (many / f"{index:03d}.png").hardlink_to(many / "000.png")
    (many / "500.png").write_bytes((many / "000.png").read_bytes()[:40])
    with pytest.raises(TpgbenchError, match=r"many/500\.png: cannot be read as an image"):
        compute_fid(real, many, cache=False)
    assert sum(cheap_inception) < 24 + 520  # it stops there


def test_too_few_images_are_refused(real, tmp_path):
    one = save_images(tmp_path / "one", 1)
    for arguments in [(one, real), (real, one)]:
        with pytest.raises(
            TpgbenchError, match=r"one: holds one image only, and fid needs at least 2"
        ):
            compute_fid(*arguments)
        with pytest.raises(TpgbenchError, match="holds one image only"):
            compute_kid(*arguments)
    nine = save_images(tmp_path / "nine", 9)
    with pytest.raises(TpgbenchError, match="nine: holds 9 images, and is needs at least 10"):
        compute_is(nine)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TpgbenchError, match="empty: holds no image"):
        compute_fid(real, empty)


def test_an_unknown_protocol_is_refused_with_the_known_ones(real, generated):
    with pytest.raises(TpgbenchError, match="did you mean 'clean'"):
        compute_fid(real, generated, protocol="cleen")


def test_weights_may_lie_in_a_folder_of_their_own(
    real, generated, inception_weights, monkeypatch, tmp_path
):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(TpgbenchError, match="is not here"):
        compute_fid(real, generated)
    assert compute_fid(real, generated, weights=inception_weights.parent).value > 0


def test_the_interval_holds_the_value_and_repeats(tmp_path):
    real = save_images(tmp_path / "r", 60, seed=1)
    generated = save_images(tmp_path / "g", 50, seed=2)
    value = compute_fid(real, generated, interval=True)
    assert value.interval[0] < value.value < value.interval[1]
    assert compute_fid(real, generated, interval=True) == value
    save_statistics(real, tmp_path / "real.npz")
    fixed = compute_fid(tmp_path / "real.npz", generated, interval=True)
    width, fixed_width = (v.interval[1] - v.interval[0] for v in (value, fixed))
    assert fixed_width < width  # a reference that is not in doubt


def test_of_few_images_there_is_no_interval():
    rows = np.random.default_rng(0).normal(size=(39, 4)).astype(np.float32)
    assert fid_interval(rows, rows) is None
    assert fid_interval(Gaussian.of_features(rows), np.tile(rows, (2, 1))) is not None


def test_an_interval_that_cannot_be_given_is_an_error(real, generated):
    with pytest.raises(TpgbenchError, match="an interval needs 40 images in each set"):
        compute_fid(real, generated, interval=True)


def test_the_interval_covers_the_expected_fid():
    # Of 95 % intervals at N = 100 in 16 dimensions, 60 times. The target is the mean FID at this
    # N, bias included: what the interval is about. Fewer than 50 hits have a chance below 1 %.
    rng = np.random.default_rng(5)

    def draw():
        truth = rng.normal(size=(100, 16)).astype(np.float32)
        output = (rng.normal(size=(100, 16)) * 1.2 + 0.2).astype(np.float32)
        return truth, output

    expected = np.mean(
        [frechet_distance(*(Gaussian.of_features(side) for side in draw())) for _ in range(400)]
    )
    intervals = [fid_interval(*draw()) for _ in range(60)]
    hits = sum(low < expected < high for low, high in intervals)
    assert 50 <= hits <= 60
    # And it is of use: not wide enough to hold anything.
    assert np.median([high - low for low, high in intervals]) < expected


def test_a_value_of_few_images_is_marked_and_one_of_many_is_not():
    rows = np.random.default_rng(0).normal(size=(2_048, 3)).astype(np.float32)
    many = FIDMetric().compute({"truth": rows, "output": rows}, 0, {})
    assert many.unranked is None
    few = FIDMetric().compute({"truth": rows, "output": rows[1:]}, 0, {})
    assert few.unranked.startswith("2047 images")
    none = FIDMetric().compute({"truth": rows, "output": rows[:1]}, 5, {})
    assert (none.value, none.missing) == (None, 5)
    assert "at least 2 images in each set, not 1" in none.not_computed


def test_a_damaged_byte_of_a_statistics_file_is_an_error_of_ours(tmp_path):
    path = tmp_path / "bad.npz"
    features = np.random.default_rng(0).normal(size=(8, 27)).astype(np.float32)
    np.savez_compressed(path, feats=features)
    whole = path.read_bytes()
    refused = 0
    for place in range(40, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x5A
        path.write_bytes(damaged)
        try:
            read_statistics(path, "any")
        except TpgbenchError:
            refused += 1
    assert refused > 50
