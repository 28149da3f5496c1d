// Rows that others may write to: as any row while nobody does, and no harm to anybody while
// somebody does.
#include <atomic>
#include <cmath>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/sample_row.h"
#include "core/temperature_fit.h"
#include "core/verify.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/adversary.h"
#include "tests/core/random_rows.h"
#include "tests/core/random_samplers.h"
#include "tests/core/random_sequences.h"
#include "tests/core/rows.h"
#include "tests/core/sequences.h"

namespace boltzmann::test {
namespace {

using core::Engine;
using core::RowStatus;

constexpr int kShare = kSlowBuild ? 10 : 1;  // one of so many rows is tried

#if defined(__SANITIZE_THREAD__)
constexpr bool kSeesRaces = true;
#elif defined(__has_feature)
constexpr bool kSeesRaces = __has_feature(thread_sanitizer);
#else
constexpr bool kSeesRaces = false;
#endif

void RunInOrder(int count, absl::FunctionRef<void(int)> body) {
  for (int i = 0; i < count; ++i) body(i);
}

Row Shared(Row row) {
  row.logits.Share();
  return row;
}

// ------------------------------------------------------------------ nobody writes

class SharedRows : public testing::TestWithParam<core::InstructionSet> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam())) GTEST_SKIP() << "not on this machine";
    engine_.emplace(core::EngineOptions{.worker_count = 1, .instruction_set = GetParam()});
  }

  template <typename Series>
  void ExpectSameAnswers(Series series, int count) {
    for (int i = 0; i < count / kShare; ++i) {
      const Row row = series.Next();
      ASSERT_EQ(SampleAndPrint(*engine_, Shared(row)), SampleAndPrint(*engine_, row)) << i;
    }
  }

  std::optional<Engine> engine_;
};

TEST_P(SharedRows, AreAnsweredAsAnyRowIfNobodyWrites) { ExpectSameAnswers(RandomRows(0), 500); }

TEST_P(SharedRows, AreAnsweredAsAnyRowByEverySamplerAndWithEveryEditIfNobodyWrites) {
  ExpectSameAnswers(RandomSamplers(0), 500);
  ExpectSameAnswers(RandomSamplers(1), 500);
}

TEST_P(SharedRows, AreVerifiedAsAnyRowIfNobodyWrites) {
  RandomSequences random(0);
  for (int i = 0; i < 200 / kShare; ++i) {
    const Sequence sequence = random.Next();
    Sequence shared = sequence;
    shared.first.logits.Share();
    for (Encoded& logits : shared.later) logits.Share();
    ASSERT_EQ(Verified(*engine_, shared).Text(0), Verified(*engine_, sequence).Text(0)) << i;
  }
}

TEST_P(SharedRows, MayHaveAnyTypeAndStartAtAnyAddress) {
  for (core::DataType type : kDataTypes) {
    for (size_t offset : {0, 1, 2, 3}) {
      for (size_t size : {1, 255, 256, 257, 5000}) {
        Row row{.logits = Encoded(BellLogits(size, size), type, offset)};
        row.params = {.temperature = .7, .top_p = .9};
        row.outputs = AskAll(size);
        ASSERT_EQ(SampleAndPrint(*engine_, Shared(row)), SampleAndPrint(*engine_, row)) << size;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, SharedRows, testing::ValuesIn(kAllInstructionSets),
                         [](const auto& set) { return std::string(core::NameOf(set.param)); });

// XTC and typical-p put a ceiling over the row, which is scanned without it for the kept mass.
TEST(SharedRowsOfManyWorkers, AreAnsweredAsAnyRowIfNobodyWrites) {
  const core::SamplingParams params[] = {
      {},
      {.temperature = 0},
      {.temperature = .7, .top_p = .9},
      {.typical_p = .5},
      {.xtc_probability = 1, .xtc_threshold = .01},
      {.temperature = 1, .top_p = .9, .dynamic_temperature_range = .5}};
  Engine engine({.worker_count = 4});
  for (const core::SamplingParams& p : params) {
    for (double width : {1.0, 3.0}) {
      Row row{.logits = Encoded(BellLogits(100003, 5, width)), .params = p};
      row.outputs = AskAll(50);
      const std::string alone = SampleAndPrint(row);
      for (int turn = 0; turn < 3; ++turn) ASSERT_EQ(SampleAndPrint(engine, Shared(row)), alone);
    }
  }
}

// ------------------------------------------------------------------ somebody writes

// A row, sampled with some kernels and scratch.
struct Answer {
  core::OutputOptions outputs;
  core::RowRequest request;
  core::Results results;

  Answer(const Row& row, const core::LogitRow& logits, const core::Kernels& kernels,
         core::RowScratch& scratch)
      : outputs(row.outputs), request{logits, &row.params, &outputs, row.state} {
    outputs.named_token_ids = row.named;
    results = core::Results(absl::MakeConstSpan(&request, 1));
    core::SampleRow(kernels, request, scratch, RunInOrder, result());
  }
  Answer(const Answer&) = delete;

  core::RowResult& result() { return results.rows()[0]; }
};

// That a result's status is one that a row may have, and its tokens are the row's.
void ExpectLegal(const core::RowResult& result, int32_t vocab_size) {
  ASSERT_TRUE(IsAnswered(result.status) || result.status == RowStatus::kNanLogit ||
              result.status == RowStatus::kPositiveInfinity ||
              result.status == RowStatus::kNoAllowedToken ||
              result.status == RowStatus::kInvalidDraft ||
              result.status == RowStatus::kLogitsChanged);
  const int32_t least = IsAnswered(result.status) ? 0 : -1;
  for (const auto* table : {&result.drawn, &result.top_model, &result.top_sampled}) {
    for (int32_t id : table->token_ids) ASSERT_TRUE(id >= least && id < vocab_size) << id;
  }
}

// Rows that follow on the scratch of a row that was given up, and their answers.
class Followers {
 public:
  Followers() {
    RandomSamplers random(7);
    while (rows_.size() < 16) {
      Row row = random.Next();
      if (row.vocab_size() > 3000) continue;
      answers_.push_back(SampleAndPrint(row));
      rows_.push_back(std::move(row));
    }
  }

  // Samples one, shared or not. REQUIRES: i < 32.
  void ExpectRight(size_t i, const core::Kernels& kernels, core::RowScratch& scratch) const {
    const Row& plain = rows_[i / 2];
    const Row row = i % 2 == 0 ? plain : Shared(plain);
    Answer answer(row, row.logits.row(), kernels, scratch);
    ASSERT_EQ(Print(answer.result()), answers_[i / 2]);
  }

 private:
  std::vector<Row> rows_;
  std::vector<std::string> answers_;
};

constexpr int kAttackShards = 8;
constexpr int kAttacksPerRow = 10;

class AttackedRows : public testing::TestWithParam<int> {
 protected:
  // The set is another for each shard.
  const core::InstructionSet set_ =
      core::SupportedInstructionSets()[GetParam() % core::SupportedInstructionSets().size()];
  const core::Kernels& real_ = core::KernelsFor(set_);
  core::RowScratch scratch_;
  Stream stream_{static_cast<uint64_t>(GetParam())};

  double Chance() { return stream_.Of({.5, .1, .02, .005}); }
};

// The answer is that of a row that holds still, made up of blocks as they once were; or none.
TEST_P(AttackedRows, AreAnsweredAsARowThatHoldsStillOrNotAtAll) {
  const Followers followers;
  RandomSamplers random(GetParam());
  int changed = 0, answered = 0;
  for (int i = 0; i < 500 / kShare; ++i) {
    const Row row = random.Next();
    std::vector<Prey> prey = {Prey(row.logits)};
    const int attacks = row.vocab_size() > 20000 ? 1 : kAttacksPerRow;
    for (int attack = 0; attack < attacks; ++attack) {
      SCOPED_TRACE(absl::StrCat("row ", i, ", attack ", attack));
      prey[0].Restore();
      std::optional<Adversary> adversary;
      adversary.emplace(set_, prey, stream_.Next(), Chance());
      Answer got(row, prey[0].row(), Adversary::kernels(), scratch_);
      ExpectLegal(got.result(), row.vocab_size());
      changed += got.result().status == RowStatus::kLogitsChanged;
      answered += IsAnswered(got.result().status);
      adversary.reset();
      if (got.result().status != RowStatus::kLogitsChanged) {
        core::RowScratch fresh;
        Answer expected(row, prey[0].AsScanned(), real_, fresh);
        ASSERT_EQ(Print(got.result()), Print(expected.result()));
      }
      followers.ExpectRight(stream_.Below(32), real_, scratch_);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(changed, 500 / kShare);
  EXPECT_GT(answered, 1000 / kShare);
}

// A sequence's requests over some rows of logits, verified with some kernels and scratch.
struct VerifiedRows {
  std::vector<Row> rows;
  std::vector<core::OutputOptions> outputs;
  std::vector<core::Draft> drafts;
  std::vector<core::RowRequest> requests;
  core::Results results;
  uint32_t accepted = 0;

  template <typename LogitsOf>
  VerifiedRows(const Sequence& sequence, LogitsOf logits_of, const core::Kernels& kernels,
               core::RowScratch& scratch) {
    for (size_t i = 0; i < sequence.row_count(); ++i) rows.push_back(sequence.At(i));
    outputs.reserve(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      outputs.push_back(rows[i].outputs);
      outputs.back().named_token_ids = rows[i].named;
      requests.push_back({logits_of(i), &rows[i].params, &outputs.back(), rows[i].state});
    }
    for (const DraftedToken& drafted : sequence.drafts) {
      drafts.push_back({.token_id = drafted.token_id,
                        .token_ids = drafted.token_ids,
                        .probabilities = drafted.probabilities});
      if (drafted.dense) drafts.back().dense = drafted.dense->row();
    }
    results = core::Results(requests);
    accepted = core::VerifySequence(
        kernels, requests, drafts, scratch, RunInOrder, [] { return false; }, results.rows());
  }

  std::string Text() {
    std::string text = absl::StrCat(accepted);
    for (size_t i = 0; i <= accepted; ++i) absl::StrAppend(&text, "\n", Print(results.rows()[i]));
    return text;
  }
};

TEST_P(AttackedRows, AreVerifiedAsRowsThatHoldStillOrNotAtAll) {
  const Followers followers;
  RandomSequences random(GetParam());
  int changed = 0;
  for (int i = 0; i < 300 / kShare; ++i) {
    SCOPED_TRACE(absl::StrCat("sequence ", i));
    const Sequence sequence = random.Next();
    std::vector<Prey> prey;
    for (size_t k = 0; k < sequence.row_count(); ++k) prey.emplace_back(sequence.At(k).logits);
    std::optional<Adversary> adversary;
    adversary.emplace(set_, prey, stream_.Next(), Chance());
    VerifiedRows got(
        sequence, [&](size_t k) { return prey[k].row(); }, Adversary::kernels(), scratch_);
    adversary.reset();
    for (size_t k = 0; k <= got.accepted; ++k) {
      ExpectLegal(got.results.rows()[k], sequence.first.vocab_size());
    }
    const bool gave_up = got.results.rows()[got.accepted].status == RowStatus::kLogitsChanged;
    changed += gave_up;
    if (!gave_up) {
      core::RowScratch fresh;
      VerifiedRows expected(
          sequence, [&](size_t k) { return prey[k].AsScanned(); }, real_, fresh);
      ASSERT_EQ(got.Text(), expected.Text());
    }
    followers.ExpectRight(stream_.Below(32), real_, scratch_);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(changed, 0);
}

// The rows are sampled in peace; the temperature is fitted under attack.
TEST_P(AttackedRows, EndATemperatureFit) {
  int fitted = 0, given_up = 0;
  for (int i = 0; i < 100 / kShare + 10; ++i) {
    std::vector<Row> rows;
    std::vector<Prey> prey;
    for (int k = 0; k < 4; ++k) {
      rows.push_back({.logits = Encoded(BellLogits(300 + 100 * k, stream_.Next()))});
      prey.emplace_back(rows.back().logits);
    }
    core::Batch batch;
    for (int k = 0; k < 4; ++k) {
      batch.rows.push_back({prey[k].row(), &rows[k].params, &rows[k].outputs, rows[k].state});
      batch.rows.back().scored_token = static_cast<int32_t>(stream_.Below(300));
    }
    ASSERT_TRUE(SharedEngine().Sample(batch).ok());
    const Adversary adversary(set_, prey, stream_.Next(), stream_.Of({.1, .01, 1e-3, 1e-5}));
    const auto fit = core::FitTemperature(
        Adversary::kernels(), batch, absl::MakeSpan(&scratch_, 1),
        [](int count, absl::FunctionRef<void(int, int)> body) {
          for (int k = 0; k < count; ++k) body(0, k);
        },
        [] { return false; });
    (fit ? fitted : given_up) += 1;
    if (fit) {
      EXPECT_FALSE(std::isnan(fit->temperature));
    }
  }
  EXPECT_GT(fitted, 0);
  EXPECT_GT(given_up, 0);
}

INSTANTIATE_TEST_SUITE_P(Shards, AttackedRows, testing::Range(0, kAttackShards));

// ------------------------------------------------------------------ a change that is seen

// A kernel that raises a token as soon as a row that may change has been scanned.
struct Raise {
  static inline Prey* prey = nullptr;
  static inline int32_t token = 0;
  static inline const core::Kernels* real = nullptr;

  static void Scan(const core::LogitRow& row, const core::ScanOptions& options, int first,
                   absl::Span<core::Block> blocks) {
    real->scan(row, options, first, blocks);
    if (row.MayChange() && blocks.size() > 1) prey->Write(token, 9);
  }
};

class ChangedRow : public testing::Test {
 protected:
  ChangedRow() : prey_(row_.logits) {
    row_.outputs = AskAll(row_.vocab_size());
    Raise::prey = &prey_;
    Raise::real = &real_;
    kernels_.scan = Raise::Scan;
  }

  // The row's first token is 500: its block is read again.
  static std::vector<float> Logits() {
    std::vector<float> logits = BellLogits(1000, 1, 1);
    logits[500] = 20;
    return logits;
  }

  Row row_{.logits = Encoded(Logits())};
  Prey prey_;
  const core::Kernels& real_ = core::KernelsFor(core::SupportedInstructionSets()[0]);
  core::Kernels kernels_ = real_;
  core::RowScratch scratch_;
};

TEST_F(ChangedRow, HasNoAnswerButThatItChanged) {
  Raise::token = 501;
  Answer answer(row_, prey_.row(), kernels_, scratch_);
  const core::RowResult& result = answer.result();
  EXPECT_EQ(result.status, RowStatus::kLogitsChanged);
  EXPECT_EQ(result.offending_token, -1);
  EXPECT_THAT(result.drawn.token_ids, testing::ElementsAre(-1));
  EXPECT_TRUE(result.drawn.model_logprobs.empty() && result.top_model.token_ids.empty() &&
              result.top_sampled.token_ids.empty() && result.named.token_ids.empty());
  EXPECT_FALSE(result.model_entropy || result.sampled_entropy || result.kept_count ||
               result.kept_mass || result.mirostat_mu);
  EXPECT_THAT(core::Explain(result), testing::HasSubstr("changed while they were read"));
}

TEST_F(ChangedRow, LeavesRowsBeforeAndAfterItAlone) {
  Raise::token = 501;
  Row plain = row_;
  plain.params = {.temperature = .7, .top_p = .9, .frequency_penalty = .5};
  plain.Keep({.output = {1, 2, 3}});
  const std::string alone = SampleAndPrint(plain);
  for (int turn = 0; turn < 3; ++turn) {
    Answer before(plain, plain.logits.row(), real_, scratch_);
    prey_.Restore();
    Answer changed(plain, prey_.row(), kernels_, scratch_);
    Answer after(plain, plain.logits.row(), real_, scratch_);
    EXPECT_EQ(changed.result().status, RowStatus::kLogitsChanged);
    EXPECT_EQ(Print(before.result()), alone);
    EXPECT_EQ(Print(after.result()), alone);
  }
}

// What nobody looks at again may change.
TEST_F(ChangedRow, IsAnsweredIfNothingThatIsReadAgainChanged) {
  Raise::token = 1;
  row_.outputs = {};
  Answer answer(row_, prey_.row(), kernels_, scratch_);
  EXPECT_EQ(Print(answer.result()), SampleAndPrint(row_));
}

TEST_F(ChangedRow, EndsASequenceThatHasAcceptedWhatCameBefore) {
  Raise::token = 501;
  Sequence sequence{.first = row_};
  sequence.first.outputs = {};
  sequence.later = {row_.logits, row_.logits};
  sequence.drafts = {{.token_id = 500}, {.token_id = 500}};
  const auto logits_of = [&](size_t i) { return i == 1 ? prey_.row() : row_.logits.row(); };
  VerifiedRows verified(sequence, logits_of, kernels_, scratch_);
  EXPECT_EQ(verified.accepted, 1u);
  EXPECT_EQ(verified.results.rows()[0].drawn.token_ids[0], 500);
  EXPECT_EQ(verified.results.rows()[1].status, RowStatus::kLogitsChanged);
  EXPECT_EQ(verified.results.rows()[1].drawn.token_ids[0], -1);
}

// ------------------------------------------------------------------ a thread that writes

// Writes to its prey all the time, until it ends.
class Writer {
 public:
  explicit Writer(std::vector<Prey>& prey) : thread_([this, &prey] { Write(prey); }) {}
  ~Writer() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Write(std::vector<Prey>& prey) {
    Stream stream(1);
    while (!stop_) prey[stream.Below(static_cast<int64_t>(prey.size()))].Change(stream);
  }

  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// Between plain rows there are some that are written to at any moment, in the midst of a block.
TEST(RowsWrittenToByAThread, DoNoHarmToTheirNeighbours) {
  if (kSeesRaces) GTEST_SKIP() << "a race is what this is about";
  RandomSamplers random(3);
  std::vector<Row> rows;
  std::vector<std::string> alone;
  std::vector<Prey> prey;
  while (rows.size() < 60) {
    rows.push_back(random.Next());
    alone.push_back(SampleAndPrint(rows.back()));
    prey.emplace_back(rows.back().logits);
  }
  std::vector<core::OutputOptions> outputs;
  for (const Row& row : rows) {
    outputs.push_back(row.outputs);
    outputs.back().named_token_ids = row.named;
  }
  core::Batch batch;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const core::LogitRow& logits : {rows[i].logits.row(), prey[i].row()}) {
      batch.rows.push_back({logits, &rows[i].params, &outputs[i], rows[i].state});
    }
  }
  Engine engine({.worker_count = 2});
  const Writer writer(prey);
  for (int turn = 0; turn < 10 / kShare; ++turn) {
    ASSERT_TRUE(engine.Sample(batch).ok());
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(Print(batch.results.rows()[2 * i]), alone[i]);
      ExpectLegal(batch.results.rows()[2 * i + 1], rows[i].vocab_size());
    }
  }
}

}  // namespace
}  // namespace boltzmann::test
