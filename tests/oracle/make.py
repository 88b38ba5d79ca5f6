"""Small models with random weights, and what transformers computes with them.

  make.py small tests/oracle/known    the stored ones: tests/unit/inference/test_architectures.c
  make.py large FOLDER                larger ones, for the same test where PyPI can be reached

Every model is a folder as Hugging Face has it, weights rounded to bfloat16, and a known.json,
computed in double precision: of a decoder greedy tokens after a few prompts and the logits they
begin with, of an encoder rows of what its head gives and of the hidden states.
"""

import argparse
import json
import os
import sys

import safetensors.torch
import torch
import transformers

import calls

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()

SIZES = {
    "small": {"hidden": 24, "inner": 40, "layers": 2, "heads": 4, "vocab": 53, "context": 96},
    "large": {"hidden": 128, "inner": 344, "layers": 3, "heads": 4, "vocab": 503, "context": 192},
}
GREEDY = 64
SEEDS = {"bert-tokens": 88}  # gives every label


def llama(s, **more):
    return dict(vocab_size=s["vocab"], hidden_size=s["hidden"], intermediate_size=s["inner"],
                num_hidden_layers=s["layers"], num_attention_heads=s["heads"],
                max_position_embeddings=s["context"], bos_token_id=None, eos_token_id=None,
                pad_token_id=None, **more)


def llama3_scaling(s):
    return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": s["context"] // 4, "rope_theta": 500000.0}


# name: class, its configuration for a size
DECODERS = {
    "llama2": ("Llama", lambda s: llama(s, rms_norm_eps=1e-5)),
    "llama3": ("Llama", lambda s: llama(s, num_key_value_heads=s["heads"] // 2, rms_norm_eps=1e-5,
                                        rope_parameters=llama3_scaling(s))),
    "llama-linear": ("Llama", lambda s: llama(
        s, attention_bias=True, mlp_bias=True, rms_norm_eps=0.1, tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0})),
    "mistral": ("Mistral", lambda s: llama(s, num_key_value_heads=1, head_dim=12, sliding_window=None)),
    "mistral-window": ("Mistral", lambda s: llama(s, num_key_value_heads=2, sliding_window=84)),
    # As GGUF has it: see interleave().
    "llama-interleaved": ("Llama", lambda s: llama(
        s, num_key_value_heads=2, attention_bias=True, tie_word_embeddings=True,
        rope_parameters=llama3_scaling(s))),
    "gpt2": ("GPT2", lambda s: dict(
        vocab_size=s["vocab"], n_embd=s["hidden"], n_layer=s["layers"], n_head=s["heads"],
        n_positions=s["context"], bos_token_id=None, eos_token_id=None)),
    "qwen2": ("Qwen2", lambda s: llama(s, num_key_value_heads=2, tie_word_embeddings=True)),
    "qwen3": ("Qwen3", lambda s: llama(s, num_key_value_heads=2, head_dim=16)),
}


SHAPES = {
    "Bert": lambda s: dict(
        hidden_size=s["hidden"], intermediate_size=s["inner"], num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"], max_position_embeddings=s["context"]),
    "DistilBert": lambda s: dict(
        dim=s["hidden"], hidden_dim=s["inner"], n_layers=s["layers"], n_heads=s["heads"],
        max_position_embeddings=s["context"]),
}
SHAPES["Roberta"] = SHAPES["XLMRoberta"] = SHAPES["Bert"]
NLI = {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"},
       "label2id": {"contradiction": 0, "neutral": 1, "entailment": 2}}
NAMES = {"id2label": {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC"},
         "label2id": {"O": 0, "B-PER": 1, "I-PER": 2, "B-LOC": 3}}
LABELS = {"id2label": {0: "red", 1: "green", 2: "blue"}, "label2id": {"red": 0, "green": 1, "blue": 2}}
# name: class, more of its configuration
ENCODERS = {
    "bert": ("BertModel", {}),
    "bert-sequence": ("BertForSequenceClassification", NLI),
    "bert-words": ("BertForMaskedLM", {"hidden_act": "gelu_new"}),
    "bert-tokens": ("BertForTokenClassification", NAMES),
    "bert-spans": ("BertForQuestionAnswering", {}),
    "distilbert-sequence": ("DistilBertForSequenceClassification", {"num_labels": 1}),
    "distilbert-words": ("DistilBertForMaskedLM", {"activation": "relu"}),
    "roberta-sequence": ("RobertaForSequenceClassification", dict(LABELS, type_vocab_size=1)),
    "roberta-words": ("RobertaForMaskedLM", {"type_vocab_size": 1, "layer_norm_eps": 0.1}),
    "xlm-roberta-tokens": ("XLMRobertaForTokenClassification", dict(LABELS, type_vocab_size=1)),
}
# The others are one of those with another name, and not stored.
MORE_ENCODERS = {
    "distilbert": ("DistilBertModel", {}),
    "distilbert-tokens": ("DistilBertForTokenClassification", LABELS),
    "distilbert-spans": ("DistilBertForQuestionAnswering", {}),
    "roberta": ("RobertaModel", {"type_vocab_size": 1}),
    "roberta-tokens": ("RobertaForTokenClassification", LABELS),
    "roberta-spans": ("RobertaForQuestionAnswering", {}),
    "xlm-roberta": ("XLMRobertaModel", {}),
    "xlm-roberta-sequence": ("XLMRobertaForSequenceClassification", LABELS),
    "xlm-roberta-spans": ("XLMRobertaForQuestionAnswering", {}),
    "xlm-roberta-words": ("XLMRobertaForMaskedLM", {}),
}


def randomize(model):
    """Weights that make every operator matter, exact in bfloat16."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            x = torch.randn(p.shape)
            if p.dim() > 1:
                x = x * 1.2 / p.shape[-1] ** 0.5
            elif "bias" in name:
                x = x * 0.2
            else:
                x = 1 + x * 0.2
            p.copy_(x.bfloat16().float())
        for name, p in model.named_parameters():
            if "embed" in name or "wte" in name or "wpe" in name:
                p.copy_((torch.randn(p.shape) * 0.8).bfloat16().float())


def digits(x):
    return [float("%.8g" % v) for v in x.tolist()]


def known_text(model, ids):
    """The logits after ids, and the greedy tokens with the gaps to what came second."""
    known = {"ids": list(ids)}
    tokens, gaps = [], []
    step, cache = list(ids), None
    while len(tokens) < GREEDY:
        out = model(torch.tensor([step]), cache=cache, use_cache=True)
        logits, cache = out.logits[0, -1], out.cache
        if not tokens:
            known["logits"] = digits(logits)
        best = torch.topk(logits, 2)
        step = [int(best.indices[0])]
        tokens += step
        gaps.append(float("%.3g" % (best.values[0] - best.values[1])))
    known["greedy"] = tokens
    known["gaps"] = gaps
    return known


def interleave(model, out):
    """Rows of queries and keys in the order of GGUF's "llama"; the numbers stay the same."""
    heads = {"q_proj": model.config.num_attention_heads, "k_proj": model.config.num_key_value_heads}
    with torch.no_grad():
        for name, p in model.named_parameters():
            part = name.split(".")[-2]
            if part in heads:
                rows = p.view(heads[part], 2, -1, *p.shape[1:])
                p.copy_(rows.transpose(1, 2).reshape(p.shape).clone())
    save(model, out)
    path = os.path.join(out, "config.json")
    with open(path) as f:
        config = json.load(f)
    config["rope_interleaved"] = True
    with open(path, "w") as f:
        json.dump(config, f, indent=2)


def save(model, out):
    model.bfloat16().save_pretrained(out)
    os.chmod(os.path.join(out, "model.safetensors"), 0o644)
    if os.path.exists(os.path.join(out, "generation_config.json")):
        os.remove(os.path.join(out, "generation_config.json"))


def make_decoder(name, size, out):
    kind, configure = DECODERS[name]
    config = getattr(transformers, kind + "Config")(**configure(size))
    model = getattr(transformers, config_class(kind))(config).eval()
    randomize(model)
    model = model.double()
    longest = size["context"] - GREEDY
    if getattr(config, "sliding_window", None):
        longest = min(longest, config.sliding_window - GREEDY)
    prompts = [torch.randint(0, size["vocab"], (n,)).tolist() for n in (longest, 3, 1)]
    with torch.no_grad():
        known = {"texts": [known_text(model, ids) for ids in prompts]}
    (interleave if "interleaved" in name else save)(model, out)
    if name == "gpt2" and size is SIZES["small"]:
        strip_prefix(out, "transformer.")
    write_known(out, known)


def known_sequence(model, n, types):
    """What an encoder makes of n random tokens; types: those of the second half."""
    ids = torch.randint(2, model.config.vocab_size, (n,))
    kinds = torch.tensor([0] * (n // 2) + [types] * (n - n // 2))
    given = {"input_ids": ids[None]}
    if "DistilBert" not in type(model).__name__:
        given["token_type_ids"] = kinds[None]
    out = model(**given)
    hidden = model.base_model(**given).last_hidden_state[0]
    known = {"ids": ids.tolist(), "types": kinds.tolist(), "hidden": digits(hidden[-1])}
    if "start_logits" in out:
        rows = torch.stack([out.start_logits[0], out.end_logits[0]], 1)
    elif "logits" in out:
        rows = out.logits[0]
    else:
        rows = hidden
    # Of one row for the sequence that one, and else of the first row and the last.
    known["rows"] = digits(rows) if rows.dim() == 1 else digits(torch.cat([rows[0], rows[-1]]))
    return known


def make_encoder(name, size, out):
    kind, more = (ENCODERS | MORE_ENCODERS)[name]
    shape = SHAPES[kind.split("For")[0].removesuffix("Model")](size)
    config = getattr(transformers, kind.split("For")[0].removesuffix("Model") + "Config")(
        vocab_size=size["vocab"], **shape, **more)
    model = getattr(transformers, kind)(config).eval()
    randomize(model)
    model = model.double()
    types = getattr(config, "type_vocab_size", 1) - 1
    longest = size["context"] - (config.pad_token_id + 1 if "Roberta" in kind else 0)
    with torch.no_grad():
        known = {"sequences": [known_sequence(model, n, types) for n in (7, longest, 2)]}
    if name in calls.MAKERS:
        calls.write(name, model, size["vocab"], out)
    save(model, out)
    if name == "bert-sequence":
        rename(out, lambda n: n.replace("LayerNorm.weight", "LayerNorm.gamma")
               .replace("LayerNorm.bias", "LayerNorm.beta"))
    write_known(out, known)


def rename(out, how):
    path = os.path.join(out, "model.safetensors")
    with safetensors.safe_open(path, "pt") as f:
        tensors = {how(name): f.get_tensor(name) for name in f.keys()}
    safetensors.torch.save_file(tensors, path, {"format": "pt"})
    os.chmod(path, 0o644)


def strip_prefix(out, prefix):
    """As the published gpt2 was saved."""
    rename(out, lambda name: name.removeprefix(prefix))


def config_class(kind):
    return kind + ("LMHeadModel" if kind == "GPT2" else "ForCausalLM")


def write_known(out, known):
    with open(os.path.join(out, "known.json"), "w") as f:
        f.write(json.dumps(known, separators=(",", ":")) + "\n")


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("size", choices=SIZES)
    args.add_argument("out")
    args.add_argument("names", nargs="*", help="only these")
    args = args.parse_args()
    names = list(DECODERS) + list(ENCODERS) + (list(MORE_ENCODERS) if args.size == "large" else [])
    for name in args.names or names:
        torch.manual_seed(sum(name.encode()) + SEEDS.get(name, 0))
        out = os.path.join(args.out, name)
        os.makedirs(out, exist_ok=True)
        (make_decoder if name in DECODERS else make_encoder)(name, SIZES[args.size], out)
        print(name, file=sys.stderr)


main()
