// SPDX-License-Identifier: Apache-2.0
#include "core/rules/server_table.hpp"

#include <algorithm>

#include "core/rules/body_fields.hpp"
#include "core/rules/features.hpp"

namespace probewall::rules {
namespace {

bool contains(const std::vector<std::uint32_t>& hashes, std::uint32_t hash) {
  return std::find(hashes.begin(), hashes.end(), hash) != hashes.end();
}

void add(std::vector<std::uint32_t>& hashes, std::uint32_t hash) {
  if (!contains(hashes, hash) && hashes.size() < ServerTable::kMaxModels) hashes.push_back(hash);
}

}  // namespace

std::uint32_t ServerTable::model_hash(std::string_view model) {
  return static_cast<std::uint32_t>(hash_bytes(model.data(), model.size(), 11) >> 32);
}

Hosted ServerTable::hosted(const ServerAddress& key, std::string_view model,
                           std::uint32_t hash) const {
  const auto found = servers_.find(key);
  if (found == servers_.end() || model.empty()) return Hosted::kUnknown;
  const Server& server = found->second;
  if (contains(server.models, hash)) return Hosted::kYes;
  if (server.listed || contains(server.missing, hash)) return Hosted::kNo;
  return Hosted::kUnknown;
}

bool ServerTable::refuses(const ServerAddress& key, Asked what) const {
  const auto found = servers_.find(key);
  return found != servers_.end() && (found->second.refuses & bit(what)) != 0;
}

void ServerTable::learn_list(const ServerAddress& key, std::string_view answer) {
  const std::size_t blank = answer.find("\r\n\r\n");
  if (blank == std::string_view::npos) return;
  const std::string_view body = answer.substr(blank + 4);
  FieldList fields;
  std::string model;
  read_body_fields(body, fields);
  Server& server = at(key);
  std::size_t found = 0;
  for (const BodyField& field : fields) {
    const bool names_model = field.name == "id" || field.name == "name" || field.name == "model";
    if (!field.is_string || !names_model || field.value.empty()) continue;
    normalise_model(field.value, model);
    add(server.models, model_hash(model));
    ++found;
  }
  // Only the first bytes of an answer are captured: a list that does not end proves no absence.
  const std::size_t last = body.find_last_not_of(" \t\r\n");
  const bool whole =
      last != std::string_view::npos && body[last] == '}' && fields.size() < kMaxFields &&
      std::count(body.begin(), body.end(), '{') == std::count(body.begin(), body.end(), '}');
  server.listed = found > 0 && whole;
}

void ServerTable::learn_model(const ServerAddress& key, std::uint32_t model_hash) {
  Server& server = at(key);
  add(server.models, model_hash);
  std::erase(server.missing, model_hash);
}

void ServerTable::learn_missing(const ServerAddress& key, std::uint32_t model_hash) {
  Server& server = at(key);
  add(server.missing, model_hash);
  std::erase(server.models, model_hash);
}

ServerTable::Server& ServerTable::at(const ServerAddress& key) {
  const auto found = servers_.find(key);
  if (found != servers_.end()) return found->second;
  if (order_.size() == kMaxServers) {
    servers_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(key);
  return servers_[key];
}

}  // namespace probewall::rules
