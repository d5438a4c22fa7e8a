"""The environment of a run: versions, platform, devices."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...core.errors import TpgbenchError

_PACKAGES = (
    "tpgbench",
    "numpy",
    "scipy",
    "pillow",
    "scikit-image",
    "pyarrow",
    "datasets",
    "torch",
    "torchvision",
    "torchmetrics",
    "transformers",
    "lpips",
    "safetensors",
)


def package_versions() -> dict[str, str]:
    """Return the installed version of each library that numbers may depend on."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def describe_environment() -> dict[str, str]:
    """Return what a session records: versions, Python, platform, processor, git commit."""
    commit = _git_commit()
    return {
        **package_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": str(os.cpu_count() or 1),
        **({"git_commit": commit} if commit else {}),
    }


@cache
def processor_name() -> str:
    """Return the processor's name as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def available_devices() -> list[str]:
    """Return the devices that torch sees, the CPU first."""
    import torch

    devices = ["cpu"]
    devices += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def check_device_kind(asked: str, supported: tuple[str, ...], model: str) -> None:
    """Refuse a kind of device that a model cannot use; whether it is here is not asked.

    Raises:
        TpgbenchError: The model cannot use it.
    """
    if asked not in ("auto", "cpu") and asked.partition(":")[0] not in supported:
        raise TpgbenchError(
            f"--device {asked}: {model} runs on {' or '.join(supported)}; leave --device out"
        )


def choose_device(asked: str, supported: tuple[str, ...], model: str) -> str:
    """Return the device to run on.

    Args:
        asked: ``"auto"`` or a device; ``"cuda"`` means the first one.
        supported: The kinds of device that the model can use.
        model: Its name, for the error.

    Raises:
        TpgbenchError: The model cannot use the device, or it is not there.
    """
    check_device_kind(asked, supported, model)
    if asked == "cpu" or (asked == "auto" and supported == ("cpu",)):
        return "cpu"  # without importing torch
    here = available_devices()
    if asked == "auto":
        return next((name for name in here[1:] if name.partition(":")[0] in supported), "cpu")
    found = "cuda:0" if asked == "cuda" else asked
    if found not in here:
        raise TpgbenchError(f"--device {asked}: not on this machine; here are: {', '.join(here)}")
    return found


@cache
def _git_commit() -> str | None:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
