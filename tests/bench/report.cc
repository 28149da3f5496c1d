#include "tests/bench/report.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/bench/floor.h"
#include "tests/bench/presets.h"
#include "tests/bench/samplers.h"
#include "tests/bench/text_table.h"
#include "tests/bench/trials.h"

namespace boltzmann::bench {
namespace {

// What the names of samplers begin with.
constexpr std::string_view kSamplers = "samplers/";

constexpr auto kFp32 = core::DataType::kFloat32;
constexpr core::DataType kNarrowTypes[] = {core::DataType::kFloat16, core::DataType::kBFloat16};

// Two runs of the same thing differ by as much: "no slower" allows for it.
constexpr double kNoise = 1.03;

std::string Us(const std::optional<Measured>& measured) {
  return measured ? ThreeDigits(measured->us) : "-";
}

std::string Spread(const std::optional<Measured>& measured) {
  return measured ? std::to_string(std::lround(100 * measured->spread)) + " %" : "-";
}

std::string Times(std::optional<double> ratio) {
  if (!ratio) return "-";
  const std::string digits =
      *ratio < 10 ? ThreeDigits(*ratio) : std::to_string(std::lround(*ratio));
  return digits + "x";
}

// A limit as people write it: 1.1, 5, 150.
std::string Limit(double limit) {
  std::string text = std::to_string(limit);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + "x";
}

class Reporter {
 public:
  Reporter(const Measurements& measured, int processors)
      : measured_(measured), processors_(processors) {}

  std::string Print() {
    std::string text;
    if (!measured_.All(kSamplers)) {
      text += Budget() + Together() + Types() + Sizes() + Baselines();
    }
    if (measured_.Any(kSamplers)) text += EverySampler() + Mixes();
    text += "\nTargets met: " + std::to_string(met_) + " of " +
            std::to_string(met_ + missed_.size()) + ".";
    for (size_t i = 0; i < missed_.size(); ++i) text += (i == 0 ? " Not met: " : ", ") + missed_[i];
    return text + "\n";
  }

 private:
  std::string Budget();
  std::string Together();
  std::string Types();
  std::string Sizes();
  std::string Baselines();
  std::string EverySampler();
  std::string Mixes();

  // The row's cells for one place.
  void AddPlace(std::string_view preset, Place place, std::optional<double> budget,
                std::vector<std::string>& cells);
  void AddSpeedup(const std::string& faster, const std::string& slower, std::optional<double> least,
                  TextTable& table);

  std::optional<double> OverFloor(std::string_view what, int32_t vocab_size, core::DataType type,
                                  Place place) const {
    return measured_.Ratio(CaseName(what, vocab_size, type, place),
                           CaseName("read_once", vocab_size, type, place));
  }
  std::optional<Measured> Find(std::string_view what, Place place = Place::kRotating) const {
    return measured_.Find(CaseName(what, kVocabSize, kFp32, place));
  }

  // "yes" or "NO", counted; "-" if there is nothing to compare, or nothing to compare with.
  std::string AtMost(std::optional<double> ratio, std::optional<double> limit,
                     const std::string& name) {
    if (!ratio || !limit) return "-";
    if (*ratio > *limit) {
      missed_.push_back(name);
      return "NO";
    }
    ++met_;
    return "yes";
  }
  std::string AtLeast(std::optional<double> ratio, std::optional<double> limit,
                      const std::string& name) {
    if (!ratio || !limit) return "-";
    return AtMost(-*ratio, -*limit, name);
  }

  const Measurements& measured_;
  const int processors_;
  int met_ = 0;
  std::vector<std::string> missed_;
};

void Reporter::AddPlace(std::string_view preset, Place place, std::optional<double> budget,
                        std::vector<std::string>& cells) {
  const std::string name = CaseName(preset, kVocabSize, kFp32, place);
  const auto found = measured_.Find(name);
  const auto ratio = OverFloor(preset, kVocabSize, kFp32, place);
  cells.insert(cells.end(),
               {Us(found), Spread(found), Times(ratio), budget ? "<= " + Limit(*budget) : "",
                budget ? AtMost(ratio, budget, name) : ""});
}

std::string Reporter::Budget() {
  TextTable table({"V = 128256, fp32, one worker", "rotating: us", "+-", "x floor", "target", "met",
                   "hot: us", "+-", "x floor", "target", "met", "memory: us", "x floor"});
  const auto add = [&](std::string_view name, std::optional<double> rotating,
                       std::optional<double> hot) {
    std::vector<std::string> cells = {std::string(name)};
    AddPlace(name, Place::kRotating, rotating, cells);
    AddPlace(name, Place::kHot, hot, cells);
    cells.push_back(Us(Find(name, Place::kMemory)));
    cells.push_back(Times(OverFloor(name, kVocabSize, kFp32, Place::kMemory)));
    table.Add(std::move(cells));
  };
  add("read_once", {}, {});
  add("read_once_baseline", {}, {});
  for (const Preset& preset : Presets()) {
    add(preset.name, preset.rotating_budget, preset.hot_budget);
  }
  return "\nA row, beside reading it once (the floor, by " + std::string(FloorInstructionSet()) +
         ").\n\n" + table.Print();
}

void Reporter::AddSpeedup(const std::string& faster, const std::string& slower,
                          std::optional<double> least, TextTable& table) {
  const auto ratio = measured_.Ratio(slower, faster);
  table.Add({faster, Us(measured_.Find(faster)), Us(measured_.Find(slower)), Times(ratio),
             least ? ">= " + Limit(*least) : "", least ? AtLeast(ratio, least, faster) : ""});
}

std::string Reporter::Together() {
  TextTable table({"V = 128256, fp32", "us a row", "against: us", "faster", "target", "met"});
  const auto name = [](std::string_view what, Place place) {
    return CaseName(what, kVocabSize, kFp32, place);
  };
  const std::string one = name("top_p_9", Place::kRotating);
  if (processors_ >= 2) {
    AddSpeedup(name(WithWorkers("top_p_9", 2), Place::kRotating), one, 1.9, table);
  }
  if (processors_ > 2) {
    AddSpeedup(name(WithWorkers("top_p_9", processors_), Place::kRotating), one, {}, table);
  }
  const std::string lone = name(Lone("top_p_9"), Place::kHot);
  AddSpeedup(lone, name("top_p_9", Place::kHot), {}, table);
  if (processors_ >= 2) {
    AddSpeedup(name(Lone(WithWorkers("top_p_9", processors_)), Place::kHot), lone, {}, table);
  }
  double uniform = 0;
  bool complete = true;
  for (std::string_view preset : MixedPresets()) {
    const auto found = Find(preset);
    complete = complete && found;
    if (found) uniform += found->us / static_cast<double>(MixedPresets().size());
  }
  const auto mixed = Find("mixed");
  std::optional<double> ratio;
  if (complete && mixed) ratio = uniform / mixed->us;
  table.Add({name("mixed", Place::kRotating), Us(mixed), complete ? ThreeDigits(uniform) : "-",
             Times(ratio), ">= 1x", AtLeast(ratio, 1 / kNoise, "mixed")});
  return "\nWorkers, against one; a batch of one row, against 64 and against one worker; and a "
         "batch "
         "of\nseeded rows with mixed parameters, against the average of uniform batches.\n\n" +
         table.Print();
}

std::string Reporter::Types() {
  TextTable table({"V = 128256, one worker", "fp32: us", "fp16: us", "x floor", "x fp32", "met",
                   "bf16: us", "x floor", "x fp32", "met"});
  const auto add = [&](std::string_view preset, Place place, std::optional<double> limit) {
    const std::string wide = CaseName(preset, kVocabSize, kFp32, place);
    std::vector<std::string> cells = {std::string(preset) + wide.substr(wide.rfind('/')),
                                      Us(measured_.Find(wide))};
    for (core::DataType type : kNarrowTypes) {
      const std::string narrow = CaseName(preset, kVocabSize, type, place);
      const auto ratio = measured_.Ratio(narrow, wide);
      cells.insert(cells.end(),
                   {Us(measured_.Find(narrow)), Times(OverFloor(preset, kVocabSize, type, place)),
                    Times(ratio), limit ? AtMost(ratio, limit, narrow) : ""});
    }
    table.Add(std::move(cells));
  };
  add("read_once", Place::kHot, {});
  for (const Preset& preset : Presets()) add(preset.name, Place::kHot, kNoise);
  add("read_once", Place::kRotating, {});
  for (const Preset& preset : Presets()) add(preset.name, Place::kRotating, {});
  add("read_once", Place::kMemory, {});
  for (const Preset& preset : Presets()) add(preset.name, Place::kMemory, 1);
  return "\nTypes of 16 bits. Targets: no slower than fp32 hot (" + Limit(kNoise) +
         "), faster from memory (1x).\n\n" + table.Print();
}

std::string Reporter::Sizes() {
  std::vector<int32_t> sizes(std::begin(kOtherVocabSizes), std::end(kOtherVocabSizes));
  sizes.push_back(kVocabSize);
  std::sort(sizes.begin(), sizes.end());
  std::vector<std::string> header = {"fp32, one worker, rotating"};
  for (int32_t size : sizes) {
    header.push_back("V = " + std::to_string(size) + ": us");
    header.push_back("x floor");
  }
  TextTable table(header);
  const auto add = [&](std::string_view what) {
    std::vector<std::string> cells = {std::string(what)};
    for (int32_t size : sizes) {
      cells.push_back(Us(measured_.Find(CaseName(what, size, kFp32, Place::kRotating))));
      cells.push_back(Times(OverFloor(what, size, kFp32, Place::kRotating)));
    }
    table.Add(std::move(cells));
  };
  add("read_once");
  for (std::string_view preset : SizedPresets()) add(preset);
  return "\nSizes of vocabulary.\n\n" + table.Print();
}

std::string Reporter::Baselines() {
  TextTable table({"V = 128256, fp32, one thread, rotating", "us", "SortBased: us", "faster",
                   "target", "met", "CandidateArray: us", "faster", "target", "met"});
  for (std::string_view preset : BaselinePresets()) {
    const std::string name = CaseName(preset, kVocabSize, kFp32, Place::kRotating);
    std::vector<std::string> cells = {std::string(preset), Us(measured_.Find(name))};
    const auto add = [&](const std::string& baseline, std::optional<double> least) {
      const auto ratio = measured_.Ratio(baseline + "/" + name, name);
      cells.insert(cells.end(), {Us(measured_.Find(baseline + "/" + name)), Times(ratio),
                                 least ? ">= " + Limit(*least) : "",
                                 least ? AtLeast(ratio, least, baseline + "/" + name) : ""});
    };
    const bool sorts = preset == "top_p_9" || preset == "top_k_50";
    add("SortBased", sorts ? std::optional(150.0) : std::nullopt);
    add("CandidateArray", preset == "default_chain"  ? std::optional(15.0)
                          : preset == "flat_top_p_9" ? std::optional(50.0)
                                                     : std::nullopt);
    table.Add(std::move(cells));
  }
  return "\nWhat a service would use instead, from the published algorithms.\n\n" + table.Print();
}

std::string Reporter::EverySampler() {
  TextTable table({"V = 128256, fp32, one worker, rotating, T = .7", "peaked: us", "+-",
                   "x temperature", "flat: us", "+-", "x temperature"});
  for (const Sampler& sampler : Samplers()) {
    std::vector<std::string> cells = {std::string(sampler.name)};
    for (Shape shape : {Shape::kPeaked, Shape::kFlat}) {
      const std::string name = SamplerName(sampler.name, shape);
      const auto found = measured_.Find(name);
      const auto ratio = measured_.Ratio(name, SamplerName(Samplers()[0].name, shape));
      cells.insert(cells.end(), {Us(found), Spread(found), Times(ratio)});
    }
    table.Add(std::move(cells));
  }
  return "\nEvery stage and edit, beside the temperature alone.\n\n" + table.Print();
}

std::string Reporter::Mixes() {
  TextTable table({"V = 128256, fp32, one worker, rotating", "us", "+-", "against", "us", "+-",
                   "ratio", "target", "met"});
  for (const auto& [name, against, target] : SamplerComparisons()) {
    const auto found = measured_.Find(name);
    const auto other = measured_.Find(against);
    const auto ratio = measured_.Ratio(name, against);
    table.Add({name, Us(found), Spread(found), against, Us(other), Spread(other), Times(ratio),
               target ? "<= " + Limit(*target) : "", target ? AtMost(ratio, target, name) : ""});
  }
  return "\nA batch in which no row is like another; rows of 1024 candidates; tokens scored; and\n"
         "sequences of 4 drafts, us a sequence.\n\n" +
         table.Print();
}

}  // namespace

std::string Report(const Measurements& measured, int processors) {
  return Reporter(measured, processors).Print();
}

}  // namespace boltzmann::bench
