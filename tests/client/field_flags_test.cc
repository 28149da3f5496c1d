// Every field that says how to sample has a flag of its name, which sets it and nothing else.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"

namespace boltzmann::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using test::AnswerGreedily;
using test::CommandResult;
using test::FakeServer;
using test::RunCommand;
using test::TemporaryFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A value for the flag of every field that is neither a number nor a switch.
const std::map<std::string, std::string>& ValuesOfWordsAndLists() {
  static const auto& values = *new std::map<std::string, std::string>{
      {"filter_order", "top_k,temperature"},
      {"logit_bias", "0:1.5,1:-inf"},
      {"allowed_token_ids", "0,1"},
      {"banned_token_ids", "0"},
      {"banned_sequences", "0,1/1"},
      {"stop_token_ids", "1"},
      {"dry_sequence_breakers", "0/1"},
      {"named_token_ids", "1,0"},
      {"logprobs", "model"},
      {"prompt_token_ids", "0,1"},
      {"output_token_ids", "1"},
      {"allowed_token_mask", ""},  // the test's file
  };
  return values;
}

bool IsNumber(const FieldDescriptor& field) {
  return !field.is_repeated() && (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
                                  field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                                  field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
                                  field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64);
}

std::vector<const FieldDescriptor*> FieldsOf(const Descriptor* descriptor) {
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < descriptor->field_count(); ++i) fields.push_back(descriptor->field(i));
  return fields;
}

std::vector<std::string> NamesOfSetFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::string> names;
  for (const FieldDescriptor* field : fields) names.push_back(field->name());
  return names;
}

class FieldFlags : public testing::Test {
 protected:
  // The flag of `field`, with a value, as on a command line.
  std::string FlagOf(const FieldDescriptor& field) {
    const std::string name = "--" + field.name();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return name;
    if (IsNumber(field)) return name + "=2";
    const auto value = ValuesOfWordsAndLists().find(field.name());
    if (value == ValuesOfWordsAndLists().end()) {
      ADD_FAILURE() << "give a value for the flag of " << field.full_name();
      return name + "=1";
    }
    return name + "=" + (value->second.empty() ? mask_.path() : value->second);
  }

  // The request that `arguments` and the flag of `field` lead to.
  v1::SampleRequest RequestWith(std::vector<std::string> arguments, const FieldDescriptor& field) {
    FakeServer server(AnswerGreedily);
    arguments.insert(arguments.end(), {"--server", server.address(), FlagOf(field)});
    const CommandResult result = RunCommand(arguments, "1 2");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::vector<v1::SampleRequest> requests = server.service().requests();
    return requests.empty() ? v1::SampleRequest() : requests[0];
  }

  v1::SampleRequest SampleRequestWith(const FieldDescriptor& field) {
    return RequestWith({"sample", "--logits", "-"}, field);
  }

  const TemporaryFile mask_{"mask", "3\n"};
};

TEST_F(FieldFlags, OfSampleSetEveryFieldOfTheParametersAlone) {
  for (const FieldDescriptor* field : FieldsOf(v1::SamplingParams::descriptor())) {
    const v1::SampleRequest request = SampleRequestWith(*field);
    ASSERT_EQ(request.params_size(), 1) << field->name();
    EXPECT_THAT(NamesOfSetFields(request.params(0)), ElementsAre(field->name()));
    EXPECT_THAT(NamesOfSetFields(request.rows(0)), ElementsAre());
  }
}

TEST_F(FieldFlags, OfGenerateSetEveryFieldOfTheParametersAlone) {
  const TemporaryFile corpus("corpus", "one two three");
  for (const FieldDescriptor* field : FieldsOf(v1::SamplingParams::descriptor())) {
    const v1::SampleRequest request =
        RequestWith({"generate", "--corpus", corpus.path(), "--tokens", "1"}, *field);
    ASSERT_EQ(request.params_size(), 1) << field->name();
    EXPECT_THAT(NamesOfSetFields(request.params(0)), ElementsAre(field->name()));
  }
}

TEST_F(FieldFlags, OfSampleSetEveryFieldOfARowsStateAlone) {
  for (const FieldDescriptor* field : FieldsOf(v1::RowState::descriptor())) {
    const v1::SampleRequest request = SampleRequestWith(*field);
    ASSERT_EQ(request.rows_size(), 1) << field->name();
    EXPECT_THAT(NamesOfSetFields(request.rows(0)), ElementsAre(field->name()));
    EXPECT_THAT(NamesOfSetFields(request.params(0)), ElementsAre());
  }
}

TEST_F(FieldFlags, OfSampleSetEveryFieldOfTheOutputsAlone) {
  for (const FieldDescriptor* field : FieldsOf(v1::OutputOptions::descriptor())) {
    const v1::SampleRequest request = SampleRequestWith(*field);
    ASSERT_EQ(request.outputs_size(), 1) << field->name();
    EXPECT_THAT(NamesOfSetFields(request.outputs(0)), ElementsAre(field->name()));
  }
}

TEST_F(FieldFlags, SayWhatIsAllowedAndWhatUnsetMeans) {
  for (const FieldDescriptor* field : FieldsOf(v1::SamplingParams::descriptor())) {
    const absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(field->name());
    ASSERT_NE(flag, nullptr) << field->name();
    EXPECT_THAT(flag->Help(), HasSubstr(": ")) << field->name();
    EXPECT_THAT(flag->Help(), HasSubstr("Unset ")) << field->name();
  }
}

TEST_F(FieldFlags, OfDescribeAndScoreAreThoseOfSampleButTheOutputs) {
  for (const char* command : {"describe", "score"}) {
    const std::string help = RunCommand({"help", command}).out;
    for (const FieldDescriptor* field : FieldsOf(v1::SamplingParams::descriptor())) {
      EXPECT_THAT(help, HasSubstr("--" + field->name() + "\n")) << command;
    }
    for (const FieldDescriptor* field : FieldsOf(v1::RowState::descriptor())) {
      const bool is_taken = help.find("--" + field->name() + "\n") != std::string::npos;
      EXPECT_EQ(is_taken, field->name() != "draw_count") << command << " " << field->name();
    }
  }
}

}  // namespace
}  // namespace boltzmann::client
