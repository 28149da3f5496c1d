#!/usr/bin/python3
"""Generates text: a small model makes logits here, the service draws tokens from them.

    client/python/examples/generate.py --prompt "The program" --temperature .8 --top_p .95 --seed 7

The model is an interpolated trigram model of words, learnt in a second from the text that
`--corpus` names. It stands for whatever makes logits: see `Model.logits`, and `generate` for how
the service is called. The same seed writes the same text.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as long as it is not installed

import boltzmann  # noqa: E402

CORPORA = [Path("/usr/share/common-licenses/GPL-3"),
           Path(__file__).resolve().parents[3] / "README.md"]


class Model:
    """How often a word follows the two before it, the one before it, and none (Witten-Bell)."""

    def __init__(self, text: str) -> None:
        words = re.findall(r"\w+|[^\w\s]|\n\n", text)
        self.words = sorted(set(words))
        self._ids = {word: index for index, word in enumerate(self.words)}
        ids = [self._ids[word] for word in words]
        self._followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for order in range(3):
            for end in range(order, len(ids)):
                self._followers[tuple(ids[end - order : end])][ids[end]] += 1

    def token_ids(self, text: str) -> list[int]:
        """The words of a text that the model knows."""
        return [self._ids[word] for word in re.findall(r"\w+|[^\w\s]", text) if word in self._ids]

    def logits(self, history: Sequence[int]) -> np.ndarray:
        """Float32 [1, V]: the log of each word's probability after the history."""
        probabilities = np.full(len(self.words), 1 / len(self.words))
        for order in range(3):
            followers = self._followers.get(tuple(history[len(history) - order :]))
            if followers is not None and order <= len(history):
                seen, kinds = followers.total(), len(followers)
                probabilities *= kinds / (seen + kinds)
                counts = np.array(list(followers.values()))
                probabilities[list(followers)] += counts / (seen + kinds)
        return np.log(probabilities).astype(np.float32)[None, :]


def generate(sampler: boltzmann.Client, model: Model, prompt: Sequence[int], count: int, seed: int,
             params: boltzmann.Params) -> Iterator[int]:
    """Draws `count` tokens, one after the other, over one stream."""
    history = list(prompt)
    with sampler.stream() as stream:
        for position in range(count):
            reply = stream.step(model.logits(history), params=params, seed=seed, position=position,
                                output_token_ids=history[len(prompt) :])
            reply.raise_for_rows()
            history.append(int(reply.token_ids[0]))
            yield history[-1]


def spaced(word: str, first: bool) -> str:
    """The word with what stands before it."""
    return word if first or re.fullmatch(r"[.,;:!?)\]'’]|\n\n", word) else " " + word


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default="127.0.0.1:50051", help="HOST:PORT or unix:PATH")
    parser.add_argument("--corpus", type=Path, help="the text to learn from")
    parser.add_argument("--prompt", default="The program")
    parser.add_argument("--tokens", type=int, default=60, help="how many to draw")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top_p", type=float, default=0.95)
    parser.add_argument("--frequency_penalty", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def main() -> None:
    args = parse()
    corpus = args.corpus or next(path for path in CORPORA if path.exists())
    model = Model(corpus.read_text())
    prompt = model.token_ids(args.prompt)
    params = boltzmann.Params(temperature=args.temperature, top_p=args.top_p,
                              frequency_penalty=args.frequency_penalty)
    print(args.prompt, end="", flush=True)
    try:
        with boltzmann.Client(args.server) as sampler:
            for token in generate(sampler, model, prompt, args.tokens, args.seed, params):
                print(spaced(model.words[token], first=False), end="", flush=True)
    except boltzmann.Error as error:
        sys.exit(f"\n{error}")
    print()


if __name__ == "__main__":
    main()
