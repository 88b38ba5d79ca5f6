#!/usr/bin/env python3
"""Writes this folder's GGUF fixtures with gguf-py (PyPI: gguf), the format's own library.

blocks.gguf: random blocks of every type that is read, each tensor X beside X.f32, what gguf-py
decodes from it. spm.gguf: metadata alone, a SentencePiece vocabulary with scores.
llama3, qwen2, qwen3, gpt2: models of tests/oracle/known. And the seeds of
tests/fuzz/corpus/gguf: one small file per architecture.
"""
import json
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


def read_safetensors(path):
    data = open(path, "rb").read()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    for name, t in header.items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        raw = data[8 + n + begin : 8 + n + end]
        assert t["dtype"] == "BF16", t
        wide = np.frombuffer(raw, np.uint16).astype(np.uint32) << 16
        yield name, wide.view(np.float32).reshape(t["shape"])


LLAMA = [("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
         ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
         ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
         ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
         ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"),
         ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
         ("model.layers.", "blk.")]
GPT2 = [("transformer.", ""), ("wte", "token_embd"), ("wpe", "position_embd"),
        ("ln_f", "output_norm"), ("h.", "blk."), ("ln_1", "attn_norm"), ("ln_2", "ffn_norm"),
        ("attn.c_attn", "attn_qkv"), ("attn.c_proj", "attn_output"), ("mlp.c_fc", "ffn_up"),
        ("mlp.c_proj", "ffn_down")]


def permute(w, heads):
    """As llama.cpp's converter: pairs (i, i + d / 2) of a head become (2i, 2i + 1)."""
    return w.reshape(heads, 2, -1, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def llama3_divisors(c):
    rope, dim = c["rope_parameters"], c["head_dim"]
    freqs = rope["rope_theta"] ** (-np.arange(0, dim, 2) / dim)
    turns = rope["original_max_position_embeddings"] * freqs / (2 * np.pi)
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    blend = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / (blend + (1 - blend) / factor)).astype(np.float32)


def convert(name, arch):
    """A model of tests/oracle/known as llama.cpp's converter would write it, in BF16."""
    folder = os.path.join(HERE, "../../../oracle/known", name)
    c = json.load(open(os.path.join(folder, "config.json")))
    w = gguf.GGUFWriter(os.path.join(HERE, name + ".gguf"), arch)
    gpt2 = arch == "gpt2"
    heads = c["n_head"] if gpt2 else c["num_attention_heads"]
    w.add_embedding_length(c["n_embd"] if gpt2 else c["hidden_size"])
    w.add_block_count(c["n_layer"] if gpt2 else c["num_hidden_layers"])
    w.add_context_length(c["n_positions"] if gpt2 else c["max_position_embeddings"])
    w.add_feed_forward_length(4 * c["n_embd"] if gpt2 else c["intermediate_size"])
    w.add_head_count(heads)
    if gpt2:
        w.add_layer_norm_eps(c["layer_norm_epsilon"])
    else:
        w.add_head_count_kv(c["num_key_value_heads"])
        w.add_layer_norm_rms_eps(c["rms_norm_eps"])
        w.add_rope_freq_base(c["rope_parameters"]["rope_theta"])
        if "head_dim" in c:
            w.add_key_length(c["head_dim"])
            w.add_value_length(c["head_dim"])
        if c["rope_parameters"]["rope_type"] == "llama3":
            w.add_tensor("rope_freqs.weight", llama3_divisors(c))
    for tensor, values in read_safetensors(os.path.join(folder, "model.safetensors")):
        new = tensor
        for old, now in GPT2 if gpt2 else LLAMA:
            new = new.replace(old, now)
        if gpt2 and values.ndim == 2 and new.startswith("blk."):
            values = values.T
        if arch == "llama" and ".attn_q." in new:
            values = permute(values, heads)
        if arch == "llama" and ".attn_k." in new:
            values = permute(values, c["num_key_value_heads"])
        if values.ndim == 1:
            w.add_tensor(new, np.ascontiguousarray(values))
        else:
            half = (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)
            w.add_tensor(new, half.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    finish(w)


blocks()
for known in [("llama3", "llama"), ("qwen2", "qwen2"), ("qwen3", "qwen3"), ("gpt2", "gpt2")]:
    convert(*known)
spm()
seeds()
