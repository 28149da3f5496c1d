"""The examples, as a user starts them."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

EXAMPLES = ROOT / "client/python/examples"


def run(example, *arguments, status=0):
    """What an example prints; without this package on the path but by its own means."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, EXAMPLES / example, *arguments], capture_output=True,
                          text=True, timeout=120, env=environment)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_generate_writes_the_same_text_from_the_same_seed(target):
    arguments = ["--server", target, "--corpus", str(ROOT / "README.md"), "--tokens", "40",
                 "--prompt", "The server"]
    text = run("generate.py", *arguments, "--seed", "3")
    assert text.startswith("The server") and len(text.split()) > 20
    assert run("generate.py", *arguments, "--seed", "3") == text
    assert run("generate.py", *arguments, "--seed", "4") != text


def test_generate_says_what_is_wrong(target, directory):
    corpus = ["--corpus", str(ROOT / "README.md")]
    error = run("generate.py", "--server", target, *corpus, "--top_p", "2", status=1)
    assert "params[0].top_p: 2 is outside (0, 1]" in error
    error = run("generate.py", "--server", f"unix:{directory}/none", *corpus, status=1)
    assert "none" in error and "Traceback" not in error


def test_compare_finds_that_both_draw_alike(target, shared_memory_directory):
    text = run("compare.py", "--server", target, "--rows", "2", "--vocab_size", "2000",
               "--draws", "20000", "--repeats", "2", "--shared_memory_dir",
               str(shared_memory_directory))
    assert text.count("20000 draws from") == 2
    assert "service, shared memory, stream" in text and "2 rows of 2000 logits" in text


def test_compare_would_find_draws_that_do_not_fit(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import compare
    import numpy as np

    kept, probabilities = np.arange(4), np.array([0.4, 0.3, 0.2, 0.1])
    random = np.random.default_rng(1)
    good = random.choice(kept, p=probabilities, size=10_000)
    skewed = random.choice(kept, p=[0.43, 0.3, 0.17, 0.1], size=10_000)
    assert compare.chi_square(good, kept, probabilities) < 6
    assert compare.chi_square(skewed, kept, probabilities) > 6
    assert compare.chi_square(np.array([9]), kept, probabilities) == pytest.approx(float("inf"))
