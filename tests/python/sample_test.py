"""Client.sample: what comes back, for every kind of logits and fields."""

import numpy as np
import pytest

import boltzmann

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")

PARAMS = dict(temperature=0.8, top_k=40, top_p=0.9, min_p=0.01)


def same(a, b):
    """Whether two replies are the same bits."""
    return a.message.SerializeToString() == b.message.SerializeToString()


def bfloat16_bits(rows):
    return (rows.view(np.uint32) >> 16).astype(np.uint16)


def test_tokens_are_those_that_the_readme_recomputes(sampler, rows, token):
    seeds = [7, 8, 2**64 - 1, 0, 1 << 40, 9]
    for position in (0, 5, 1 << 33):
        reply = sampler.sample(rows, seed=seeds, position=position, **PARAMS)
        expected = [token(row, seed, position, **PARAMS) for row, seed in zip(rows, seeds)]
        assert reply.token_ids.tolist() == expected
    assert reply.token_ids.dtype == np.int64
    assert reply.seeds.tolist() == seeds


def test_log_probs_are_those_of_softmax(sampler, rows):
    reply = sampler.sample(rows, seed=1, temperature=2.0)
    wide = rows.astype(np.float64)
    model = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    sampled = wide / 2 - np.log(np.exp(wide / 2).sum(axis=1, keepdims=True))
    index = np.arange(len(rows)), reply.token_ids
    np.testing.assert_allclose(reply.model_logprobs, model[index], rtol=1e-6)
    np.testing.assert_allclose(reply.sampled_logprobs, sampled[index], rtol=1e-6)


def test_the_same_seed_gives_the_same_bits_alone_and_in_a_batch(sampler, rows):
    whole = sampler.sample(rows, seed=range(6), **PARAMS)
    for index in range(len(rows)):
        alone = sampler.sample(rows[index : index + 1], seed=index, **PARAMS)
        assert alone.rows[0].message == whole.rows[index].message


def test_without_a_seed_the_reply_names_one_that_gives_the_same(sampler, rows):
    first = sampler.sample(rows, **PARAMS)
    assert len(set(first.seeds.tolist())) == len(rows)
    assert same(first, sampler.sample(rows, seed=first.seeds, **PARAMS))


def test_float16_is_what_its_float32_is(sampler, rows):
    halves = rows.astype(np.float16)
    assert same(sampler.sample(halves, seed=3), sampler.sample(halves.astype(np.float32), seed=3))


def test_bfloat16_bits_are_what_their_float32_is(sampler, rows):
    bits = bfloat16_bits(rows)
    wide = (bits.astype(np.uint32) << 16).view(np.float32)
    reply = sampler.sample(wide, seed=3)
    assert same(reply, sampler.sample(boltzmann.Bfloat16(bits), seed=3))
    assert same(reply, sampler.sample(boltzmann.Bfloat16(bits.view(np.int16)), seed=3))


def test_ml_dtypes_bfloat16(sampler, rows):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = bfloat16_bits(rows).view(ml_dtypes.bfloat16)
    assert same(sampler.sample(array, seed=3),
                sampler.sample(array.astype(np.float32), seed=3))


@needs_torch
def test_torch_tensors_of_every_type(sampler, rows):
    tensor = torch.from_numpy(rows.copy())
    for data_type in (torch.float32, torch.float16, torch.bfloat16):
        cast = tensor.to(data_type)
        assert same(sampler.sample(cast, seed=3), sampler.sample(cast.float().numpy(), seed=3))


@needs_torch
def test_torch_tensors_that_require_gradients_and_tensors_as_fields(sampler, rows):
    tensor = torch.from_numpy(rows.copy()).requires_grad_()
    temperatures = torch.linspace(0.5, 1, 6)
    reply = sampler.sample(tensor, seed=torch.arange(6), temperature=temperatures)
    assert same(reply, sampler.sample(rows, seed=range(6), temperature=temperatures.tolist()))


@needs_torch
def test_a_tensor_that_is_not_on_the_cpu_is_refused(sampler):
    with pytest.raises(TypeError, match=r"logits: the tensor is on meta: copy it, logits.cpu\(\)"):
        sampler.sample(torch.zeros(2, 3, device="meta"))
    with pytest.raises(TypeError, match="logits: torch.float64 is no type of logits"):
        sampler.sample(torch.zeros(2, 3, dtype=torch.float64))


@pytest.mark.parametrize("view", [
    lambda padded: padded[:, :1000],       # a padded vocabulary
    lambda padded: padded[::2, :1000],     # every second row
    lambda padded: padded[::-1, :1000],    # backwards
    lambda padded: padded[:1, :1000],
    lambda padded: np.broadcast_to(padded[:1, :1000], (6, 1000)),
])
def test_rows_that_are_not_packed_are_sent_without_what_lies_between(sampler, rows, view):
    padded = np.full((6, 1024), np.nan, np.float32)
    padded[:, :1000] = rows
    seen = view(padded)
    assert same(sampler.sample(seen, seed=4), sampler.sample(seen.copy(), seed=4))


def test_read_only_rows(sampler, rows):
    frozen = rows.copy()
    frozen.flags.writeable = False
    assert same(sampler.sample(frozen, seed=4), sampler.sample(rows, seed=4))


def test_params_state_and_outputs_as_objects_are_the_same_as_by_name(sampler, rows):
    by_name = sampler.sample(rows, seed=range(6), temperature=0.5, top_k=[1, 2, 3, 4, 5, 6],
                             entropy=True)
    as_objects = sampler.sample(
        rows,
        params=[boltzmann.Params(temperature=0.5, top_k=k) for k in range(1, 7)],
        outputs=boltzmann.Outputs(entropy=True),
        state=[boltzmann.State(seed=seed) for seed in range(6)])
    over_objects = sampler.sample(
        rows, params=boltzmann.Params(temperature=9, top_k=9), temperature=0.5,
        top_k=np.arange(1, 7), outputs=boltzmann.Outputs(entropy=True), seed=range(6))
    assert same(by_name, as_objects)
    assert same(by_name, over_objects)


def test_none_in_a_list_leaves_the_row_at_the_default(sampler, rows):
    reply = sampler.sample(rows[:2], seed=[3, 3], temperature=[0, None])
    assert reply.token_ids[0] == rows[0].argmax()
    assert reply.rows[1].message == sampler.sample(rows[1:2], seed=3).rows[0].message


def test_several_draws(sampler, rows, token):
    reply = sampler.sample(rows[:2], seed=5, draw_count=4)
    assert reply.token_ids.shape == reply.model_logprobs.shape == (2, 4)
    assert reply.token_ids[1].tolist() == [token(rows[1], 5, draw=draw) for draw in range(4)]
    ragged = sampler.sample(rows[:2], seed=5, draw_count=[4, 1])
    assert ragged.token_ids[1, 1:].tolist() == [-1, -1, -1]
    assert np.isnan(ragged.model_logprobs[1, 1:]).all()


def test_lists_entropies_ranks_and_kept_stats(sampler, rows):
    reply = sampler.sample(rows, seed=1, top_k=5, top_model_count=3, top_sampled_count=1000,
                           named_token_ids=[9, 4], entropy=True, kept_stats=True, ranks=True)
    order = np.argsort(-rows[2])
    row = reply.rows[2]
    assert row.top_model.token_ids.tolist() == order[:3].tolist()
    assert row.top_model.ranks.tolist() == [1, 2, 3]
    assert row.top_sampled.token_ids.tolist() == order[:5].tolist()
    assert row.named.token_ids.tolist() == [9, 4]
    assert row.kept_count == 5 and 0 < row.kept_mass < 1
    assert row.model_entropy > row.sampled_entropy > 0
    assert reply.ranks[2] == 1 + (rows[2] > rows[2][reply.token_ids[2]]).sum()
    np.testing.assert_allclose(np.exp(row.top_sampled.sampled_logprobs).sum(), 1, rtol=1e-5)


def test_what_was_not_asked_for_is_absent(sampler, rows):
    reply = sampler.sample(rows, seed=1, logprobs="none")
    row = reply.rows[0]
    assert row.drawn.model_logprobs is None and row.top_model is None and row.named is None
    assert row.model_entropy is None and row.kept_count is None and row.mirostat_mu is None
    assert np.isnan(reply.model_logprobs).all() and (reply.ranks == -1).all()
    assert np.isnan(reply.mirostat_mu).all()


def test_masks_for_all_and_one_a_row(sampler, rows):
    words = np.zeros((6, 32), np.int32)
    for row in range(6):
        words[row, row] = 1 << row  # allows token 33 * row only
    each = sampler.sample(rows, allowed_token_mask=words)
    assert each.token_ids.tolist() == [33 * row for row in range(6)]
    everyone = sampler.sample(rows, allowed_token_mask=words[2].view(np.uint32))
    assert everyone.token_ids.tolist() == [66] * 6
    some = sampler.sample(rows[:2], allowed_token_mask=[None, words[5]], temperature=0)
    assert some.token_ids.tolist() == [rows[0].argmax(), 165]


def test_histories_and_penalties(sampler, rows):
    best = rows.argmax(axis=1)
    second = np.argsort(-rows, axis=1)[:, 1]
    banned = sampler.sample(rows, temperature=0, banned_sequences=[[1, 2, int(best[0])]],
                            prompt_token_ids=[[1], [1], [], [5], [1], [1]],
                            output_token_ids=[[2], [3], None, [1, 2], [2], [2]])
    assert banned.token_ids[0] == second[0]
    assert banned.token_ids[1:].tolist() == best[1:].tolist()
    punished = sampler.sample(rows, temperature=0, presence_penalty=2, frequency_penalty=2,
                              output_token_ids=np.repeat(best[:, None], 9, axis=1))
    assert (punished.token_ids != best).all()


def test_long_histories_arrive_whole(sampler, rows):
    history = np.random.default_rng(1).integers(1, 1000, 100_000)
    history[-1] = 0
    reply = sampler.sample(rows[:1], temperature=0, no_repeat_ngram_size=1,
                           output_token_ids=history)
    left = np.setdiff1d(np.arange(1000), history)
    if len(left) == 0:
        assert reply.statuses == (boltzmann.RowStatus.NO_ALLOWED_TOKEN,)
    else:
        assert reply.token_ids[0] == left[rows[0][left].argmax()]


def test_biases_stops_orders_and_allowed_ids(sampler, rows):
    reply = sampler.sample(
        rows[:4], temperature=0,
        logit_bias=[{5: 100.0}, None, {np.int64(6): np.inf}, {}],
        allowed_token_ids=[None, [7, 8], None, [9]],
        filter_order=["top_k", "temperature"])
    assert reply.token_ids.tolist() == [5, 7 if rows[1][7] > rows[1][8] else 8, 6, 9]
    stop = int(rows[0].argmax())
    kept = sampler.sample(rows[:1], temperature=0, min_tokens=1, stop_token_ids=[stop])
    assert kept.token_ids[0] != stop


def test_mirostat_hands_its_state_on(sampler, rows):
    first = sampler.sample(rows, seed=1, mirostat=2)
    second = sampler.sample(rows, seed=1, position=1, mirostat=2, mirostat_mu=first.mirostat_mu)
    assert np.isfinite(first.mirostat_mu).all()
    assert (first.mirostat_mu != second.mirostat_mu).all()


@pytest.mark.parametrize("data_type", ["float32", "float16", "bfloat16"])
def test_sparse_rows_give_the_full_rows_answer(sampler, rows, data_type):
    full = {"float32": rows, "float16": rows.astype(np.float16),
            "bfloat16": boltzmann.Bfloat16(bfloat16_bits(rows))}[data_type]
    sparse = boltzmann.SparseRows.top(full, 64)
    assert sparse.token_ids.shape == (6, 64)
    fields = dict(seed=range(6), top_k=50, top_p=0.95, temperature=0.9)
    whole, few = sampler.sample(full, **fields), sampler.sample(sparse, **fields)
    assert few.token_ids.tolist() == whole.token_ids.tolist()
    np.testing.assert_allclose(few.model_logprobs, whole.model_logprobs, rtol=1e-5)
    assert not few.exhausted.any()


def test_too_few_candidates_are_told(sampler, rows):
    reply = sampler.sample(boltzmann.SparseRows.top(rows * 0.1, 4), seed=1)
    assert reply.exhausted.all()
    assert reply.row_errors == ()
    reply.raise_for_rows()


def test_candidates_tied_at_the_last_place_are_those_of_lower_id():
    row = np.array([[1, 3, 2, 2, 5, 2, 2]], np.float32)
    assert boltzmann.SparseRows.top(row, 4).token_ids.tolist() == [[1, 2, 3, 4]]
    assert boltzmann.SparseRows.top(row, 7).token_ids.tolist() == [list(range(7))]


@needs_torch
@pytest.mark.parametrize("count", [1, 5, 64, 1000])
def test_torch_selects_the_candidates_that_numpy_does(rows, count):
    tied = np.round(rows)
    tied[1, 40] = -np.inf
    ours, theirs = (boltzmann.SparseRows.top(x, count) for x in (tied, torch.from_numpy(tied)))
    assert ours.token_ids.tolist() == theirs.token_ids.tolist()
    assert ours.logits.tolist() == theirs.logits.tolist()
    np.testing.assert_allclose(ours.log_sum_exp, theirs.log_sum_exp, rtol=1e-6)


def test_a_nan_among_sparse_rows_is_an_error_of_its_row(sampler, rows):
    broken = rows.copy()
    broken[2, 999] = np.nan
    broken[3, 5] = np.inf
    for values in [broken] + ([torch.from_numpy(broken)] if torch else []):
        reply = sampler.sample(boltzmann.SparseRows.top(values, 8), seed=1, top_k=8)
        assert [error.row for error in reply.row_errors] == [2, 3]
        assert reply.row_errors[0].status == "NAN_LOGIT"


def test_a_bad_row_raises_only_when_asked_to(sampler, rows):
    broken = rows.copy()
    broken[1, 7] = np.nan
    broken[4, :] = -np.inf
    reply = sampler.sample(broken, seed=1)
    assert reply.statuses[1] == boltzmann.RowStatus.NAN_LOGIT
    assert reply.token_ids[[1, 4]].tolist() == [-1, -1]
    assert (reply.token_ids[[0, 2, 3, 5]] >= 0).all()
    with pytest.raises(boltzmann.RowsFailed) as caught:
        reply.raise_for_rows()
    assert [error.row for error in caught.value.row_errors] == [1, 4]
    assert "row 1: NAN_LOGIT" in str(caught.value) and "row 4: NO_ALLOWED" in str(caught.value)


def test_replies_larger_than_grpc_takes_by_default(sampler):
    rows = np.zeros((4, 300_000), np.float32)
    reply = sampler.sample(rows, seed=1, top_sampled_count=300_000)
    assert len(reply.message.SerializeToString()) > 4 << 20
    assert reply.rows[3].top_sampled.token_ids[-1] == 299_999
