// What a row costs, beside the cost of reading it once and beside what one would use instead.
// Runs Google Benchmark, and ends with tables of ratios. README.md says what each number is.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/engine.h"
#include "tests/bench/baselines.h"
#include "tests/bench/check.h"
#include "tests/bench/floor.h"
#include "tests/bench/machine.h"
#include "tests/bench/measurements.h"
#include "tests/bench/presets.h"
#include "tests/bench/report.h"
#include "tests/bench/rows.h"
#include "tests/bench/trials.h"

namespace boltzmann::bench {
namespace {

constexpr int kRotatingRows = 64;
constexpr int kMemoryRows = 256;
constexpr int kBaselineRows = 4;  // an iteration; baselines are slow

constexpr Place kPlaces[] = {Place::kRotating, Place::kHot, Place::kMemory};

constexpr char kUsPerRow[] = "us_per_row";

constexpr auto kFp32 = core::DataType::kFloat32;

// What is sampled in one benchmark.
struct Workload {
  std::vector<const Preset*> presets;  // row i of a batch takes the i-th of them, round and round
  int32_t vocab_size = kVocabSize;
  core::DataType type = kFp32;
  Place place = Place::kRotating;
  int workers = 1;
  bool lone = false;       // one row a batch
  bool own_seeds = false;  // a seed for each row, instead of one for all

  const Rows& rows() const {
    return SharedRows(presets[0]->shape, type, vocab_size,
                      place == Place::kMemory ? kMemoryRows : kRotatingRows);
  }
};

// What rows are computed with; --instruction_set=NAME sets it.
core::InstructionSet& ChosenInstructionSet() {
  static core::InstructionSet chosen = core::SupportedInstructionSets().front();
  return chosen;
}

// Engines are shared, so that their scratch is as in a server that has run for a while.
core::Engine& EngineWith(int workers) {
  static std::map<int, std::unique_ptr<core::Engine>> engines;
  std::unique_ptr<core::Engine>& engine = engines[workers];
  if (!engine) {
    engine = std::make_unique<core::Engine>(
        core::EngineOptions{.worker_count = workers, .instruction_set = ChosenInstructionSet()});
  }
  return *engine;
}

void Fill(const Workload& load, core::Batch& batch) {
  const Rows& rows = load.rows();
  for (int i = 0; i < (load.lone ? 1 : rows.size()); ++i) {
    const Preset& preset = *load.presets[i % load.presets.size()];
    core::RowState state = StateOf(i);
    if (load.own_seeds) state.seed += i;
    batch.rows.push_back(
        {rows.row(load.place == Place::kHot ? 0 : i), &preset.params, &preset.outputs, state});
  }
}

// Compares the first rows with the reference, once for each preset and kind of rows.
std::string CheckOnce(core::Engine& engine, const Workload& load) {
  static std::map<std::tuple<const Preset*, const Rows*, core::Engine*>, std::string> checked;
  for (const Preset* preset : load.presets) {
    const auto [entry, is_new] = checked.try_emplace({preset, &load.rows(), &engine});
    if (is_new) entry->second = CheckEngine(engine, load.rows(), *preset);
    if (!entry->second.empty()) return std::string(preset->name) + ": " + entry->second;
  }
  return "";
}

void ReportRows(benchmark::State& state, double rows_per_iteration) {
  state.counters[kUsPerRow] =
      benchmark::Counter(rows_per_iteration / 1e6, benchmark::Counter::kIsIterationInvariantRate |
                                                       benchmark::Counter::kInvert);
}

void RunEngine(const Workload& load, benchmark::State& state) {
  core::Engine& engine = EngineWith(load.workers);
  if (std::string wrong = CheckOnce(engine, load); !wrong.empty()) {
    return state.SkipWithError(wrong.c_str());
  }
  core::Batch batch;
  Fill(load, batch);
  absl::Status status;
  for (auto _ : state) status.Update(engine.Sample(batch));
  std::string wrong = CheckBatch(batch, load.rows(), load.place == Place::kHot);
  if (!status.ok()) wrong = status.ToString();
  if (!wrong.empty()) state.SkipWithError(wrong.c_str());
  ReportRows(state, static_cast<double>(batch.rows.size()));
}

using Floor = float (*)(const void*, core::DataType, size_t);

void RunFloor(Floor floor, const Rows& rows, Place place, benchmark::State& state) {
  if (std::string wrong = CheckFloor(floor, rows); !wrong.empty()) {
    return state.SkipWithError(wrong.c_str());
  }
  for (auto _ : state) {
    for (int row = 0; row < rows.size(); ++row) {
      benchmark::DoNotOptimize(
          floor(rows.data(place == Place::kHot ? 0 : row), rows.type(), rows.vocab_size()));
    }
  }
  ReportRows(state, rows.size());
}

void RunBaseline(Baseline& baseline, const Preset& preset, benchmark::State& state) {
  const Rows& rows = SharedRows(preset.shape, kFp32, kVocabSize, kRotatingRows);
  if (std::string wrong = CheckBaseline(baseline, rows, preset); !wrong.empty()) {
    return state.SkipWithError(wrong.c_str());
  }
  int row = 0;
  for (auto _ : state) {
    for (int i = 0; i < kBaselineRows; ++i) {
      const auto* logits = static_cast<const float*>(rows.data(row));
      benchmark::DoNotOptimize(baseline.Sample({logits, kVocabSize}, preset.params));
      row = (row + 1) % rows.size();
    }
  }
  ReportRows(state, kBaselineRows);
}

void RunTrial(Trial& trial, benchmark::State& state) {
  core::Engine& engine = EngineWith(1);
  absl::Status status;
  for (auto _ : state) status.Update(engine.Sample(trial.batch()));
  const std::string wrong = status.ok() ? trial.Check() : status.ToString();
  if (!wrong.empty()) state.SkipWithError(wrong.c_str());
  ReportRows(state, static_cast<double>(trial.unit_count()));
}

void Register(const std::string& name, std::function<void(benchmark::State&)> run) {
  benchmark::RegisterBenchmark(name.c_str(), [run](benchmark::State& state) { run(state); })
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

void RegisterEngine(std::string_view name, const Workload& load) {
  Register(CaseName(name, load.vocab_size, load.type, load.place),
           [load](benchmark::State& state) { RunEngine(load, state); });
}

void RegisterFloors(int32_t vocab_size, core::DataType type, Place place) {
  const auto add = [=](std::string_view name, Floor floor) {
    Register(CaseName(name, vocab_size, type, place), [=](benchmark::State& state) {
      const Workload load = {{&Presets()[0]}, vocab_size, type, place};
      RunFloor(floor, load.rows(), place, state);
    });
  };
  add("read_once", ReadOnce);
  add("read_once_baseline", ReadOnceBaseline);
}

// Every preset, from every place that matters, in every type.
void RegisterPresets() {
  for (core::DataType type : kDataTypes) {
    for (Place place : kPlaces) {
      RegisterFloors(kVocabSize, type, place);
    }
    for (const Preset& preset : Presets()) {
      for (Place place : kPlaces) {
        RegisterEngine(preset.name, {{&preset}, kVocabSize, type, place});
      }
    }
  }
}

void RegisterSizes() {
  for (int32_t size : kOtherVocabSizes) {
    RegisterFloors(size, kFp32, Place::kRotating);
    for (std::string_view name : SizedPresets()) {
      RegisterEngine(name, {{&PresetNamed(name)}, size});
    }
  }
}

// Workers, batches of one row, and neighbours that differ.
void RegisterTogether(int processors) {
  const Workload nucleus = {{&PresetNamed("top_p_9")}};
  Workload lone = nucleus;
  lone.place = Place::kHot;
  lone.lone = true;
  RegisterEngine(Lone("top_p_9"), lone);
  std::set<int> counts = {2, processors};
  counts.erase(1);
  for (int workers : counts) {
    if (workers > processors) continue;
    Workload shared = nucleus;
    shared.workers = lone.workers = workers;
    RegisterEngine(WithWorkers("top_p_9", workers), shared);
    RegisterEngine(Lone(WithWorkers("top_p_9", workers)), lone);
  }
  Workload mixed;
  mixed.own_seeds = true;
  for (std::string_view name : MixedPresets()) mixed.presets.push_back(&PresetNamed(name));
  RegisterEngine("mixed", mixed);
}

void RegisterBaselines() {
  const auto add = [](const std::string& name, std::shared_ptr<Baseline> baseline) {
    for (std::string_view preset : BaselinePresets()) {
      Register(name + "/" + CaseName(preset, kVocabSize, kFp32, Place::kRotating),
               [baseline, preset](benchmark::State& state) {
                 RunBaseline(*baseline, PresetNamed(preset), state);
               });
    }
  };
  add("SortBased", std::make_shared<SortBased>());
  add("CandidateArray", std::make_shared<CandidateArray>());
}

// Each is made when it is first run.
void RegisterSamplers() {
  for (const NamedTrial& named : SamplerTrials()) {
    const auto trial = std::make_shared<std::unique_ptr<Trial>>();
    Register(named.name, [trial, make = named.make](benchmark::State& state) {
      if (*trial == nullptr) *trial = make();
      RunTrial(**trial, state);
    });
  }
}

// Collects what is measured for the tables; shows nothing but errors.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override {
    GetOutputStream() << Title();
    for (const auto& cache : context.cpu_info.caches) {
      GetOutputStream() << "; L" << cache.level << " " << cache.type << " " << cache.size / 1024
                        << " KB";
    }
    if (const auto& load = context.cpu_info.load_avg; !load.empty()) {
      GetOutputStream() << "; load average " << load[0] << " before";
    }
    GetOutputStream() << "\n" << std::flush;
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        failed_ = true;
        GetErrorStream() << run.benchmark_name() << ": " << run.error_message << "\n";
      } else if (run.run_type == Run::RT_Iteration) {
        measured_.Add(run.run_name.function_name, run.counters.at(kUsPerRow));
        repetitions_ = run.repetitions;
      }
    }
  }

  void Finalize() override {
    GetOutputStream() << "\nus a row: medians of " << repetitions_
                      << " runs, interleaved; +- is half the distance between the quartiles.\n"
                      << Report(measured_, ProcessorCount());
  }

  bool failed() const { return failed_; }

 private:
  static std::string Title() {
    return ProcessorName() + ", " + std::to_string(ProcessorCount()) + " processors; " +
           CompilerName() + "; revision " + Revision() + "; instruction set " +
           std::string(core::NameOf(ChosenInstructionSet()));
  }

  Measurements measured_;
  int64_t repetitions_ = 0;
  bool failed_ = false;
};

// The defaults of this program, before what the caller says.
std::vector<char*> WithDefaults(int argc, char** argv) {
  static char defaults[][64] = {"--benchmark_repetitions=7", "--benchmark_min_time=0.1",
                                "--benchmark_enable_random_interleaving=true"};
  std::vector<char*> args = {argv[0]};
  for (char* flag : defaults) args.push_back(flag);
  args.insert(args.end(), argv + 1, argv + argc);
  return args;
}

// Takes the flag that is ours out of `args`.
absl::Status TakeInstructionSet(std::vector<char*>& args) {
  constexpr std::string_view kFlag = "--instruction_set=";
  const auto flag = std::find_if(args.begin(), args.end(),
                                 [&](std::string_view arg) { return arg.starts_with(kFlag); });
  if (flag == args.end()) return absl::OkStatus();
  const auto found = core::FindInstructionSet(std::string_view(*flag).substr(kFlag.size()));
  if (!found.ok()) return found.status();
  ChosenInstructionSet() = *found;
  args.erase(flag);
  return absl::OkStatus();
}

int Run(int argc, char** argv) {
  std::vector<char*> args = WithDefaults(argc, argv);
  if (absl::Status status = TakeInstructionSet(args); !status.ok()) {
    std::cerr << status.message() << "\n";
    return 2;
  }
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 1;
  benchmark::AddCustomContext("processor", ProcessorName());
  benchmark::AddCustomContext("compiler", CompilerName());
  benchmark::AddCustomContext("revision", Revision());
  benchmark::AddCustomContext("instruction_set", std::string(core::NameOf(ChosenInstructionSet())));
  benchmark::AddCustomContext("floor_instruction_set", std::string(FloorInstructionSet()));
  RegisterPresets();
  RegisterSizes();
  RegisterTogether(ProcessorCount());
  RegisterBaselines();
  RegisterSamplers();
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::Shutdown();
  return collector.failed() ? 1 : 0;
}

}  // namespace
}  // namespace boltzmann::bench

int main(int argc, char** argv) { return boltzmann::bench::Run(argc, argv); }
