"""Where backbones run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import TpgbenchError


@contextmanager
def float32_inference(device: str) -> Iterator[None]:
    """Compute in float32 proper: no gradients, no autocast, no TF32, whatever is around."""
    import torch

    with (
        torch.inference_mode(),
        torch.autocast(torch.device(device).type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        yield


def compute_device() -> str:
    """Return ``$TPGBENCH_DEVICE``, or ``"cuda"`` where there is one, or ``"cpu"``.

    Raises:
        TpgbenchError: The variable names a device that is not here.
    """
    import torch

    given = os.environ.get("TPGBENCH_DEVICE")
    if not given:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=given)
    except (RuntimeError, AssertionError) as error:
        raise TpgbenchError(
            f"TPGBENCH_DEVICE={given}: there is no such device; name cpu, cuda, cuda:1 or mps"
        ) from error
    return given
