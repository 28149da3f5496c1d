#include "core/edits.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace boltzmann::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool HasPenalties(const SamplingParams& params) {
  return params.repetition_penalty != 1 || params.frequency_penalty != 0 ||
         params.presence_penalty != 0;
}

// A logit as total_order.h has it: 32 significant bits, or a multiple of 2^-157, to nearest even,
// and finite.
double Rounded(double logit) {
  constexpr double kMost = std::numeric_limits<float>::max();
  constexpr int kDropped = 21;  // of the 52 bits after the point
  if (std::abs(logit) < 0x1p-126) return std::nearbyint(logit * 0x1p157) * 0x1p-157;
  const uint64_t bits = std::bit_cast<uint64_t>(logit);
  const uint64_t odd = bits >> kDropped & 1;
  const uint64_t half = (uint64_t{1} << (kDropped - 1)) - 1 + odd;
  const double rounded = std::bit_cast<double>((bits + half) & ~((uint64_t{1} << kDropped) - 1));
  return std::clamp(rounded, -kMost, kMost);
}

// Collects what happens to which token, in the order of ids.
class EditBuilder {
 public:
  EditBuilder(const SamplingParams& params, const RowState& state, int32_t vocab_size,
              EditScratch& scratch)
      : params_(params),
        state_(state),
        history_(state),
        vocab_size_(vocab_size),
        scratch_(scratch) {}

  // Whether anything but the mask of the row's state is to be done.
  bool ChangesLogits() const {
    const bool by_history =
        history_.size() > 0 &&
        (HasPenalties(params_) || params_.dry_multiplier > 0 || params_.no_repeat_ngram_size > 0);
    return by_history || !params_.logit_bias_token_ids.empty() ||
           !params_.banned_token_ids.empty() || !params_.banned_sequences.empty() || HoldsStops();
  }

  void CollectTouches() {
    scratch_.touched.Clear(vocab_size_);
    scratch_.seen.Clear(vocab_size_);
    scratch_.touches.clear();
    scratch_.found_touches.clear();
    FindTouches();
    MergeTouches();
    if (params_.repetition_penalty != 1) {
      AddAll(state_.prompt_token_ids, scratch_.seen);
      AddAll(state_.output_token_ids, scratch_.seen);
      Unite(scratch_.seen, scratch_.touched);
    }
    if (!Counts()) return;
    if (scratch_.output_counts.size() < static_cast<size_t>(vocab_size_)) {
      scratch_.output_counts.resize(vocab_size_);
    }
    AddAll(state_.output_token_ids, scratch_.touched);
    for (int32_t token : state_.output_token_ids) ++scratch_.output_counts[token];
  }

  // Leaves the scratch as the next row expects it.
  void Finish() {
    if (!Counts()) return;
    for (int32_t token : state_.output_token_ids) scratch_.output_counts[token] = 0;
  }

  // The logit of a token that was received as this.
  double EditedLogit(int32_t token, const Touch& touch, float received) const {
    if (touch.banned) return -kInfinity;
    double logit = received + touch.bias;
    if (params_.repetition_penalty != 1 && scratch_.seen.Has(token)) {
      logit = logit > 0 ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    }
    if (const uint32_t count = OutputCount(token); count > 0) {
      logit = logit - params_.frequency_penalty * count - params_.presence_penalty;
    }
    if (touch.repetition > 0) logit -= DryPenalty(params_, touch.repetition);
    return Rounded(logit);
  }

  // Whether a token's logit, unknown, may rise.
  bool MayRaise(int32_t token, const Touch& touch) const {
    if (touch.banned) return false;
    return touch.bias > 0 || (params_.repetition_penalty < 1 && scratch_.seen.Has(token)) ||
           (OutputCount(token) > 0 &&
            (params_.frequency_penalty < 0 || params_.presence_penalty < 0));
  }

  // Calls visit(token, touch) for each token that is touched, in the order of ids.
  template <typename Visit>
  void ForEachTouched(Visit visit) const {
    static constexpr Touch kPenaltiesOnly;
    const auto& words = scratch_.touched.words();
    auto next = scratch_.touches.begin();
    for (size_t i = 0; i < words.size(); ++i) {
      for (uint64_t word = words[i]; word != 0; word &= word - 1) {
        const auto token = static_cast<int32_t>(i * 64 + std::countr_zero(word));
        const bool special = next != scratch_.touches.end() && next->token == token;
        visit(token, special ? next++->touch : kPenaltiesOnly);
      }
    }
  }

 private:
  bool HoldsStops() const { return state_.output_token_ids.size() < params_.min_tokens; }

  static void AddAll(absl::Span<const int32_t> tokens, TokenSet& set) {
    for (int32_t token : tokens) set.Add(token);
  }

  static void Unite(const TokenSet& from, TokenSet& to) {
    for (size_t i = 0; i < to.words().size(); ++i) to.words()[i] |= from.words()[i];
  }

  bool Counts() const { return params_.frequency_penalty != 0 || params_.presence_penalty != 0; }
  uint32_t OutputCount(int32_t token) const { return Counts() ? scratch_.output_counts[token] : 0; }

  // Notes all that happens to tokens besides penalties, in any order.
  void FindTouches() {
    const auto ban = [this](int32_t token) {
      scratch_.found_touches.push_back({token, {.banned = true}});
    };
    for (int32_t token : params_.banned_token_ids) ban(token);
    ForEachBannedEnding(params_, history_, ban);
    if (HoldsStops()) {
      for (int32_t token : params_.stop_token_ids) ban(token);
    }
    for (size_t i = 0; i < params_.logit_bias_token_ids.size(); ++i) {
      const double bias = params_.logit_biases[i];
      scratch_.found_touches.push_back(
          {params_.logit_bias_token_ids[i],
           {.bias = std::isfinite(bias) ? bias : 0, .banned = bias == -kInfinity}});
    }
    if (params_.dry_multiplier > 0) FindRepetitions();
    if (params_.no_repeat_ngram_size > 0) {
      ForEachRepeatedNgram(params_.no_repeat_ngram_size, history_, scratch_.history, ban);
    }
  }

  void FindRepetitions() {
    ForEachRepetition(params_, history_, scratch_.history, [this](int32_t token, uint32_t length) {
      scratch_.found_touches.push_back({token, {.repetition = length}});
    });
  }

  // Puts what was found in the order of ids, one entry a token.
  void MergeTouches() {
    std::vector<uint64_t>& places = scratch_.touch_places;
    places.clear();
    for (const TouchOf& found : scratch_.found_touches) {
      places.push_back(static_cast<uint64_t>(found.token) << 32 | places.size());
    }
    if (!std::is_sorted(places.begin(), places.end())) {
      scratch_.sorter(places.data(), places.size(), hwy::SortAscending());
    }
    for (uint64_t place : places) {
      const TouchOf& next = scratch_.found_touches[static_cast<uint32_t>(place)];
      auto& touches = scratch_.touches;
      if (touches.empty() || touches.back().token != next.token) {
        touches.push_back(next);
        scratch_.touched.Add(next.token);
        continue;
      }
      Touch& touch = touches.back().touch;
      touch.bias += next.touch.bias;  // a token has one bias at most
      touch.repetition = std::max(touch.repetition, next.touch.repetition);
      touch.banned |= next.touch.banned;
    }
  }

  const SamplingParams& params_;
  const RowState& state_;
  const History history_;
  const int32_t vocab_size_;
  EditScratch& scratch_;
};

// Makes scratch.allowed of all that masks and lists allow; false if nothing but the mask of the
// state does, which needs no set.
bool CollectAllowed(const SamplingParams& params, const RowState& state, int32_t vocab_size,
                    EditScratch& scratch) {
  TokenSet& allowed = scratch.allowed;
  bool listed = false;
  const auto intersect = [&](auto for_each) {
    TokenSet& set = listed ? scratch.seen : allowed;
    set.Clear(vocab_size);
    for_each([&set](int32_t token) { set.Add(token); });
    for (size_t i = 0; listed && i < allowed.words().size(); ++i) {
      allowed.words()[i] &= set.words()[i];
    }
    listed = true;
  };
  if (!params.allowed_token_ids.empty()) {
    intersect([&](auto add) {
      for (int32_t token : params.allowed_token_ids) add(token);
    });
  }
  const auto biases = params.logit_biases;
  if (std::find(biases.begin(), biases.end(), kInfinity) != biases.end()) {
    intersect([&](auto add) {
      for (size_t i = 0; i < biases.size(); ++i) {
        if (biases[i] == kInfinity) add(params.logit_bias_token_ids[i]);
      }
    });
  }
  if (!listed || !state.allowed_token_mask) return listed;
  const auto mask = *state.allowed_token_mask;
  for (size_t i = 0; i < allowed.words().size(); ++i) {
    uint64_t word = 0;
    const size_t begin = std::min(i * sizeof(word), mask.size());
    std::memcpy(&word, mask.data() + begin, std::min(sizeof(word), mask.size() - begin));
    allowed.words()[i] &= word;
  }
  return true;
}

// Puts the mask, in terms of candidates, over the row. Returns how many tokens that are none are
// allowed.
int32_t AllowCandidates(absl::Span<const std::byte> mask, int32_t vocab_size,
                        absl::Span<const int32_t> token_ids, EditScratch& scratch, LogitRow& row) {
  const auto allows = [mask](int32_t token) {
    const size_t byte = static_cast<size_t>(token) / 8;
    return byte < mask.size() && (std::to_integer<int>(mask[byte]) >> token % 8 & 1) != 0;
  };
  int32_t allowed = 0;
  for (int32_t token = 0; token < vocab_size; token += 8) {
    const size_t byte = static_cast<size_t>(token) / 8;
    if (byte >= mask.size()) break;
    const int valid = vocab_size - token >= 8 ? 255 : (1 << (vocab_size - token)) - 1;
    allowed += std::popcount(static_cast<unsigned>(std::to_integer<int>(mask[byte]) & valid));
  }
  scratch.candidate_mask.assign((token_ids.size() + 31) / 32 * 4, std::byte{0});
  for (size_t i = 0; i < token_ids.size(); ++i) {
    if (!allows(token_ids[i])) continue;
    --allowed;
    scratch.candidate_mask[i / 8] |= std::byte{1} << i % 8;
  }
  row.Allow(scratch.candidate_mask);
  return allowed;
}

// Restricts the row to what is allowed. Returns how many tokens that it does not have are.
int32_t ApplyMask(const SamplingParams& params, const RowState& state, int32_t vocab_size,
                  absl::Span<const int32_t> token_ids, EditScratch& scratch, LogitRow& row) {
  const bool listed = CollectAllowed(params, state, vocab_size, scratch);
  const bool sparse = !token_ids.empty();
  if (!listed && !state.allowed_token_mask) {
    return sparse ? vocab_size - static_cast<int32_t>(token_ids.size()) : 0;
  }
  const auto mask = listed ? absl::MakeConstSpan(
                                 reinterpret_cast<const std::byte*>(scratch.allowed.words().data()),
                                 scratch.allowed.words().size() * sizeof(uint64_t))
                           : *state.allowed_token_mask;
  if (sparse) return AllowCandidates(mask, vocab_size, token_ids, scratch, row);
  row.Allow(mask);
  return 0;
}

// Lists the touched tokens that the row has, and says what happens to the others.
void ListTouched(absl::Span<const int32_t> token_ids, const EditBuilder& builder,
                 EditScratch& scratch, AbsentEdits& absent) {
  scratch.touched_tokens.clear();
  const int32_t* candidate = token_ids.begin();
  builder.ForEachTouched([&](int32_t token, const Touch& touch) {
    int32_t index = token;
    if (!token_ids.empty()) {
      while (candidate != token_ids.end() && *candidate < token) ++candidate;
      if (candidate == token_ids.end() || *candidate != token) {
        absent.touched = true;
        absent.raised |= builder.MayRaise(token, touch);
        return;
      }
      index = static_cast<int32_t>(candidate - token_ids.begin());
    }
    scratch.touched_tokens.push_back({index, token, &touch});
  });
}

// Makes edits of the listed tokens. What they were received as lies all over the row, so it is
// asked for some time before it is read.
void MakeEdits(const EditBuilder& builder, EditScratch& scratch, const LogitRow& row) {
  constexpr size_t kAhead = 24;
  const std::vector<TouchedToken>& tokens = scratch.touched_tokens;
  scratch.edits.clear();
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i + kAhead < tokens.size()) __builtin_prefetch(row.AddressOf(tokens[i + kAhead].index));
    const auto& [index, token, touch] = tokens[i];
    if (!row.IsAllowed(index)) continue;
    const float received = row.ReceivedAt(index);
    if (!std::isfinite(received)) continue;  // -infinity stays, any other is an error
    const double logit = builder.EditedLogit(token, *touch, received);
    if (logit != received) scratch.edits.push_back({index, received, logit});
  }
}

void IndexBlocks(const LogitRow& row, EditScratch& scratch) {
  scratch.block_begins.clear();
  uint32_t next = 0;
  for (int block = 0; block < BlockCount(row.vocab_size()); ++block) {
    scratch.block_begins.push_back(next);
    const int32_t end = (block + 1) * kBlockSize;
    while (next < scratch.edits.size() && scratch.edits[next].token_id < end) ++next;
  }
  scratch.block_begins.push_back(next);
}

}  // namespace

AbsentEdits ApplyEdits(const SamplingParams& params, const RowState& state, int32_t vocab_size,
                       absl::Span<const int32_t> token_ids, EditScratch& scratch, LogitRow& row) {
  AbsentEdits absent;
  absent.allowed_count = ApplyMask(params, state, vocab_size, token_ids, scratch, row);
  EditBuilder builder(params, state, vocab_size, scratch);
  if (!builder.ChangesLogits()) return absent;
  builder.CollectTouches();
  ListTouched(token_ids, builder, scratch, absent);
  MakeEdits(builder, scratch, row);
  builder.Finish();
  IndexBlocks(row, scratch);
  if (!scratch.edits.empty()) row.Edit({scratch.edits, scratch.block_begins});
  return absent;
}

}  // namespace boltzmann::core
