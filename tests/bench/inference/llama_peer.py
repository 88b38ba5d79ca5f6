#!/usr/bin/env python3
"""llama.cpp as the peer of scripts/bench inference: llama_peer.py MODEL.gguf THREADS

Reads lines as bench_inference does, "prompt N", "write N" or "batch SEQUENCES N", and answers each
with the tokens per second that it took; "ready" comes first.
"""
import sys
import time

import numpy as np
import llama_cpp as ll

PROMPT_MAX = 1024


def main():
    path, threads = sys.argv[1], int(sys.argv[2])

    ll.llama_backend_init()
    params = ll.llama_model_default_params()
    params.n_gpu_layers = 0
    model = ll.llama_model_load_from_file(path.encode(), params)
    options = ll.llama_context_default_params()
    options.n_ctx = 2048
    options.n_batch = options.n_ubatch = PROMPT_MAX
    options.n_seq_max = 16
    options.n_threads = options.n_threads_batch = threads
    options.kv_unified = True
    context = ll.llama_init_from_model(model, options)
    vocab = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(model))
    batch = ll.llama_batch_init(PROMPT_MAX, 0, 16)

    def step(rows):
        """rows: (token, position, sequence, wants logits)"""
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, wants) in enumerate(rows):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = wants
        if ll.llama_decode(context, batch) != 0:
            sys.exit("llama_decode failed")

    def greedy(row):
        return int(np.ctypeslib.as_array(ll.llama_get_logits_ith(context, row), (vocab,)).argmax())

    def prompt(n):
        step([(97 + i % 26, i, 0, i == n - 1) for i in range(n)])
        greedy(n - 1)
        return n

    def write(sequences, n):
        tokens = [97 + s for s in range(sequences)]
        for i in range(n):
            step([(t, i, s, True) for s, t in enumerate(tokens)])
            tokens = [greedy(s) for s in range(sequences)]
        return sequences * n

    works = {"prompt": prompt, "write": lambda n: write(1, n), "batch": write}
    print("ready", flush=True)
    for line in sys.stdin:
        name, *numbers = line.split()
        ll.llama_memory_clear(ll.llama_get_memory(context), True)
        start = time.perf_counter()
        n = works[name](*map(int, numbers))
        print(n / (time.perf_counter() - start), flush=True)


main()
