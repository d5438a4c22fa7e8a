"""The transformer block of the S-LDM: LDN cross-attention in parallel with the image's."""

from __future__ import annotations

from typing import Any

from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from ...core.errors import TpgbenchError


class LDNTransformerBlock(BasicTransformerBlock):  # type: ignore[misc]  # diffusers is untyped
    """Self-attention, then image and LDN cross-attention in parallel, then the MLP.

    With h after self-attention and A, B the outputs of the cross-attentions:
    out = MLP(norm(h + (A + B) / 2)) + h. As released, the MLP's residual is h without A and B.

    Args:
        block: The block to replace; its sizes are used, not its weights.
        structured: Whether it attends to the second of two LDN contexts, the structured one.
        one_token: Leave out the cross-attentions' queries, keys and norms, which have no effect
            on contexts of one token.
    """

    def __init__(
        self, block: BasicTransformerBlock, *, structured: bool, one_token: bool = False
    ) -> None:
        sizes = (block.dim, block.num_attention_heads, block.attention_head_dim)
        super().__init__(
            *sizes, dropout=block.dropout, cross_attention_dim=block.cross_attention_dim
        )
        dim, heads, head_dim = sizes
        self.structured = structured
        self.attn_ldn = Attention(
            dim, block.cross_attention_dim, heads, dim_head=head_dim, dropout=block.dropout
        )
        self.norm_ldn: nn.Module | None = nn.LayerNorm(dim)
        if one_token:
            self.norm2 = self.norm_ldn = None
            for attention in (self.attn2, self.attn_ldn):
                attention.to_q = attention.to_k = None

    def forward(  # noqa: PLR0917  # diffusers passes them by position with gradient checkpointing
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        timestep: Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        class_labels: Tensor | None = None,
        added_cond_kwargs: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """Return the tokens after the block, (B, N, dim).

        The arguments are diffusers'; those not named here are not used by this kind of block.

        Args:
            hidden_states: Tokens, (B, N, dim).
            attention_mask: For the self-attention.
            encoder_hidden_states: The image context, (B, T, D).
            encoder_attention_mask: For the image context.
            timestep: Unused.
            cross_attention_kwargs: ``"ldn_contexts"``: one LDN context (B, T, D), or two, content
                and structured.
            class_labels: Unused.
            added_cond_kwargs: Unused.

        Raises:
            TpgbenchError: There is no image context, or not one or two LDN contexts.
        """
        contexts = (cross_attention_kwargs or {}).get("ldn_contexts", ())
        if encoder_hidden_states is None or len(contexts) not in (1, 2):
            raise TpgbenchError(
                f"SLDDM's U-Net was called with {len(contexts)} LDN contexts: give "
                "encoder_hidden_states and cross_attention_kwargs={'ldn_contexts': [content, "
                "structured]}, or one context for all levels"
            )
        context = contexts[-1] if self.structured else contexts[0]
        hidden = hidden_states + self.attn1(self.norm1(hidden_states), None, attention_mask)
        image = _attend(
            self.attn2, self.norm2, hidden, encoder_hidden_states, encoder_attention_mask
        )
        ldn = _attend(self.attn_ldn, self.norm_ldn, hidden, context)
        result: Tensor = hidden + self.ff(self.norm3(hidden + (image + ldn) / 2))
        return result


def _attend(
    attention: Attention,
    norm: nn.Module | None,
    hidden: Tensor,
    context: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the output, (B, N, dim), of a cross-attention; (B, 1, dim) for one token."""
    if context.shape[1] == 1:
        # Softmax over one key is 1, whatever the query.
        alike: Tensor = attention.to_v(context)
        for layer in attention.to_out:
            alike = layer(alike)
        return alike
    if norm is None:
        raise TpgbenchError(
            f"a context of {context.shape[1]} tokens for a U-Net made for one: build it with "
            "one_token_contexts=False"
        )
    attended: Tensor = attention(norm(hidden), context, mask)
    return attended
