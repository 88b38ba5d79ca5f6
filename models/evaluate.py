"""Scores both models as they are shipped, and writes what it measured to evaluation.json in each model's folder.

    python evaluate.py sentiment [--errors]     accuracy: generated, generated from unseen clauses, hand-written
    python evaluate.py writer                   loss and perplexity, how often it ends, topic kept, variety
"""

from __future__ import annotations

import argparse
import json
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

def handwritten() -> list[tuple[str, int]]:
    lines = (HERE / "data" / "handwritten_200.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(text, sentiment_corpus.LABELS.index(label)) for label, text in (line.split("\t") for line in lines)]


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
        "handwritten_200_accuracy": accuracy(model, tokenizer, handwritten(), show_errors),
        "generated_accuracy": accuracy(model, tokenizer, generated(4000, False)),
        "unseen_clauses_accuracy": accuracy(model, tokenizer, generated(0, True), show_errors),
        "unseen_clauses": len(generated(0, True)),
        "mean_top_score_of_plain_facts": round(facts.max(-1).values.mean().item(), 3),
    })


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sentiment", "writer"])
    parser.add_argument("--errors", action="store_true", help="print the sentences that were taken wrong")
    args = parser.parse_args()
    torch.set_num_threads(2)
    if args.what == "sentiment":
        evaluate_sentiment(args.errors)


if __name__ == "__main__":
    main()
