// SPDX-License-Identifier: Apache-2.0
#include "cli/session_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/raw_file.hpp"
#include "cli/session_answer.hpp"
#include "cli/session_http2.hpp"
#include "config/units.hpp"
#include "core/http/text.hpp"

namespace probewall::cli {
namespace {

constexpr std::size_t kMaxBody = 64u << 20;

const std::vector<std::string> kSessionKeys{"id",     "label",      "aims",     "impl",
                                            "source", "src_is_new", "requests", "note"};
const std::vector<std::string> kRequestKeys{
    "t",    "dst",         "port",        "method",    "path",         "http",          "headers",
    "body", "body_repeat", "resp_status", "resp_body", "resp_headers", "new_connection"};

/// Where in the file, for errors.
struct Place {
  const std::string& name;
  std::size_t line = 0;
  std::size_t request = 0;  ///< from 1; 0: the session itself

  tl::unexpected<Error> wrong(const std::string& what) const {
    const auto in = request == 0 ? std::string{} : fmt::format("request {}: ", request);
    return tl::unexpected(
        Error{fmt::format("{}:{}: {}{}", name, line, in, what), 0, ExitStatus::kFailed});
  }
};

Result<void> check_keys(const boost::json::object& object, const std::vector<std::string>& known,
                        const Place& place) {
  for (const auto& [key, value] : object) {
    const std::string word{key.data(), key.size()};
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    const auto near = nearest_word(word, known);
    return place.wrong(fmt::format("unknown key '{}'{}", word,
                                   near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
  }
  return {};
}

std::string string_of(const Json& value) {
  const auto* s = value.if_string();
  return s == nullptr ? std::string{} : std::string{s->data(), s->size()};
}

std::string body_of(const Json& request) {
  const auto& repeat = list(request, "body_repeat");
  if (repeat.size() == 4) {  // prefix, unit, how often, suffix
    std::string body = string_of(repeat[0]);
    const std::string unit = string_of(repeat[1]);
    const auto* times = repeat[2].if_int64();
    for (std::int64_t n = 0; times != nullptr && n < *times && body.size() < kMaxBody; ++n)
      body += unit;
    return body + string_of(repeat[3]);
  }
  const Json& body = at(request, "body");
  if (body.is_null()) return {};
  return body.is_string() ? string_of(body) : compact(body);
}

std::string chunked(const std::string& body) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += 900) {
    const auto piece = body.substr(at, 900);
    out += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  return out + "0\r\n\r\n";
}

bool is_http2(const Json& request) {
  const auto version = raw_text(request, "http");
  return version == "h2c" || version.starts_with('2');
}

Result<std::string> wire_of(const Json& request, const std::string& host, const Place& place) {
  std::string body = body_of(request);
  const std::string version = has(request, "http") ? raw_text(request, "http") : "1.1";
  std::string head =
      raw_text(request, "method") + ' ' + raw_text(request, "path") + " HTTP/" + version + "\r\n";
  bool has_host = version == "1.0", has_length = false, in_chunks = false;
  std::string lines;
  for (const Json& header : list(request, "headers")) {
    const auto* pair = header.if_array();
    if (pair == nullptr || pair->size() != 2)
      return place.wrong("'headers' is a list of pairs, e.g. [[\"Host\", \"a\"]]");
    const std::string name = string_of((*pair)[0]);
    has_host |= equals_lower(name, "host");
    has_length |= equals_lower(name, "content-length");
    in_chunks |= equals_lower(name, "transfer-encoding") && !is_http2(request);
    lines += name + ": " + string_of((*pair)[1]) + "\r\n";
  }
  if (!has_host) head += "Host: " + host + "\r\n";
  head += lines;
  if (!body.empty() && !in_chunks && !has_length)
    head += fmt::format("Content-Length: {}\r\n", body.size());
  if (in_chunks && !body.ends_with("0\r\n\r\n")) body = chunked(body);
  return head + "\r\n" + body;
}

Result<SessionRequest> read_request(const Json& json, const Place& place) {
  const auto* object = json.if_object();
  if (object == nullptr) return place.wrong("not a JSON object");
  if (auto known = check_keys(*object, kRequestKeys, place); !known)
    return tl::unexpected(known.error());
  for (const char* key : {"method", "path"}) {
    if (raw_text(json, key).empty())
      return place.wrong(fmt::format("'{}' is missing or no text", key));
  }
  SessionRequest out;
  out.at_s = number(json, "t");
  if (has(json, "dst")) out.server = raw_text(json, "dst");
  if (has(json, "port")) {
    const double port = number(json, "port");
    if (!(port >= 1 && port <= 65535)) return place.wrong("'port' is no number from 1 to 65535");
    out.port = static_cast<std::uint16_t>(port);
  }
  auto bytes = wire_of(json, out.server + ":" + std::to_string(out.port), place);
  if (!bytes) return tl::unexpected(bytes.error());
  out.bytes = std::move(*bytes);
  return out;
}

Result<Session> read_session(std::string_view line, Place place) {
  const auto json = parse_json(line);
  if (!json) return place.wrong("not JSON; sessions are one JSON object a line");
  const auto* object = json->if_object();
  if (object == nullptr) return place.wrong("not a JSON object");
  if (auto known = check_keys(*object, kSessionKeys, place); !known)
    return tl::unexpected(known.error());
  Session session;
  session.id = has(*json, "id") ? raw_text(*json, "id") : fmt::format("line {}", place.line);
  session.label = raw_text(*json, "label");
  if (list(*json, "requests").empty()) return place.wrong("'requests' is missing or empty");
  const AnswerMaker answers{*json};
  for (const Json& request : list(*json, "requests")) {
    ++place.request;
    auto read = read_request(request, place);
    if (!read) return tl::unexpected(read.error());
    if (has(request, "resp_status")) read->answer = answers.answer(request);
    if (is_http2(request)) {
      read->bytes = http2_request(read->bytes);
      if (!read->answer.empty()) read->answer = http2_answer(read->answer);
    }
    session.requests.push_back(std::move(*read));
  }
  const bool known = at(*json, "src_is_new").is_bool() && !flag(*json, "src_is_new");
  if (known && session.label != "probe") {
    session.earlier = answers.earlier_use();
    session.notes.emplace_back("not a new source: ordinary use on the two days before is assumed");
  }
  return session;
}

}  // namespace

Result<std::vector<Session>> read_session_file(std::string_view text, const std::string& name,
                                               std::uint16_t port) {
  Place place{name, 1, 0};
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return place.wrong("the file is empty");
  std::vector<Session> sessions;
  if (text[first] != '{') {
    const auto line = text.substr(first, text.substr(first).find('\n'));
    if (line.find(" HTTP/") == std::string_view::npos) {
      return place.wrong(
          "neither a request, which begins like \"GET /v1/models HTTP/1.1\", nor sessions, one "
          "JSON "
          "object a line");
    }
    sessions.push_back(raw_session(text.substr(first), port));
    return sessions;
  }
  for (std::size_t begin = 0; begin < text.size(); ++place.line) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto session = read_session(line, place);
    if (!session) return tl::unexpected(session.error());
    sessions.push_back(std::move(*session));
  }
  return sessions;
}

}  // namespace probewall::cli
