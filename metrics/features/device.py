"""Where backbones run."""

from __future__ import annotations

import os

from ...errors import TpgbenchError


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
