#!/usr/bin/env python3
"""onnxruntime as the peer of scripts/bench inference: onnx_peer.py MODEL.onnx THREADS

"embed N" answers with the tokens per second of one sequence of N tokens, as bench_inference does;
"vector N" with the embedding's first four numbers. "ready" comes first.
"""
import sys
import time

import numpy as np
import onnxruntime as ort

TURNS = 8


def main():
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(sys.argv[2])
    session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])

    def inputs(n):
        # [CLS], the letters that bench_inference writes, [SEP]
        ids = [2] + [5 + i % 26 for i in range(n - 2)] + [3]
        return {"ids": np.array([ids]), "places": np.arange(n)[None], "kinds": np.zeros((1, n), np.int64)}

    print("ready", flush=True)
    for line in sys.stdin:
        name, n = line.split()
        x = inputs(int(n))
        if name == "vector":
            print(*session.run(None, x)[0][0][:4], flush=True)
            continue
        start = time.perf_counter()
        for _ in range(TURNS):
            session.run(None, x)
        print(TURNS * int(n) / (time.perf_counter() - start), flush=True)


main()
