"""Where backbones run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ...core.errors import TpgbenchError


class _FullPrecision:
    """Keeps other types than plain float32 out while any thread of the process is within.

    These are TF32 and bfloat16 in products, and another default type of new tensors.

    The switches belong to the process and not to a thread: each thread setting them back by
    itself would do so under another one's hands.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._restore = ExitStack()

    def __enter__(self) -> None:
        import torch

        with self._lock:
            if self._users == 0:
                before = torch.get_float32_matmul_precision()
                self._restore.callback(torch.set_float32_matmul_precision, before)
                torch.set_float32_matmul_precision("highest")
                self._restore.callback(torch.set_default_dtype, torch.get_default_dtype())
                torch.set_default_dtype(torch.float32)
                self._restore.enter_context(
                    torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
                )
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._restore.close()


_full_precision = _FullPrecision()


@contextmanager
def float32_inference(device: str) -> Iterator[None]:
    """Compute in plain float32: no gradients, autocast or TF32, whatever surrounds the block."""
    import torch

    with (
        torch.inference_mode(),
        torch.autocast(torch.device(device).type, enabled=False),
        _full_precision,
    ):
        yield


def has_float64(device: str) -> bool:
    """Return whether a device computes in float64; Apple's does not."""
    return device.partition(":")[0] != "mps"


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
