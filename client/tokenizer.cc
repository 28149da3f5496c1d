#include "client/tokenizer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace boltzmann::client {
namespace {

enum class Kind { kSpace, kLineEnd, kWord, kPunctuation, kEnd };

// One UTF-8 character, or one stray byte.
struct Glyph {
  std::string_view text;
  Kind kind;
};

size_t Utf8Length(unsigned char first) {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

bool IsAsciiWord(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

// Beyond ASCII all is letters, but the no-break space and the block of general punctuation, U+2000
// to U+207F.
Kind KindOf(std::string_view glyph) {
  const unsigned char first = glyph[0];
  if (first == '\n') return Kind::kLineEnd;
  if (first <= ' ' || glyph == "\u00a0") return Kind::kSpace;
  if (first < 0x80) return IsAsciiWord(first) ? Kind::kWord : Kind::kPunctuation;
  const bool general_punctuation =
      glyph.size() == 3 && first == 0xe2 && (glyph[1] == '\x80' || glyph[1] == '\x81');
  return general_punctuation ? Kind::kPunctuation : Kind::kWord;
}

Glyph GlyphAt(std::string_view text, size_t at) {
  if (at >= text.size()) return {{}, Kind::kEnd};
  const std::string_view glyph = text.substr(at, Utf8Length(text[at]));
  return {glyph, KindOf(glyph)};
}

template <size_t N>
bool IsOneOf(std::string_view token, const std::array<std::string_view, N>& set) {
  return std::find(set.begin(), set.end(), token) != set.end();
}

constexpr std::array<std::string_view, 4> kJoiners = {"'", "\u2019", "-", "."};

// Each of these is a token of its own even when repeated.
constexpr std::array<std::string_view, 15> kSingles = {
    "(", ")", "[", "]", "{", "}", "<", ">", "\"", ",", ";", ":", "\u201c", "\u201d", "\u2019"};

// By a token's first character.
constexpr std::array<std::string_view, 16> kAttachLeft = {
    ".", ",", ";", ":", "!", "?", ")", "]", "}", ">", "%", "/", "@", "\u201d", "\u2019", "\u2026"};
constexpr std::array<std::string_view, 12> kAttachRight = {"(", "[", "{", "<",  "$",      "#",
                                                           "/", "@", "`", "\\", "\u201c", "\u2018"};

// A word goes on over a joiner if a word's character follows it.
size_t WordEnd(std::string_view text, size_t at) {
  for (;;) {
    const Glyph glyph = GlyphAt(text, at);
    const size_t next = at + glyph.text.size();
    const bool joins = IsOneOf(glyph.text, kJoiners) && GlyphAt(text, next).kind == Kind::kWord;
    if (glyph.kind != Kind::kWord && !joins) return at;
    at = next;
  }
}

size_t PunctuationEnd(std::string_view text, size_t at) {
  const std::string_view first = GlyphAt(text, at).text;
  at += first.size();
  if (IsOneOf(first, kSingles)) return at;
  while (GlyphAt(text, at).text == first) at += first.size();
  return at;
}

// The end of white space from `at` on; `line_ends` is how many lines end in it.
size_t SpaceEnd(std::string_view text, size_t at, int& line_ends) {
  for (line_ends = 0;;) {
    const Glyph glyph = GlyphAt(text, at);
    if (glyph.kind != Kind::kSpace && glyph.kind != Kind::kLineEnd) return at;
    line_ends += glyph.kind == Kind::kLineEnd;
    at += glyph.text.size();
  }
}

}  // namespace

std::vector<std::string> Tokenize(std::string_view text) {
  std::vector<std::string> tokens;
  for (size_t at = 0;;) {
    int line_ends;
    at = SpaceEnd(text, at, line_ends);
    if (line_ends >= 2) tokens.emplace_back(kParagraphBreak);
    const Kind kind = GlyphAt(text, at).kind;
    if (kind == Kind::kEnd) return tokens;
    const size_t end = kind == Kind::kWord ? WordEnd(text, at) : PunctuationEnd(text, at);
    tokens.emplace_back(text.substr(at, end - at));
    at = end;
  }
}

bool Detokenizer::AttachesLeft(std::string_view token) const {
  if (token[0] == '"') return in_double_quotes_;
  if (token[0] == '\'') return in_single_quotes_;
  return IsOneOf(GlyphAt(token, 0).text, kAttachLeft);
}

bool Detokenizer::AttachesRight(std::string_view token) const {
  if (token[0] == '"') return !in_double_quotes_;
  if (token[0] == '\'') return !in_single_quotes_;
  return IsOneOf(GlyphAt(token, 0).text, kAttachRight);
}

std::string Detokenizer::Append(std::string_view token) {
  if (token.empty()) return "";
  if (token == kParagraphBreak) {
    *this = Detokenizer();
    return std::string(token);
  }
  std::string piece = glued_ || AttachesLeft(token) ? "" : " ";
  glued_ = AttachesRight(token);
  if (token[0] == '"') in_double_quotes_ = !in_double_quotes_;
  if (token[0] == '`') in_single_quotes_ = true;
  if (token[0] == '\'') in_single_quotes_ = !in_single_quotes_;
  return piece.append(token);
}

}  // namespace boltzmann::client
