#include "client/command_line.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace boltzmann::client {
namespace {

constexpr char kMisusePayload[] = "boltzmann.command/misuse";

enum ExitCode : int { kDone = 0, kFailed = 1, kMisused = 2 };

std::array<const Command*, 6> Commands() {
  return {&SampleCommand(),   &DescribeCommand(), &ScoreCommand(),
          &GenerateCommand(), &LoadCommand(),     &InfoCommand()};
}

// absl's string_view is not the std one.
absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

absl::CommandLineFlag* FindFlag(std::string_view name) {
  return absl::FindCommandLineFlag(Absl(name));
}

// A command line, read. The flags' values are in absl's registry.
struct CommandLine {
  std::vector<std::string> words;     // what is not a flag: the command and its arguments
  std::set<std::string> flags_given;  // by name
  bool help = false;
  bool version = false;
};

// Reads the arguments from front to back.
class CommandLineReader {
 public:
  explicit CommandLineReader(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  absl::StatusOr<CommandLine> Read() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (argument == "--") break;
      if (absl::Status status = ReadArgument(argument); !status.ok()) return status;
    }
    line_.words.insert(line_.words.end(), arguments_.begin() + next_, arguments_.end());
    return line_;
  }

 private:
  absl::Status ReadArgument(const std::string& argument) {
    if (argument == "--help" || argument == "-h") {
      line_.help = true;
    } else if (argument == "--version") {
      line_.version = true;
    } else if (argument.size() < 2 || argument[0] != '-') {
      line_.words.push_back(argument);
    } else {
      return ReadFlag(argument);
    }
    return absl::OkStatus();
  }

  absl::Status ReadFlag(const std::string& argument) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const bool negated = name.rfind("--no", 0) == 0 && IsSwitch(FindFlag(name.substr(4)));
    absl::CommandLineFlag* const flag =
        name.rfind("--", 0) == 0 ? FindFlag(name.substr(negated ? 4 : 2)) : nullptr;
    if (flag == nullptr) return Misuse(absl::StrCat("unknown flag ", name));
    if (!line_.flags_given.emplace(flag->Name()).second) {
      return Misuse(absl::StrCat("--", flag->Name(), " is given twice"));
    }
    if (equals != std::string::npos && !negated) return Set(*flag, argument.substr(equals + 1));
    if (negated && equals == std::string::npos) return Set(*flag, "false");
    if (negated) return Misuse(absl::StrCat(name, " takes no value"));
    return IsSwitch(flag) ? Set(*flag, "true") : SetToNextArgument(*flag);
  }

  absl::Status SetToNextArgument(absl::CommandLineFlag& flag) {
    if (next_ == arguments_.size() || arguments_[next_].rfind("--", 0) == 0) {
      return Misuse(absl::StrCat("--", flag.Name(), " needs a value: ", flag.Help(),
                                 " (A value that begins with -- is given as --", flag.Name(),
                                 "=VALUE.)"));
    }
    return Set(flag, arguments_[next_++]);
  }

  // An empty value would unset an optional flag in silence; only text may be empty.
  static absl::Status Set(absl::CommandLineFlag& flag, const std::string& value) {
    if (value.empty() && !flag.IsOfType<std::string>()) {
      return Misuse(absl::StrCat("--", flag.Name(), " has an empty value: ", flag.Help()));
    }
    std::string error;
    if (flag.ParseFrom(value, &error)) return absl::OkStatus();
    return Misuse(absl::StrCat("--", flag.Name(), ": '", value, "' is not allowed: ", flag.Help()));
  }

  static bool IsSwitch(const absl::CommandLineFlag* flag) {
    return flag != nullptr && flag->IsOfType<bool>();
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  CommandLine line_;
};

const Command* FindCommand(std::string_view name) {
  for (const Command* command : Commands()) {
    if (command->name == name) return command;
  }
  return nullptr;
}

absl::Status UnknownCommand(const std::string& name) {
  std::string names;
  for (const Command* command : Commands()) absl::StrAppend(&names, Absl(command->name), ", ");
  return Misuse(absl::StrCat("unknown command '", name, "': the commands are ", names, "help"));
}

absl::Status CheckFlags(const CommandLine& line, const Command& command) {
  for (const std::string& name : line.flags_given) {
    if (std::find(command.flags.begin(), command.flags.end(), name) == command.flags.end()) {
      return Misuse(
          absl::StrCat("--", name, " is not a flag of `boltzmann ", Absl(command.name), "`"));
    }
  }
  return absl::OkStatus();
}

// Prints `text` in lines of at most 80 characters, each indented by six.
void PrintIndented(const std::string& text, std::ostream& out) {
  std::string line = "     ";
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line.size() + 1 + word.size() > 80) {
      out << line << '\n';
      line = "     ";
    }
    absl::StrAppend(&line, " ", word);
  }
  out << line << '\n';
}

void PrintUsage(std::ostream& out) {
  out << "boltzmann turns logits into tokens. It calls a running boltzmann-server.\n\n"
         "Commands:\n";
  for (const Command* command : Commands()) {
    out << absl::StrFormat("  %-10s%s\n", std::string(command->name),
                           std::string(command->summary));
  }
  out << "  help      Print this, or with a command's name its flags.\n\nExamples:\n";
  for (const Command* command : Commands()) out << command->examples;
}

void PrintCommandUsage(const Command& command, std::ostream& out) {
  out << command.summary << "\n\nUsage: boltzmann " << command.synopsis << "\n\nFlags:\n";
  for (const std::string_view name : command.flags) {
    const absl::CommandLineFlag& flag = *FindFlag(name);
    const std::string value = flag.DefaultValue();
    const bool shown = !value.empty() && !flag.IsOfType<bool>();
    out << "  --" << name << '\n';
    PrintIndented(absl::StrCat(flag.Help(), shown ? absl::StrCat(" Default: ", value, ".") : ""),
                  out);
  }
  out << "\nExamples:\n" << command.examples;
}

absl::Status Help(const CommandLine& line, Console& console) {
  const bool by_word = !line.words.empty() && line.words[0] == "help";
  const size_t at = by_word ? 1 : 0;
  if (line.words.size() <= at) {
    PrintUsage(console.out);
    return absl::OkStatus();
  }
  const Command* const command = FindCommand(line.words[at]);
  if (command == nullptr) return UnknownCommand(line.words[at]);
  PrintCommandUsage(*command, console.out);
  return absl::OkStatus();
}

absl::Status Dispatch(const CommandLine& line, Console& console) {
  if (line.version) {
    console.out << "boltzmann " BOLTZMANN_VERSION "\n";
    return absl::OkStatus();
  }
  if (line.help || (!line.words.empty() && line.words[0] == "help")) return Help(line, console);
  if (line.words.empty()) {
    if (!line.flags_given.empty()) return Misuse("there is no command, only flags");
    return Help(line, console);
  }
  const Command* const command = FindCommand(line.words[0]);
  if (command == nullptr) return UnknownCommand(line.words[0]);
  if (absl::Status status = CheckFlags(line, *command); !status.ok()) return status;
  return command->run({line.words.begin() + 1, line.words.end()}, console);
}

absl::Status Run(const std::vector<std::string>& arguments, Console& console) {
  const absl::StatusOr<CommandLine> line = CommandLineReader(arguments).Read();
  return line.ok() ? Dispatch(*line, console) : line.status();
}

}  // namespace

absl::Status Misuse(std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(Absl(message));
  status.SetPayload(kMisusePayload, absl::Cord());
  return status;
}

bool IsMisuse(const absl::Status& status) { return status.GetPayload(kMisusePayload).has_value(); }

int RunBoltzmann(const std::vector<std::string>& arguments, Console& console) {
  absl::Status status = Run(arguments, console);
  if (!console.out.flush() && status.ok()) {
    status = absl::DataLossError("the output could not be written");
  }
  if (status.ok()) return kDone;
  console.err << "boltzmann: " << std::string(status.message()) << '\n';
  if (!IsMisuse(status)) return kFailed;
  console.err << "`boltzmann help` lists the commands, `boltzmann help COMMAND` its flags.\n";
  return kMisused;
}

}  // namespace boltzmann::client
