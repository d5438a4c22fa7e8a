"""The names of tensors in the public release of SLDDM-TPG, and their names here.

The release is github.com/Cg-Hu/SLDDM-TPG; its U-Net has the names of the latent-diffusion code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


class Names:
    """A one-to-one mapping of name prefixes; the longest matching prefix counts.

    Args:
        pairs: The release's prefixes to ours.
    """

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._ours = _longest_first(pairs)
        self._theirs = _longest_first({ours: theirs for theirs, ours in pairs.items()})

    def ours(self, theirs: str) -> str | None:
        """Return our name of a tensor of the release, or None if it is not one of these."""
        return _rename(theirs, self._ours)

    def theirs(self, ours: str) -> str:
        """Return the release's name of a tensor of ours, or our own if it has none there."""
        return _rename(ours, self._theirs) or ours


def _longest_first(pairs: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(pairs.items(), key=lambda pair: -len(pair[0])))


def _rename(name: str, pairs: Mapping[str, str]) -> str | None:
    for before, after in pairs.items():
        if name.startswith(before):
            return after + name.removeprefix(before)
    return None


_LDN = {
    "feature_encoder.feature_extract.": "encoder.trunk.",
    "feature_encoder.fc.linear1.": "encoder.mlp.0.",
    "feature_encoder.fc.bn1.": "encoder.mlp.1.",
    "feature_encoder.fc.linear2.": "encoder.mlp.3.",
    "feature_encoder.fc.bn2.": "encoder.mlp.4.",
    "sim.fc_sim.linear.": "scm.projector.0.",
    "sim.fc_sim.bn.": "scm.projector.1.",
    "sim.predictor.linear1.": "scm.predictor.0.",
    "sim.predictor.bn1.": "scm.predictor.1.",
    "sim.predictor.linear2.": "scm.predictor.3.",
    "diff.W_x": "ram.latent.weight",
    "diff.W_xvae": "ram.query.weight",
    "diff.final_ln.": "ram.norm.",
    "affine_block.affine_transform.A": "sats.contrast.linear.weight",
    "affine_block.affine_transform.b": "sats.contrast.linear.bias",
    "affine_block.affine_transform.scale": "sats.contrast.scale",
    "affine_block.affine_transform.shift": "sats.contrast.shift",
    "affine_block.affine_transform.prob_weight": "sats.contrast.share",
    "affine_block.clarity_adjustment.fc.": "sats.sharpness.linear.",
    "affine_block.clarity_adjustment.conv.": "sats.sharpness.convolution.",
    "affine_block.clarity_adjustment.deconv.": "sats.sharpness.transposed.",
    "affine_block.clarity_adjustment.sharpen_conv.": "sats.sharpness.sharpen.",
    "affine_block.clarity_adjustment.prob_weight": "sats.sharpness.share",
    "affine_block.wrinkle_adjustment.fc.": "sats.smoothing.linear.",
    "affine_block.wrinkle_adjustment.attention.in_proj_": "sats.smoothing.value.",
    "affine_block.wrinkle_adjustment.attention.out_proj.": "sats.smoothing.out.",
    "affine_block.wrinkle_adjustment.prob_weight": "sats.smoothing.share",
    "affine_block.noise_filter.fc.": "sats.noise_filter.linear.",
    "affine_block.noise_filter.noise_reduction_conv.": "sats.noise_filter.convolution.",
    "affine_block.noise_filter.prob_weight": "sats.noise_filter.share",
}

_CONDITIONER = {
    "cond_stage_model.final_ln.": "norm.",
    "proj_out.": "image_projection.",
    "proj_out_cpsd.": "ldn_projection.",
    "learnable_vector": "unconditional_token",
}
_MAPPER_LAYER = {
    "ln_1.": "norm1.",
    "attn.c_qkv.": "value.",
    "attn.c_proj.": "out.",
    "ln_2.": "norm2.",
    "mlp.c_fc.": "mlp.0.",
    "mlp.c_proj.": "mlp.2.",
}

_RESNET = {
    "in_layers.0.": "norm1.",
    "in_layers.2.": "conv1.",
    "emb_layers.1.": "time_emb_proj.",
    "out_layers.0.": "norm2.",
    "out_layers.3.": "conv2.",
    "skip_connection.": "conv_shortcut.",
}
_UNET = {
    "time_embed.0.": "time_embedding.linear_1.",
    "time_embed.2.": "time_embedding.linear_2.",
    "input_blocks.0.0.": "conv_in.",
    "out.0.": "conv_norm_out.",
    "out.2.": "conv_out.",
}

# Matrices of the release multiply from the right; torch's Linear has the transpose.
TRANSPOSED = frozenset({"ram.latent.weight", "ram.query.weight", "sats.contrast.linear.weight"})
# The release has query, key and value in one tensor; with one token only the value has an effect.
_VALUES_ENDINGS = ("value.weight", "value.bias")


def is_value(ours: str) -> bool:
    """Whether a tensor of ours is the last third of one of the release."""
    return ours.endswith(_VALUES_ENDINGS)


def ldn_names(layers: int) -> Names:
    """Return the names of the LDN's tensors, given the number of RAM layers."""
    pairs = dict(_LDN)
    for layer in range(layers):
        pairs[f"diff.resblocks.{layer}."] = f"ram.layers.{layer}."
        pairs[f"diff.resblocks.{layer}.ffn."] = f"ram.layers.{layer}.mlp."
    return Names(pairs)


def conditioner_names(layers: int) -> Names:
    """Return the names of the conditioner's tensors, given the number of mapper layers."""
    pairs = dict(_CONDITIONER)
    for layer in range(layers):
        for theirs, ours in _MAPPER_LAYER.items():
            pairs[f"cond_stage_model.mapper.resblocks.{layer}.{theirs}"] = f"mapper.{layer}.{ours}"
    return Names(pairs)


@dataclass(frozen=True)
class UNetLayout:
    """The structure of a U-Net of the latent-diffusion code.

    Attributes:
        channels: Of the levels, outermost first.
        attended: Which of the levels have attention.
        layers: Residual blocks per level.
        depth: Transformer blocks after each.
    """

    channels: tuple[int, ...]
    attended: tuple[bool, ...]
    layers: int
    depth: int


def unet_names(layout: UNetLayout) -> Names:
    """Return the names of the U-Net's tensors."""
    return Names(_UNET | dict(_unet_pairs(layout)))


def _unet_pairs(layout: UNetLayout) -> Iterator[tuple[str, str]]:
    levels = len(layout.channels)
    number = 1
    for level, attended in enumerate(layout.attended):
        for layer in range(layout.layers):
            theirs, ours = f"input_blocks.{number}", f"down_blocks.{level}"
            yield from _resnet(f"{theirs}.0.", f"{ours}.resnets.{layer}.")
            if attended:
                yield from _transformer(f"{theirs}.1.", f"{ours}.attentions.{layer}.", layout.depth)
            number += 1
        if level < levels - 1:
            yield f"input_blocks.{number}.0.op.", f"down_blocks.{level}.downsamplers.0.conv."
            number += 1
    yield from _resnet("middle_block.0.", "mid_block.resnets.0.")
    yield from _transformer("middle_block.1.", "mid_block.attentions.0.", layout.depth)
    yield from _resnet("middle_block.2.", "mid_block.resnets.1.")
    number = 0
    for level, attended in enumerate(reversed(layout.attended)):
        ours = f"up_blocks.{level}"
        for layer in range(layout.layers + 1):
            theirs = f"output_blocks.{number}"
            yield from _resnet(f"{theirs}.0.", f"{ours}.resnets.{layer}.")
            if attended:
                yield from _transformer(f"{theirs}.1.", f"{ours}.attentions.{layer}.", layout.depth)
            number += 1
        if level < levels - 1:
            place = 2 if attended else 1
            yield f"output_blocks.{number - 1}.{place}.conv.", f"{ours}.upsamplers.0.conv."


def _resnet(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    for there, here in _RESNET.items():
        yield theirs + there, ours + here


def _transformer(theirs: str, ours: str, depth: int) -> Iterator[tuple[str, str]]:
    yield theirs, ours
    for number in range(depth):
        for part in ("attn", "norm"):
            block = f"transformer_blocks.{number}.{part}"
            # An earlier name of the LDN.
            yield f"{theirs}{block}_cpsd.", f"{ours}{block}_ldn."
