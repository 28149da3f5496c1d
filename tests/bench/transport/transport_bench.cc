// What moving the logits costs, beside what gRPC alone and the engine alone can do. Starts the
// server as a process, calls it every way there is, and ends with tables of ratios. ../README.md
// says what each number is.
#include <regex.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/machine.h"
#include "tests/bench/transport/report.h"
#include "tests/bench/transport/service.h"
#include "tests/bench/transport/sink.h"

ABSL_FLAG(bool, quick, false, "Fewer sizes, rounds and calls: a look.");
ABSL_FLAG(std::string, filter, "",
          "Measure only trials in whose what/socket/mode/rows this regular expression is found, "
          "and no tails. Empty: everything.");
ABSL_FLAG(double, turn_seconds, 0, "How long a trial runs in each round. 0: as is usual.");
ABSL_FLAG(std::string, json, "", "A file for every figure. Empty: none.");
ABSL_FLAG(std::string, numpy, "", "numpy_sampling.py. Empty: numpy is left out.");
ABSL_FLAG(std::vector<std::string>, sink, {}, "Be the sink, on these addresses. Used by itself.");

namespace boltzmann::bench {
namespace {

constexpr int kInFlight = 4;  // of stream_x4

// How much is measured.
struct Effort {
  std::vector<int> row_counts;
  int rounds;
  double seconds_of_turn;
  std::chrono::seconds pauses;
  int back_to_back;
  int numpy_repetitions;
};

Effort Full() { return {{1, 4, 16, 64, 256}, 7, .06, std::chrono::seconds(100), 20000, 5}; }
Effort Quick() { return {{1, 16, 64}, 3, .03, std::chrono::seconds(10), 2000, 3}; }

// An extended regular expression.
class Pattern {
 public:
  explicit Pattern(const std::string& text) {
    if (regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0) return;
    std::cerr << "--filter: '" << text << "' is no regular expression\n";
    std::exit(2);
  }
  ~Pattern() { regfree(&compiled_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  bool IsFoundIn(const std::string& text) const {
    return regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_;
};

constexpr core::DataType kTypes[] = {core::DataType::kFloat32, core::DataType::kBFloat16};

std::string NameOf(core::DataType type) {
  return type == core::DataType::kFloat32 ? "fp32" : "bf16";
}

// Makes every trial, and what they need.
class Setting {
 public:
  Setting(const Effort& effort, const std::string& filter)
      : filter_(filter), sampler_(Service::StartSampler()), sink_(Service::StartSink()) {
    for (const char* socket : {"tcp", "unix"}) AddEmptyCalls(socket);
    for (const int rows : effort.row_counts) {
      AddSparse(rows);
      for (const core::DataType type : kTypes) AddDense(type, rows);
    }
  }

  Trials TakeTrials() { return std::move(trials_); }

  const Workload& sparse_row() const { return *sparse_row_; }
  const Workload& dense_row() const { return *dense_row_; }

 private:
  bool IsWanted(const Key& key) const { return filter_.IsFoundIn(key.Name()); }

  // A trial of each way to send `message` over this socket.
  void AddWays(const std::string& what, const std::string& socket, const client::Client& client,
               const Message& message, const Workload* checked, size_t bytes) {
    const int rows = message.request.rows_size();
    const Key unary = {what, socket, "unary", rows};
    if (IsWanted(unary)) trials_.Add({unary, bytes, CallUnary(client, message), checked});
    for (const int in_flight : {1, kInFlight}) {
      const std::string mode = in_flight == 1 ? "stream" : absl::StrCat("stream_x", in_flight);
      const Key key = {what, socket, mode, rows};
      if (!IsWanted(key)) continue;
      trials_.Add({key, bytes, CallOnStream(client, message, in_flight), checked});
    }
  }

  void AddEmptyCalls(const std::string& socket) {
    AddWays("empty", socket, sink_->Connect(socket, SinkCaller(0)), {}, nullptr, 0);
  }

  Workload& Keep(std::unique_ptr<Workload> workload, const std::string& type) {
    const std::string wrong = workload->Sample(engine_);
    if (!wrong.empty()) {
      std::cerr << "the engine in process: " << wrong << "\n";
      std::exit(1);
    }
    workloads_.push_back(std::move(workload));
    Workload& kept = *workloads_.back();
    const Key key = {"engine_" + type, "", "", kept.row_count()};
    if (IsWanted(key)) trials_.Add({key, kept.bytes(), CallInProcess(engine_, kept)});
    return kept;
  }

  void AddSparse(int rows) {
    const Workload& workload = Keep(Workload::Sparse(rows), "sparse");
    if (rows == 1) sparse_row_ = &workload;
    for (const char* socket : {"tcp", "unix"}) {
      AddWays("sink_sparse", socket, sink_->Connect(socket, SinkCaller(rows)), MessageOf(workload),
              nullptr, workload.bytes());
      AddWays("sparse", socket, sampler_->Connect(socket), MessageOf(workload), &workload,
              workload.bytes());
    }
  }

  void AddDense(core::DataType type, int rows) {
    const std::string name = NameOf(type);
    const Workload& workload = Keep(std::make_unique<Workload>(type, rows), name);
    if (rows == 1) dense_row_ = &workload;  // the last type: bf16
    regions_.push_back(sampler_->Share(workload));
    for (const char* socket : {"tcp", "unix"}) {
      const Message inlined = MessageOf(workload);
      AddWays("sink_" + name, socket, sink_->Connect(socket, SinkCaller(rows)), inlined, nullptr,
              workload.bytes());
      const client::Client client = sampler_->Connect(socket);
      AddWays(name, socket, client, inlined, &workload, workload.bytes());
      AddWays("shared_" + name, socket, client, MessageOf(workload, regions_.back().get()),
              &workload, workload.bytes());
    }
  }

  const Pattern filter_;
  const std::unique_ptr<Service> sampler_;
  const std::unique_ptr<Service> sink_;
  core::Engine engine_{core::EngineOptions()};
  std::vector<std::unique_ptr<Workload>> workloads_;
  std::vector<std::unique_ptr<client::SharedRegion>> regions_;
  const Workload* sparse_row_ = nullptr;
  const Workload* dense_row_ = nullptr;
  Trials trials_;
};

// Asks the program for its number.
void MeasureNumpy(const std::string& program, int repetitions, TransportFigures& figures) {
  figures.no_numpy = "--numpy is not given";
  if (program.empty()) return;
  const std::string command = absl::StrCat("/usr/bin/python3 ", program, " ", repetitions);
  FILE* output = popen(command.c_str(), "r");
  double ms = 0;
  if (output != nullptr && std::fscanf(output, "%lf", &ms) == 1) figures.numpy_ms = ms;
  if (output != nullptr) pclose(output);
  figures.no_numpy = program + " printed no number";
}

int Measure(const Effort& effort) {
  std::cout << ProcessorName() << ", " << ProcessorCount() << " processors, " << CompilerName()
            << ", revision " << Revision() << "\n\n";
  TransportFigures figures;
  MeasureNumpy(absl::GetFlag(FLAGS_numpy), effort.numpy_repetitions, figures);
  const std::string filter = absl::GetFlag(FLAGS_filter);
  Setting setting(effort, filter);
  figures.trials = setting.TakeTrials();
  for (int round = 0; round < effort.rounds; ++round) {
    const std::string wrong = figures.trials.RunRound(effort.seconds_of_turn);
    if (!wrong.empty()) {
      std::cerr << wrong << "\n";
      return 1;
    }
  }
  if (filter.empty()) {
    figures.back_to_back =
        MeasureBackToBack(setting.sparse_row(), setting.dense_row(), effort.back_to_back);
    figures.after_pauses =
        MeasureAfterPauses(setting.sparse_row(), setting.dense_row(), effort.pauses);
  }
  std::cout << Report(figures);
  const std::string json = absl::GetFlag(FLAGS_json);
  if (!json.empty() && !(std::ofstream(json) << Json(figures)).flush()) {
    std::cerr << json << " cannot be written\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace boltzmann::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("What moving logits costs. See tests/bench/README.md.");
  absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> sink = absl::GetFlag(FLAGS_sink);
  if (!sink.empty()) return boltzmann::bench::RunSink(sink);
  using boltzmann::bench::Effort;
  Effort effort = absl::GetFlag(FLAGS_quick) ? boltzmann::bench::Quick() : boltzmann::bench::Full();
  const double turn_seconds = absl::GetFlag(FLAGS_turn_seconds);
  if (turn_seconds > 0) effort.seconds_of_turn = turn_seconds;
  return boltzmann::bench::Measure(effort);
}
