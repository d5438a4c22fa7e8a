"""Switches of the whole process do not change numbers."""

from __future__ import annotations

import pytest
import torch
from lpips_oracle import write_backbones
from tpgbench.metrics import LPIPS, PSNR, SSIM


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def images(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=generator)


def number(metric):
    metric.update(images(0), images(1))
    return float(metric.compute())


def test_another_default_type_changes_nothing(tmp_path, monkeypatch, request):
    write_backbones(tmp_path, ["squeeze"])
    monkeypatch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
    monkeypatch.setenv("TPGBENCH_DEVICE", "cpu")

    def numbers():
        return [number(metric) for metric in (SSIM(), PSNR(), LPIPS("squeeze", weights=tmp_path))]

    single = numbers()
    request.getfixturevalue("double")
    assert numbers() == single
    assert torch.get_default_dtype() == torch.float64
