"""A sentence-embedding model of 32 numbers with random weights, made on the spot by the library's own classes: it knows
letters and nothing of what they mean. Needs `sentence_transformers`, and downloads nothing."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, Final

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS: Final = string.ascii_lowercase + string.digits + string.punctuation


def save_tiny_model(folder: Path, seed: int = 7) -> None:
    """Writes the model into `folder`, as `SentenceTransformer.save` does."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    modules = _find_modules()
    scratch = folder.with_name(f"{folder.name}-bert")
    scratch.mkdir(parents=True)
    words = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    _build_tokenizer(words).save_pretrained(scratch)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=512,
    )  # fmt: skip
    BertModel(config).save_pretrained(scratch, safe_serialization=True)
    encoder = modules.Transformer(str(scratch))
    SentenceTransformer(modules=[encoder, modules.Pooling(32, pooling_mode="mean")], device="cpu").save(str(folder))


def _build_tokenizer(words: list[str]) -> Any:
    """WordPiece over letters: a word is as many pieces as it has letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    places = {word: place for place, word in enumerate(words)}
    tokenizer: Any = Tokenizer(models.WordPiece(vocab=places, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", places["[SEP]"]), ("[CLS]", places["[CLS]"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=512,
    )  # fmt: skip


def _find_modules() -> Any:
    """Where versions before 6 have the parts of a model, and where it has them now."""
    try:
        from sentence_transformers.sentence_transformer import modules
    except ImportError:
        from sentence_transformers import models as modules
    return modules
