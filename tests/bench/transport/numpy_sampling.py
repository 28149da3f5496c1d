#!/usr/bin/python3
"""How long numpy takes to sample 64 rows, in milliseconds: the median of some runs.

The rows are as the benchmark's: V = 128256, fp32, peaked; temperature .7, top-p .9, the token's
log-prob in the model's distribution and in the one that it is drawn from. Row by row, which keeps a
row in the cache and is faster than a call of numpy for the whole batch; the nucleus from the sorted
probabilities, which is faster than sorting token ids. Prints one number.
"""

import statistics
import sys
import time

import numpy as np

ROWS, VOCAB_SIZE, TEMPERATURE, TOP_P = 64, 128256, np.float32(0.7), 0.9


def make_rows(rng):
    rows = rng.normal(0, 2.5, (ROWS, VOCAB_SIZE)).astype(np.float32)
    heads = 18 - 1.3 * np.log(np.arange(1, 51)) + rng.normal(0, 0.1, (ROWS, 50))
    for row, head in zip(rows, heads):
        row[rng.choice(VOCAB_SIZE, 50, replace=False)] = head
    return rows


def sample_row(logits, rng):
    shifted = logits - logits.max()
    weights = np.exp(shifted / TEMPERATURE)
    probs = weights / weights.sum()
    descending = np.sort(probs)[::-1]
    threshold = descending[np.searchsorted(np.cumsum(descending), TOP_P)]
    cumulative = np.cumsum(np.where(probs >= threshold, probs, 0))
    token = int(np.searchsorted(cumulative, rng.random() * cumulative[-1]))
    model_logprob = shifted[token] - np.log(np.exp(shifted).sum())
    return token, model_logprob, np.log(probs[token] / cumulative[-1])


def milliseconds(rows, rng):
    start = time.perf_counter()
    for row in rows:
        sample_row(row, rng)
    return 1000 * (time.perf_counter() - start)


def main():
    rng = np.random.default_rng(1)
    rows = make_rows(rng)
    print(statistics.median(milliseconds(rows, rng) for _ in range(int(sys.argv[1]))))


main()
