"""What the READMEs show, run as it stands there."""

import re

import numpy as np
import pytest
from conftest import ROOT

import boltzmann


def blocks(path):
    """The Python examples of a README, in order."""
    return re.findall(r"```python\n(.*?)```", (ROOT / path).read_text(), re.DOTALL)


@pytest.fixture
def local(start_server, shared_memory_directory):
    """Replaces the addresses and directories of a README by those of a server of the test's."""
    server = start_server("--listen=127.0.0.1:0", f"--shared_memory_dir={shared_memory_directory}")
    return lambda text: text.replace("127.0.0.1:50051", server.targets[0]).replace(
        "/dev/shm/boltzmann", str(shared_memory_directory))


def test_the_readme_of_the_package(local, monkeypatch, capsys):
    examples = [local(text) for text in blocks("client/python/README.md")]
    assert len(examples) == 6
    client, error, connections, stream, ring, sparse = examples
    names = {}
    # One client for all, open to the end.
    open_client = client.replace("with boltzmann", "if sampler := boltzmann")
    exec(open_client.replace(" as sampler", ""), names)
    for text in (error, stream, ring, sparse):
        exec(text, names)
    names["sampler"].close()
    assert "'params[0].top_p', description='1.7 is outside (0, 1]'" in capsys.readouterr().out
    assert names["reply"].token_ids.shape == (2,)
    compile(connections, "README.md", "exec")


def test_the_first_example_of_the_top_readme(local, capsys):
    example = next(text for text in blocks("README.md") if "boltzmann.Client" in text)
    exec(local(example), {})
    assert capsys.readouterr().out.strip()


def test_the_shared_memory_of_the_top_readme(local):
    example = next(text for text in blocks("README.md") if "shared_memory(" in text)
    target = local("127.0.0.1:50051")
    model = np.random.default_rng(1).normal(0, 3, (64, 128256)).astype(np.float32)
    with boltzmann.Client(target, timeout=60) as sampler:
        names = dict(sampler=sampler, model_step=lambda: model, seeds=range(64), step=3)
        exec(local(example), names)
        inline = sampler.sample(model, top_p=.9, seed=range(64), position=3)
    assert names["reply"].message == inline.message
