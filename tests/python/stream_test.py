"""Streams, blocking and asyncio; and the asyncio client."""

import asyncio
import threading
import time

import numpy as np
import pytest
from servers import FakeServer

import boltzmann

ROW = np.zeros((1, 4), np.float32)


def test_steps_are_answered_as_calls_are(sampler, rows):
    with sampler.stream() as stream:
        for position in range(5):
            step = stream.step(rows, seed=range(6), position=position, top_p=0.9)
            call = sampler.sample(rows, seed=range(6), position=position, top_p=0.9)
            assert step.message == call.message


def test_many_requests_are_answered_in_their_order(sampler, rows):
    with sampler.stream() as stream:
        for index in range(40):
            stream.submit(rows[index % 6 : index % 6 + 1], seed=index)
        assert stream.in_flight == 40
        for index in range(40):
            assert stream.result().seeds.tolist() == [index]


def test_rows_may_be_written_to_after_submit(sampler, rows):
    mine = rows.copy()
    with sampler.stream() as stream:
        stream.submit(mine, seed=1)
        mine[:] = np.nan
        assert stream.result().row_errors == ()


def test_a_refused_request_does_not_end_the_stream(sampler, rows):
    with sampler.stream() as stream:
        stream.submit(rows, top_p=7)
        stream.submit(rows, seed=1)
        with pytest.raises(boltzmann.InvalidArgument) as caught:
            stream.result()
        assert caught.value.violations[0].field == "params[0].top_p"
        assert not stream.broken
        assert len(stream.result().rows) == 6


def test_results_that_are_not_due_are_refused(sampler, rows):
    with sampler.stream() as stream:
        with pytest.raises(ValueError, match="no result is due"):
            stream.result()
        stream.submit(rows)
        with pytest.raises(ValueError, match="1 results are due: take each with result"):
            stream.step(rows)
    with pytest.raises(ValueError, match="the stream is closed"):
        stream.submit(rows)


def test_a_stream_whose_server_goes_away_is_broken(start_server, directory):
    server = start_server(f"--listen=unix:{directory}/s", "--drain_timeout=100ms")
    with boltzmann.Client(server.targets[0], timeout=20) as client, client.stream() as stream:
        stream.step(ROW)
        server.stop()
        with pytest.raises(boltzmann.CallError):
            stream.step(ROW)
        assert stream.broken
        with pytest.raises(boltzmann.CallError):
            stream.submit(ROW)


def mute(bodies, context):
    """Takes one request, and never answers."""
    next(bodies)
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(20)
    yield from ()


def ended_at_once(bodies, context):
    """Takes one request, and ends the stream as if all was well."""
    next(bodies)
    yield from ()


@pytest.mark.parametrize("answer, error", [
    (mute, boltzmann.DeadlineExceeded),
    (ended_at_once, boltzmann.Unavailable),
])
def test_a_stream_without_answers_is_ended(directory, answer, error):
    with FakeServer(directory, answer_stream=answer) as server:
        began = time.monotonic()
        with boltzmann.Client(server.target, timeout=0.5) as client, client.stream() as stream:
            with pytest.raises(error):
                stream.step(ROW)
            assert stream.broken

        async def asynchronously():
            async with boltzmann.AsyncClient(server.target, timeout=0.5) as client:
                async with client.stream() as stream:
                    with pytest.raises(error):
                        await stream.step(ROW)
                    assert stream.broken
                    with pytest.raises(error):
                        await stream.submit(ROW)

        asyncio.run(asynchronously())
        assert time.monotonic() - began < 15


def test_closing_a_stream_does_not_wait_for_results_that_are_due(directory):
    with FakeServer(directory, answer_stream=mute) as server:
        began = time.monotonic()
        with boltzmann.Client(server.target, timeout=15) as client, client.stream() as stream:
            stream.submit(ROW)

        async def asynchronously():
            async with boltzmann.AsyncClient(server.target, timeout=15) as client:
                async with client.stream() as stream:
                    await stream.submit(ROW)

        asyncio.run(asynchronously())
        assert time.monotonic() - began < 10


def test_no_thread_is_left_behind(target):
    before = {thread for thread in threading.enumerate()}
    with boltzmann.Client(target) as client, client.stream() as stream:
        stream.step(ROW)
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not set(threading.enumerate()) - before


def test_the_asyncio_client_answers_as_the_blocking_one(target, sampler, rows):
    async def calls():
        async with boltzmann.AsyncClient(target, timeout=60) as client:
            sampled = await client.sample(rows, seed=range(6), top_p=0.9)
            scored = await client.score(rows, range(6), seed=1)
            verified = await client.verify(rows, [[1, 2], [3, 4]], seed=1)
            described = await client.describe(rows, top_count=3)
            info = await client.server_info()
            return sampled, scored, verified, described, info

    sampled, scored, verified, described, info = asyncio.run(calls())
    assert sampled.message == sampler.sample(rows, seed=range(6), top_p=0.9).message
    assert scored.message == sampler.score(rows, range(6), seed=1).message
    assert verified.message == sampler.verify(rows, [[1, 2], [3, 4]], seed=1).message
    assert described.message == sampler.describe(rows, top_count=3).message
    assert info.version == sampler.server_info().version


def test_asyncio_calls_overlap(target, rows):
    async def calls():
        async with boltzmann.AsyncClient(target, timeout=60) as client:
            return await asyncio.gather(*(client.sample(rows, seed=n) for n in range(50)))

    replies = asyncio.run(calls())
    assert [reply.seeds[0] for reply in replies] == list(range(50))


def test_asyncio_errors(target, rows, directory):
    async def calls():
        async with boltzmann.AsyncClient(target) as client:
            with pytest.raises(boltzmann.InvalidArgument) as caught:
                await client.sample(rows, top_p=7)
            assert caught.value.violations[0].field == "params[0].top_p"
        async with boltzmann.AsyncClient(f"unix:{directory}/none", timeout=5) as client:
            with pytest.raises(boltzmann.Unavailable):
                await client.sample(rows)

    asyncio.run(calls())


def test_asyncio_streams(target, sampler, rows):
    async def steps():
        async with boltzmann.AsyncClient(target, timeout=60) as client:
            async with client.stream() as stream:
                for seed in range(10):
                    await stream.submit(rows, seed=seed)
                replies = [await stream.result() for _ in range(10)]
                await stream.submit(rows, top_p=7)
                with pytest.raises(boltzmann.InvalidArgument):
                    await stream.result()
                with pytest.raises(ValueError, match="no result is due"):
                    await stream.result()
                replies.append(await stream.step(rows, seed=10))
                return replies

    for seed, reply in enumerate(asyncio.run(steps())):
        assert reply.message == sampler.sample(rows, seed=seed).message


def test_an_asyncio_stream_whose_server_goes_away_is_broken(start_server, directory):
    server = start_server(f"--listen=unix:{directory}/s", "--drain_timeout=100ms")

    async def steps():
        async with boltzmann.AsyncClient(server.targets[0], timeout=20) as client:
            async with client.stream() as stream:
                await stream.step(ROW)
                await asyncio.to_thread(server.stop)
                with pytest.raises(boltzmann.CallError):
                    await stream.step(ROW)
                assert stream.broken

    asyncio.run(steps())
