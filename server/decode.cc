#include "server/decode.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"

namespace boltzmann::server {
namespace {

// The first token that is there twice.
std::optional<int32_t> FindRepeat(absl::Span<const int32_t> ids, Decoding& decoding) {
  const auto no_ascent = std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>());
  if (no_ascent == ids.end()) return std::nullopt;
  decoding.tokens.Resize(decoding.shape.vocab_size);
  const auto repeat =
      std::find_if_not(ids.begin(), ids.end(), [&](int32_t id) { return decoding.tokens.Add(id); });
  decoding.tokens.Clear(ids);
  return repeat == ids.end() ? std::nullopt : std::make_optional(*repeat);
}

}  // namespace

std::string Indexed(const std::string& field, size_t index) {
  return absl::StrCat(field, "[", index, "]");
}

std::string Outside(uint64_t value, uint64_t low, uint64_t high) {
  return absl::StrCat(value, " is outside [", low, ", ", high, "]");
}

void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path,
                         Decoding& decoding) {
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  if (unknown.empty()) return;
  decoding.Refuse(path, absl::StrCat("field number ", unknown.field(0).number(),
                                     " is not known to this server (version " BOLTZMANN_VERSION
                                     "): leave it out, or call a newer server"));
}

void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& field,
                         size_t index, Decoding& decoding) {
  if (message.GetReflection()->GetUnknownFields(message).empty()) return;
  RefuseUnknownFields(message, Indexed(field, index), decoding);
}

void CheckEntries(const std::string& field, uint64_t entries, Entries allowed, uint64_t count,
                  const char* noun, Decoding& decoding) {
  if (entries == count) return;
  if (entries == 0 && allowed != Entries::kEach) return;
  if (entries == 1 && allowed == Entries::kNoneOneOrEach) return;
  const char* choices = allowed == Entries::kEach         ? ""
                        : allowed == Entries::kNoneOrEach ? "none, or "
                                                          : "none, one for all, or ";
  decoding.Refuse(field, absl::StrCat(entries, " entries for ", count, " ", noun, "s: send ",
                                      choices, "one a ", noun));
}

bool HasVocabSize(const Decoding& decoding) {
  return static_cast<uint32_t>(decoding.shape.vocab_size) <= decoding.limits.max_vocab_size;
}

bool CheckTokens(absl::Span<const int32_t> ids, const std::string& field, Decoding& decoding) {
  return core::ValidateTokens(ids, decoding.shape.vocab_size, field, decoding.violations);
}

void CheckDistinct(absl::Span<const int32_t> ids, const std::string& field, Decoding& decoding) {
  if (!HasVocabSize(decoding)) return;
  if (const auto repeat = FindRepeat(ids, decoding)) {
    decoding.Refuse(field, absl::StrCat("token ", *repeat, " is there twice: send it once"));
  }
}

}  // namespace boltzmann::server
