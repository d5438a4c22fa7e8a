"""The FID Inception as a network: the same function as its libraries compute, in less time.

Batch normalisation is folded into the convolutions, the 1x1 convolutions that read the same input
are one, an average pool moves behind its 1x1 convolution (the two commute, and there are fewer
channels behind it), and on a CPU the weights lie as oneDNN wants them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import TpgbenchError

FEATURES = 2048
CLASSES = 1008

_EPSILON = 1e-3  # of the batch normalisation, as TensorFlow has it

State: TypeAlias = Mapping[str, Tensor]


class InceptionNetwork(nn.Module):
    """Inception v3 as FID uses it, up to its last average pool; the classifier is separate.

    Attributes:
        classifier: The weights of the last layer, (1008, 2048), by which features become logits.
            FID's libraries leave out the bias, and so does the inception score.
    """

    classifier: Tensor

    def __init__(self, state: State) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(state, "Conv2d_1a_3x3", stride=2),
            _convolution(state, "Conv2d_2a_3x3", padded=False),
            _convolution(state, "Conv2d_2b_3x3"),
            nn.MaxPool2d(3, 2),
            _convolution(state, "Conv2d_3b_1x1"),
            _convolution(state, "Conv2d_4a_3x3", padded=False),
            nn.MaxPool2d(3, 2),
        )
        self.blocks = nn.Sequential(
            *(_block_a(state, f"Mixed_5{letter}") for letter in "bcd"),
            _block_b(state, "Mixed_6a"),
            *(_block_c(state, f"Mixed_6{letter}") for letter in "bcde"),
            _block_d(state, "Mixed_7a"),
            _block_e(state, "Mixed_7b"),
            # The original pools by maximum here and only here; the weights were trained with it.
            _block_e(state, "Mixed_7c", max_pool=True),
        )
        self.register_buffer("classifier", state["fc.weight"].clone())

    def forward(self, images: Tensor) -> Tensor:
        """Return pool3 features, float32 (n, 2048), of images (n, 3, 299, 299)."""
        images = images.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.blocks(self.stem(images)).mean((2, 3))
        return features


def read_network(path: Path) -> InceptionNetwork:
    """Read the file that pytorch-fid and torch-fidelity publish.

    Raises:
        TpgbenchError: The file does not hold this network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        network = InceptionNetwork(state)
    except Exception as error:
        raise TpgbenchError(
            f"{path}: holds no weights of the FID Inception ({type(error).__name__}); remove it "
            "and fetch it again"
        ) from error
    return network.eval().requires_grad_(False)


class Convolution(nn.Module):
    """A convolution with a bias, and a ReLU behind it unless it is left off.

    On a CPU its weights are laid out for oneDNN at the first call, where this build of torch can.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        *,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)
        self.stride, self.padding, self.relu = stride, padding, relu
        self._packed = False

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, channels last, of an input (n, c, height, width)."""
        if not self._packed and x.device.type == "cpu" and _can_pack():
            self.weight = _pack(self.weight, self.stride, self.padding, x.shape)
            self._packed = True
        if self._packed:
            packed: Tensor = torch.ops.mkldnn._convolution_pointwise(
                x,
                self.weight,
                self.bias,
                self.padding,
                (self.stride, self.stride),
                (1, 1),
                1,
                "relu" if self.relu else "none",
                [],
                "",
            )
            return packed
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return y.relu_() if self.relu else y


class Join(nn.Module):
    """Branches over one input, their outputs joined by channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Return the joined outputs of an input (n, c, height, width)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Siblings(nn.Module):
    """Branches that all begin with a 1x1 convolution, those computed as one.

    Args:
        head: The 1x1 convolutions, joined by channels, without a ReLU.
        widths: How many of the head's channels are each branch's.
        tails: The rest of each branch. If there is one less than widths, the last branch is an
            average pool: it stands before its convolution in the original, and commutes with it.
    """

    def __init__(self, head: Convolution, widths: list[int], tails: Sequence[nn.Module]) -> None:
        super().__init__()
        self.head = head
        self.widths = widths
        self.tails = nn.ModuleList(tails)

    def forward(self, x: Tensor) -> Tensor:
        """Return the joined outputs of an input (n, c, height, width)."""
        parts = self.head(x).split(self.widths, dim=1)
        outputs = [tail(F.relu(part)) for tail, part in zip(self.tails, parts, strict=False)]
        if len(parts) > len(self.tails):
            # TensorFlow leaves the padding out of the average.
            pooled = F.avg_pool2d(parts[-1], 3, stride=1, padding=1, count_include_pad=False)
            outputs.append(pooled.relu_())
        return torch.cat(outputs, dim=1)


def _block_a(state: State, name: str) -> nn.Module:
    return _siblings(
        state,
        [
            f"{name}.{head}"
            for head in ("branch1x1", "branch5x5_1", "branch3x3dbl_1", "branch_pool")
        ],
        [
            nn.Identity(),
            _convolution(state, f"{name}.branch5x5_2"),
            _chain(state, name, "branch3x3dbl_2", "branch3x3dbl_3"),
        ],
    )


def _block_b(state: State, name: str) -> nn.Module:
    return Join(
        _convolution(state, f"{name}.branch3x3", stride=2),
        nn.Sequential(
            _chain(state, name, "branch3x3dbl_1", "branch3x3dbl_2"),
            _convolution(state, f"{name}.branch3x3dbl_3", stride=2),
        ),
        nn.MaxPool2d(3, 2),
    )


def _block_c(state: State, name: str) -> nn.Module:
    return _siblings(
        state,
        [
            f"{name}.{head}"
            for head in ("branch1x1", "branch7x7_1", "branch7x7dbl_1", "branch_pool")
        ],
        [
            nn.Identity(),
            _chain(state, name, "branch7x7_2", "branch7x7_3"),
            _chain(state, name, *(f"branch7x7dbl_{step}" for step in (2, 3, 4, 5))),
        ],
    )


def _block_d(state: State, name: str) -> nn.Module:
    branches = _siblings(
        state,
        [f"{name}.branch3x3_1", f"{name}.branch7x7x3_1"],
        [
            _convolution(state, f"{name}.branch3x3_2", stride=2),
            nn.Sequential(
                _chain(state, name, "branch7x7x3_2", "branch7x7x3_3"),
                _convolution(state, f"{name}.branch7x7x3_4", stride=2),
            ),
        ],
    )
    return Join(branches, nn.MaxPool2d(3, 2))


def _block_e(state: State, name: str, *, max_pool: bool = False) -> nn.Module:
    heads = [f"{name}.{head}" for head in ("branch1x1", "branch3x3_1", "branch3x3dbl_1")]
    tails = [
        nn.Identity(),
        _fork(state, f"{name}.branch3x3_2"),
        nn.Sequential(
            _convolution(state, f"{name}.branch3x3dbl_2"), _fork(state, f"{name}.branch3x3dbl_3")
        ),
    ]
    if not max_pool:
        return _siblings(state, [*heads, f"{name}.branch_pool"], tails)
    pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), _convolution(state, f"{name}.branch_pool"))
    return Join(_siblings(state, heads, tails), pooled)


def _siblings(state: State, heads: Sequence[str], tails: Sequence[nn.Module]) -> Siblings:
    folded = [_fold(state, head) for head in heads]
    weight = torch.cat([weight for weight, _ in folded])
    bias = torch.cat([bias for _, bias in folded])
    return Siblings(Convolution(weight, bias, relu=False), [len(bias) for _, bias in folded], tails)


def _chain(state: State, block: str, *names: str) -> nn.Sequential:
    return nn.Sequential(*(_convolution(state, f"{block}.{name}") for name in names))


def _fork(state: State, name: str) -> Join:
    return Join(_convolution(state, f"{name}a"), _convolution(state, f"{name}b"))


def _convolution(state: State, name: str, *, stride: int = 1, padded: bool = True) -> Convolution:
    """Return a layer; with a stride of 1 it keeps the size unless it is not ``padded``."""
    weight, bias = _fold(state, name)
    height, width = weight.shape[2:]
    padding = (height // 2, width // 2) if padded and stride == 1 else (0, 0)
    return Convolution(weight, bias, stride=stride, padding=padding)


def _fold(state: State, name: str) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight and bias with its batch normalisation in them."""
    variance = state[f"{name}.bn.running_var"].double()
    scale = state[f"{name}.bn.weight"].double() / torch.sqrt(variance + _EPSILON)
    weight = state[f"{name}.conv.weight"].double() * scale[:, None, None, None]
    bias = state[f"{name}.bn.bias"].double() - state[f"{name}.bn.running_mean"].double() * scale
    return weight.float(), bias.float()


def _can_pack() -> bool:
    """Return whether this build of torch has the private operations for packed weights."""
    return (
        torch._C._has_mkldnn
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch.ops.aten, "mkldnn_reorder_conv2d_weight")
    )


def _pack(weight: Tensor, stride: int, padding: tuple[int, int], shape: torch.Size) -> Tensor:
    """Return a weight as oneDNN wants it for inputs of about this shape."""
    packed: Tensor = torch.ops.aten.mkldnn_reorder_conv2d_weight(
        weight.to_mkldnn(), padding, (stride, stride), (1, 1), 1, shape
    )
    return packed
