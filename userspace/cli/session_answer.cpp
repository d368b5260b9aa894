// SPDX-License-Identifier: Apache-2.0
#include "cli/session_answer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/http/text.hpp"
#include "events/json_append.hpp"

namespace probewall::cli {
namespace {

constexpr const char* kModel = "llama3.2:latest";

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string model_of(const Json& request) {
  const auto body = parse_json(raw_text(request, "body"));
  if (!body || !body->is_object()) return {};
  const auto model = raw_text(*body, "model");
  return model.empty() ? raw_text(*body, "name") : model;
}

std::string answer_text(std::uint64_t status, const std::string& headers, const std::string& body) {
  return fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, headers,
                     body.size(), body);
}

}  // namespace

AnswerMaker::AnswerMaker(const Json& session) : session_(session), hosted_{kModel, "qwen2.5:7b"} {
  for (const Json& request : list(session, "requests")) {
    const auto model = model_of(request);
    if (count(request, "resp_status") != 200 || model.empty()) continue;
    if (std::find(hosted_.begin(), hosted_.end(), model) == hosted_.end()) hosted_.push_back(model);
  }
}

std::string AnswerMaker::made_up_body(const Json& request, std::uint64_t status) const {
  const std::string target = raw_text(request, "path");
  const std::string path = target.substr(0, target.find('?'));
  const std::string model = model_of(request);
  if (status == 404 && path.find("chat") != std::string::npos) {
    return fmt::format("{{\"error\":{{\"message\":{},\"code\":404}}}}",
                       json_text("model '" + (model.empty() ? kModel : model) + "' not found"));
  }
  if (status >= 300) return fmt::format("{{\"error\":{{\"code\":{}}}}}", status);
  if (path == "/api/tags" || path.ends_with("/models")) {
    std::string models;
    for (const auto& name : hosted_)
      models += std::string{models.empty() ? "" : ","} +
                fmt::format("{{\"id\":{0},\"name\":{0}}}", json_text(name));
    return path == "/api/tags" ? "{\"models\":[" + models + "]}"
                               : "{\"object\":\"list\",\"data\":[" + models + "]}";
  }
  if (model.empty()) return path == "/" ? "<!doctype html><title>service</title>" : "{}";
  return fmt::format("{{\"model\":{},\"choices\":[]}}", json_text(model));
}

std::string AnswerMaker::answer(const Json& request) const {
  const auto status = count(request, "resp_status");
  std::string headers;
  for (const Json& header : list(request, "resp_headers")) {
    const auto* pair = header.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      continue;
    headers +=
        std::string{(*pair)[0].get_string()} + ": " + std::string{(*pair)[1].get_string()} + "\r\n";
  }
  const std::string body =
      has(request, "resp_body") ? raw_text(request, "resp_body") : made_up_body(request, status);
  if (headers.empty())
    headers = body.starts_with('<') ? "Content-Type: text/html\r\n"
                                    : "Content-Type: application/json\r\n";
  return answer_text(status, headers, raw_text(request, "method") == "HEAD" ? "" : body);
}

std::vector<SessionRequest> AnswerMaker::earlier_use() const {
  const Json& first = list(session_, "requests").front();
  std::string headers;
  for (const Json& header : list(first, "headers")) {
    const auto* pair = header.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      continue;
    const std::string name{(*pair)[0].get_string()};
    for (const char* kept : {"host", "user-agent", "authorization", "x-api-key", "accept"}) {
      if (equals_lower(name, kept))
        headers += name + ": " + std::string{(*pair)[1].get_string()} + "\r\n";
    }
  }
  std::vector<SessionRequest> out;
  for (const double ago : {172800., 151200., 93600., 86400., 64800., 7200.}) {
    const std::string body = fmt::format(
        "{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Please shorten "
        "paragraph "
        "{} of my draft.\"}}]}}",
        kModel, out.size() + 1);
    SessionRequest r;
    r.at_s = -ago;
    if (has(first, "dst")) r.server = raw_text(first, "dst");
    r.port = static_cast<std::uint16_t>(count(first, "port"));
    r.bytes = fmt::format(
        "POST /v1/chat/completions HTTP/1.1\r\n{}Content-Type: application/json\r\nContent-Length: "
        "{}\r\n\r\n{}",
        headers, body.size(), body);
    r.answer = answer_text(200, "Content-Type: application/json\r\n",
                           fmt::format("{{\"model\":\"{}\",\"choices\":[]}}", kModel));
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace probewall::cli
