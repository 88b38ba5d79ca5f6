"""Writes reference.json into the model folders: what `transformers` computes with the shipped weights in float32.

Another engine that loads the same folders should give the same ids exactly and the same numbers to about 1e-4.
"""

from __future__ import annotations

import json
import os
import pathlib

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

HERE = pathlib.Path(__file__).resolve().parent
CLASSIFIER_TEXTS = [
    "I love this film.",
    "The food was cold and the waiter ignored us.",
    "Not bad at all, and the view is stunning!",
    "I expected a masterpiece, but it bored me to tears.",
    "The shop opens at nine.",
    "Café crème très délicieux, naïve?! 100% — “worth it”…",
    "",
    "unbelievablystrangeword zzz 12345 (a-b_c) 你好 🙂",
]
WRITER_CHATS = [
    [{"role": "user", "content": "Write a story about a fox"}],
    [{"role": "user", "content": "hello"}],
    [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Write a haiku about the sea"}],
    [{"role": "user", "content": "Tell me a short poem about rain"},
     {"role": "assistant", "content": "Rain on the roof,\nrain in the lane."}, {"role": "user", "content": "make it sad"}],
]
WRITER_TEXTS = ["Once upon a time", "It's naïve – 12,345 things!\n\n  two  spaces\ttab", "你好 🙂", " leading and trailing "]
GREEDY_TOKENS = 24
TOP = 8


def rounded(values) -> list[float]:
    return [round(float(v), 6) for v in values]


@torch.no_grad()
def classifier_reference(folder: pathlib.Path) -> dict:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    cases = []
    for text in CLASSIFIER_TEXTS:
        encoded = tokenizer(text, return_tensors="pt")
        logits = model(**encoded).logits[0]
        cases.append({"text": text, "ids": encoded["input_ids"][0].tolist(), "logits": rounded(logits),
                      "scores": rounded(logits.softmax(-1)), "label": model.config.id2label[int(logits.argmax())]})
    return {"transformers": transformers.__version__, "labels": [model.config.id2label[i] for i in range(2)], "cases": cases}


@torch.no_grad()
def writer_case(model, tokenizer, messages) -> dict:
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    case = {"messages": messages, "rendered": rendered, "ids": ids}
    row, greedy = torch.tensor([ids]), []
    for step in range(GREEDY_TOKENS):
        logits = model(input_ids=row, use_cache=False).logits[0, -1]
        if step == 0:
            top = logits.topk(TOP)
            case |= {"first_top_ids": top.indices.tolist(), "first_top_logits": rounded(top.values)}
        greedy.append(int(logits.argmax()))
        row = torch.cat([row, torch.tensor([[greedy[-1]]])], dim=1)
        if greedy[-1] in eos_ids(model):
            break
    return case | {"greedy_ids": greedy, "greedy_text": tokenizer.decode(greedy, skip_special_tokens=True)}


def eos_ids(model) -> list[int]:
    eos = model.generation_config.eos_token_id
    return eos if isinstance(eos, list) else [eos]


def writer_reference(folder: pathlib.Path) -> dict:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return {"transformers": transformers.__version__, "eos_token_id": eos_ids(model),
            "tokenized": [{"text": t, "ids": tokenizer(t, add_special_tokens=False)["input_ids"]} for t in WRITER_TEXTS],
            "cases": [writer_case(model, tokenizer, chat) for chat in WRITER_CHATS]}


@torch.no_grad()
def digits_reference(folder: pathlib.Path) -> dict:
    """Drawings that training has not seen, as two hexadecimal digits a pixel."""
    from transformers import ViTForImageClassification

    import train_digits

    model = ViTForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    drawn, digits = train_digits.draw(10, 105)
    logits = model(pixel_values=train_digits.pixels(drawn)).logits
    return {"transformers": transformers.__version__, "cases": [
        {"digit": int(d), "pixels": bytes((x * 255).round().to(torch.uint8).flatten().tolist()).hex(), "scores": rounded(s)}
        for x, d, s in zip(drawn, digits, logits.softmax(-1))]}


def main() -> None:
    torch.set_num_threads(1)
    for name, make in (("tiny-sentiment", classifier_reference), ("tiny-writer", writer_reference),
                       ("tiny-digits", digits_reference)):
        text = json.dumps(make(HERE / name), ensure_ascii=False, indent=1)
        (HERE / name / "reference.json").write_text(text + "\n", encoding="utf-8")
        print(name, len(text), "characters")


if __name__ == "__main__":
    main()
