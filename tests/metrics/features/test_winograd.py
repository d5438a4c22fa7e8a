"""Winograd's convolution against the direct one in float64."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from tpgbench.metrics.features.winograd import WinogradConvolution


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (4, 4), (5, 9), (15, 15), (16, 33), (40, 64)])
@pytest.mark.parametrize(("channels", "filters"), [(64, 128), (512, 320)])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_direct_convolution(size, channels, filters, bias):
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, filters, 3, padding=1, bias=bias).requires_grad_(False)
    images = torch.rand(2, channels, *size).contiguous(memory_format=torch.channels_last)
    assert WinogradConvolution.suits(layer)
    fast = WinogradConvolution(layer)
    found = fast(images)
    expected = layer.double()(images.double())
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())
    assert torch.equal(fast(images), found)


def test_an_image_is_what_it_is_alone():
    torch.manual_seed(0)
    fast = WinogradConvolution(nn.Conv2d(128, 128, 3, padding=1).requires_grad_(False))
    images = torch.rand(3, 128, 30, 50).contiguous(memory_format=torch.channels_last)
    alone = torch.cat([fast(images[index : index + 1]) for index in range(3)])
    torch.testing.assert_close(fast(images), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.Conv2d(128, 128, 5, padding=2),
        nn.Conv2d(128, 128, 3),
        nn.Conv2d(128, 128, 3, padding=1, stride=2),
        nn.Conv2d(128, 128, 3, padding=2, dilation=2),
        nn.Conv2d(128, 128, 3, padding=1, groups=2),
        nn.Conv2d(3, 64, 3, padding=1),
        nn.Conv2d(128, 128, 3, padding=1, dtype=torch.float64),
        nn.Conv2d(128, 128, 3, padding=1, device="meta"),
    ],
)
def test_other_layers_stay_as_they_are(layer):
    assert not WinogradConvolution.suits(layer)
