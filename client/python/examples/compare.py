#!/usr/bin/python3
"""Puts the service beside numpy: the same distribution, and how long each takes for a batch.

    client/python/examples/compare.py --server unix:/tmp/boltzmann.sock \\
        --shared_memory_dir /dev/shm/boltzmann

First both draw many times from one row, by the same temperature, top-k and top-p; two chi-square
statistics judge the draws by the row's own distribution, computed in double precision. Then both
sample a batch, several times, in every way that logits can be sent. Exits with 1 if either
sampler's draws do not fit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as long as it is not installed

import boltzmann  # noqa: E402

TEMPERATURE, TOP_K, TOP_P = 0.8, 50, 0.95
PARAMS = boltzmann.Params(temperature=TEMPERATURE, top_k=TOP_K, top_p=TOP_P)


def distribution(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that top-k and top-p keep of a row, and their probabilities."""
    best = np.argpartition(-row, TOP_K)[:TOP_K] if TOP_K < len(row) else np.arange(len(row))
    kept = best[np.argsort(-row[best], kind="stable")]
    wide = row[kept].astype(np.float64)
    weights = np.exp((wide - wide[0]) / TEMPERATURE)
    weights /= weights.sum()
    count = int((np.cumsum(weights) - weights < TOP_P).sum())
    return kept[:count], weights[:count] / weights[:count].sum()


def numpy_sample(logits: np.ndarray, random: np.random.Generator) -> list[int]:
    """One token a row, as one would write it with numpy, with its log-prob under the model."""
    tokens = []
    for row in logits:
        kept, probabilities = distribution(row)
        tokens.append(int(random.choice(kept, p=probabilities)))
        most = row.max()
        float(row[tokens[-1]] - most - np.log(np.exp(row - most).sum(dtype=np.float64)))
    return tokens


def chi_square(drawn: np.ndarray, kept: np.ndarray, probabilities: np.ndarray) -> float:
    """How many standard deviations the statistic of the draws lies above its mean."""
    if not np.isin(drawn, kept).all():
        return float("inf")
    observed = np.array([(drawn == token).sum() for token in kept])
    expected = len(drawn) * probabilities
    large = expected >= 5
    if not large.all():
        observed = np.append(observed[large], observed[~large].sum())
        expected = np.append(expected[large], expected[~large].sum())
    freedom = max(1, len(expected) - 1)
    return float((((observed - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


def compare_draws(sampler: boltzmann.Client, row: np.ndarray, draws: int) -> bool:
    """Prints how well both samplers' draws fit the row's distribution. Whether both do."""
    kept, probabilities = distribution(row)
    random = np.random.default_rng(1)
    theirs = random.choice(kept, p=probabilities, size=draws)
    ours = sampler.sample(row[None, :], params=PARAMS, seed=1, draw_count=draws).token_ids[0]
    fits = True
    for name, drawn in (("numpy", theirs), ("service", ours)):
        frequencies = np.array([(drawn == token).mean() for token in kept])
        variation = 0.5 * (np.abs(frequencies - probabilities).sum() + 1 - frequencies.sum())
        deviation = chi_square(drawn, kept, probabilities)
        fits = fits and deviation < 6  # chance alone: less than one in 10,000
        print(f"{name:8} {draws} draws from {len(kept)} tokens: total variation {variation:.4f}, "
              f"chi-square {deviation:+.2f} standard deviations from its mean")
    return fits


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    """The median time of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1000 * median(times)


def compare_times(sampler: boltzmann.Client, logits: np.ndarray, repeats: int,
                  shared_memory_dir: str | None) -> None:
    """Prints how long a batch takes, each way."""
    random = np.random.default_rng(1)
    count = min(1024, logits.shape[1])
    bits = (logits.view(np.uint32) >> 16).astype(np.uint16)
    seeds = np.arange(len(logits))

    def service(rows: boltzmann.Logits) -> Callable[[], object]:
        return lambda: sampler.sample(rows, params=PARAMS, seed=seeds).token_ids

    with ExitStack() as stack:
        ways: dict[str, Callable[[], object]] = {
            "numpy, this process": lambda: numpy_sample(logits, random),
            "service, float32 inline": service(logits),
            "service, bfloat16 inline": service(boltzmann.Bfloat16(bits)),
            f"service, {count} candidates": service(boltzmann.SparseRows.top(logits, count)),
            "  selecting them, numpy": lambda: boltzmann.SparseRows.top(logits, count),
        }
        if shared_memory_dir is not None:
            ring = stack.enter_context(sampler.shared_memory(shared_memory_dir, logits.shape))
            slot = stack.enter_context(ring.acquire())
            slot.logits[:] = logits
            ways["service, shared memory"] = service(slot)
            stream = stack.enter_context(sampler.stream())
            ways["service, shared memory, stream"] = (
                lambda: stream.step(slot, params=PARAMS, seed=seeds).token_ids)
        print(f"\n{len(logits)} rows of {logits.shape[1]} logits, median of {repeats}, in ms")
        for name, way in ways.items():
            print(f"{name:32}{milliseconds(way, repeats):10.2f}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default="127.0.0.1:50051", help="HOST:PORT or unix:PATH")
    parser.add_argument("--shared_memory_dir", help="the server's, if it has one")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--vocab_size", type=int, default=128256)
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=20)
    return parser.parse_args()


def main() -> None:
    args = parse()
    # About as peaked as a language model's rows.
    logits = np.random.default_rng(7).normal(0, 2.5, (args.rows, args.vocab_size))
    logits = logits.astype(np.float32)
    try:
        with boltzmann.Client(args.server) as sampler:
            fits = compare_draws(sampler, logits[0], args.draws)
            compare_times(sampler, logits, args.repeats, args.shared_memory_dir)
    except (boltzmann.Error, OSError) as error:
        sys.exit(str(error))
    if not fits:
        sys.exit("the draws do not fit the distribution")


if __name__ == "__main__":
    main()
