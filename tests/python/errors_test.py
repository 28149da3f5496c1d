"""What calls fail with, and what every call carries."""

import asyncio
import os
import socket
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from servers import FakeServer, ok_reply

import boltzmann
from boltzmann.v1 import sampler_pb2 as pb

ROW = np.zeros((1, 4), np.float32)


def test_an_invalid_argument_lists_every_violation(sampler, rows):
    with pytest.raises(boltzmann.InvalidArgument) as caught:
        sampler.sample(rows[:2], top_p=[0.5, 1.7], min_p=[-1, 0])
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.violations == (
        boltzmann.Violation("params[0].min_p", "-1 is outside [0, 1]"),
        boltzmann.Violation("params[1].top_p", "1.7 is outside (0, 1]"))
    assert str(caught.value).splitlines() == [
        "params[0].min_p: -1 is outside [0, 1]", "params[1].top_p: 1.7 is outside (0, 1]"]
    assert isinstance(caught.value, boltzmann.Error)


def test_hundreds_of_violations_fit_into_an_error(sampler):
    with pytest.raises(boltzmann.InvalidArgument) as caught:
        sampler.sample(np.zeros((300, 4), np.float32), top_p=[2.0] * 300)
    assert len(caught.value.violations) > 50


def test_what_exceeds_a_limit_is_not_tried_again(sampler):
    before = sampler.server_info().counters["begun_count"]
    with pytest.raises(boltzmann.ResourceExhausted) as caught:
        sampler.sample(np.zeros((1025, 4), np.float32))
    assert "1024" in str(caught.value) and caught.value.retry_after is None
    assert sampler.server_info().counters["begun_count"] == before + 1


def test_a_server_that_is_not_there(directory):
    with boltzmann.Client(f"unix:{directory}/none", timeout=5) as client:
        with pytest.raises(boltzmann.Unavailable, match="none"):
            client.sample(ROW)


def test_a_server_that_went_away(start_server, directory):
    server = start_server(f"--listen=unix:{directory}/s")
    with boltzmann.Client(server.targets[0], timeout=5) as client:
        client.sample(ROW)
        server.stop()
        with pytest.raises(boltzmann.Unavailable):
            client.sample(ROW)


def test_a_server_that_does_not_answer_costs_the_timeout(directory):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{directory}/s")
        listener.listen()
        with boltzmann.Client(f"unix:{directory}/s", timeout=0.3) as client:
            began = time.monotonic()
            with pytest.raises(boltzmann.DeadlineExceeded):
                client.sample(ROW)
            with pytest.raises(boltzmann.DeadlineExceeded):
                client.sample(ROW, timeout=0.1)
            assert 0.4 <= time.monotonic() - began < 20


def test_timeouts_of_a_call_are_checked(sampler):
    for timeout in (0, -1, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match="^timeout: "):
            sampler.sample(ROW, timeout=timeout)


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_a_server_that_drains_is_tried_again_as_often_as_was_said(directory, max_attempts):
    attempts = []

    def answer(method, body, context):
        attempts.append(body)
        if len(attempts) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
        return ok_reply()

    large = np.zeros((4, 100_000), np.float32)  # more than gRPC keeps by default
    with FakeServer(directory, answer) as server:
        with boltzmann.Client(server.target, max_attempts=max_attempts) as client:
            if max_attempts == 1:
                with pytest.raises(boltzmann.Unavailable, match="draining"):
                    client.sample(large[:1])
            else:
                assert client.sample(large[:1]).token_ids.tolist() == [1]
                assert attempts[0] == attempts[2]
    assert len(attempts) == max_attempts


def test_what_travels_with_a_call(directory):
    seen = []

    def answer(method, body, context):
        seen.append((method, dict(context.invocation_metadata()), context.time_remaining()))
        return ok_reply()

    (directory / "token").write_text("first\n")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with FakeServer(directory, answer) as server:
        with boltzmann.Client(server.target, token_file=directory / "token", timeout=7) as client:
            client.sample(ROW, request_id="r-1", traceparent=trace)
            (directory / "token").write_text("second, and longer".replace(", and ", "-") + "\n")
            client.sample(ROW)
        with boltzmann.Client(server.target, caller="me", token="abc") as client:
            client.sample(ROW)

        async def asynchronously():
            async with boltzmann.AsyncClient(server.target, token="abc") as client:
                await client.sample(ROW, request_id="r-2")

        asyncio.run(asynchronously())
    method, metadata, left = seen[0]
    assert method == "/boltzmann.v1.SamplerService/Sample"
    assert metadata["x-request-id"] == "r-1" and metadata["traceparent"] == trace
    assert metadata["authorization"] == "Bearer first" and 3 < left < 8
    assert seen[1][1]["authorization"] == "Bearer second-longer"
    assert seen[1][1]["boltzmann-caller"] == metadata["boltzmann-caller"]
    assert seen[2][1]["boltzmann-caller"] == "me" and "x-request-id" not in seen[2][1]
    assert seen[3][1]["boltzmann-caller"] not in ("me", metadata["boltzmann-caller"])
    assert seen[3][1]["x-request-id"] == "r-2"


@pytest.mark.parametrize("name", ["request_id", "traceparent"])
def test_ids_that_cannot_be_sent_are_refused(sampler, name):
    for value in ("two words", "", "ü", "line\n", 5):
        with pytest.raises(ValueError, match=f"{name}: .* visible ASCII"):
            sampler.sample(ROW, **{name: value})


def test_a_reply_of_another_number_of_rows_is_an_error(directory):
    with FakeServer(directory, lambda *_: ok_reply(3)) as server:
        with boltzmann.Client(server.target) as client:
            with pytest.raises(boltzmann.Internal, match="3 results where 1 were due"):
                client.sample(ROW)


def test_a_server_of_another_kind(directory):
    def answer(method, body, context):
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "what?")

    with FakeServer(directory, answer) as server, boltzmann.Client(server.target) as client:
        with pytest.raises(boltzmann.Unimplemented, match="what?"):
            client.server_info()


def test_details_that_cannot_be_read_are_no_reason_to_fail_otherwise(directory):
    def answer(method, body, context):
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad")

    with FakeServer(directory, answer) as server, boltzmann.Client(server.target) as client:
        with pytest.raises(boltzmann.InvalidArgument, match="bad .*cannot be read"):
            client.sample(ROW)


def test_calls_go_to_each_of_several_servers(start_server, directory, program):
    server = start_server("--listen=127.0.0.1:0,127.0.0.1:0")
    ports = ",".join(server.targets)
    with boltzmann.Client(f"ipv4:{ports}", timeout=30) as client:
        for _ in range(20):
            client.sample(ROW)
            if len(connections_to(server)) == 2:
                break
        assert len(connections_to(server)) == 2


def connections_to(server):
    """The ports of the server's that somebody is connected to."""
    ports = {int(target.rsplit(":", 1)[1]) for target in server.targets}
    fields = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):  # gRPC may listen to IPv4 by an IPv6 socket
        if os.path.exists(table):
            fields += [line.split() for line in Path(table).read_text().splitlines()[1:]]
    return ports & {int(line[1].rsplit(":", 1)[1], 16) for line in fields if line[3] == "01"}


def test_the_raw_messages_can_be_used_beside_the_package(target):
    from boltzmann.v1 import sampler_pb2_grpc

    with grpc.insecure_channel(target) as channel:
        stub = sampler_pb2_grpc.SamplerServiceStub(channel)
        assert stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10).version
