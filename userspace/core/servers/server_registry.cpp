// SPDX-License-Identifier: Apache-2.0
#include "core/servers/server_registry.hpp"

#include <algorithm>
#include <utility>

#include "core/flow/answer_text.hpp"
#include "core/http/shown_text.hpp"
#include "core/http/text.hpp"
#include "core/llm/refusal.hpp"
#include "core/servers/access_paths.hpp"
#include "core/servers/model_names.hpp"

namespace probewall {
namespace {

constexpr Duration kHolds = std::chrono::hours{7 * 24};
constexpr Duration kTellAgain = std::chrono::hours{24};
constexpr Duration kTellBegun = std::chrono::minutes{10};
constexpr std::size_t kTextBytes = 200;
constexpr Duration kTrialTime = std::chrono::minutes{10};
constexpr std::size_t kKeysOfNobody = 4;  ///< who has that many right ones?

std::size_t index_of(Access access) { return static_cast<std::size_t>(access); }

/// The body's beginning, without the size of its first chunk and white space.
std::string_view body_of(const Response& response) {
  const std::string_view all = response.head_and_body_prefix;
  const auto blank = all.find("\r\n\r\n");
  if (blank == std::string_view::npos) return {};
  auto body = all.substr(blank + 4);
  const auto digits = body.find_first_not_of("0123456789abcdefABCDEF");
  if (digits != 0 && digits != std::string_view::npos && body.substr(digits).starts_with("\r\n"))
    body.remove_prefix(digits + 2);
  const auto first = body.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view{} : body.substr(first);
}

std::optional<std::string_view> type_of(const Response& response) {
  const std::string_view all = response.head_and_body_prefix;
  return answer_field(all.substr(0, all.find("\r\n\r\n")), "content-type");
}

/// Errors come with 200, too.
bool is_error(std::string_view body) {
  if (!body.starts_with('{')) return false;
  body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n", 1), body.size()));
  constexpr std::string_view kFailed = "\"success\":";
  if (!body.starts_with(kFailed)) return body.starts_with("\"error\"");
  return trim_blank(body.substr(kFailed.size())).starts_with("false");
}

/// Data for programs: a web page that answers every path with 200 gives nothing away.
bool is_data(const Response& response, std::string_view body) {
  if (is_error(body)) return false;
  if (body.starts_with('{') || body.starts_with('[') || body.starts_with("data:") ||
      body.starts_with("event:"))
    return true;
  if (!body.empty()) return false;
  const auto type = type_of(response);
  return type && (type->find("json") != std::string_view::npos ||
                  type->find("event-stream") != std::string_view::npos);
}

/// What says that something was done: data, nothing at all, or a word. Never a page.
bool is_done(const Response& response, std::string_view body) {
  if (body.starts_with('<') || is_error(body)) return false;
  const auto type = type_of(response);
  return !type || type->find("json") != std::string_view::npos ||
         type->find("event-stream") != std::string_view::npos || type->starts_with("text/plain");
}

/// Speech and pictures.
bool is_media(const Response& response) {
  const auto type = type_of(response);
  return type && (type->starts_with("audio/") || type->starts_with("image/"));
}

bool is_product(Impl impl) {
  return impl != Impl::kUnknown && impl != Impl::kOther && impl != Impl::kOpenAi;
}

/// Several products answer in these makers' formats.
bool is_format(Impl impl) { return impl == Impl::kAnthropic || impl == Impl::kGemini; }

}  // namespace

std::optional<Exposure> ServerRegistry::on_response(const Request& request,
                                                    const Response& response) {
  if (response.status < 200 || request.decoy || request.conflicting) return std::nullopt;
  const bool ok = response.status < 300;
  const ServerAddress address{request.flow.server, request.flow.server_port};
  const std::string_view body = body_of(response);
  const Asked asked =
      ok ? given_to(request, body, shown_by(address, response)) : asked_for(request);
  // What is no LLM server's answer makes no entry.
  if (request.api == Api::kNone && response.impl == Impl::kUnknown && !asked.proven &&
      !servers_.contains(address))
    return std::nullopt;
  Server& server = at(address, response.time);
  ++server.known.answers;
  const bool data = ok && is_data(response, body);
  const bool given = data || (ok && asked.done_by_any && is_done(response, body)) ||
                     (ok && request.api == Api::kCompute && is_media(response));
  const Impl owner = asked.foreign ? Impl::kUnknown : request.impl;
  learn_product(server, asked.impl == Impl::kUnknown ? owner : asked.impl, response, given);
  learn_models(server, request, response, data);
  const bool denied = response.status == 401 || response.status == 403;
  if (denied &&
      asks_for_key(response.status, response.head_and_body_prefix, provokes_forbidden(request))) {
    refused(server, request, asked.access, response.time);
  }
  if (!given || asked.access == Access::kNone || inside_.contains(request.flow.client))
    return std::nullopt;
  const auto key = shown(server, request, response.time);
  if (!key) return std::nullopt;
  ++server.known.open_answers;
  Exposure found;
  found.time = response.time;
  found.server = address.address;
  found.port = address.port;
  found.impl = server.known.impl;
  found.access = asked.access;
  found.key = *key;
  found.source = request.source;
  found.request_id = request.id;
  found.method = request.head.method.substr(0, 16);
  found.path = without_keys(request.head.path).substr(0, kTextBytes);
  // Elsewhere a "name" may be a person's.
  if (is_generation(request.api) || request.api == Api::kOllamaManage)
    found.model = without_keys(request.llm.model).substr(0, kModelNameBytes);
  found.status = response.status;
  return note(server, std::move(found));
}

std::optional<Exposure> ServerRegistry::note(Server& server, Exposure found) {
  const Timestamp now = found.time;
  const bool began = worst(server, now) == nullptr;
  if (began) server.known.exposed_since = now;
  // Only now: an older model list counts again, too, and would look like an exposure that went on.
  if (found.access == Access::kGeneration && found.key == KeyShown::kNone)
    server.refuses_generation = false;
  server.evidence[index_of(found.access)] = std::move(found);
  const Exposure* in_force = worst(server, now);
  if (in_force == nullptr) return std::nullopt;
  // Who gets now a refusal and now an answer must not fill the log.
  const Duration quiet = began ? kTellBegun : kTellAgain;
  if (in_force->access <= server.told && now - server.told_at < quiet) return std::nullopt;
  server.told = in_force->access;
  server.told_at = now;
  return *in_force;
}

const Exposure* ServerRegistry::worst(const Server& server, Timestamp now) {
  for (auto level = index_of(Access::kManagement); level >= index_of(Access::kModels); --level) {
    const auto& evidence = server.evidence[level];
    if (!evidence || now - evidence->time > kHolds) continue;
    // Several servers show their models to everybody, key or not.
    if (level == index_of(Access::kModels) && server.refuses_generation) continue;
    return &*evidence;
  }
  return nullptr;
}

void ServerRegistry::refused(Server& server, const Request& request, Access asked, Timestamp now) {
  const bool keyless = request.head.auth == AuthKind::kNone;
  auto& evidence = server.evidence[index_of(asked)];
  if (!keyless) server.key_refused = now;
  const bool mended = evidence && (evidence->key == KeyShown::kNone  ? keyless
                                   : evidence->key == KeyShown::kAny ? !keyless
                                                                     : request.head.well_known_key);
  if (mended) evidence.reset();
  if (!keyless) return;
  ++server.known.refusals;
  if (asked == Access::kGeneration) server.refuses_generation = true;
}

std::optional<KeyShown> ServerRegistry::shown(Server& server, const Request& request,
                                              Timestamp now) {
  if (request.head.auth == AuthKind::kNone) return KeyShown::kNone;
  if (request.head.well_known_key) return KeyShown::kWellKnown;
  if (request.head.session_key) return std::nullopt;  // changes by itself: no guess at keys
  // A server that refused one key looks at them: the others may be right.
  if (server.key_refused && now - *server.key_refused < kHolds) return std::nullopt;
  KeyTrial& trial = server.trial;
  if (trial.source != request.source || now - trial.since > kTrialTime)
    trial = {request.source, now, {}};
  const auto& key = request.head.auth_hash;
  if (std::find(trial.keys.begin(), trial.keys.end(), key) == trial.keys.end() &&
      trial.keys.size() < kKeysOfNobody)
    trial.keys.push_back(key);
  return trial.keys.size() < kKeysOfNobody ? std::nullopt : std::optional{KeyShown::kAny};
}

Impl ServerRegistry::shown_by(const ServerAddress& address, const Response& response) const {
  if (is_product(response.impl) && !is_format(response.impl)) return response.impl;
  const auto found = servers_.find(address);
  const bool shown = found != servers_.end() && found->second->product_shown;
  return shown ? found->second->known.impl : Impl::kUnknown;
}

void ServerRegistry::learn_product(Server& server, Impl asked, const Response& response,
                                   bool given) {
  if (is_format(response.impl) && server.product_shown) return;  // its own markers say more
  if (is_product(response.impl)) {
    server.known.impl = response.impl;
    server.product_shown = true;
  } else if (given && !server.product_shown && is_product(asked)) {
    server.known.impl = asked;
  }
}

void ServerRegistry::learn_models(Server& server, const Request& request, const Response& response,
                                  bool data) {
  auto& models = server.known.models;
  std::string scratch;
  std::string_view asked = request.llm.model;
  if (response.status == 404 && !asked.empty() && is_generation(request.api)) {
    std::erase(models, without_keys(asked, scratch));
    return;
  }
  if (!data) return;
  if (request.api == Api::kModels) {
    auto read = read_model_names(body_of(response), kMaxModels);
    if (read.names.empty()) return;
    if (read.whole) models.clear();
    server.listed = read.whole;
    for (auto& name : read.names) {
      name = without_keys(name);
      if (std::find(models.begin(), models.end(), name) == models.end() &&
          models.size() < kMaxModels)
        models.push_back(std::move(name));
    }
    server.known.models_cut = !read.whole;
    return;
  }
  // A server with one model answers whatever name is asked for: its own list is the truth.
  if (server.listed || asked.empty() || asked.size() > kModelNameBytes) return;
  if (!is_generation(request.api)) return;
  asked = without_keys(asked, scratch);
  if (std::find(models.begin(), models.end(), asked) != models.end()) return;
  if (models.size() < kMaxModels) {
    models.emplace_back(asked);
  } else {
    server.known.models_cut = true;
  }
}

ServerRegistry::Server& ServerRegistry::at(const ServerAddress& address, Timestamp now) {
  auto found = servers_.find(address);
  if (found == servers_.end()) {
    if (servers_.size() >= kMaxServers) {
      servers_.erase(order_.front());
      order_.pop_front();
      ++evicted_;
    }
    auto made = std::make_unique<Server>();
    made->known.server = address;
    made->known.first_seen = now;
    made->place = order_.insert(order_.end(), address);
    found = servers_.emplace(address, std::move(made)).first;
  } else {
    order_.splice(order_.end(), order_, found->second->place);
  }
  found->second->known.last_seen = now;
  return *found->second;
}

std::vector<ServerReport> ServerRegistry::list(Timestamp now) const {
  std::vector<ServerReport> out;
  out.reserve(servers_.size());
  for (const auto& [address, server] : servers_) {
    out.push_back(server->known);
    if (const Exposure* exposure = worst(*server, now)) {
      out.back().exposed = *exposure;
      out.back().exposed->impl = server->known.impl;
    }
  }
  return out;
}

std::vector<ServerAddress> ServerRegistry::exposed(Timestamp now) const {
  std::vector<ServerAddress> out;
  for (const auto& [address, server] : servers_) {
    if (worst(*server, now) != nullptr) out.push_back(address);
  }
  return out;
}

}  // namespace probewall
