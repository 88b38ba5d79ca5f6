"""Fills the numbers of training.json and evaluation.json into the @marks@ of a model card's template.

The templates stand in data/cards/, the finished cards in the model folders.
"""

import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def numbers(folder: pathlib.Path) -> dict[str, str]:
    training = json.loads((folder / "training.json").read_text())
    score = json.loads((folder / "evaluation.json").read_text())
    facts = {"params": f"{training['parameters']:,}", "seconds": str(training["seconds"]), "steps": f"{training['steps']:,}",
             "seed": str(training["seed"]), "batch": str(training.get("batch") or training.get("tokens_a_batch"))}
    if folder.name == "tiny-sentiment":
        return facts | {"hand": percent(score["handwritten_200_accuracy"]),
                        "gen": percent(score["generated_accuracy"]), "unseen": percent(score["unseen_clauses_accuracy"]),
                        "nunseen": str(score["unseen_clauses"]), "fact": f"{score['mean_top_score_of_plain_facts']:.2f}"}
    if folder.name == "tiny-digits":
        return facts | {"drawings": f"{training['drawings']:,}", "fresh": percent(score["fresh_drawings"]),
                        "dark": percent(score["dark_on_light"]), "shaky": percent(score["shaky_hand"]),
                        "people": percent(score["people_wrote_1797"]),
                        "peopledark": percent(score["people_wrote_dark_on_light"]),
                        "size": f"{(folder / 'model.safetensors').stat().st_size / 1000:.0f} kB"}
    return facts | {"loss": f"{score['held_out_loss']:.3f}", "ppl": f"{score['held_out_perplexity']:.2f}",
                    "ended": percent(score["ended_by_itself"]), "kept": percent(score["named_the_topic"]),
                    "distinct": percent(score["distinct_answers"])}


def main() -> None:
    for template in sorted((HERE / "data" / "cards").glob("*.md")):
        folder = HERE / template.stem
        values = numbers(folder)
        card = re.sub(r"@(\w+)@", lambda mark: values[mark.group(1)], template.read_text(encoding="utf-8"))
        (folder / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
