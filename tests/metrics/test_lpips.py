"""LPIPS against the lpips package, on one random backbone in torchvision's file format."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lpips_oracle import as_peer_wants, peer_network, write_backbones
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.base import Pair, make_metric
from tpgbench.metrics.features.backbones import BACKBONES
from tpgbench.metrics.features.perceptual import load_network
from tpgbench.metrics.lpips import LPIPSMetric, lpips

NETS = tuple(BACKBONES)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights under the owner's file names, and no other weights."""
    folder = write_backbones(tmp_path_factory.mktemp("weights"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TPGBENCH_WEIGHTS", str(folder))
        patch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
        patch.setenv("TPGBENCH_DEVICE", "cpu")
        yield folder


@pytest.fixture(scope="module")
def peers(weights):
    return {net: peer_network(net, weights) for net in NETS}


def pair(height, width, seed=0, amount=40):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    noise = rng.normal(scale=amount, size=truth.shape)
    return np.uint8(np.clip(truth + noise, 0, 255)), truth


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [(64, 64), (65, 91), (33, 128)])
def test_equals_the_lpips_package(peers, net, size):
    output, truth = pair(*size)
    expected = float(peers[net](as_peer_wants(output), as_peer_wants(truth)))
    assert expected > 1e-3  # the pair says something
    assert lpips(output, truth, net) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [(299, 299), (512, 384), (511, 257)])
def test_equals_the_lpips_package_at_larger_sizes(peers, net, size):
    for seed in range(4):
        output, truth = pair(*size, seed=seed)
        expected = float(peers[net](as_peer_wants(output), as_peer_wants(truth)))
        assert lpips(output, truth, net) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("net", NETS)
def test_every_pair_of_two_lists_is_what_it_is_alone(weights, net):
    images = [pair(48, 48, seed)[0] for seed in range(5)]
    matrix = load_network(net).distances(images[:2], images[2:])
    for row, first in enumerate(images[:2]):
        for column, second in enumerate(images[2:]):
            assert matrix[row, column] == pytest.approx(lpips(first, second, net), abs=1e-6)


def test_a_batch_of_pairs_is_what_each_is_alone(weights):
    outputs, truths = zip(*(pair(40, 56, seed) for seed in range(5)), strict=True)
    together = load_network("alex").distance(outputs, truths)
    alone = [lpips(output, truth) for output, truth in zip(outputs, truths, strict=True)]
    assert together == pytest.approx(alone, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_zero_on_itself_symmetric_and_growing_with_noise(weights, seed):
    truth = pair(40, 40, seed)[1]
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=truth.shape)
    values = [
        lpips(np.uint8(np.clip(truth + scale * noise, 0, 255)), truth) for scale in (0, 8, 32, 128)
    ]
    assert values[0] == 0
    assert values == sorted(values)
    assert len(set(values)) == 4
    other = pair(40, 40, seed + 1)[1]
    assert lpips(truth, other) == pytest.approx(lpips(other, truth), abs=1e-7)


def test_the_variant_chooses_the_network_and_stands_in_the_recipe(weights):
    output, truth = pair(64, 64)
    compared = Pair("a", output, truth)
    for net in NETS:
        metric = make_metric(f"lpips@{net}")
        metric.load()
        assert metric.score(compared) == lpips(output, truth, net)
        file = weights / BACKBONES[net].weights.name
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        assert f"weights:{digest}" in metric.recipe({})
    assert make_metric("lpips").score(compared) == lpips(output, truth, "alex")
    assert math.isnan(make_metric("lpips").score(Pair("a", output)))


def test_absent_weights_are_one_line_with_the_way_out(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(TpgbenchError, match=r"vgg16-397923af\.pth is not here .* or download http"):
        LPIPSMetric("vgg").load()


def test_another_file_under_the_name_is_refused(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    torch.save({"layer": torch.zeros(1)}, tmp_path / BACKBONES["alex"].weights.name)
    with monkeypatch.context() as patch:
        patch.delenv("TPGBENCH_UNVERIFIED_WEIGHTS")
        with pytest.raises(TpgbenchError, match="damaged or another one"):
            LPIPSMetric("alex").load()
    with pytest.raises(TpgbenchError, match="holds no weights of torchvision's alexnet"):
        LPIPSMetric("alex").load()


def test_autocast_around_it_changes_nothing(weights):
    output, truth = pair(64, 64)
    plain = lpips(output, truth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert lpips(output, truth) == plain


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("net", NETS)
def test_a_gpu_gives_what_the_cpu_gives(weights, monkeypatch, net):
    output, truth = pair(200, 300)
    plain = lpips(output, truth, net)
    monkeypatch.setenv("TPGBENCH_DEVICE", "cuda")
    assert load_network(net).device == "cuda"
    assert lpips(output, truth, net) == pytest.approx(plain, abs=1e-6)


class _Bomb:
    def __reduce__(self):
        return (print, ("code from a weights file ran",))


def test_nothing_unpickles(weights, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    torch.save({"features.0.weight": _Bomb()}, tmp_path / BACKBONES["alex"].weights.name)
    with pytest.raises(TpgbenchError, match="UnpicklingError"):
        load_network("alex")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (np.zeros((64, 64, 3)), "float64 values: give uint8"),
        (np.zeros((64, 64, 4), np.uint8), "give RGB"),
        (np.zeros((31, 64, 3), np.uint8), "each side must be 32 px at least"),
        (np.zeros((64, 65, 3), np.uint8), "65x64 px and the ground truth 64x64 px"),
    ],
)
def test_wrong_input_is_refused_in_one_line(weights, output, reason):
    with pytest.raises(TpgbenchError, match=reason):
        lpips(output, np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize("net", NETS)
def test_the_smallest_side_works(weights, net):
    assert lpips(*pair(32, 32), net) > 0
