#include "client/paint.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "client/command.h"

ABSL_FLAG(std::string, color, "auto",
          "Whether to print in colours: always, never, or auto, which is on a terminal unless "
          "NO_COLOR is set.");

namespace boltzmann::client {
namespace {

// From one eighth to all of a column.
constexpr const char* kAcross[] = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
constexpr const char* kUp[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

const char* Code(Ink ink) {
  switch (ink) {
    case Ink::kModel:
      return "\x1b[34m";
    case Ink::kSampled:
      return "\x1b[32m";
    case Ink::kFaint:
      return "\x1b[2m";
    case Ink::kBold:
      return "\x1b[1m";
  }
  return "";
}

bool IsColorTerminal(const std::ostream& out) {
  const char* const no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  return &out == &std::cout && isatty(STDOUT_FILENO) == 1;
}

// In eighths of a column.
int Eighths(double share, int width) {
  const double eighths = 8.0 * width * std::clamp(share, 0.0, 1.0);
  return eighths > 0 ? std::max(1, static_cast<int>(std::lround(eighths))) : 0;
}

}  // namespace

std::string Paint::operator()(Ink ink, const std::string& text) const {
  return colored_ && !text.empty() ? absl::StrCat(Code(ink), text, "\x1b[0m") : text;
}

std::vector<std::string_view> ColorFlags() { return {"color"}; }

absl::StatusOr<Paint> PaintFromFlags(const std::ostream& out) {
  const std::string color = absl::GetFlag(FLAGS_color);
  if (color == "always") return Paint(true);
  if (color == "never") return Paint(false);
  if (color == "auto") return Paint(IsColorTerminal(out));
  return Misuse("--color: '" + color + "' is not allowed: give auto, always or never");
}

std::string Bar(double share, int width) {
  const int eighths = Eighths(share, width);
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += kAcross[7];
  if (eighths % 8 > 0) bar += kAcross[eighths % 8 - 1];
  return bar;
}

std::string PaddedBar(double share, int width) {
  const int columns = (Eighths(share, width) + 7) / 8;
  return Bar(share, width) + std::string(static_cast<size_t>(width - columns), ' ');
}

std::string Spark(double share) {
  const int eighths = Eighths(share, 1);
  return eighths == 0 ? "." : kUp[eighths - 1];
}

}  // namespace boltzmann::client
