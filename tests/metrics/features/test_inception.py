"""The FID Inception against four libraries, all with the same random weights."""

import numpy as np
import PIL.Image
import pytest
import torch
from inception_oracle import (
    clean_fid,
    pytorch_fid_network,
    torch_fidelity_network,
    torchmetrics_fid,
    write_clean_weights,
)
from pictures import photo
from tpgbench import TpgbenchError
from tpgbench.core.files import known_sha256
from tpgbench.metrics.features import inception_network
from tpgbench.metrics.features.inception import INCEPTION_WEIGHTS, InceptionFeatures
from tpgbench.metrics.features.protocols import PROTOCOLS

SIZES = [(64, 64), (299, 299), (333, 201), (16, 500)]


@pytest.fixture
def weights(inception_weights):
    return inception_weights


def planes(one):
    return torch.from_numpy(one.transpose(2, 0, 1).copy())[None]


def library_input(protocol, one):
    """What the library itself hands to its network."""
    from torch.nn.functional import interpolate

    if protocol == "pytorch-fid":
        resized = interpolate(planes(one) / 255, (299, 299), mode="bilinear", align_corners=False)
        return (2 * resized - 1)[0].numpy()
    if protocol == "torch-fidelity":
        from torch_fidelity.interpolate_compat_tensorflow import (
            interpolate_bilinear_2d_like_tensorflow1x,
        )

        resized = interpolate_bilinear_2d_like_tensorflow1x(
            planes(one).float(), size=(299, 299), align_corners=False
        )
    elif protocol == "torchmetrics":
        resized = interpolate(planes(one).float(), (299, 299), mode="bilinear", antialias=True)
    else:
        from cleanfid.resize import build_resizer

        resized = planes(build_resizer("clean")(one))
    return ((resized - 128) / 128)[0].numpy()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("height", "width"), [*SIZES, (512, 512), (1000, 701)])
def test_the_resize_is_the_library_s_to_the_last_bit(protocol, height, width):
    one = photo(0, (width, height), grain=20)
    found = PROTOCOLS[protocol].prepare(one)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, library_input(protocol, one))


def assert_close(found, expected):
    """Within 1e-5 of the features' own size."""
    expected = np.asarray(expected)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    gaps = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert gaps.max() < 1e-5


def test_features_are_pytorch_fid_s_and_torchmetrics(weights):
    images = [photo(seed, size[::-1], grain=20) for seed, size in enumerate(SIZES)]
    with torch.no_grad():
        network = pytorch_fid_network(weights)
        expected = torch.cat([network(planes(one) / 255)[0].flatten(1) for one in images])
        assert_close(InceptionFeatures("pytorch-fid").extract(images), expected)
        network = torchmetrics_fid(weights).inception
        expected = torch.cat([network(planes(one)) for one in images])
        assert_close(InceptionFeatures("torchmetrics").extract(images), expected)


def test_features_and_logits_are_torch_fidelity_s(weights):
    images = [photo(seed, size[::-1], grain=20) for seed, size in enumerate(SIZES)]
    network = torch_fidelity_network(weights, ["2048", "logits_unbiased"])
    both = [network(planes(one)) for one in images]
    extractor = InceptionFeatures("torch-fidelity")
    features = extractor.extract(images)
    assert_close(features, torch.cat([pool for pool, _ in both]))
    assert_close(extractor.logits(features), torch.cat([logits for _, logits in both]))


@pytest.mark.slow
def test_features_are_clean_fid_s(weights, tmp_path):
    write_clean_weights(weights)
    images = [photo(seed, size[::-1], grain=20) for seed, size in enumerate(SIZES)]
    for index, one in enumerate(images):
        PIL.Image.fromarray(one).save(tmp_path / f"{index}.png")
    with clean_fid(weights) as library:
        expected = library.get_folder_features(
            str(tmp_path),
            library.build_feature_extractor("clean", torch.device("cpu"), use_dataparallel=False),
            num_workers=0,
            device=torch.device("cpu"),
            verbose=False,
        )
    assert_close(InceptionFeatures("clean").extract(images), expected)


def test_without_the_private_operation_the_features_are_the_same(weights, monkeypatch):
    images = [photo(0, (64, 64), grain=20)]
    packed = InceptionFeatures("clean").extract(images)
    assert any(layer._packed for layer in packed_layers(weights))
    monkeypatch.setattr(inception_network, "_can_pack", lambda: False)
    network = inception_network.read_network(weights)
    prepared = torch.from_numpy(PROTOCOLS["clean"].prepare(images[0])[None])
    plain = network(prepared).numpy()
    assert not any(layer._packed for layer in convolutions(network))
    assert_close(packed, plain)


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, inception_network.Convolution)]


def packed_layers(weights):
    from tpgbench.metrics.features.inception import _network

    return convolutions(_network(weights.resolve(), known_sha256(weights), "cpu"))


def test_an_image_has_the_same_features_in_any_company(weights):
    extractor = InceptionFeatures("clean")
    images = [
        photo(seed, (50, 40), grain=20) for seed in range(10)
    ]  # more than one batch of the network
    together = extractor.extract(images)
    alone = extractor.extract([images[9]])
    np.testing.assert_allclose(together[9:], alone, rtol=1e-5, atol=1e-6)
    assert not np.allclose(together[0], together[9], rtol=1e-2)


def test_autocast_around_it_changes_nothing(weights):
    extractor = InceptionFeatures("clean")
    images = [photo(0, (50, 40), grain=20)]
    plain = extractor.extract(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(extractor.extract(images), plain)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((20, 20, 3), np.float32), "holds float32 values: give uint8"),
        (np.zeros((20, 20, 4), np.uint8), r"shape \(20, 20, 4\): give RGB"),
        (np.zeros((20, 20), np.uint8), r"shape \(20, 20\): give RGB"),
    ],
)
def test_what_is_no_image_is_refused(weights, given, message):
    with pytest.raises(TpgbenchError, match=message):
        InceptionFeatures("clean").extract([given])


def test_the_key_tells_weights_and_protocols_apart(weights, monkeypatch, tmp_path):
    keys = {InceptionFeatures(protocol).key for protocol in PROTOCOLS}
    assert len(keys) == 4
    other = tmp_path / INCEPTION_WEIGHTS.name
    other.write_bytes(b"other bytes")
    keys.add(InceptionFeatures("clean", tmp_path).key)
    assert len(keys) == 5


def test_another_network_s_file_is_refused_with_the_way_out(weights, tmp_path):
    path = tmp_path / INCEPTION_WEIGHTS.name
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(TpgbenchError, match=r"holds no weights of the FID Inception.*fetch"):
        InceptionFeatures("clean", tmp_path).extract([photo(0, (20, 20))])


def test_pickled_code_in_a_weights_file_is_not_run(weights, tmp_path):
    ran = tmp_path / "ran"

    class Code:
        def __reduce__(self):
            return ran.touch, ()

    torch.save({"fc.weight": Code()}, tmp_path / INCEPTION_WEIGHTS.name)
    with pytest.raises(TpgbenchError, match="holds no weights"):
        InceptionFeatures("clean", tmp_path).extract([photo(0, (20, 20))])
    assert not ran.exists()


def test_weights_that_are_not_verified_are_refused(weights, monkeypatch):
    monkeypatch.delenv("TPGBENCH_UNVERIFIED_WEIGHTS")
    with pytest.raises(TpgbenchError, match=r"not 6726825d0af5.*--unverified-weights"):
        InceptionFeatures("clean")


def test_absent_weights_are_named_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(TpgbenchError, match=r"is not here.*download https://github.com/mseitzer"):
        InceptionFeatures("clean")
