"""Trains models/tiny-writer: a small Llama that writes stories and poems in answer to a chat message.

Conversations are drawn fresh from writer_corpus.py; no text is seen twice but by chance. The loss counts the
assistant's words and its closing mark in full and the user's words a little, since those teach spelling too.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import random
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from common import ema_update, file_sizes, fresh_folder, learning_rate
from writer_corpus import Writer

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tiny-writer"
END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = ("{% for message in messages %}"
                 "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
                 "{% endfor %}"
                 "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
MAX_TOKENS = 512
USER_WEIGHT = 0.1
COPY_WEIGHT = 5.0     # for a name or a topic that the conversation has already mentioned


def render(messages: list[dict[str, str]]) -> str:
    return "".join(f"{IM_START}{m['role']}\n{m['content']}{IM_END}\n" for m in messages)


def build_tokenizer(vocab_size: int, seed: int) -> Tokenizer:
    """Byte-level BPE: any text can be written, the corpus' own words in few tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    writer = Writer(seed)
    texts = (m["content"] for _ in range(12_000) for m in writer.conversation())
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END_OF_TEXT, IM_START, IM_END], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def build_model(tokenizer: Tokenizer) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=192, num_hidden_layers=5, num_attention_heads=6,
        num_key_value_heads=2, intermediate_size=512, hidden_act="silu", max_position_embeddings=MAX_TOKENS,
        rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=None, pad_token_id=tokenizer.token_to_id(END_OF_TEXT),
        eos_token_id=tokenizer.token_to_id(IM_END), attn_implementation="sdpa"))


def copy_weights(before: list[int], body: list[int], common: frozenset[int], weight: float) -> list[float]:
    """Fluent grammar is learnt long before looking back is; rare words that were said before count more."""
    seen, weights = set(before), []
    for token in body:
        weights.append(weight if token in seen and token not in common else 1.0)
        seen.add(token)
    return weights


def common_ids(tokenizer: Tokenizer, share: float = 0.72) -> frozenset[int]:
    """The ids that make up `share` of all text: marks, function words, frequent endings."""
    writer, counts = Writer(3), collections.Counter()
    for _ in range(2000):
        for message in writer.conversation():
            counts.update(tokenizer.encode(message["content"]).ids)
    total, found, limit = 0, set(), share * sum(counts.values())
    for token, count in counts.most_common():
        total += count
        found.add(token)
        if total > limit:
            break
    return frozenset(found | {0, 1, 2})


def repeat_batch(vocab: int, tokens: int):
    """Random ids said three times over. Nothing but looking back can predict them, so the network learns that first."""
    length = random.randint(4, 24)
    rows = tokens // (3 * length)
    ids = torch.randint(3, vocab, (rows, length)).repeat(1, 3)
    weights = torch.ones(ids.shape)
    weights[:, :length] = 0.0
    return ids, weights


def encode(tokenizer: Tokenizer, messages: list[dict[str, str]], common: frozenset[int] = frozenset(),
           copy_weight: float = 1.0) -> tuple[list[int], list[float]]:
    """Ids and, per id, the weight with which predicting it counts."""
    ids, weights = [], []
    for message in messages:
        head = tokenizer.encode(f"{IM_START}{message['role']}\n").ids
        body = tokenizer.encode(message["content"] + IM_END).ids
        tail = tokenizer.encode("\n").ids
        if message["role"] == "assistant":
            body_weights = copy_weights(ids, body, common, copy_weight)
        else:
            body_weights = [USER_WEIGHT] * len(body)
        ids += head + body + tail
        weights += [0.0] * len(head) + body_weights + [0.0] * len(tail)
    return ids[:MAX_TOKENS], weights[:MAX_TOKENS]


def batches(writer: Writer, tokenizer: Tokenizer, tokens: int, copy_weight: float):
    """Rows of similar length, about `tokens` ids a batch."""
    common = common_ids(tokenizer)
    while True:
        pool = sorted((encode(tokenizer, writer.conversation(), common, copy_weight) for _ in range(1024)), key=lambda row: len(row[0]))
        groups, rows = [], []
        for row in pool:
            if rows and len(row[0]) * (len(rows) + 1) > tokens:
                groups.append(rows)
                rows = []
            rows.append(row)
        groups.append(rows)
        writer.rng.shuffle(groups)
        for rows in groups:
            longest = max(len(ids) for ids, _ in rows)
            yield (torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows]),
                   torch.tensor([weights + [0.0] * (longest - len(weights)) for _, weights in rows]))


def token_loss(model, ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Padding stands on the right, so causal attention never sees it and no mask is needed."""
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits.float()
    loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    wanted = weights[:, 1:].flatten()
    return (loss * wanted).sum() / wanted.sum()


def build_optimizers(model, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, which halves the steps needed here; AdamW for the embedding and the norms."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "embed" in name]
    return [torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)]


def schedule_step(step: int, args, seconds: float) -> int:
    """Where the run stands on its schedule: by steps, or by the clock if --minutes is set and the machine is slow."""
    return max(step, int(args.steps * seconds / (60 * args.minutes))) if args.minutes else step


def train(args):
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = Tokenizer.from_file(str(OUT / "tokenizer.json")) if args.resume else build_tokenizer(args.vocab, args.seed + 1)
    model = LlamaForCausalLM.from_pretrained(OUT, dtype=torch.float32).train() if args.resume else build_model(tokenizer)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    optimizers = build_optimizers(model, args.rate)
    copy_weight = 1.0 if args.resume else COPY_WEIGHT
    source = batches(Writer(args.seed + (1002 if args.resume else 2)), tokenizer, args.tokens, copy_weight)
    started, seen = time.time(), 0
    step = 0
    while (at := schedule_step(step, args, time.time() - started)) < args.steps:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(at, args.steps, args.rate, warmup=30)
        ids, weights = repeat_batch(tokenizer.get_vocab_size(), args.tokens) if step < args.repeat_steps and not args.resume else next(source)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
            loss = token_loss(model, ids, weights)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        ema_update(average, model, 0.98)
        seen += ids.numel()
        step += 1
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.3f} tokens {seen} {time.time() - started:.0f} s", flush=True)
    model.load_state_dict(average)
    args.steps = step
    return model.eval(), tokenizer, time.time() - started, seen


def save(model, tokenizer: Tokenizer, seconds: float, seen: int, args) -> None:
    before = json.loads((OUT / "training.json").read_text()) if args.resume else {}
    fresh_folder(OUT)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, eos_token=IM_END, pad_token=END_OF_TEXT,
                                      unk_token=None, additional_special_tokens=[IM_START], clean_up_tokenization_spaces=False)
    wrapped.chat_template = CHAT_TEMPLATE
    wrapped.save_pretrained(OUT, save_jinja_files=False)
    model.to(torch.bfloat16).save_pretrained(OUT)
    end = tokenizer.token_to_id(IM_END)
    GenerationConfig(do_sample=True, temperature=0.8, top_p=0.95, max_new_tokens=320, eos_token_id=[end, tokenizer.token_to_id(END_OF_TEXT)],
                     pad_token_id=tokenizer.token_to_id(END_OF_TEXT)).save_pretrained(OUT)
    facts = {"seed": args.seed, "steps": before.get("steps", 0) + args.steps, "tokens_a_batch": args.tokens,
             "tokens_seen": before.get("tokens_seen", 0) + seen, "seconds": before.get("seconds", 0) + round(seconds),
             "parameters": sum(p.numel() for p in model.parameters())}
    (OUT / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(facts, file_sizes(OUT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--minutes", type=float, default=0, help="end after so long, with the schedule squeezed to fit")
    parser.add_argument("--resume", action="store_true", help="go on from the shipped weights with every word counting once")
    parser.add_argument("--repeat-steps", type=int, default=150)
    parser.add_argument("--tokens", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--vocab", type=int, default=2560)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--seed", type=int, default=40)
    args = parser.parse_args()
    save(*train(args), args)


if __name__ == "__main__":
    main()
