"""What every test has: a server, a client of it, rows to sample."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from servers import Server

import boltzmann

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def program() -> str:
    """The path of boltzmann-server."""
    return os.environ["BOLTZMANN_SERVER"]


@pytest.fixture
def directory():
    """An empty directory with a path that is short enough for a Unix socket."""
    path = Path(tempfile.mkdtemp(prefix="bz"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start_server(program, directory):
    """Starts servers with the given flags, and stops them in the end."""
    started: list[Server] = []

    def start(*flags: str) -> Server:
        started.append(Server(program, directory, *flags))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def shared_memory_directory():
    """Where the session's server takes shared memory from."""
    tmpfs = "/dev/shm" if os.path.isdir("/dev/shm") else None
    path = Path(tempfile.mkdtemp(prefix="bz", dir=tmpfs))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def target(program, shared_memory_directory):
    """The address of the session's server."""
    path = Path(tempfile.mkdtemp(prefix="bz"))
    server = Server(program, path, f"--listen=unix:{path}/s",
                    f"--shared_memory_dir={shared_memory_directory}")
    yield server.targets[0]
    server.stop()
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def sampler(target):
    """A client of the session's server."""
    with boltzmann.Client(target, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """[6, 1000] float32 logits of some spread."""
    return np.random.default_rng(5).normal(0, 3, (6, 1000)).astype(np.float32)


@pytest.fixture(scope="session")
def token():
    """The function `token` of README.md, as it stands there."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(next(block for block in blocks if "def philox" in block), names)  # our own README
    return names["token"]
