"""Networks of the public release of SLDDM-TPG, built from its tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import TpgbenchError
from .conditioner import Conditioner
from .ldn import LDN
from .release_names import (
    TRANSPOSED,
    Names,
    UNetLayout,
    conditioner_names,
    is_value,
    ldn_names,
    unet_names,
)
from .unet import SLDDMUNet

LDN_PREFIX = "ldn_stage_model."
UNET_PREFIX = "model.diffusion_model."
_BATCHES_SEEN = "num_batches_tracked"  # a counter that is not used in evaluation


def load_release_ldn(state_dict: Mapping[str, Tensor]) -> LDN:
    """Return the release's LDN, in evaluation mode.

    Called as ``ldn(latent)``; it has the release's settings, and its sizes follow from the
    shapes. The release calls it on half of the scaled latent (0.5 * 0.18215 times the mean).

    Args:
        state_dict: Tensors by the release's names, with or without ``ldn_stage_model.``.

    Raises:
        TpgbenchError: Tensors are missing, unknown or of other shapes; it names them.
    """
    tensors = without_prefix(state_dict, LDN_PREFIX)
    shapes = Shapes("LDN", tensors)
    layers = shapes.count("diff.resblocks.")
    pixels, features = shapes.of("diff.W_x", 2)
    inner = shapes["diff.resblocks.0.to_q.weight"][0]
    with torch.device("meta"):
        ldn = LDN(
            latent_channels=shapes["feature_encoder.feature_extract.conv1.weight"][1],
            latent_size=round(pixels**0.5),
            hidden=shapes["feature_encoder.fc.linear1.weight"][0],
            features=features,
            predictor=shapes["sim.predictor.linear1.weight"][0],
            ram_layers=layers,
            heads=8,
            head_dim=inner // 8,
            ram_dropout=0.5,
            ram_normalised_over="tokens",
        )
    filled: LDN = _filled(ldn, tensors, ldn_names(layers), "LDN")
    return filled


class ReleaseUNet(nn.Module):
    """The release's U-Net, called as the release calls it.

    Attributes:
        unet: The network.
    """

    def __init__(self, unet: SLDDMUNet) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, x: Tensor, timestep: Tensor, clip: Tensor, contexts: Sequence[Tensor]
    ) -> Tensor:
        """Return the predicted noise, (B, 4, h, w).

        Args:
            x: Noisy latents, garment latents and masks, (B, 9, h, w).
            timestep: (B,).
            clip: The image context, (B, T, 768).
            contexts: The LDN contexts, (B, T, 768) each: content and structured, or one for all
                levels.
        """
        predicted: Tensor = self.unet(
            x,
            timestep,
            encoder_hidden_states=clip,
            cross_attention_kwargs={"ldn_contexts": list(contexts)},
        ).sample
        return predicted


def load_release_unet(state_dict: Mapping[str, Tensor], heads: int = 8) -> ReleaseUNet:
    """Return the release's U-Net, in evaluation mode.

    Called as ``unet(x, timestep, clip, contexts)``; its width and depth follow from the shapes.

    Args:
        state_dict: Tensors by the release's names, with or without ``model.diffusion_model.``.
        heads: Of its attentions; no shape contains their number.

    Raises:
        TpgbenchError: Tensors are missing, unknown or of other shapes; it names them.
    """
    tensors = without_prefix(state_dict, UNET_PREFIX)
    shapes = Shapes("U-Net", tensors)
    layout = unet_layout(shapes)
    down = ["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in layout.attended]
    up = ["CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(layout.attended)]
    key = "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    with torch.device("meta"):
        unet = SLDDMUNet(
            in_channels=shapes["input_blocks.0.0.weight"][1],
            out_channels=shapes["out.2.weight"][0],
            down_block_types=down,
            up_block_types=up,
            block_out_channels=layout.channels,
            layers_per_block=layout.layers,
            cross_attention_dim=shapes[key][1],
            transformer_layers_per_block=layout.depth,
            attention_head_dim=heads,
        )
    return ReleaseUNet(_filled(unet, tensors, unet_names(layout), "U-Net")).eval()


def load_release_conditioner(state_dict: Mapping[str, Tensor]) -> Conditioner:
    """Return the release's mapper, projections and unconditional vector, in evaluation mode.

    Args:
        state_dict: Tensors by the release's names.

    Raises:
        TpgbenchError: Tensors are missing, unknown or of other shapes; it names them.
    """
    shapes = Shapes("conditioner", state_dict)
    context_dim, image_dim = shapes.of("proj_out.weight", 2)
    layers = shapes.count("cond_stage_model.mapper.resblocks.")
    with torch.device("meta"):
        conditioner = Conditioner(
            image_dim=image_dim,
            ldn_dim=shapes["proj_out_cpsd.weight"][1],
            context_dim=context_dim,
            mapper_layers=layers,
        )
    names = conditioner_names(layers)
    filled: Conditioner = _filled(conditioner, state_dict, names, "conditioner")
    return filled


def without_prefix(tensors: Mapping[str, Tensor], prefix: str) -> Mapping[str, Tensor]:
    """Return the tensors with a name prefix, without it; all tensors if none has it."""
    chosen = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    return chosen or tensors


class Shapes:
    """The shapes of tensors by name; `TpgbenchError` for one that is missing or malformed.

    Args:
        part: Of the tensors, for the error.
        tensors: The tensors.
    """

    def __init__(self, part: str, tensors: Mapping[str, Tensor]) -> None:
        self._part = part
        self._tensors = tensors

    def __getitem__(self, name: str) -> Sequence[int]:
        if name not in self._tensors:
            refuse(self._part, missing=[name])
        shape = self._tensors[name].shape
        if len(shape) < 2 or 0 in shape:
            refuse(self._part, misshapen=[f"{name} {tuple(shape)}"])
        return shape

    def of(self, name: str, dimensions: int) -> Sequence[int]:
        """Return a shape that must have this number of dimensions."""
        shape = self[name]
        if len(shape) != dimensions:
            refuse(self._part, misshapen=[f"{name} {tuple(shape)}"])
        return shape

    def __contains__(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self._tensors)

    def count(self, prefix: str) -> int:
        """Return the number of numbered modules under a prefix."""
        heads = {name.removeprefix(prefix).split(".")[0] for name in self._names(prefix)}
        numbers = {int(head) for head in heads if head.isdecimal()}
        return max(numbers, default=-1) + 1

    def _names(self, prefix: str) -> list[str]:
        return [name for name in self._tensors if name.startswith(prefix)]


def unet_layout(shapes: Shapes) -> UNetLayout:
    """Return the structure of a U-Net, from its shapes.

    Raises:
        TpgbenchError: A tensor is missing, or the levels differ in more than their width.
    """
    channels: list[list[int]] = [[]]
    attended = [False]
    # At least one, so that the error names it if it is missing.
    for number in range(1, max(2, shapes.count("input_blocks."))):
        if f"input_blocks.{number}.0.op." in shapes:
            channels.append([])
            attended.append(False)
            continue
        channels[-1].append(shapes[f"input_blocks.{number}.0.out_layers.3.weight"][0])
        attended[-1] = attended[-1] or f"input_blocks.{number}.1." in shapes
    if any(len(level) != len(channels[0]) or len(set(level)) != 1 for level in channels):
        raise TpgbenchError(
            f"U-Net: levels of {channels} channels are not those of a latent-diffusion U-Net; "
            "give the release's checkpoint"
        )
    depth = shapes.count("middle_block.1.transformer_blocks.")
    return UNetLayout(
        tuple(level[0] for level in channels), tuple(attended), len(channels[0]), depth
    )


def _filled(network: Any, tensors: Mapping[str, Tensor], names: Names, part: str) -> Any:
    """Return a network, built on the meta device, with the release's tensors in it."""
    wanted: dict[str, Tensor] = network.state_dict()
    given: dict[str, Tensor] = {}
    unknown: list[str] = []
    misshapen: list[str] = []
    for theirs, tensor in tensors.items():
        ours = names.ours(theirs)
        if ours is None or ours not in wanted:
            unknown.append(theirs)
            continue
        given[ours] = _ours(ours, tensor)
        if given[ours].shape != wanted[ours].shape:
            misshapen.append(f"{theirs} {tuple(tensor.shape)}")
    missing = [
        names.theirs(ours) for ours in wanted.keys() - given.keys() if _BATCHES_SEEN not in ours
    ]
    refuse(part, missing=sorted(missing), unknown=unknown, misshapen=misshapen)
    for ours in wanted.keys() - given.keys():
        given[ours] = torch.zeros((), dtype=torch.int64)
    network.to_empty(device="cpu")
    network.load_state_dict(given)
    return network.eval()


def _ours(name: str, tensor: Tensor) -> Tensor:
    if name in TRANSPOSED:
        return tensor.T
    if is_value(name) and tensor.ndim:
        return tensor.chunk(3)[-1]
    return tensor


def refuse(part: str, **findings: Sequence[str]) -> None:
    """Raise if any tensors were found to be wrong.

    Args:
        part: Of the tensors.
        findings: Names by kind: ``missing=[...]``, ``unknown=[...]``.

    Raises:
        TpgbenchError: There are any.
    """
    problems: list[str] = []
    for kind, names in findings.items():
        if names:
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            problems.append(f"{kind} {len(names)}: {', '.join(names[:8])}{more}")
    if problems:
        raise TpgbenchError(
            f"{part}: these are not the tensors of the SLDDM-TPG release ({'; '.join(problems)}); "
            "give its complete checkpoint"
        )
