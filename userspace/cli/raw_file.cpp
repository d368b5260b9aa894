// SPDX-License-Identifier: Apache-2.0
#include "cli/raw_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/http/text.hpp"

namespace probewall::cli {
namespace {

/// A request's head: its lines with their ends, and the blank line where there is one.
struct Head {
  std::string_view text;
  bool ended = false;    ///< by a blank line
  bool bare_lf = false;  ///< a line ends in LF alone
  bool chunked = false;
  std::optional<std::size_t> length;  ///< announced
};

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
}

void note_framing(std::string_view line, Head& head) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const auto name = line.substr(0, colon);
  if (equals_lower(name, "transfer-encoding")) head.chunked = true;
  if (!equals_lower(name, "content-length")) return;
  auto value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  std::size_t length = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), length);
  // A length that is none is what the file is there for: nothing is put right.
  head.length = read.ec == std::errc{} ? length : 0;
}

Head read_head(std::string_view text) {
  Head head;
  std::size_t at = 0;
  while (at < text.size() && !head.ended) {
    const auto line = first_line(text.substr(at));
    at += line.size();
    head.bare_lf |= line.ends_with('\n') && !line.ends_with("\r\n");
    head.ended = without_end(line).empty();
    note_framing(without_end(line), head);
  }
  head.text = text.substr(0, at);
  return head;
}

/// Where the next request begins in what stands behind a head that announces no length.
std::size_t next_request(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto line = first_line(text.substr(at));
    if (is_request_line(without_end(line))) return at;
    at += line.size();
  }
  return text.size();
}

std::string with_crlf(std::string_view head) {
  std::string out;
  while (!head.empty()) {
    const auto line = first_line(head);
    head.remove_prefix(line.size());
    if (!without_end(line).empty()) out += std::string{without_end(line)} + "\r\n";
  }
  return out;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of("\r\n") == std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::string read() {
    while (!rest_.empty() && !stop_) read_request();
    return std::move(out_);
  }
  std::vector<std::string> notes() && { return std::move(notes_); }

 private:
  void note(std::string text) {
    if (number_ > 1) text = fmt::format("request {}: {}", number_, text);
    notes_.push_back(std::move(text));
  }
  void read_request() {
    ++number_;
    const Head head = read_head(rest_);
    rest_.remove_prefix(head.text.size());
    std::string_view body;
    if (head.chunked) {
      body = rest_;  // where it ends only its own lengths say
    } else if (head.length) {
      body = rest_.substr(0, *head.length);
    } else {
      body = rest_.substr(0, next_request(rest_));
    }
    const bool unannounced = !head.chunked && !head.length && !is_blank(body);
    write(head, unannounced ? body.size() : 0);
    if (head.chunked || head.length || unannounced) out_ += body;
    rest_.remove_prefix(body.size());
    if (head.chunked) {
      if (head.bare_lf && !body.empty()) note("the chunked body is sent as it stands");
    } else if (head.length && body.size() < *head.length && head.bare_lf) {
      note(fmt::format("Content-Length says {} bytes, {} are there", *head.length, body.size()));
    }
    pass_on(head);
  }
  /// The head; what had to be changed is said.
  void write(const Head& head, std::size_t unannounced) {
    if (without_end(first_line(head.text)).find(" HTTP/2") != std::string_view::npos) {
      note("HTTP/2 is no text: sent as it stands; a session says \"http\": \"2\" for frames");
    }
    if (!head.bare_lf && unannounced == 0) {
      out_ += head.text;
      return;
    }
    out_ += with_crlf(head.text);
    if (unannounced > 0) out_ += fmt::format("Content-Length: {}\r\n", unannounced);
    out_ += "\r\n";
    const std::string length =
        unannounced > 0 ? fmt::format("with Content-Length {}", unannounced) : "";
    if (head.bare_lf) {
      note("line ends LF: sent as CRLF" + (length.empty() ? "" : ", " + length));
    } else {
      note("no length announced: sent " + length);
    }
  }
  /// What stands behind a body of an announced length: another request, or bytes of no meaning.
  void pass_on(const Head& head) {
    if (is_blank(rest_)) {
      rest_ = {};
      return;
    }
    const auto begin = std::min(rest_.find_first_not_of("\r\n"), rest_.size());
    if (is_request_line(without_end(first_line(rest_.substr(begin))))) {
      rest_.remove_prefix(begin);
      return;
    }
    note(fmt::format("{} bytes behind the {} are sent as they stand", rest_.size(),
                     head.ended ? "announced body" : "head"));
    out_ += rest_;
    stop_ = true;
  }

  std::string_view rest_;
  std::string out_;
  std::vector<std::string> notes_;
  std::size_t number_ = 0;
  bool stop_ = false;
};

}  // namespace

bool is_request_line(std::string_view line) {
  const auto version = line.rfind(" HTTP/");
  if (version == std::string_view::npos || version == 0) return false;
  const auto method = line.substr(0, std::min(line.find(' '), version));
  const bool word = std::all_of(method.begin(), method.end(),
                                [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
  const auto digits = line.substr(version + 6);
  return word && method.size() < version && !digits.empty() && digits.size() <= 3 &&
         digits.find_first_not_of("0123456789.") == std::string_view::npos;
}

Session raw_session(std::string_view text, std::uint16_t port) {
  Session session;
  session.id = "request";
  SessionRequest request;
  request.port = port;
  if (without_end(first_line(text)) == "PRI * HTTP/2.0") {
    request.bytes = text;  // frames
  } else {
    Reader reader{text};
    request.bytes = reader.read();
    session.notes = std::move(reader).notes();
  }
  session.requests.push_back(std::move(request));
  return session;
}

}  // namespace probewall::cli
