#!/usr/bin/env python3
"""A random encoder of MiniLM-L6's shape for scripts/bench inference: make_encoder.py FOLDER

The same weights as Hugging Face folders in f32 and bf16, whose tokenizer makes one token of each
word of one letter, and as model.onnx for onnxruntime: mean of the last hidden states, normalised.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, HIDDEN, INNER, HEADS, VOCAB, PLACES = 6, 384, 1536, 12, 30522, 512
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def weights():
    rng = np.random.default_rng(2)

    def random(*shape):
        bits = (rng.standard_normal(shape, dtype=np.float32) * 0.05).view(np.uint32) & 0xFFFF0000
        return bits.view(np.float32)

    def norm(name):
        return {f"{name}.weight": np.ones(HIDDEN, np.float32), f"{name}.bias": np.zeros(HIDDEN, np.float32)}

    def linear(name, rows, columns):
        return {f"{name}.weight": random(rows, columns), f"{name}.bias": random(rows)}

    w = {"embeddings.word_embeddings.weight": random(VOCAB, HIDDEN),
         "embeddings.position_embeddings.weight": random(PLACES, HIDDEN),
         "embeddings.token_type_embeddings.weight": random(2, HIDDEN), **norm("embeddings.LayerNorm")}
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            w |= linear(f"{at}attention.self.{name}", HIDDEN, HIDDEN)
        w |= linear(f"{at}attention.output.dense", HIDDEN, HIDDEN) | norm(f"{at}attention.output.LayerNorm")
        w |= linear(f"{at}intermediate.dense", INNER, HIDDEN)
        w |= linear(f"{at}output.dense", HIDDEN, INNER) | norm(f"{at}output.LayerNorm")
    return w


def write_folder(folder, w, half):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "vocab_size": VOCAB, "layer_norm_eps": 1e-12,
        "max_position_embeddings": PLACES, "type_vocab_size": 2, "hidden_act": "gelu", "pad_token_id": 0,
        "position_embedding_type": "absolute"}))
    vocabulary = SPECIAL + [chr(c) for c in range(97, 123)]
    vocabulary += [f"unused{i}" for i in range(VOCAB - len(vocabulary))]
    one = lambda token, kind: {"SpecialToken": {"id": token, "type_id": kind}}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i, t in enumerate(SPECIAL)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
                           "single": [one("[CLS]", 0), {"Sequence": {"id": "A", "type_id": 0}}, one("[SEP]", 0)],
                           "pair": [one("[CLS]", 0), {"Sequence": {"id": "A", "type_id": 0}}, one("[SEP]", 0),
                                    {"Sequence": {"id": "B", "type_id": 1}}, one("[SEP]", 1)],
                           "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]}
                                              for i, t in enumerate(SPECIAL) if t in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {t: i for i, t in enumerate(vocabulary)}}}))
    header, at, blobs = {}, 0, []
    for name, values in w.items():
        bits = (values.view(np.uint32) >> 16).astype(np.uint16) if half else values
        header[name] = {"dtype": "BF16" if half else "F32", "shape": list(values.shape),
                        "data_offsets": [at, at + bits.nbytes]}
        at += bits.nbytes
        blobs.append(bits.tobytes())
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + b"".join(blobs))


class Graph:
    def __init__(self, w):
        self.nodes, self.values = [], dict(w)

    def constant(self, name, value):
        self.values[name] = np.asarray(value)
        return name

    def node(self, kind, *inputs, **attributes):
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def linear(self, x, name):
        turned = self.constant(f"{name}.turned", self.values[f"{name}.weight"].T.copy())
        return self.node("Add", self.node("MatMul", x, turned), f"{name}.bias")

    def norm(self, x, name):
        return self.node("LayerNormalization", x, f"{name}.weight", f"{name}.bias", axis=-1, epsilon=1e-12)

    def heads(self, x, turn):
        split = self.node("Reshape", x, self.constant("split", np.array([0, 0, HEADS, HIDDEN // HEADS])))
        return self.node("Transpose", split, perm=turn)


def write_onnx(path, w):
    g = Graph(w)
    x = g.node("Gather", "embeddings.word_embeddings.weight", "ids")
    for name in ("position", "token_type"):
        index = "places" if name == "position" else "kinds"
        x = g.node("Add", x, g.node("Gather", f"embeddings.{name}_embeddings.weight", index))
    x = g.norm(x, "embeddings.LayerNorm")
    scale = g.constant("scale", np.float32((HIDDEN // HEADS) ** -0.5))
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        q = g.heads(g.linear(x, f"{at}attention.self.query"), [0, 2, 1, 3])
        k = g.heads(g.linear(x, f"{at}attention.self.key"), [0, 2, 3, 1])
        v = g.heads(g.linear(x, f"{at}attention.self.value"), [0, 2, 1, 3])
        scores = g.node("Softmax", g.node("Mul", g.node("MatMul", q, k), scale), axis=-1)
        mixed = g.node("Transpose", g.node("MatMul", scores, v), perm=[0, 2, 1, 3])
        mixed = g.node("Reshape", mixed, g.constant("join", np.array([0, 0, HIDDEN])))
        x = g.norm(g.node("Add", g.linear(mixed, f"{at}attention.output.dense"), x), f"{at}attention.output.LayerNorm")
        inner = g.linear(x, f"{at}intermediate.dense")
        erf = g.node("Erf", g.node("Div", inner, g.constant("root", np.float32(2**0.5))))
        half = g.node("Mul", inner, g.node("Add", erf, g.constant("one", np.float32(1))))
        inner = g.node("Mul", half, g.constant("half", np.float32(0.5)))
        x = g.norm(g.node("Add", g.linear(inner, f"{at}output.dense"), x), f"{at}output.LayerNorm")
    mean = g.node("ReduceMean", x, axes=[1], keepdims=0)
    length = g.node("ReduceL2", mean, axes=[1], keepdims=1)
    g.nodes.append(helper.make_node("Div", [mean, length], ["embedding"]))
    used = {name for node in g.nodes for name in node.input}
    ints = [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "n"]) for name in ("ids", "places", "kinds")]
    graph = helper.make_graph(g.nodes, "encoder", ints,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, HIDDEN])],
        [numpy_helper.from_array(value, name) for name, value in g.values.items() if name in used])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main():
    folder = Path(sys.argv[1])

    if (folder / "model.onnx").exists():
        return
    w = weights()
    write_folder(folder / "f32", w, False)
    write_folder(folder / "bf16", w, True)
    write_onnx(folder / "model.onnx", w)


main()
