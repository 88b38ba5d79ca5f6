"""Scores the models as they are shipped, and writes what it measured to evaluation.json in each model's folder.

    python evaluate.py sentiment [--errors]     accuracy: generated, generated from unseen clauses, hand-written
    python evaluate.py writer                   loss and perplexity, how often it ends, topic kept, variety
    python evaluate.py digits                   accuracy: fresh drawings, a shaky hand, dark on light, digits that people wrote
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

import sentiment_corpus

HERE = pathlib.Path(__file__).resolve().parent


def write_result(folder: pathlib.Path, result: dict) -> None:
    (folder / "evaluation.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


# -- tiny-sentiment ----------------------------------------------------------------------------------------------------

def generated(count: int, held_out: bool) -> list[tuple[str, int]]:
    """Fresh sentences with a mood; `held_out` ones are bare clauses that no training sentence held."""
    generator = sentiment_corpus.Generator(99, sentiment_corpus.load_pools(held_out))
    if held_out:
        return [(text, label) for label, name in ((0, "line_event_neg"), (1, "line_event_pos"))
                for text in generator.lex[name]]
    rows = [generator.sentence() for _ in range(count)]
    return [row for row in rows if row[1] != sentiment_corpus.NEUTRAL]


@torch.no_grad()
def classify(model, tokenizer, texts: list[str]) -> torch.Tensor:
    scores = []
    for at in range(0, len(texts), 64):
        scores.append(model(**tokenizer(texts[at:at + 64], return_tensors="pt", padding=True)).logits.softmax(-1))
    return torch.cat(scores)


def accuracy(model, tokenizer, rows, show_errors: bool = False) -> float:
    scores = classify(model, tokenizer, [text for text, _ in rows])
    right = scores.argmax(-1).tolist()
    if show_errors:
        for (text, label), guess, score in zip(rows, right, scores.tolist()):
            if guess != label:
                print(f"{sentiment_corpus.LABELS[label]} taken for {sentiment_corpus.LABELS[guess]} {max(score):.2f}: {text}")
    return round(sum(guess == label for guess, (_, label) in zip(right, rows)) / len(rows), 4)


def evaluate_sentiment(show_errors: bool) -> None:
    folder = HERE / "tiny-sentiment"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    facts = classify(model, tokenizer, sentiment_corpus.load_pools().lexicon["line_neutral"])
    write_result(folder, {
        "handwritten_200_accuracy": accuracy(model, tokenizer, sentiment_corpus.read_labelled("handwritten_200")),
        "generated_accuracy": accuracy(model, tokenizer, generated(4000, False)),
        "unseen_clauses_accuracy": accuracy(model, tokenizer, generated(0, True), show_errors),
        "unseen_clauses": len(generated(0, True)),
        "mean_top_score_of_plain_facts": round(facts.max(-1).values.mean().item(), 3),
    })


# -- tiny-writer -------------------------------------------------------------------------------------------------------

PROBES = [("Write a story about a fox", "fox"), ("Tell me a short poem about rain", "rain"), ("write a haiku about the sea", "sea"),
          ("Tell me a story about an owl and a mouse", "owl"), ("a sad story about a robot", "robot"), ("Describe an old clock", "clock"),
          ("Write a story about a kangaroo", "kangaroo"), ("Write a poem about a teaspoon", "teaspoon"),
          ("story about a volcano", "volcano"), ("Write a bedtime story about a dragon named Luna", "luna"),
          ("please write something about my grandmother", "grandmother"), ("poem about the moon", "moon")]
SAMPLES = 6


@torch.no_grad()
def answer(model, tokenizer, messages: list[dict], count: int = 1, temperature: float = 0.8) -> list[tuple[str, bool]]:
    """`count` sampled answers and, for each, whether it ended by itself."""
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    made = model.generate(ids.repeat(count, 1), attention_mask=torch.ones_like(ids).repeat(count, 1), do_sample=True,
                          temperature=temperature, top_p=0.95, top_k=0, max_new_tokens=320)[:, ids.shape[1]:]
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return [(tokenizer.decode(row, skip_special_tokens=True), end in row.tolist()) for row in made]


@torch.no_grad()
def held_out_loss(model, tokenizer, conversations: int = 150) -> float:
    """Mean loss per assistant token on conversations from a seed that training did not use."""
    from train_writer import encode
    from writer_corpus import Writer
    writer, total, count = Writer(987654), 0.0, 0
    for _ in range(conversations):
        ids, weights = encode(tokenizer.backend_tokenizer, writer.conversation())
        ids, wanted = torch.tensor([ids]), torch.tensor(weights)[1:] == 1.0
        loss = torch.nn.functional.cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:], reduction="none")
        total, count = total + loss[wanted].sum().item(), count + int(wanted.sum())
    return total / count


def evaluate_writer(show: bool) -> None:
    folder = HERE / "tiny-writer"
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    loss = held_out_loss(model, tokenizer)
    ended = kept = distinct = 0
    missed = {}
    for request, word in PROBES:
        answers = answer(model, tokenizer, [{"role": "user", "content": request}], SAMPLES)
        ended += sum(stop for _, stop in answers)
        hits = sum(word in text.lower() for text, _ in answers)
        kept += hits
        missed |= {request: f"{hits}/{SAMPLES}"} if hits < SAMPLES else {}
        distinct += len({text for text, _ in answers})
        if show:
            print(f"## {request}\n{answers[0][0]}\n")
    total = len(PROBES) * SAMPLES
    write_result(folder, {"held_out_loss": round(loss, 4), "held_out_perplexity": round(math.exp(loss), 3),
                          "sampled_answers": total, "ended_by_itself": round(ended / total, 3),
                          "named_the_topic": round(kept / total, 3), "topic_missed": missed,
                          "distinct_answers": round(distinct / total, 3)})


# -- tiny-digits -------------------------------------------------------------------------------------------------------

def people_wrote() -> tuple[torch.Tensor, torch.Tensor]:
    """UCI's 1,797 digits of 8 x 8 pixels, blown up to where the pad puts a drawing: 20 x 20 in the middle of 28 x 28."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    x = torch.nn.functional.interpolate(x, size=(20, 20), mode="bicubic").clamp(0, 1)
    return torch.nn.functional.pad(x, (4, 4, 4, 4)), torch.tensor(digits.target)


def evaluate_digits() -> None:
    from transformers import ViTForImageClassification

    import train_digits

    folder = HERE / "tiny-digits"
    model = ViTForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    x, y = train_digits.draw(1500, 103)
    people, names = people_wrote()
    write_result(folder, {
        "fresh_drawings": train_digits.accuracy(model, x, y),
        "dark_on_light": train_digits.accuracy(model, 1 - x, y),
        "shaky_hand": train_digits.accuracy(model, *train_digits.draw(1500, 104, shake=.07)),
        "people_wrote_1797": train_digits.accuracy(model, people, names),
        "people_wrote_dark_on_light": train_digits.accuracy(model, 1 - people, names),
    })


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sentiment", "writer", "digits"])
    parser.add_argument("--errors", action="store_true", help="print what was taken wrong, never of handwritten_200; for the writer: its answers")
    args = parser.parse_args()
    torch.set_num_threads(2)
    if args.what == "sentiment":
        evaluate_sentiment(args.errors)
    elif args.what == "digits":
        evaluate_digits()
    else:
        evaluate_writer(args.errors)


if __name__ == "__main__":
    main()
