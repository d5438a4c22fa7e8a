"""Captions as tokens: a word-level tokenizer for the tiny base, and checks of captions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...core.errors import TpgbenchError
from ...datasets_builders.synth.captions import vocabulary

PAD, UNKNOWN = "[PAD]", "[UNK]"
_WORD = r"[\w-]+|[^\w\s]"
_NAMED = 5


def make_word_tokenizer(max_length: int) -> Any:
    """Return a fast tokenizer of transformers over the words of mannequin-synth's captions.

    A token is a word in lower case or a single other character. All tokens outside the vocabulary
    become the unknown token.

    Args:
        max_length: Tokens per caption; longer ones are cut, shorter ones padded.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: index for index, word in enumerate((PAD, UNKNOWN, *vocabulary()))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD), "removed", invert=True)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=max_length,
    )


def unknown_words(caption: str, tokenizer: Any) -> list[str]:
    """Return the words and characters of a caption that a word-level tokenizer does not know.

    A tokenizer that splits unknown words, such as CLIP's, knows them all.
    """
    if tokenizer.unk_token != UNKNOWN:
        return []
    known = tokenizer.get_vocab()
    words = re.findall(_WORD, caption.lower())
    return sorted({word for word in words if word not in known}, key=words.index)


def describe_unread(caption: str, tokenizer: Any) -> str | None:
    """Return one line on the parts of a caption that a model ignores, or None."""
    unknown = unknown_words(caption, tokenizer)
    longest = len(tokenizer(caption, verbose=False).input_ids)
    parts = []
    if unknown:
        more = ", ..." if len(unknown) > _NAMED else ""
        parts.append(f"does not know {', '.join(map(repr, unknown[:_NAMED]))}{more}")
    if longest > tokenizer.model_max_length:
        parts.append(f"reads only the first {tokenizer.model_max_length} of {longest} tokens")
    return f"the model {' and '.join(parts)}" if parts else None


def tokenize(captions: Sequence[str], tokenizer: Any) -> Any:
    """Return token ids, (B, max_length), padded and cut as Stable Diffusion's pipeline does."""
    return tokenizer(
        list(captions),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids


def check_caption(caption: str) -> str:
    """Return the caption if it is not blank.

    Raises:
        TpgbenchError: It is empty.
    """
    if not caption.strip():
        raise TpgbenchError("the caption is empty: describe the photo, or leave the sample out")
    return caption
