"""Trains models/tiny-sentiment: a small BERT that tells favourable from unfavourable English sentences.

Every batch is drawn fresh from sentiment_corpus.py, so there are no epochs and nothing to learn by heart but the
lexicon. Word dropout and letter noise make the network use the rest of a sentence when a word is unknown.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn import functional
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

import sentiment_corpus as corpus
from common import ema_update, file_sizes, fresh_folder, learning_rate

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tiny-sentiment"
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_TOKENS = 64   # longest training sentence; the position table goes to 256


def build_tokenizer(vocab_size: int, seed: int) -> Tokenizer:
    """Lower-case WordPiece as BERT has it, its vocabulary taken from generated sentences."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-&%$€£/’“”…")
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=SPECIALS, initial_alphabet=alphabet,
                                        continuing_subword_prefix="##", min_frequency=2, show_progress=False)
    generator = corpus.Generator(seed)
    tokenizer.train_from_iterator((generator.sentence()[0] for _ in range(60_000)), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))])
    return tokenizer


def build_model(vocab_size: int) -> BertForSequenceClassification:
    return BertForSequenceClassification(BertConfig(
        vocab_size=vocab_size, hidden_size=128, num_hidden_layers=2, num_attention_heads=4, intermediate_size=384,
        hidden_act="gelu", max_position_embeddings=256, type_vocab_size=2, pad_token_id=0,
        hidden_dropout_prob=0.15, attention_probs_dropout_prob=0.1, classifier_dropout=0.2,
        id2label={0: "NEGATIVE", 1: "POSITIVE"}, label2id={"NEGATIVE": 0, "POSITIVE": 1}))


def misspell(text: str, rng: random.Random) -> str:
    """Swaps or drops one letter, so that word pieces of broken words are seen too."""
    at = rng.randrange(1, max(2, len(text) - 1))
    return text[:at] + text[at + 1:] if rng.random() < 0.5 else text[:at] + text[at:at + 2][::-1] + text[at + 2:]


def draw_batch(generator, tokenizer, size: int, rng: random.Random, own: list[tuple[str, int]]):
    """Token ids padded to the longest, attention mask and soft targets."""
    texts, targets = [], []
    for _ in range(size):
        text, label = rng.choice(own) if own and rng.random() < 0.02 else generator.sentence()
        texts.append(misspell(text, rng) if rng.random() < 0.08 else text)
        targets.append([0.5, 0.5] if label == corpus.NEUTRAL else [0.97, 0.03] if label == corpus.NEGATIVE else [0.03, 0.97])
    encoded = tokenizer.encode_batch(texts)
    longest = max(len(e.ids) for e in encoded)
    ids = torch.tensor([e.ids + [0] * (longest - len(e.ids)) for e in encoded])
    return ids, (ids != 0).long(), torch.tensor(targets)


def drop_words(ids: torch.Tensor, share: float, vocab: int) -> torch.Tensor:
    """Half of the dropped pieces become [UNK], half a random piece; the markers stay."""
    chosen = (torch.rand(ids.shape) < share) & (ids >= len(SPECIALS))
    random_piece = torch.randint(len(SPECIALS), vocab, ids.shape)
    return torch.where(chosen, torch.where(torch.rand(ids.shape) < 0.5, torch.ones_like(ids), random_piece), ids)


def random_offset(length: int, limit: int) -> torch.Tensor:
    """Sentences start at position 0 in use; one batch in four is shifted, so later positions get trained as well."""
    start = random.randrange(0, limit - length) if random.random() < 0.25 else 0
    return torch.arange(start, start + length).unsqueeze(0)


def train(args) -> tuple[BertForSequenceClassification, Tokenizer, float]:
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = random.Random(args.seed + 1)
    tokenizer = Tokenizer.from_file(str(OUT / "tokenizer.json")) if args.resume else build_tokenizer(args.vocab, args.seed + 2)
    tokenizer.enable_truncation(MAX_TOKENS)
    model = BertForSequenceClassification.from_pretrained(OUT, dtype=torch.float32).train() if args.resume \
        else build_model(tokenizer.get_vocab_size())
    own = corpus.read_labelled("handwritten_train")
    average = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.05, betas=(0.9, 0.98))
    generator = corpus.Generator(args.seed + (1003 if args.resume else 3))
    started = time.time()
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.rate, warmup=100)
        ids, mask, targets = draw_batch(generator, tokenizer, args.batch, rng, own)
        ids = drop_words(ids, 0.12, tokenizer.get_vocab_size())
        logits = model(input_ids=ids, attention_mask=mask, position_ids=random_offset(ids.shape[1], 256)).logits
        loss = -(targets * functional.log_softmax(logits, -1)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ema_update(average, model, 0.99)
        if step % 100 == 99:
            print(f"step {step + 1} loss {loss.item():.4f} {time.time() - started:.0f} s", flush=True)
    model.load_state_dict(average)
    return model.eval(), tokenizer, time.time() - started


def save(model, tokenizer: Tokenizer, seconds: float, args) -> None:
    before = json.loads((OUT / "training.json").read_text()) if args.resume else {}
    fresh_folder(OUT)
    tokenizer.no_truncation()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, do_lower_case=True, unk_token="[UNK]",
                            sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]",
                            ).save_pretrained(OUT)
    # The class name lets AutoTokenizer pick BERT's own fast tokenizer, which adds token_type_ids.
    path = OUT / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["tokenizer_class"] = "BertTokenizer"
    path.write_text(json.dumps(config, indent=2) + "\n")
    model.half().save_pretrained(OUT)
    facts = {"seed": args.seed, "steps": before.get("steps", 0) + args.steps, "batch": args.batch,
             "seconds": before.get("seconds", 0) + round(seconds),
             "parameters": sum(p.numel() for p in model.parameters())}
    (OUT / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(facts, file_sizes(OUT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--vocab", type=int, default=6800)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from the shipped weights, after the lexicon has grown")
    parser.add_argument("--seed", type=int, default=20)
    args = parser.parse_args()
    save(*train(args), args)


if __name__ == "__main__":
    main()
