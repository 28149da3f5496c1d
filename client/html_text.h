// Text in HTML.
#ifndef BOLTZMANN_CLIENT_HTML_TEXT_H_
#define BOLTZMANN_CLIENT_HTML_TEXT_H_

#include <string>
#include <string_view>

namespace boltzmann::client {

// `text` as it is written in an element or in a quoted attribute: no markup of its own survives,
// and what is no character of HTML is shown as U+FFFD.
std::string HtmlText(std::string_view text);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_HTML_TEXT_H_
