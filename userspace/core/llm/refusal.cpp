// SPDX-License-Identifier: Apache-2.0
#include "core/llm/refusal.hpp"

#include "core/http/text.hpp"

namespace probewall {
namespace {

bool is_letter(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

/// Whether `at` is the place of `word` in `text`, case aside.
bool is_at(std::string_view text, std::size_t at, std::string_view word) {
  return equals_lower(text.substr(at, word.size()), word);
}

/// "key", "keys", "apikey": no keyword, monkey or keyboard.
bool is_key_word(std::string_view text, std::size_t at) {
  if (!is_at(text, at, "key")) return false;
  const bool begins =
      at == 0 || !is_letter(text[at - 1]) || (at >= 3 && is_at(text, at - 3, "api"));
  std::size_t end = at + 3;
  if (end < text.size() && ascii_lower(text[end]) == 's') ++end;
  return begins && (end == text.size() || !is_letter(text[end]));
}

/// "authentication", "unauthorized", "auth_error": no author.
bool is_auth_word(std::string_view text, std::size_t at) {
  if (!is_at(text, at, "auth")) return false;
  return !is_at(text, at, "author") || is_at(text, at, "authoriz") || is_at(text, at, "authoris");
}

bool speaks_of_keys(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (ascii_lower(text[at])) {
      case 'k':
        if (is_key_word(text, at)) return true;
        break;
      case 'a':
        if (is_auth_word(text, at)) return true;
        break;
      case 't':
        if (is_at(text, at, "token")) return true;
        break;
      case 'c':
        if (is_at(text, at, "credential")) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

/// Ollama without an account for models that run elsewhere, a proxy whose own key was refused:
/// whoever asks for such a model gets this answer, and others of the same server for nothing.
bool is_about_own_account(std::string_view body) {
  return body.find("\"signin_url\"") != body.npos ||
         body.find("litellm.AuthenticationError") != body.npos;
}

}  // namespace

bool provokes_forbidden(const Request& request) {
  return request.head.origin || request.head.method == "OPTIONS" ||
         speaks_of_keys(request.head.path) || speaks_of_keys(request.llm.model);
}

bool asks_for_key(int status, std::string_view head_and_body, bool provoked) {
  if (status != 401 && (status != 403 || provoked)) return false;
  const auto head = head_and_body.substr(0, head_and_body.find("\r\n\r\n"));
  const auto body = head_and_body.substr(head.size());
  if (status == 401) return !is_about_own_account(body);
  return contains_lower(head, "\nwww-authenticate:") || speaks_of_keys(body);
}

}  // namespace probewall
