"""Client.score, verify, describe and server_info."""

import numpy as np
import pytest

import boltzmann


def softmax(row, temperature=1.0):
    weights = np.exp((row.astype(np.float64) - row.max()) / temperature)
    return weights / weights.sum()


def test_score_states_log_probs_ranks_and_perplexity(sampler, rows):
    tokens = np.arange(6) * 7
    reply = sampler.score(rows, tokens, ranks=True, temperature=0.5)
    expected = [np.log(softmax(row)[token]) for row, token in zip(rows, tokens)]
    np.testing.assert_allclose(reply.model_logprobs, expected, rtol=1e-5)
    assert reply.token_ids.tolist() == tokens.tolist()
    assert reply.ranks.tolist() == [1 + (row > row[t]).sum() for row, t in zip(rows, tokens)]
    np.testing.assert_allclose(reply.mean_negative_log_likelihood, -np.mean(expected), rtol=1e-6)
    np.testing.assert_allclose(reply.perplexity, np.exp(-np.mean(expected)), rtol=1e-6)
    assert reply.scored_row_count == 6 and reply.temperature_fit is None


def test_score_fits_a_temperature(sampler, rows):
    drawn = sampler.sample(np.repeat(rows, 40, axis=0), seed=range(240), temperature=2)
    fit = sampler.score(np.repeat(rows, 40, axis=0), drawn.token_ids,
                        fit_temperature=True).temperature_fit
    assert 1.7 < fit.temperature < 2.3


def test_score_wants_one_token_a_row(sampler, rows):
    with pytest.raises(ValueError, match="token_ids: has 5 entries for 6 rows: give one a row"):
        sampler.score(rows, range(5))


def test_a_score_of_no_row_has_no_mean(sampler):
    reply = sampler.score(np.full((1, 3), np.nan, np.float32), [1])
    assert reply.mean_negative_log_likelihood is None and len(reply.row_errors) == 1


def test_verify_accepts_greedy_drafts_up_to_the_first_that_differs(sampler):
    rows = np.zeros((6, 8), np.float32)
    for row, best in enumerate([1, 2, 3, 4, 5, 6]):
        rows[row, best] = 9
    reply = sampler.verify(rows, [[1, 2, 0], [5]], temperature=0, position=[3, 0])
    assert reply.accepted_counts.tolist() == [2, 1]
    assert reply.token_ids.tolist() == [[1, 2, 3], [5, 6, -1]]
    assert reply.sequences[1].token_ids.tolist() == [5, 6]
    assert len(reply.sequences[0].positions) == 3


def test_verify_of_no_draft_is_sample(sampler, rows):
    sampled = sampler.sample(rows, seed=range(6), position=4, top_p=0.9)
    verified = sampler.verify(rows, [[]] * 6, seed=range(6), position=4, top_p=0.9)
    assert verified.token_ids[:, 0].tolist() == sampled.token_ids.tolist()


def test_verify_takes_draft_probabilities_dense_and_sparse(sampler, rows):
    draft = np.full((2, 1000), 1 / 1000, np.float32)
    ids = np.arange(1000)
    drafted = [[5, 6], [7, 8]]
    dense = sampler.verify(rows, drafted, draft_probabilities=[draft, draft], seed=[1, 2])
    sparse = sampler.verify(rows, drafted, seed=[1, 2],
                            draft_probabilities=[[(ids, draft[0]), (ids, draft[1])], draft])
    certain = sampler.verify(rows, drafted, seed=[1, 2])
    assert dense.message == sparse.message
    # With one-hot drafts a token of probability 1e-3 or so is hardly ever accepted; against a
    # uniform draft tokens of more than 1e-3 always are.
    likely = [[int(row) for row in rows[:2].argmax(axis=1)]]
    assert sampler.verify(rows[:3], likely, draft_probabilities=[draft]).accepted_counts[0] == 2
    assert certain.accepted_counts.sum() == 0


def test_verify_takes_masks_of_every_position(sampler, rows):
    only = np.zeros((3, 32), np.uint32)
    only[0, 0], only[1, 0], only[2, 0] = 1 << 5, 1 << 6, 1 << 7
    reply = sampler.verify(rows, [[5, 6], [5, 6]], temperature=0,
                           masks=[only, [only[0], None, None]])
    assert reply.token_ids[0].tolist() == [5, 6, 7]
    assert reply.token_ids[1, 1] == rows[4].argmax()


def test_verify_ends_a_sequence_at_a_bad_row(sampler, rows):
    broken = rows.copy()
    broken[0, 3] = np.nan
    reply = sampler.verify(broken, [[5, 6], [7, 8]], seed=1)
    assert [(e.row, e.status) for e in reply.row_errors] == [(0, "NAN_LOGIT")]
    with pytest.raises(boltzmann.RowsFailed):
        reply.raise_for_rows()


@pytest.mark.parametrize("arguments, message", [
    (dict(draft_token_ids=[[1], [2]]), r"has 6 rows for 2 sequences of \[1, 1\] .* 4 in all"),
    (dict(draft_token_ids=5), "draft_token_ids: 5 is no list"),
    (dict(draft_token_ids=[[1, 2], [3, 4]], masks=[None]), "masks: .* is no list of 2"),
    (dict(draft_token_ids=[[1, 2], [3, 4]], masks=[[None], None]), "masks: has 1 for 2 drafted"),
    (dict(draft_token_ids=[[1, 2], [3, 4]], draft_probabilities=[np.zeros((1, 9), "f4"), None]),
     r"draft_probabilities: the shape \(1, 9\) is not \[2, V\]"),
    (dict(draft_token_ids=[[1, 2], [3, 4]], draft_probabilities=[[([1], [1])], None]),
     "draft_probabilities: has 1 entries for 2 drafted"),
    (dict(draft_token_ids=[[1, 2], [3, 4]], seed=range(6)), "seed: has 6 entries for 2 sequences"),
])
def test_verify_refuses_what_does_not_fit_together(sampler, rows, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sampler.verify(rows, **arguments)


def test_describe_states_both_distributions(sampler, rows):
    reply = sampler.describe(rows, top_count=4, all_tokens=True, temperature=0.5, top_k=10)
    row = reply.rows[1]
    np.testing.assert_allclose(row.model_probabilities, softmax(rows[1]), rtol=1e-5, atol=1e-12)
    assert (row.sampled_probabilities > 0).sum() == 10
    assert row.top_sampled.token_ids.tolist() == np.argsort(-rows[1])[:4].tolist()
    assert [stage.name for stage in row.stages] == ["temperature", "top_k"]
    assert row.stages[1].token_count == 10 == row.message.kept_count
    assert row.stages[0].temperature == 0.5 and row.top_model.model[0] > row.top_model.model[1]


def test_describe_takes_no_outputs_and_tells_bad_rows(sampler):
    bad = np.full((1, 3), np.inf, np.float32)
    with pytest.raises(TypeError, match=r"entropy: describe\(\) does not take it"):
        sampler.describe(bad, entropy=True)
    with pytest.raises(TypeError, match=r"outputs: describe\(\) does not take it"):
        sampler.describe(bad, outputs=boltzmann.Outputs())
    with pytest.raises(ValueError, match="top_count: -1 is no integer"):
        sampler.describe(bad, top_count=-1)
    row = sampler.describe(bad).rows[0]
    assert row.status == boltzmann.RowStatus.POSITIVE_INFINITY and "token 0" in row.error


def test_server_info(sampler):
    info = sampler.server_info()
    assert info.version == boltzmann.__version__
    assert info.data_types == ("float32", "float16", "bfloat16")
    assert "temperature" in info.stages and info.shared_memory_enabled
    assert info.limits["max_row_count"] == 1024 and info.limits["max_region_lease"] == 600.0
    assert info.counters["answered_count"] <= info.counters["begun_count"]
