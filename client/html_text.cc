#include "client/html_text.h"

#include "client/utf8.h"

namespace boltzmann::client {
namespace {

void AppendCharacter(char c, std::string& html) {
  switch (c) {
    case '&':
      html += "&amp;";
      return;
    case '<':
      html += "&lt;";
      return;
    case '>':
      html += "&gt;";
      return;
    case '"':
      html += "&quot;";
      return;
    case '\'':
      html += "&#39;";
      return;
    default:
      break;
  }
  const bool control = (static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') || c == 0x7f;
  html += control ? std::string("\xef\xbf\xbd") : std::string(1, c);
}

}  // namespace

std::string HtmlText(std::string_view text) {
  std::string html;
  for (const char c : ValidUtf8(text)) AppendCharacter(c, html);
  return html;
}

}  // namespace boltzmann::client
