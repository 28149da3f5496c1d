// Text to words and back, for the n-gram model.
#ifndef BOLTZMANN_CLIENT_TOKENIZER_H_
#define BOLTZMANN_CLIENT_TOKENIZER_H_

#include <string>
#include <string_view>
#include <vector>

namespace boltzmann::client {

// The token that stands for one or more blank lines.
inline constexpr std::string_view kParagraphBreak = "\n\n";

// Splits UTF-8 text into words, punctuation and paragraph breaks. Apostrophes, hyphens and full
// stops inside a word belong to it ("don't", "third-party", "2.1"); repeated punctuation ("---") is
// one token, except for brackets, quotes and commas. Other white space only separates. O(n).
std::vector<std::string> Tokenize(std::string_view text);

// Joins tokens as text is written: spaces between words, punctuation attached to the word that it
// belongs to. For text with single spaces and blank lines, joining what Tokenize gives is the text
// again, but for rare punctuation (such as a lone apostrophe that opens no quotation).
class Detokenizer {
 public:
  // What the text gains by `token`: the space before it, if any, and the token.
  std::string Append(std::string_view token);

 private:
  // Whether `token` stands without a space before it, or makes what follows do so.
  bool AttachesLeft(std::string_view token) const;
  bool AttachesRight(std::string_view token) const;

  bool glued_ = true;  // no space before the next token
  bool in_double_quotes_ = false;
  bool in_single_quotes_ = false;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_TOKENIZER_H_
