"""The snippets of client/python/engines, run against stand-ins of the engines' classes.

The stand-ins have what the snippets use of an engine, as its source says at the version that each
page names. What they show is that the calls are right, not that the engine still is as it was.
"""

import ctypes
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

import boltzmann

torch = pytest.importorskip("torch", reason="torch is not installed")
V = 500


def snippet(page, monkeypatch, target, **modules):
    """The names that the first snippet of a page defines."""
    for name, module in modules.items():
        parts = name.split("__")
        for end in range(1, len(parts)):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(parts[end - 1]))
        monkeypatch.setitem(sys.modules, ".".join(parts), module)
    text = (ROOT / f"client/python/engines/{page}.md").read_text()
    source = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    names = {}
    exec(source.replace("unix:/run/boltzmann.sock", target), names)  # our own page
    return names


def module(**names):
    made = ModuleType("stand_in")
    vars(made).update(names)
    return made


@pytest.fixture
def logits():
    """Three rows: one whose whole nucleus is among 1024, as any is at V = 500."""
    return torch.from_numpy(np.random.default_rng(3).normal(0, 3, (3, V)).astype(np.float32))


def test_vllm(monkeypatch, target, sampler, logits):
    class GPUModelRunner:
        def _sample(self, logits, spec_decode_metadata):
            return "vLLM's own"

    class Worker:
        def init_device(self):
            self.model_runner = runners.GPUModelRunner()

    runners, workers = module(GPUModelRunner=GPUModelRunner), module(Worker=Worker)
    outputs = module(SamplerOutput=lambda **fields: SimpleNamespace(**fields))
    monkeypatch.setattr(boltzmann.SparseRows, "top", staticmethod(at_most(V)))
    names = snippet("vllm", monkeypatch, target, vllm__v1__outputs=outputs,
                    vllm__v1__worker=module(gpu_model_runner=runners, gpu_worker=workers))
    worker = names["BoltzmannWorker"]()
    worker.init_device()
    runner = worker.model_runner
    asked = [SimpleNamespace(temperature=t, top_k=0, top_p=.9, min_p=0.0, seed=s)
             for t, s in ((.7, 1), (0, None), (1.3, 3))]
    runner.requests = {name: SimpleNamespace(sampling_params=params, output_token_ids=[0] * n)
                       for name, params, n in zip("abc", asked, (0, 4, 9))}
    runner.input_batch = SimpleNamespace(
        req_ids=list("abc"), sampling_metadata=SimpleNamespace(max_num_logprobs=None))
    output = runner._sample(logits, None)
    expected = sampler.sample(logits, temperature=[.7, 0, 1.3], top_p=.9, seed=[1, 0, 3],
                              position=[0, 4, 9])
    assert output.sampled_token_ids.dtype == torch.int32
    assert output.sampled_token_ids[:, 0].tolist() == expected.token_ids.tolist()
    assert runner._sample(logits, object()) == "vLLM's own"
    runner.client.close()


def at_most(vocab_size):
    """SparseRows.top for rows that are narrower than the 1024 candidates of a snippet."""
    top = boltzmann.SparseRows.top
    return lambda logits, count: top(logits, min(count, vocab_size))


@pytest.mark.parametrize("candidates", [V, 3])
def test_sglang(monkeypatch, target, sampler, logits, candidates):
    class Sampler:
        def __init__(self):
            self.tp_sync_group = None

        def _preprocess_logits(self, logits, sampling_info):
            return logits

    registered = {}
    monkeypatch.setattr(boltzmann.SparseRows, "top", staticmethod(at_most(candidates)))
    names = snippet("sglang", monkeypatch, target, sglang__srt__layers__sampler=module(
        Sampler=Sampler, register_sampler_backend=registered.__setitem__))
    monkeypatch.setattr(names["dist"], "get_rank", lambda group: 0)
    monkeypatch.setattr(names["dist"], "get_global_rank", lambda group, rank: 0)
    monkeypatch.setattr(names["dist"], "broadcast", lambda tensor, source, group: None)
    backend = registered["boltzmann"]()
    info = SimpleNamespace(
        temperatures=torch.tensor([[.7], [1.], [1.3]]), top_ks=torch.tensor([1 << 30, 1, 400]),
        top_ps=torch.tensor([.9, 1., .99]), min_ps=torch.zeros(3), need_min_p_sampling=False,
        sampling_seed=torch.tensor([1, -2, 3]))
    positions = torch.tensor([5, 6, 7])
    for min_ps in (torch.zeros(3), torch.tensor([.1, 0, .2])):
        info.min_ps, info.need_min_p_sampling = min_ps, bool(min_ps.any())
        drawn = backend.forward(SimpleNamespace(next_token_logits=logits), info, False, [], [],
                                positions)
        order = ["top_k", "top_p", "min_p"] if min_ps.any() else ["top_k_top_p"]
        expected = sampler.sample(
            logits, temperature=info.temperatures.view(-1), top_k=info.top_ks, top_p=info.top_ps,
            min_p=min_ps, seed=[1, 2**64 - 2, 3], position=positions,
            filter_order=["temperature", *order])
        assert drawn.tolist() == expected.token_ids.tolist()
        assert drawn[1] == logits[1].argmax()
    backend.client.close()


def test_llama_cpp(monkeypatch, target, sampler, logits):
    class Llama:
        """Evaluates token t to the row t % 3."""

        def __init__(self):
            self._seed, self.last_n_tokens_size, self.n_tokens = -1, 2, 0
            self.input_ids = np.zeros(64, np.intc)
            self._ctx = self

        def n_vocab(self):
            return V

        def eval(self, tokens):
            self.input_ids[self.n_tokens : self.n_tokens + len(tokens)] = tokens
            self.n_tokens += len(tokens)

        def get_logits_ith(self, index):
            row = logits[int(self.input_ids[self.n_tokens + index]) % 3]
            return ctypes.cast(row.data_ptr(), ctypes.POINTER(ctypes.c_float))

    names = snippet("llama_cpp", monkeypatch, target, llama_cpp=module(Llama=Llama))
    llama = names["BoltzmannLlama"]()
    llama.eval([5, 6, 7])
    for idx, last in ((None, 2), (1, 1)):
        token = llama.sample(temp=.8, repeat_penalty=1.5, idx=idx)
        expected = sampler.sample(
            logits[(5 + last) % 3][None, :], temperature=.8, top_k=40, top_p=.95, min_p=.05,
            repetition_penalty=1.5, output_token_ids=[4 + last, 5 + last], seed=2**64 - 1,
            position=last + 1,
            filter_order=["top_k", "typical_p", "top_p", "min_p", "temperature"])
        assert token == expected.token_ids[0]
    with pytest.raises(ValueError, match="are not mapped"):
        llama.sample(mirostat_mode=2)
    llama.client.close()


def test_transformers(monkeypatch, target, sampler, logits):
    generate = snippet("transformers", monkeypatch, target)["generate"]
    seen = []

    def model(input_ids, attention_mask, past_key_values, use_cache):
        seen.append((input_ids.shape[1], attention_mask.shape[1], past_key_values))
        rows = logits[input_ids % 3].to(torch.bfloat16)  # [B, T, V]
        return SimpleNamespace(logits=rows, past_key_values=len(seen))

    prompt = torch.tensor([[0, 5, 6], [7, 8, 10]])
    mask = torch.tensor([[0, 1, 1], [1, 1, 1]])
    params = boltzmann.Params(temperature=.9, repetition_penalty=1.3)
    ids = generate(model, sampler, prompt, mask, [7, 8], params, 5, eos_token_id=-1, pad_token_id=0)
    assert ids.shape == (2, 8) and torch.equal(ids[:, :3], prompt)
    assert seen == [(3, 3, None)] + [(1, 4 + n, 1 + n) for n in range(4)]
    alone = generate(model, sampler, prompt[:1, 1:], mask[:1, 1:], [7], params, 5, -1, 0)
    assert alone[0, 2:].tolist() == ids[0, 3:].tolist()
    first = int(ids[0, 3])
    stopped = generate(model, sampler, prompt, mask, [7, 8], params, 5, first, 499)
    assert stopped[0, 3:].tolist() == [first] + [499] * 4
