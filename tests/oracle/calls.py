"""For make.py: a small tokenizer beside a model, and calls.json, what transformers' pipelines give
for some calls of the model's task (tests/unit/inference/test_tasks.c)."""

import json
import os

import tokenizers
import torch
import transformers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """the a in is for red man bike house anna works rides at acme berlin . , ? ##s ##ing ##er
not was cold who where and rain ##y sea blue fish""".split()
LETTERS = "bcdeglmoprtu"
TEXTS = ["Anna works for Acme in Berlin.", "The man rides a red bike, not a blue house?",
         "Who is the fisher? Xylophone rainy sea..", "a"]


def write_tokenizer(size, types, out):
    vocab = SPECIAL + WORDS + list(LETTERS)
    vocab += ["word%d" % i for i in range(size - len(vocab))]
    assert len(vocab) == len(set(vocab)) == size, len(vocab)
    t = tokenizers.BertWordPieceTokenizer({w: i for i, w in enumerate(vocab)}, lowercase=True)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=t._tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        pad_token="[PAD]", mask_token="[MASK]", model_max_length=96,
        model_input_names=["input_ids", "attention_mask"] + ["token_type_ids"] * types)
    fast.save_pretrained(out)
    return fast


def pipeline(task, model, tokenizer):
    return transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")


def call(task, inputs, value, **options):
    made = {"task": task, "inputs": inputs, "value": value}
    if options:
        made["options"] = options
    return made


def features(model, tokenizer):
    with torch.no_grad():
        hidden = [model(**tokenizer(t, return_tensors="pt")).last_hidden_state[0] for t in TEXTS]
    mean = [h.mean(0) for h in hidden]
    return [
        call("feature-extraction", TEXTS, [m.tolist() for m in mean]),
        call("feature-extraction", TEXTS[0], (mean[0] / mean[0].norm()).tolist(), normalize=True),
        call("feature-extraction", TEXTS[1], hidden[1][0].tolist(), pooling="cls"),
        call("feature-extraction", [TEXTS[2]], [hidden[2].tolist()], pooling="none"),
    ]


def classes(model, tokenizer):
    pipe = pipeline("text-classification", model, tokenizer)
    pair = {"text": TEXTS[0], "text_pair": TEXTS[1]}
    return [
        call("text-classification", TEXTS, [pipe(t, top_k=None) for t in TEXTS]),
        call("text-classification", pair, pipe(pair, top_k=None)),
        call("text-classification", TEXTS[1], pipe(TEXTS[1], top_k=2), top_k=2),
    ]


MAKERS = {"bert": [features], "bert-sequence": [classes]}


def write(name, model, size, out):
    tokenizer = write_tokenizer(size, "DistilBert" not in type(model).__name__, out)
    calls = []
    for maker in MAKERS[name]:
        calls += maker(model, tokenizer)
    with open(os.path.join(out, "calls.json"), "w") as f:
        f.write(json.dumps(calls, separators=(",", ":")) + "\n")
