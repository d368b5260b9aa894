// SPDX-License-Identifier: Apache-2.0
// Servers as all capture threads know them: each has seen the answers to its own sources.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "daemon/api_answers.hpp"
#include "daemon/clocks.hpp"

namespace probewall {
namespace {

void merge(ServerReport& into, ServerReport&& other) {
  into.answers += other.answers;
  into.refusals += other.refusals;
  into.open_answers += other.open_answers;
  into.first_seen = std::min(into.first_seen, other.first_seen);
  if (other.last_seen > into.last_seen || into.impl == Impl::kUnknown) {
    if (other.impl != Impl::kUnknown) into.impl = other.impl;
  }
  into.last_seen = std::max(into.last_seen, other.last_seen);
  into.models_cut |= other.models_cut;
  for (auto& model : other.models) {
    if (std::find(into.models.begin(), into.models.end(), model) == into.models.end())
      into.models.push_back(std::move(model));
  }
  if (!other.exposed) return;
  if (!into.exposed) {
    into.exposed_since = other.exposed_since;
  } else {
    into.exposed_since = std::min(into.exposed_since, other.exposed_since);
    const auto rank = [](const Exposure& e) { return std::pair{e.access, e.time}; };
    if (rank(*other.exposed) <= rank(*into.exposed)) return;
  }
  into.exposed = std::move(other.exposed);
}

ApiServerRow row_of(ServerReport&& r) {
  const RecordToWall wall;
  ApiServerRow row;
  row.server = r.server.address;
  row.port = r.server.port;
  row.impl = to_string(r.impl);
  row.models = std::move(r.models);
  row.models_cut = r.models_cut;
  row.first_seen_us = wall.us(r.first_seen);
  row.last_seen_us = wall.us(r.last_seen);
  row.answers = r.answers;
  row.refusals = r.refusals;
  row.open_answers = r.open_answers;
  if (r.exposed) {
    row.exposed = true;
    row.access = to_string(r.exposed->access);
    row.evidence = r.exposed->evidence();
    row.fix = exposure_advice(r.impl, r.exposed->access);
    row.since_us = wall.us(r.exposed_since);
    row.at_us = wall.us(r.exposed->time);
    row.source = r.exposed->source;
    row.status = r.exposed->status;
  }
  return row;
}

}  // namespace

Result<std::vector<ApiServerRow>> ApiAnswers::servers() {
  std::map<ServerAddress, ServerReport> all;
  for (const auto& thread : threads_) {
    for (auto& report : thread->servers()) {
      const auto [known, fresh] = all.try_emplace(report.server, report);
      if (!fresh) merge(known->second, std::move(report));
    }
  }
  std::vector<ApiServerRow> rows;
  rows.reserve(all.size());
  for (auto& [server, report] : all) rows.push_back(row_of(std::move(report)));
  std::stable_partition(rows.begin(), rows.end(), [](const ApiServerRow& r) { return r.exposed; });
  return rows;
}

std::size_t ApiAnswers::exposed_servers() const {
  std::set<ServerAddress> exposed;
  for (const auto& thread : threads_) {
    for (const auto& server : thread->exposed_servers()) exposed.insert(server);
  }
  return exposed.size();
}

}  // namespace probewall
