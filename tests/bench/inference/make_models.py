#!/usr/bin/env python3
"""Random models for scripts/bench inference: make_models.py FOLDER [SMALL]

A Llama of TinyLlama's shape (1.1 B parameters; SMALL: 14.5 M) as a Hugging Face folder in bf16 and as
GGUF files: BF16 by gguf's writer, the quantised ones from it by llama.cpp's own quantiser. Speed
depends on shapes, not on values, so the values are random. What is there already is kept.
"""
import ctypes
import json
import sys
from pathlib import Path

import gguf
import numpy as np

SHAPES = {
    False: dict(layers=22, hidden=2048, ffn=5632, heads=32, kv_heads=4, vocab=32000, context=2048),
    True: dict(layers=6, hidden=288, ffn=768, heads=6, kv_heads=6, vocab=32000, context=2048),
}


def byte_tokens():
    """GPT-2's names of the 256 bytes, in order of the bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(moved)) for b in range(256)]


def vocabulary(size):
    return byte_tokens() + ["~~"] + [f"<unused{i}>" for i in range(size - 257)]


def bf16(rng, *shape, scale=0.02):
    """Random numbers as bf16: their bits as uint16."""
    values = rng.standard_normal(shape, dtype=np.float32) * scale
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def tensors(s, rng):
    """(Hugging Face name, GGUF name, bits, is a norm)"""
    kv = s["hidden"] // s["heads"] * s["kv_heads"]
    ones = np.full(s["hidden"], 0x3F80, np.uint16)

    yield "model.embed_tokens.weight", "token_embd.weight", bf16(rng, s["vocab"], s["hidden"]), False
    for i in range(s["layers"]):
        hf, g = f"model.layers.{i}.", f"blk.{i}."
        yield hf + "input_layernorm.weight", g + "attn_norm.weight", ones, True
        yield hf + "self_attn.q_proj.weight", g + "attn_q.weight", bf16(rng, s["hidden"], s["hidden"]), False
        yield hf + "self_attn.k_proj.weight", g + "attn_k.weight", bf16(rng, kv, s["hidden"]), False
        yield hf + "self_attn.v_proj.weight", g + "attn_v.weight", bf16(rng, kv, s["hidden"]), False
        yield hf + "self_attn.o_proj.weight", g + "attn_output.weight", bf16(rng, s["hidden"], s["hidden"]), False
        yield hf + "post_attention_layernorm.weight", g + "ffn_norm.weight", ones, True
        yield hf + "mlp.gate_proj.weight", g + "ffn_gate.weight", bf16(rng, s["ffn"], s["hidden"]), False
        yield hf + "mlp.up_proj.weight", g + "ffn_up.weight", bf16(rng, s["ffn"], s["hidden"]), False
        yield hf + "mlp.down_proj.weight", g + "ffn_down.weight", bf16(rng, s["hidden"], s["ffn"]), False
    yield "model.norm.weight", "output_norm.weight", ones, True
    yield "lm_head.weight", "output.weight", bf16(rng, s["vocab"], s["hidden"]), False


def write_folder(folder, s):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": s["hidden"],
        "intermediate_size": s["ffn"], "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"],
        "num_key_value_heads": s["kv_heads"], "vocab_size": s["vocab"], "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "max_position_embeddings": s["context"], "hidden_act": "silu", "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }))
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "post_processor": None, "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {t: i for i, t in enumerate(vocabulary(s["vocab"]))}, "merges": []},
    }))
    header, at, blobs = {}, 0, []
    for name, _, bits, _ in tensors(s, np.random.default_rng(1)):
        header[name] = {"dtype": "BF16", "shape": list(bits.shape), "data_offsets": [at, at + bits.nbytes]}
        at += bits.nbytes
        blobs.append(bits)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    part = folder / "part"
    with open(part, "wb") as f:
        f.write(len(head).to_bytes(8, "little") + head)
        for bits in blobs:
            bits.tofile(f)
    part.rename(folder / "model.safetensors")


def write_gguf(path, s):
    w = gguf.GGUFWriter(path.with_suffix(".part"), "llama")
    w.add_block_count(s["layers"])
    w.add_context_length(s["context"])
    w.add_embedding_length(s["hidden"])
    w.add_feed_forward_length(s["ffn"])
    w.add_head_count(s["heads"])
    w.add_head_count_kv(s["kv_heads"])
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(s["hidden"] // s["heads"])
    w.add_vocab_size(s["vocab"])
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(vocabulary(s["vocab"]))
    w.add_token_types([1] * s["vocab"])
    w.add_token_merges(["~ ~"])
    w.add_bos_token_id(0)
    w.add_eos_token_id(1)
    w.add_add_bos_token(False)
    for _, name, bits, norm in tensors(s, np.random.default_rng(1)):
        if norm:
            w.add_tensor(name, (bits.astype(np.uint32) << 16).view(np.float32))
        else:
            w.add_tensor(name, bits.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    path.with_suffix(".part").rename(path)


def quantise(source, path, ftype):
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    params.nthread = 2
    part = path.with_suffix(".part")
    if llama_cpp.llama_model_quantize(str(source).encode(), str(part).encode(), ctypes.byref(params)) != 0:
        sys.exit(f"llama.cpp did not make {path}")
    part.rename(path)


def main():
    folder = Path(sys.argv[1])
    s = SHAPES["SMALL" in sys.argv[2:]]

    if not (folder / "hf/model.safetensors").exists():
        write_folder(folder / "hf", s)
    # Each in a folder of its own, as a model is.
    files = {name: folder / name / "model.gguf" for name in ("bf16", "q8_0", "q4_0", "q4_k_m")}
    for file in files.values():
        file.parent.mkdir(exist_ok=True)
    if not files["bf16"].exists():
        write_gguf(files["bf16"], s)
    # llama.cpp's names of the mixtures: MOSTLY_Q8_0, MOSTLY_Q4_0, MOSTLY_Q4_K_M
    for name, ftype in [("q8_0", 7), ("q4_0", 2), ("q4_k_m", 15)]:
        if not files[name].exists():
            quantise(files["bf16"], files[name], ftype)


main()
