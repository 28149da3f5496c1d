"""Mistakes that are seen before anything is sent; and that no field of the API is missing."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from typing import get_type_hints

import numpy as np
import pytest
from conftest import ROOT

import boltzmann
from boltzmann import requests
from boltzmann.v1 import sampler_pb2 as pb

LOGITS = np.zeros((2, 4), np.float32)


def request_of(logits=LOGITS, **named):
    """What would be sent."""
    return pb.SampleRequest.FromString(requests.sample(logits, named).body())


@pytest.mark.parametrize("message, cls", [
    (pb.SamplingParams, boltzmann.Params),
    (pb.OutputOptions, boltzmann.Outputs),
    (pb.RowState, boltzmann.State),
])
def test_every_field_of_the_api_is_one_of_the_package(message, cls):
    names = [field.name for field in message.DESCRIPTOR.fields]
    assert [field.name for field in fields(cls)] == names
    assert set(names) <= set(boltzmann.Fields.__annotations__)


def test_fields_has_no_name_that_is_unknown():
    known = {field.name for cls in (boltzmann.Params, boltzmann.Outputs, boltzmann.State)
             for field in fields(cls)}
    assert set(boltzmann.Fields.__annotations__) == known | {"params", "outputs", "state"}
    assert get_type_hints(boltzmann.Params)


def test_every_row_status_has_a_name():
    statuses = {name.removeprefix("ROW_STATUS_"): number for name, number in pb.RowStatus.items()}
    assert statuses.pop("UNSPECIFIED") == 0
    assert {status.name: status.value for status in boltzmann.RowStatus} == statuses


def test_the_version_is_the_repositorys():
    version = re.search(r"project\(boltzmann VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    assert version[1] == boltzmann.__version__


def test_every_field_travels_with_the_value_that_it_was_given():
    values = dict(
        temperature=0.5, min_p=0.1, top_k=-1, top_p=0.9, typical_p=0.8, epsilon_cutoff=0.1,
        eta_cutoff=0.2, top_n_sigma=1.5, xtc_probability=0.5, xtc_threshold=0.2,
        dynamic_temperature_range=0.3, dynamic_temperature_exponent=2.0, mirostat=2,
        mirostat_tau=4.0, mirostat_eta=0.2, filter_order=["top_k", "temperature"],
        logit_bias={3: -1.5, 1: 2.0}, allowed_token_ids=[1, 2], banned_token_ids=(3,),
        banned_sequences=[[1, 2], [3]], min_tokens=4, stop_token_ids=np.array([0, 1]),
        repetition_penalty=1.1, frequency_penalty=-0.5, presence_penalty=0.5, dry_multiplier=0.8,
        dry_base=2.0, dry_allowed_length=3, dry_range=64, dry_sequence_breakers=[[1], [2, 3]],
        no_repeat_ngram_size=3)
    assert set(values) == {field.name for field in fields(boltzmann.Params)}
    expected = pb.SamplingParams()
    for name, value in values.items():
        if name == "logit_bias":
            expected.logit_bias.CopyFrom(pb.LogitBias(token_ids=[3, 1], biases=[-1.5, 2.0]))
        elif name in ("banned_sequences", "dry_sequence_breakers"):
            getattr(expected, name).extend(pb.TokenSequence(token_ids=ids) for ids in value)
        elif expected.DESCRIPTOR.fields_by_name[name].label == 3:
            getattr(expected, name).extend(value)
        else:
            setattr(expected, name, value)
    assert list(request_of(**values).params) == [expected]
    assert list(request_of(params=boltzmann.Params(**values)).params) == [expected]
    each = request_of(**{name: [value, None] for name, value in values.items()})
    assert list(each.params) == [expected, pb.SamplingParams()]


def test_state_and_outputs_travel_too():
    mask = np.array([5], np.uint32)
    request = request_of(
        seed=[1, 2**64 - 1], position=9, draw_count=2, prompt_token_ids=[[1, 2], [3]],
        output_token_ids=[3], allowed_token_mask=mask, mirostat_mu=[None, 4.5],
        logprobs="model", ranks=True, top_model_count=1, top_sampled_count=[2, 3],
        named_token_ids=[0], entropy=np.True_, kept_stats=False)
    assert list(request.rows) == [
        pb.RowState(seed=1, position=9, draw_count=2, prompt_token_ids=[1, 2],
                    output_token_ids=[3], allowed_token_mask=mask.tobytes()),
        pb.RowState(seed=2**64 - 1, position=9, draw_count=2, prompt_token_ids=[3],
                    output_token_ids=[3], allowed_token_mask=mask.tobytes(), mirostat_mu=4.5)]
    assert list(request.outputs) == [
        pb.OutputOptions(logprobs=pb.LOGPROB_MODE_MODEL, ranks=True, top_model_count=1,
                         top_sampled_count=count, named_token_ids=[0], entropy=True)
        for count in (2, 3)]
    assert request.logits.inline_data == LOGITS.tobytes()


def test_nothing_set_is_nothing_sent():
    request = request_of()
    assert not request.params and not request.outputs and not request.rows
    assert len(request_of(temperature=1).params) == 1


@pytest.mark.parametrize("logits, message", [
    ([[1.0, 2.0]], r"logits: \[\[1.0, 2.0\]\] is a list: give a numpy array"),
    (np.zeros((2, 4)), r"logits: float64 is no type of logits: .*astype\(np.float32\)"),
    (np.zeros((2, 4), ">f4"), "logits: >f4 is no type of logits"),
    (np.zeros((2, 4), np.uint16), "logits: uint16 is no type of logits"),
    (np.zeros(4, np.float32), r"logits: the shape \(4,\) is not \[B, V\].*logits\[None, :\]"),
    (np.zeros((0, 4), np.float32), r"logits: the shape \(0, 4\) holds none"),
    (np.zeros((4, 2), np.float32).T, r"8 bytes apart: give np.ascontiguousarray\(logits\)"),
    (boltzmann.Bfloat16(LOGITS), "is no array of uint16 or int16"),
    (boltzmann.SparseRows(np.zeros((2, 3), int), LOGITS, 9), r"one shape \[B, k\]"),
    (boltzmann.SparseRows(np.zeros((2, 4)), LOGITS, 9), "token_ids are float64"),
    (boltzmann.SparseRows(np.full((2, 4), -1), LOGITS, 9), r"token_ids: -1 or -1 is outside"),
    (boltzmann.SparseRows(np.zeros((2, 4), int), LOGITS, 9, np.zeros(3)), "log_sum_exp has the"),
])
def test_what_are_no_logits_is_refused(logits, message):
    with pytest.raises((TypeError, ValueError), match=message):
        request_of(logits)


@pytest.mark.parametrize("named, message", [
    (dict(temprature=1), r"temprature: sample\(\) knows no such .*: did you mean temperature"),
    (dict(zzz=1), r"zzz: sample\(\) knows no such argument: see boltzmann.Params"),
    (dict(temperature=[1, 2, 3]), "temperature: has 3 entries for 2 rows: give one value, or one"),
    (dict(seed=np.arange(3)), "seed: has 3 entries for 2 rows"),
    (dict(params=[boltzmann.Params()]), "params: has 1 entries for 2 rows"),
    (dict(params={"top_k": 1}), r"params: \{'top_k': 1\} is no boltzmann.Params"),
    (dict(params=boltzmann.State()), "params: State.* is no boltzmann.Params"),
    (dict(temperature="hot"), "temperature: 'hot' is no number"),
    (dict(temperature=True), "temperature: True is no number"),
    (dict(top_k=1.5), "top_k: 1.5 is no integer"),
    (dict(top_k=True), "top_k: True is no integer"),
    (dict(top_k=2**31), r"top_k: 2147483648 is no integer in \[-2147483648, 2147483647\]"),
    (dict(seed=-1), r"seed: -1 is no integer in \[0, 18446744073709551615\]"),
    (dict(seed=[1, 2**64]), "seed: 18446744073709551616 is no integer in"),
    (dict(ranks=1), "ranks: 1 is neither True nor False"),
    (dict(logprobs="all"), "logprobs: 'all' is unknown: give one of none, model, sampled, both"),
    (dict(logit_bias=[(1, 2)]), "logit_bias: has 1 entries for 2 rows"),
    (dict(logit_bias=5), r"logit_bias: 5 is no mapping: give \{token_id: bias\}"),
    (dict(stop_token_ids=5), "stop_token_ids: 5 is no list of token ids"),
    (dict(stop_token_ids=[1.5]), r"stop_token_ids: \[1.5\] is no flat list of token ids"),
    (dict(stop_token_ids=[-1]), r"stop_token_ids: -1 is outside \[0, 2\^31\)"),
    (dict(stop_token_ids=[2**40]), r"stop_token_ids: 1099511627776 is outside"),
    (dict(banned_sequences=[1, 2]), r"banned_sequences: \[1, 2\] is no list of lists"),
    (dict(filter_order="top_k"), "filter_order: 'top_k' is no list of names"),
    (dict(allowed_token_mask=np.ones(2, bool)), "allowed_token_mask: an array of bool .* no mask"),
    (dict(allowed_token_mask=np.ones(2, np.int64)), "allowed_token_mask: an array of int64"),
])
def test_a_wrong_field_is_refused_by_name(named, message):
    with pytest.raises((TypeError, ValueError), match=message):
        request_of(**named)


@pytest.mark.parametrize("options, message", [
    (dict(target=""), "target: '' names no server: give 127.0.0.1:50051"),
    (dict(timeout=0), "timeout: 0 is not allowed: give seconds, positive and finite"),
    (dict(timeout=float("inf")), "timeout: inf is not allowed"),
    (dict(timeout=None), "timeout: None is not allowed"),
    (dict(max_attempts=6), r"max_attempts: 6 is outside \[1, 5\]"),
    (dict(caller="two words"), "caller: 'two words' is not 1 to 128 visible ASCII characters"),
    (dict(tls_cert="a"), "tls_cert and tls_key: one is given without the other"),
    (dict(tls_cert="a", tls_key="b"), "tls_ca: is missing"),
    (dict(tls_ca="/no/such"), "tls_ca: /no/such cannot be read: No such file"),
    (dict(tls_ca="ca.pem", target="unix:/x"), "Unix sockets such as unix:/x speak no TLS"),
    (dict(token="a", token_file="b"), "token and token_file: both are given"),
    (dict(token="a b"), "^token: is not 1 to 4096 visible ASCII characters, without spaces$"),
    (dict(token_file="/no/such"), "token_file: /no/such cannot be read: No such file"),
])
def test_a_wrong_option_is_refused_by_name(options, message):
    for client in (boltzmann.Client, boltzmann.AsyncClient):
        with pytest.raises(ValueError, match=message):
            client(**options)


def test_a_package_without_its_generated_modules_says_what_to_run(directory):
    shutil.copytree(ROOT / "client/python/boltzmann", directory / "boltzmann",
                    ignore=shutil.ignore_patterns("*_pb2*"))
    done = subprocess.run([sys.executable, "-c", "import boltzmann"], capture_output=True,
                          text=True, timeout=60, env=os.environ | {"PYTHONPATH": str(directory)})
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: the API's messages are not generated: run client/python/generate.sh")
