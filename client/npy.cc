#include "client/npy.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/printable.h"

namespace boltzmann::client {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

template <typename... Parts>
absl::Status NpyError(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(".npy: ", parts...));
}

// What the file says of its array: a Python dict, such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 8), }
struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<uint64_t>> shape;
};

// Reads the dict from front to back. Each Take skips spaces first, and takes all or nothing.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : rest_(text) {}

  bool Take(std::string_view token) {
    SkipSpaces();
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<std::string> TakeString() {
    SkipSpaces();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return std::nullopt;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::optional<bool> TakeBool() {
    if (Take("True")) return true;
    if (Take("False")) return false;
    return std::nullopt;
  }

  // A tuple of sizes: (), (8,), (2, 8).
  std::optional<std::vector<uint64_t>> TakeShape() {
    if (!Take("(")) return std::nullopt;
    std::vector<uint64_t> shape;
    while (!Take(")")) {
      const std::optional<uint64_t> size = TakeSize();
      if (!size) return std::nullopt;
      shape.push_back(*size);
      if (Take(",")) continue;
      if (!Take(")")) return std::nullopt;
      break;
    }
    return shape;
  }

  // What stands next, for a message.
  std::string Next() const { return Printable(rest_); }

  bool AtEnd() {
    SkipSpaces();
    return rest_.empty();
  }

 private:
  std::optional<uint64_t> TakeSize() {
    SkipSpaces();
    uint64_t size = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
    if (error != std::errc()) return std::nullopt;
    rest_.remove_prefix(end - rest_.data());
    return size;
  }

  void SkipSpaces() {
    const size_t begin = rest_.find_first_not_of(" \t\n");
    rest_.remove_prefix(begin == std::string_view::npos ? rest_.size() : begin);
  }

  std::string_view rest_;
};

absl::Status ReadValue(const std::string& key, HeaderReader& reader, Header& header) {
  if (key == "descr") {
    header.descr = reader.TakeString();
    if (header.descr) return absl::OkStatus();
  } else if (key == "fortran_order") {
    header.fortran_order = reader.TakeBool();
    if (header.fortran_order) return absl::OkStatus();
  } else if (key == "shape") {
    header.shape = reader.TakeShape();
    if (header.shape) return absl::OkStatus();
  } else {
    return NpyError("the header has an unknown key '", Printable(key), "'");
  }
  return NpyError("the header's '", key, "' is not understood: ", reader.Next());
}

absl::StatusOr<Header> ParseHeader(std::string_view text) {
  HeaderReader reader(text);
  Header header;
  if (!reader.Take("{")) return NpyError("the header is not a dict: ", reader.Next());
  while (!reader.Take("}")) {
    const std::optional<std::string> key = reader.TakeString();
    if (!key || !reader.Take(":")) return NpyError("the header is broken at: ", reader.Next());
    if (absl::Status status = ReadValue(*key, reader, header); !status.ok()) return status;
    if (reader.Take(",")) continue;
    if (!reader.Take("}")) return NpyError("the header is broken at: ", reader.Next());
    break;
  }
  if (!reader.AtEnd()) return NpyError("the header goes on after its end: ", reader.Next());
  if (!header.descr) return NpyError("the header has no 'descr'");
  if (!header.fortran_order) return NpyError("the header has no 'fortran_order'");
  if (!header.shape) return NpyError("the header has no 'shape'");
  return header;
}

absl::StatusOr<v1::DataType> DataTypeOf(const std::string& descr) {
  if (descr == "<f4") return v1::DATA_TYPE_FLOAT32;
  if (descr == "<f2") return v1::DATA_TYPE_FLOAT16;
  return NpyError("dtype '", Printable(descr),
                  "' is not supported, only little-endian float32 ('<f4') and float16 ('<f2'): "
                  "convert it, as with array.astype('<f4')");
}

absl::Status CheckMaskType(const std::string& descr) {
  if (descr == "<i4" || descr == "<u4") return absl::OkStatus();
  return NpyError("dtype '", Printable(descr),
                  "' is not supported, only little-endian int32 ('<i4') and uint32 ('<u4'): "
                  "convert it, as with array.astype('<i4')");
}

std::string ShapeText(const std::vector<uint64_t>& shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), shape.size() == 1 ? ",)" : ")");
}

// What an array holds: how messages call its last axis and its items, and their size.
struct Items {
  const char* axis;
  const char* name;
  size_t size;
};

// An array as it lies in the file.
struct Array {
  uint32_t row_count = 1;
  uint32_t column_count = 0;
  std::string_view data;
};

absl::Status CheckSizes(const std::vector<uint64_t>& shape, const Items& items) {
  constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
  if (shape.empty() || shape.size() > 2) {
    return NpyError("shape ", ShapeText(shape), " is neither [", items.axis, "] nor [B, ",
                    items.axis, "]");
  }
  for (const uint64_t size : shape) {
    if (size < 1 || size > kMax) {
      return NpyError("shape ", ShapeText(shape), ": ", size, " is outside [1, ", kMax, "]");
    }
  }
  return absl::OkStatus();
}

// The array of a header whose dtype has been checked; `data` is all that follows the header.
absl::StatusOr<Array> MakeArray(const Header& header, std::string_view data, const Items& items) {
  if (*header.fortran_order) {
    return NpyError("fortran_order is True, and only C order is supported: ",
                    "save numpy.ascontiguousarray(array)");
  }
  const std::vector<uint64_t>& shape = *header.shape;
  if (absl::Status status = CheckSizes(shape, items); !status.ok()) return status;
  const uint64_t row_count = shape.size() == 2 ? shape[0] : 1;
  const uint64_t count = row_count * shape.back();
  if (data.size() % items.size != 0 || data.size() / items.size != count) {
    return NpyError("shape ", ShapeText(shape), " needs ", count, " ", items.name, " of ",
                    items.size, " bytes, but ", data.size(), " bytes follow the header");
  }
  return Array{static_cast<uint32_t>(row_count), static_cast<uint32_t>(shape.back()), data};
}

struct Parts {
  std::string_view header;
  std::string_view data;
};

// Layout: magic, major, minor, header length (2 bytes in format 1, else 4), header, data.
absl::StatusOr<Parts> Split(std::string_view bytes) {
  if (!IsNpy(bytes)) return NpyError("the magic bytes \\x93NUMPY are missing");
  const size_t length_at = kMagic.size() + 2;
  if (bytes.size() < length_at) return NpyError("truncated before the format's version");
  const auto byte_at = [bytes](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  const int major = byte_at(kMagic.size());
  const int minor = byte_at(kMagic.size() + 1);
  if (major < 1 || major > 3 || minor != 0) {
    return NpyError("format ", major, ".", minor, " is not supported, only 1.0, 2.0 and 3.0");
  }
  const size_t header_at = length_at + (major == 1 ? 2 : 4);
  if (bytes.size() < header_at) return NpyError("truncated before the header");
  size_t length = 0;
  for (size_t at = header_at; at-- > length_at;) length = length << 8 | byte_at(at);
  if (bytes.size() - header_at < length) {
    return NpyError("truncated: the header has ", length, " bytes, but only ",
                    bytes.size() - header_at, " are there");
  }
  return Parts{bytes.substr(header_at, length), bytes.substr(header_at + length)};
}

// A file whose header has been read; `data` is all that follows it.
struct File {
  Header header;
  std::string_view data;
};

absl::StatusOr<File> Open(std::string_view bytes) {
  const absl::StatusOr<Parts> parts = Split(bytes);
  if (!parts.ok()) return parts.status();
  absl::StatusOr<Header> header = ParseHeader(parts->header);
  if (!header.ok()) return header.status();
  return File{*std::move(header), parts->data};
}

}  // namespace

bool IsNpy(std::string_view bytes) { return bytes.substr(0, kMagic.size()) == kMagic; }

absl::StatusOr<LogitMatrix> ParseNpy(std::string_view bytes) {
  const absl::StatusOr<File> file = Open(bytes);
  if (!file.ok()) return file.status();
  const absl::StatusOr<v1::DataType> type = DataTypeOf(*file->header.descr);
  if (!type.ok()) return type.status();
  const absl::StatusOr<Array> array =
      MakeArray(file->header, file->data, {"V", "logits", SizeOf(*type)});
  if (!array.ok()) return array.status();
  return LogitMatrix{*type, array->row_count, array->column_count, std::string(array->data)};
}

absl::StatusOr<TokenMasks> ParseNpyMasks(std::string_view bytes) {
  const absl::StatusOr<File> file = Open(bytes);
  if (!file.ok()) return file.status();
  if (absl::Status status = CheckMaskType(*file->header.descr); !status.ok()) return status;
  const absl::StatusOr<Array> array = MakeArray(file->header, file->data, {"words", "words", 4});
  if (!array.ok()) return array.status();
  return TokenMasks{array->row_count, array->column_count, std::string(array->data)};
}

}  // namespace boltzmann::client
