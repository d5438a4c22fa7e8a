"""Out of memory while a model generates: one line that names the setting to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import TpgbenchError


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine has no memory left; PyTorch has a type for CUDA alone."""
    text = str(error)
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text


@contextmanager
def explain_out_of_memory(count: int, things: str, *, smaller: str) -> Iterator[None]:
    """Turn the failure of a batch that does not fit into one line with the way out.

    Args:
        count: How many samples the batch holds.
        things: What they are, in the plural.
        smaller: What else needs less memory: ``"weights of a smaller preset"``.

    Raises:
        TpgbenchError: The block ran out of memory. Other errors are raised as they are.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        lower = "lower --batch-size" if count > 1 else "give --precision bf16"
        raise TpgbenchError(
            f"out of memory with {count} {things} at once: {lower}, or {smaller}"
        ) from error
