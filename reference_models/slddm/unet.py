"""The denoising U-Net of the S-LDM: Stable Diffusion's, with LDN attention in every block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import ModelMixin, UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor, nn

from ...core.errors import TpgbenchError
from .ldn_attention import LDNTransformerBlock

# diffusers looks for this name in the module of a part that it loads.
__all__ = ["ModelMixin", "SLDDMUNet"]

_DOWN = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")
_UP = ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")


class SLDDMUNet(UNet2DConditionModel):  # type: ignore[misc]  # diffusers is untyped
    """diffusers' U-Net whose transformer blocks are `LDNTransformerBlock`.

    Called as ``unet(sample, timestep, encoder_hidden_states=image_context,
    cross_attention_kwargs={"ldn_contexts": [content, structured]}).sample``. The blocks of the
    outermost level that has attention take the structured context, all others the content; a
    single context is taken everywhere.

    Source: arXiv 2603.16747. The defaults are the paper's sizes, which are Stable Diffusion 1.5's.

    Args:
        sample_size: Side of the latents.
        in_channels: Of the noisy latent, the garment latent and the mask.
        out_channels: Of a latent.
        down_block_types: As in ``UNet2DConditionModel``.
        up_block_types: The same.
        block_out_channels: Channels of the levels, outermost first.
        layers_per_block: Residual blocks per level.
        norm_num_groups: Groups of the group norms.
        cross_attention_dim: Length of a context's token.
        transformer_layers_per_block: Transformer blocks after each residual block.
        attention_head_dim: Heads of an attention (diffusers' name is a known misnomer).
        garment_residual: The output is the garment latent plus the network's output; for networks
            that predict the clean latent.
        one_token_contexts: Every context is one token, so that queries, keys and norms of the
            cross-attentions have no effect and are left out.
        num_class_embeds: Number of tracks, one class embedding each (`contexts.label_tracks`);
            None: the track is not an input.
        explicit_attention: Self-attention by matrix products and a softmax instead of PyTorch's
            fused kernel. On a CPU, with 256 tokens of 64 channels, that takes 0.6 of the time in
            bfloat16 with one head, but longer in float32.
    """

    _no_split_modules = ("LDNTransformerBlock", "ResnetBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")
    _repeated_blocks = ("LDNTransformerBlock",)

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        sample_size: int = 64,
        in_channels: int = 9,
        out_channels: int = 4,
        down_block_types: Sequence[str] = _DOWN,
        up_block_types: Sequence[str] = _UP,
        block_out_channels: Sequence[int] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        norm_num_groups: int = 32,
        cross_attention_dim: int = 768,
        transformer_layers_per_block: int = 1,
        attention_head_dim: int = 8,
        garment_residual: bool = False,
        one_token_contexts: bool = False,
        num_class_embeds: int | None = None,
        explicit_attention: bool = False,
    ) -> None:
        super().__init__(
            sample_size=sample_size,
            in_channels=in_channels,
            out_channels=out_channels,
            down_block_types=tuple(down_block_types),
            up_block_types=tuple(up_block_types),
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
            cross_attention_dim=cross_attention_dim,
            transformer_layers_per_block=transformer_layers_per_block,
            attention_head_dim=attention_head_dim,
            num_class_embeds=num_class_embeds,
        )
        if self.class_embedding is not None:
            # Zero: a network that gets them later starts with the same output for each class.
            nn.init.zeros_(self.class_embedding.weight)
        outermost = self._outermost_levels()
        for name, module in list(self.named_modules()):
            if isinstance(module, Transformer2DModel):
                structured = name.startswith(outermost)
                module.transformer_blocks = nn.ModuleList(
                    LDNTransformerBlock(block, structured=structured, one_token=one_token_contexts)
                    for block in module.transformer_blocks
                )
        if explicit_attention:
            self.set_attn_processor(AttnProcessor())

    @classmethod
    def from_unet(
        cls,
        unet: UNet2DConditionModel,
        *,
        garment_residual: bool = False,
        one_token_contexts: bool = True,
    ) -> SLDDMUNet:
        """Build from a pretrained U-Net with the architecture of Stable Diffusion 1.5.

        The weights are copied. The channels of garment and mask have zero weights, and each LDN
        attention is a copy of the block's image attention with a zero output projection: at the
        start the new branch does not disturb the backbone, and the zero projection still gets a
        gradient.

        Args:
            unet: The pretrained network.
            garment_residual: As in the class.
            one_token_contexts: As in the class.

        Raises:
            TpgbenchError: The network has parts that are not supported.
        """
        settings = _settings(cls, unet)
        latent_channels = settings["out_channels"]
        settings["in_channels"] = 2 * latent_channels + 1
        made: SLDDMUNet = cls(
            **settings, garment_residual=garment_residual, one_token_contexts=one_token_contexts
        )
        state = made.state_dict()
        given = unet.state_dict()
        known = given.pop("conv_in.weight")
        state["conv_in.weight"] = torch.zeros_like(state["conv_in.weight"])
        state["conv_in.weight"][:, : known.shape[1]] = known
        for name in state.keys() - {"conv_in.weight"}:
            source = name.replace(".attn_ldn.", ".attn2.").replace(".norm_ldn.", ".norm2.")
            silent = ".attn_ldn.to_out." in name
            state[name] = torch.zeros_like(state[name]) if silent else given[source]
        made.load_state_dict(state)
        return made

    def with_class_embeddings(self, count: int) -> SLDDMUNet:
        """Return this network with ``count`` class embeddings; its output is the same for each."""
        extended: SLDDMUNet = type(self).from_config(self.config, num_class_embeds=count)
        extended.load_state_dict(
            {**self.state_dict(), "class_embedding.weight": extended.class_embedding.weight}
        )
        return extended

    def freeze_backbone(self) -> None:
        """Freeze all but the LDN attention, the input convolution and the class embeddings.

        The convolution is new where it reads the garment and the mask.
        """
        self.requires_grad_(False)
        self.conv_in.requires_grad_(True)
        if self.class_embedding is not None:
            self.class_embedding.requires_grad_(True)
        for module in self.modules():
            if isinstance(module, LDNTransformerBlock):
                module.attn_ldn.requires_grad_(True)
                if module.norm_ldn is not None:
                    module.norm_ldn.requires_grad_(True)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float,
        encoder_hidden_states: Tensor,
        *,
        class_labels: Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        return_dict: bool = True,
    ) -> UNet2DConditionOutput | tuple[Tensor]:
        """Return the output for noisy latents.

        Args:
            sample: Noisy latents, garment latents and masks, (B, in_channels, h, w).
            timestep: One, or one per sample.
            encoder_hidden_states: The image context, (B, T, cross_attention_dim).
            class_labels: Of the wanted tracks, (B,), for a network that has class embeddings.
            cross_attention_kwargs: ``{"ldn_contexts": [content, structured]}``, or a list of one.
            return_dict: Whether to return an object with ``sample`` or a tuple.

        Returns:
            (B, out_channels, h, w).
        """
        (output,) = super().forward(
            sample,
            timestep,
            encoder_hidden_states,
            class_labels=class_labels,
            cross_attention_kwargs=cross_attention_kwargs,
            return_dict=False,
        )
        if self.config.garment_residual:
            channels = self.config.out_channels
            output = output + sample[:, channels : 2 * channels]
        return UNet2DConditionOutput(sample=output) if return_dict else (output,)

    @classmethod
    def extract_init_dict(
        cls,
        config_dict: Mapping[str, Any],
        **kwargs: Any,  # diffusers'
    ) -> Any:
        """Leave out settings of the parent that this class lacks: they have their defaults."""
        inherited = _parent_settings() - cls._get_init_keys(cls)
        ours = {name: value for name, value in config_dict.items() if name not in inherited}
        return super().extract_init_dict(ours, **kwargs)

    def _outermost_levels(self) -> tuple[str, str]:
        """Return the name prefixes of the outermost level with attention, down and up."""
        levels = len(self.down_blocks)
        for level, block in enumerate(self.down_blocks):
            if getattr(block, "has_cross_attention", False):
                return f"down_blocks.{level}.", f"up_blocks.{levels - 1 - level}."
        return "mid_block.", "mid_block."


def _parent_settings() -> set[str]:
    names: set[str] = UNet2DConditionModel._get_init_keys(UNet2DConditionModel)
    return names - {"self"}


def _settings(cls: type[SLDDMUNet], unet: UNet2DConditionModel) -> dict[str, Any]:
    """Return the settings of a U-Net that this class shares; others must be the defaults."""
    # The classes of a backbone have another meaning.
    ours = _parent_settings() & cls._get_init_keys(cls) - {"num_class_embeds"}
    with torch.device("meta"):
        defaults = UNet2DConditionModel().config
    for name in sorted(_parent_settings() - ours):
        if unet.config[name] != defaults[name] and unet.config[name] is not None:
            raise TpgbenchError(
                f"U-Net: {name}={unet.config[name]!r} is not supported: give a backbone with "
                "the architecture of Stable Diffusion 1.5"
            )
    return {name: unet.config[name] for name in ours}
