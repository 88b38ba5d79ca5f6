#!/usr/bin/env python3
"""Writes this folder's GGUF fixtures with gguf-py (PyPI: gguf), the format's own library.

blocks.gguf: random blocks of every type that is read, each tensor X beside X.f32, what gguf-py
decodes from it. spm.gguf: metadata alone, a SentencePiece vocabulary with scores. And the seeds of
tests/fuzz/corpus/gguf: one small file per architecture.
"""
import os

import gguf
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = os.path.join(HERE, "../../../fuzz/corpus/gguf")
TYPES = ["Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K", "F16", "BF16"]
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def blocks():
    rng = np.random.default_rng(6)
    w = gguf.GGUFWriter(os.path.join(HERE, "blocks.gguf"), "none")
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        n = max(4, 64 // elements)
        raw = rng.integers(0, 256, (2, n * size), dtype=np.uint8)
        for row in raw:
            for b in range(0, len(row), size):
                for at in HALVES.get(name, []):
                    half = np.float16(rng.normal() * 0.1)
                    row[b + at : b + at + 2] = np.frombuffer(half.tobytes(), np.uint8)
        if name == "F16":
            raw = rng.normal(size=(2, n)).astype(np.float16).view(np.uint8).reshape(2, -1)
        if name == "BF16":
            top = rng.normal(size=(2, n)).astype(np.float32).view(np.uint32) >> 16
            raw = top.astype(np.uint16).view(np.uint8).reshape(2, -1)
        w.add_tensor(name, raw, raw_dtype=kind)
        w.add_tensor(name + ".f32", gguf.quants.dequantize(raw, kind).astype(np.float32))
    finish(w)


def spm():
    words = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    pieces = ["▁", "t", "h", "e", "a", "▁t", "he", "▁the", "▁a", "th", "▁th", "é"]
    w = gguf.GGUFWriter(os.path.join(HERE, "spm.gguf"), "llama")
    w.add_tokenizer_model("llama")
    w.add_token_list(words + pieces)
    w.add_token_scores([0.0] * len(words) + [-float(i) for i in range(len(pieces))])
    w.add_token_types(kinds + [1] * len(pieces))
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    finish(w)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def seed(arch, tokens, model, extra):
    w = gguf.GGUFWriter(os.path.join(SEEDS, arch), arch)
    w.add_embedding_length(8)
    w.add_block_count(1)
    w.add_feed_forward_length(8)
    w.add_context_length(16)
    w.add_head_count(2)
    w.add_head_count_kv(1)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_layer_norm_eps(1e-5)
    w.add_rope_freq_base(1e4)
    w.add_tokenizer_model(model)
    w.add_token_list(tokens)
    w.add_token_types([3] + [1] * (len(tokens) - 1))
    w.add_token_scores([-float(i) for i in range(len(tokens))])
    w.add_bos_token_id(0)
    w.add_eos_token_id(0)
    w.add_chat_template("{{ messages[0]['content'] }}")
    extra(w)
    w.add_tensor("token_embd.weight", np.zeros((len(tokens), 8), np.float32))
    w.add_tensor("blk.0.attn_q.weight", np.zeros((8, 34), np.uint8),
                 raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    finish(w)


def bpe(pre):
    def extra(w):
        w.add_tokenizer_pre(pre)
        w.add_token_merges(["a b", "ab c"])
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(2.0)
    return extra


def seeds():
    os.makedirs(SEEDS, exist_ok=True)
    seed("llama", ["<s>", "▁", "a", "b", "ab", "▁ab", "<0x0A>"], "llama", lambda w: None)
    seed("qwen2", ["<s>", "a", "b", "c", "ab", "abc"], "gpt2", bpe("qwen2"))
    seed("qwen3", ["<s>", "a", "b", "c", "ab", "abc"], "gpt2", bpe("llama-bpe"))
    seed("gpt2", ["<s>", "a", "b", "c", "ab", "abc"], "gpt2", bpe("gpt-2"))
    seed("bert", ["[CLS]", "[SEP]", "[UNK]", "▁a", "b"], "bert", lambda w: w.add_tensor(
        "token_types.weight", np.zeros((2, 8), np.float16)))


blocks()
spm()
seeds()
