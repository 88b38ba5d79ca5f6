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


def zero_shot(model, tokenizer):
    pipe = pipeline("zero-shot-classification", model, tokenizer)
    labels = ["red house", "rain", "the sea", "bike rides"]
    one = pipe(TEXTS[1], labels)
    form = "{} , not the cold?"
    return [
        call("zero-shot-classification", TEXTS[1], one, candidate_labels=labels),
        call("zero-shot-classification", [TEXTS[0], TEXTS[2]],
             [pipe(t, labels, multi_label=True, hypothesis_template=form)
              for t in (TEXTS[0], TEXTS[2])],
             candidate_labels=labels, multi_label=True, hypothesis_template=form),
        call("zero-shot-classification", TEXTS[3], pipe(TEXTS[3], ["sea"]), candidate_labels=["sea"]),
        {"task": "zero-shot-classification", "inputs": "x", "refused": "options.candidate_labels"},
    ]


def ranking(model, tokenizer):
    query = "Where is the red bike?"
    with torch.no_grad():
        scores = [model(**tokenizer(query, t, return_tensors="pt")).logits[0, 0].sigmoid().item()
                  for t in TEXTS]
    best = sorted(range(len(TEXTS)), key=lambda i: -scores[i])
    value = [{"index": i, "score": scores[i]} for i in best]
    inputs = {"query": query, "documents": TEXTS}
    return [call("text-ranking", inputs, value), call("text-ranking", inputs, value[:2], top_k=2)]


def masks(model, tokenizer):
    pipe = pipeline("fill-mask", model, tokenizer)
    one = "The man [MASK] a red bike, not a blue house."
    return [
        call("fill-mask", one, pipe(one)),
        call("fill-mask", [one, "Anna works in [MASK]."],
             pipe([one, "Anna works in [MASK]."], top_k=2), top_k=2),
        {"task": "fill-mask", "inputs": "no gap", "refused": "mask is not in the text"},
    ]


def entities(model, tokenizer):
    pipe = pipeline("token-classification", model, tokenizer)
    texts = ["Anna works for Acme in Berlin. The fisher is rainy, not red!", TEXTS[1], TEXTS[2]]

    def plain(found):
        return [{k: float(v) if k == "score" else int(v) if k == "index" else v
                 for k, v in e.items()} for e in found]
    return [call("token-classification", texts,
                 [plain(pipe(t, aggregation_strategy=how)) for t in texts], aggregation_strategy=how)
            for how in ("none", "simple", "first", "average", "max")]


def find_answers(model, tokenizer, question, context, window, overlap, longest, top_k):
    """As transformers 4's pipeline, which 5 no longer has: spans of the context by the product of
    the probabilities that they begin and end there, widened to whole words."""
    made = tokenizer(question, context, truncation="only_second", max_length=window, stride=overlap,
                     return_overflowing_tokens=True, return_offsets_mapping=True)
    found = {}
    for i, ids in enumerate(made["input_ids"]):
        given = {"input_ids": torch.tensor([ids])}
        if "token_type_ids" in made:
            given["token_type_ids"] = torch.tensor([made["token_type_ids"][i]])
        with torch.no_grad():
            out = model(**given)
        parts = made.sequence_ids(i)
        may = torch.tensor([t == 0 or part == 1 for t, part in enumerate(parts)])
        starts = torch.where(may, out.start_logits[0], -10000.0).softmax(0)
        ends = torch.where(may, out.end_logits[0], -10000.0).softmax(0)
        for s in range(1, len(ids)):
            for e in range(s, min(len(ids), s + longest)):
                if parts[s] != 1 or parts[e] != 1:
                    continue
                words = made[i].word_ids
                first, last = s, e
                while parts[first - 1] == 1 and words[first - 1] == words[s]:
                    first -= 1
                while parts[last + 1] == 1 and words[last + 1] == words[e]:
                    last += 1
                place = (made["offset_mapping"][i][first][0], made["offset_mapping"][i][last][1])
                score = (starts[s] * ends[e]).item()
                found[place] = max(found.get(place, 0), score)
    best = sorted(found.items(), key=lambda f: -f[1])[:top_k]
    return [{"answer": context[a:b], "score": score, "start": a, "end": b} for (a, b), score in best]


def answers(model, tokenizer):
    long = " ".join([TEXTS[0], TEXTS[1]] * 8)
    calls = []
    for question, context in (("Where is Anna?", TEXTS[0]), ("Who rides the bike?", long)):
        inputs = {"question": question, "context": context}
        window = min(model.config.max_position_embeddings, 384)
        found = find_answers(model, tokenizer, question, context, window, min(window // 2, 128), 15, 5)
        calls.append(call("question-answering", inputs, found[0]))
        calls.append(call("question-answering", inputs, found, top_k=5))
    found = find_answers(model, tokenizer, "Who?", TEXTS[1], 96, 48, 2, 1)
    calls.append(call("question-answering", {"question": "Who?", "context": TEXTS[1]}, found[0],
                      max_answer_len=2))
    return calls


MAKERS = {
    "bert": [features],
    "bert-sequence": [classes, zero_shot],
    "distilbert-sequence": [ranking],
    "bert-words": [masks],
    "bert-tokens": [entities],
    "bert-spans": [answers],
}


def write(name, model, size, out):
    tokenizer = write_tokenizer(size, "DistilBert" not in type(model).__name__, out)
    calls = []
    for maker in MAKERS[name]:
        calls += maker(model, tokenizer)
    with open(os.path.join(out, "calls.json"), "w") as f:
        f.write(json.dumps(calls, separators=(",", ":")) + "\n")
