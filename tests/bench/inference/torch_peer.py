#!/usr/bin/env python3
"""transformers on the GPU as a peer: torch_peer.py FOLDER; lines and answers as llama_peer.py's."""
import sys
import time

import torch
from transformers import LlamaForCausalLM


def main():
    model = LlamaForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16).to("cuda").eval()

    def prompt(n):
        model(torch.arange(n, device="cuda")[None] % 26 + 97).logits[0, -1].argmax().item()
        return n

    def batch(sequences, n):
        tokens = torch.arange(97, 97 + sequences, device="cuda")[:, None]
        model.generate(tokens, min_new_tokens=n, max_new_tokens=n, do_sample=False, pad_token_id=0)
        return sequences * n

    works = {"prompt": prompt, "write": lambda n: batch(1, n), "batch": batch}
    print("ready", flush=True)
    for line in sys.stdin:
        name, *numbers = line.split()
        torch.cuda.synchronize()
        start = time.perf_counter()
        with torch.inference_mode():
            n = works[name](*map(int, numbers))
        torch.cuda.synchronize()
        print(n / (time.perf_counter() - start), flush=True)


main()
