"""Rows in shared memory: the same bits, and nothing left behind."""

import asyncio
import os
import time

import numpy as np
import pytest

import boltzmann

FIELDS = dict(seed=range(6), top_p=0.9, temperature=0.7, entropy=True)


@pytest.mark.parametrize("data_type", ["float32", "float16", "bfloat16"])
def test_shared_rows_are_answered_as_inline_ones(sampler, rows, shared_memory_directory,
                                                 data_type):
    bits = {"float32": rows, "float16": rows.astype(np.float16),
            "bfloat16": (rows.view(np.uint32) >> 16).astype(np.uint16)}[data_type]
    inline = boltzmann.Bfloat16(bits) if data_type == "bfloat16" else bits
    expected = sampler.sample(inline, **FIELDS).message
    with sampler.shared_memory(shared_memory_directory, bits.shape, data_type) as ring:
        assert os.listdir(shared_memory_directory) == []
        for _ in range(3):
            with ring.acquire() as slot:
                assert slot.logits.dtype == bits.dtype
                slot.logits[:] = bits
                assert sampler.sample(slot, **FIELDS).message == expected
                with sampler.stream() as stream:
                    assert stream.step(slot, **FIELDS).message == expected


def test_a_step_of_fewer_rows(sampler, rows, shared_memory_directory):
    with sampler.shared_memory(shared_memory_directory, rows.shape) as ring:
        with ring.acquire() as slot:
            slot.logits[:2] = rows[:2]
            few = sampler.sample(slot.rows(2), seed=3)
            assert few.message == sampler.sample(rows[:2], seed=3).message
            scored = sampler.score(slot.rows(2), [1, 2], seed=3)
            assert scored.message == sampler.score(rows[:2], [1, 2], seed=3).message
            with pytest.raises(ValueError, match=r"count: 7 is outside \[1, 6\]"):
                slot.rows(7)


def test_slots_do_not_overlap_and_are_given_back(sampler, rows, shared_memory_directory):
    odd = np.ascontiguousarray(rows[:, :999]).astype(np.float16)  # no multiple of the alignment
    with sampler.shared_memory(shared_memory_directory, odd.shape, "float16") as ring:
        first, second = ring.acquire(), ring.acquire()
        first.logits[:], second.logits[:] = odd, -odd
        assert sampler.sample(first, seed=1).message == sampler.sample(odd, seed=1).message
        assert sampler.sample(second, seed=1).message == sampler.sample(-odd, seed=1).message
        with pytest.raises(TimeoutError, match="no slot was given back for 0.05 s"):
            ring.acquire(0.05)
        first.release()
        first.release()
        with pytest.raises(ValueError, match="the slot was given back"):
            sampler.sample(first)
        ring.acquire(0.05).release()
        second.release()


def test_an_asyncio_client_sends_the_slots_of_a_blocking_one(sampler, target, rows,
                                                             shared_memory_directory):
    async def call(slot):
        async with boltzmann.AsyncClient(target, timeout=60) as client:
            return await client.sample(slot, **FIELDS)

    with sampler.shared_memory(shared_memory_directory, rows.shape) as ring:
        with ring.acquire() as slot:
            slot.logits[:] = rows
            assert asyncio.run(call(slot)).message == sampler.sample(rows, **FIELDS).message


def test_the_lease_is_renewed_while_the_ring_is_idle(sampler, rows, shared_memory_directory):
    with sampler.shared_memory(shared_memory_directory, rows.shape, lease=1.0) as ring:
        time.sleep(2.5)
        with ring.acquire() as slot:
            slot.logits[:] = rows
            sampler.sample(slot)
        assert ring.error is None


def test_a_closed_ring_is_forgotten_by_the_server(sampler, rows, shared_memory_directory):
    ring = sampler.shared_memory(shared_memory_directory, rows.shape)
    slot = ring.acquire()
    slot.logits[:] = 5
    ring.close()
    ring.close()
    with pytest.raises(boltzmann.NotFound):
        sampler.sample(slot)
    with pytest.raises(ValueError, match="the ring is closed"):
        ring.acquire()
    assert (slot.logits == 5).all()


def test_a_server_that_was_restarted_has_forgotten_the_ring(start_server, directory, rows,
                                                            shared_memory_directory):
    flags = [f"--listen=unix:{directory}/s", f"--shared_memory_dir={shared_memory_directory}"]
    server = start_server(*flags)
    with boltzmann.Client(server.targets[0], timeout=30) as client:
        with client.shared_memory(shared_memory_directory, rows.shape, lease=1.0) as ring:
            server.stop()
            start_server(*flags)
            deadline = time.monotonic() + 20
            while not isinstance(ring.error, boltzmann.NotFound) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert isinstance(ring.error, boltzmann.NotFound)
            with ring.acquire() as slot, pytest.raises(boltzmann.NotFound):
                client.sample(slot)


def test_a_server_without_shared_memory_leaves_no_file(start_server, directory):
    server = start_server(f"--listen=unix:{directory}/s")
    place = directory / "memory"
    place.mkdir()
    with boltzmann.Client(server.targets[0], timeout=30) as client:
        with pytest.raises(boltzmann.FailedPrecondition):
            client.shared_memory(place, (2, 8))
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("arguments, message", [
    (dict(shape=(2,)), r"shape: \(2,\) is not \(B, V\)"),
    (dict(shape=(0, 8)), r"shape: \(0, 8\) is not"),
    (dict(data_type="float64"), "data_type: 'float64' is unknown: give one of float32, float16"),
    (dict(slot_count=0), "slot_count: 0 is not at least 1"),
    (dict(lease=0.5), "lease: "),
    (dict(directory="/no/such"), "No such file or directory: '/no/such/boltzmann-"),
])
def test_a_wrong_option_is_refused(sampler, shared_memory_directory, arguments, message):
    options = dict(directory=shared_memory_directory, shape=(2, 8)) | arguments
    with pytest.raises((ValueError, OSError, boltzmann.InvalidArgument), match=message):
        sampler.shared_memory(**options)
    assert os.listdir(shared_memory_directory) == []
