// SPDX-License-Identifier: Apache-2.0
#include "daemon/api_answers.hpp"

#include <algorithm>
#include <numeric>

#include "control/api_json.hpp"
#include "control/stored_decision.hpp"
#include "daemon/allow_set.hpp"
#include "daemon/clocks.hpp"
#include "daemon/guard_policy.hpp"
#include "dataplane/kernel_clock.hpp"
#include "metrics/label_names.hpp"

namespace probewall {
namespace {

std::uint64_t left_seconds(std::int64_t until_us, std::int64_t now_us) {
  if (until_us == kNoEnd) return UINT64_MAX;
  return until_us > now_us ? static_cast<std::uint64_t>((until_us - now_us + 999'999) / 1'000'000)
                           : 0;
}

/// Entries end on whole seconds of another clock: that fraction is nobody's wish, and ends that
/// are exported and imported must not creep.
std::int64_t shown_end(std::int64_t until_us) {
  return until_us == kNoEnd ? until_us : until_us - until_us % 1'000'000;
}

std::uint64_t lost_records(const pw_counters& c) {
  return std::accumulate(std::begin(c.records_lost), std::end(c.records_lost), std::uint64_t{0});
}

ApiInterface interface_of(const AttachReport& report, const std::optional<MirrorInterface>& now) {
  if (!now) {
    return {report.interface,
            report.native ? "native" : "generic",
            to_string(report.kind),
            report.why,
            {}};
  }
  if (!now->attached) return {report.interface, "off", "", now->why, {}};
  return {report.interface,
          now->native ? "native" : "generic",
          to_string(static_cast<AttachKind>(now->kind)),
          now->why,
          {}};
}

struct TableWords {
  MapName map;
  const char* what;
  const char* setting;
};
/// By BlockTableKind.
constexpr TableWords kTables[]{{MapName::kBlockV4, "IPv4 addresses", "block.max_addresses"},
                               {MapName::kBlockV6, "IPv6 addresses", "block.max_addresses"},
                               {MapName::kBlockPrefixV4, "IPv4 prefixes", "block.max_prefixes"},
                               {MapName::kBlockPrefixV6, "IPv6 prefixes", "block.max_prefixes"}};
static_assert(std::size(kTables) == static_cast<std::size_t>(BlockTableKind::kCount));

}  // namespace

const char* version() { return PROBEWALL_VERSION; }

std::shared_ptr<const Config> ApiAnswers::config() const {
  const std::lock_guard lock{config_mutex_};
  return config_;
}

void ApiAnswers::set_config(const Config& config) {
  auto copy = std::make_shared<const Config>(config);
  const std::lock_guard lock{config_mutex_};
  config_ = std::move(copy);
}

void ApiAnswers::set_reload(ApiReload reload) {
  const std::lock_guard lock{config_mutex_};
  reload_ = std::move(reload);
}

void ApiAnswers::set_guard_storage(std::string problem) {
  const std::lock_guard lock{storage_mutex_};
  guard_storage_ = std::move(problem);
}

void ApiAnswers::set_store_problem(std::string problem) {
  const std::lock_guard lock{storage_mutex_};
  store_problem_ = std::move(problem);
}

void ApiAnswers::set_event_problem(std::string problem) {
  const std::lock_guard lock{storage_mutex_};
  event_problem_ = std::move(problem);
}

/// What keeps bans from being made, remembered or told.
void ApiAnswers::warn_of_failures(std::vector<std::string>& warnings) const {
  const auto tables = mirror_.tables();
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const auto& [entries, limit] = tables[i];
    if (!tables[i].nearly_full()) continue;
    warnings.push_back("the table of blocked " + std::string{kTables[i].what} + " is " +
                       std::to_string(entries * 100 / limit) + " % full (" +
                       std::to_string(entries) + " of " + std::to_string(limit) +
                       "); when it is full no new ban is made: raise " + kTables[i].setting);
  }
  if (const auto refused = table_full_.load(); refused > 0) {
    warnings.push_back("a block table was full: bans were refused " + std::to_string(refused) +
                       " times; raise block.max_addresses or block.max_prefixes");
  }
  {
    const std::lock_guard lock{storage_mutex_};
    if (!store_problem_.empty()) {
      warnings.push_back("decisions are not stored: " + store_problem_ +
                         "; bans hold, but reasons and the history that makes bans longer are not "
                         "kept over a restart");
    }
    if (!guard_storage_.empty()) {
      warnings.push_back("the guard's files are not stored: " + guard_storage_ +
                         "; `allow add` and `allow del` fail until they are");
    }
    if (!event_problem_.empty()) {
      warnings.push_back("events are not written: " + event_problem_ +
                         "; blocking goes on, and `probewall events` still shows them");
    }
  }
  if (const auto failed = metrics_.storage_errors(); failed > 0) {
    warnings.push_back("the decision store failed " + std::to_string(failed) +
                       " times: reasons of bans are missing there; see that " +
                       config()->storage.directory + " can be written and has room");
  }
}

Result<ApiStatus> ApiAnswers::status() {
  ApiStatus s;
  s.version = version();
  s.pid = static_cast<int>(boot_.guard_pid);
  s.mode = config()->mode == Mode::kEnforce ? "enforce" : "observe";
  s.enforcing = mirror_.enforcing();
  s.uptime_s = (monotonic_ns() - boot_.guard_started_ns) / 1'000'000'000;
  s.transport = boot_.rings > 0 ? "ring" : "perf";
  for (std::size_t n = 0; n < boot_.interfaces.size(); ++n) {
    const auto& report = boot_.interfaces[n];
    const auto counters = counters_.sum(report.slot);
    auto i = interface_of(report, mirror_.interface(n));
    if (i.xdp_mode == "off") s.warnings.push_back(i.why);
    for (std::size_t v = 0; v < PW_VERDICT_COUNT; ++v) {
      i.packets[metrics::kVerdicts[v]] = std::accumulate(
          std::begin(counters.packets[v]), std::end(counters.packets[v]), std::uint64_t{0});
    }
    s.records_lost += lost_records(counters);
    s.interfaces.push_back(std::move(i));
  }
  s.bans_active = mirror_.size();
  s.bans_enforced = mirror_.enforcing() ? mirror_.enforced() : 0;
  s.requests = recorder_.requests();
  s.detections = recorder_.detections();
  {
    const std::lock_guard lock{storage_mutex_};
    s.warnings.insert(s.warnings.end(), warnings_.begin(), warnings_.end());
  }
  if (answers_missing_) {
    s.warnings.push_back(
        "clients' packets arrive, but no server's answer leaves through an attached interface: no "
        "sender can be proven, so nothing is judged; add the interface that the answers take to "
        "`interfaces`");
  }
  {
    const std::lock_guard lock{config_mutex_};
    s.reload = reload_;
  }
  if (s.reload && !s.reload->successful)
    s.warnings.push_back("the last reload failed: " + s.reload->message);
  warn_of_failures(s.warnings);
  if (s.records_lost > 0) {
    s.warnings.push_back(std::to_string(s.records_lost) +
                         " records were lost before they were read; raise capture.memory");
  }
  return s;
}

SourceReport ApiAnswers::report(const IpPrefix& source) const {
  // One thread owns the source; which one only the kernel's secret hash tells.
  SourceReport best;
  best.source = source;
  for (const auto& thread : threads_) {
    auto report = thread->report(source);
    if (report.requests > best.requests || report.score > best.score) best = std::move(report);
  }
  return best;
}

std::optional<StoredDecision> ApiAnswers::stored(const IpPrefix& source, std::uint32_t handle) {
  const std::lock_guard lock{store_.mutex};
  if (!store_.store) return std::nullopt;
  auto row = handle != 0 ? store_.store->by_handle(handle) : store_.store->latest_for(source);
  if (!row || !*row || !((*row)->source == source)) return std::nullopt;
  return std::move(**row);
}

std::string ApiAnswers::operator_note(const IpPrefix& prefix, const MirrorBan& ban) {
  if (ban.origin != PW_ORIGIN_OPERATOR) return {};
  const auto row = stored(prefix, 0);
  return row && row->origin == PW_ORIGIN_OPERATOR ? row->note : std::string{};
}

ApiDecision ApiAnswers::decision_of(const StoredDecision& row) const {
  auto d = stored_decision(row);
  if (const auto outcome = desk_.outcome(row.handle)) {
    d.reaction_us = outcome->reaction_us;
    d.connections_ended = outcome->connections_ended;
  }
  return d;
}

Result<ApiWhy> ApiAnswers::why(const IpAddress& ip) {
  ApiWhy w;
  w.ip = ip;
  w.source = source_of(ip, config()->block.ipv6_prefix);
  w.enforcing = mirror_.enforcing();
  const auto scored = report(w.source);
  w.score = scored.score;
  w.threshold_bonus = scored.threshold_bonus;
  w.threshold = config()->block.threshold + scored.threshold_bonus;
  w.reasons = scored.reasons;
  w.requests = recorder_.last_requests(w.source);
  const auto allowed = mirror_.allowed(IpPrefix::of(ip, 128));
  if (allowed) {
    w.allow = allowed->first.to_string() + ": " + describe_allow_reason(allowed->second.reason);
  }
  if (const auto refused = desk_.refused(w.source)) {
    w.refused = ApiRefusal{refused->at_us, refused->score, to_string(refused->reason),
                           describe(refused->reason)};
  }
  std::optional<StoredDecision> row;
  if (const auto ban = mirror_.match(ip, wall_us())) {
    w.source = ban->first;
    w.until_us = shown_end(ban->second.until_us);
    w.seconds_left = left_seconds(ban->second.until_us, wall_us());
    w.action = block_action_name(ban->second.action);
    w.origin = origin_name(ban->second.origin);
    w.note = ban->second.note;
    w.handle = ban->second.handle;
    const bool spared = allowed && (allowed->second.scope & PW_ALLOW_ALL) != 0;
    w.blocked = ban->second.action == PW_ACTION_DROP && w.enforcing && !spared;
    if (ban->second.handle != 0) row = stored(ban->first, ban->second.handle);
    if (w.note.empty()) w.note = operator_note(ban->first, ban->second);
  } else {
    row = stored(w.source, 0);
    if (!row) row = stored(source_of(ip, 128), 0);  // banned alone: its /64 has allowed addresses
  }
  if (row) {
    w.decision = decision_of(*row);
    // After a restart the score starts anew; the evidence of the ban is on disk.
    if (w.requests.empty()) w.requests = row->evidence;
    if (w.note.empty()) w.note = row->note;
  }
  return w;
}

Result<ApiBans> ApiAnswers::bans(const std::optional<IpPrefix>& after, std::size_t limit) {
  ApiBans out;
  out.total = mirror_.size();
  out.complete = mirror_.whole();
  const auto page = mirror_.page(after, limit + 1);
  const auto now_us = wall_us();
  for (const auto& [prefix, ban] : page) {
    if (out.bans.size() == limit) {
      out.next = out.bans.back().source;
      break;
    }
    ApiBan b;
    b.source = prefix;
    b.action = block_action_name(ban.action);
    b.origin = origin_name(ban.origin);
    b.note = ban.note.empty() ? operator_note(prefix, ban) : ban.note;
    b.until_us = shown_end(ban.until_us);
    b.seconds_left = left_seconds(ban.until_us, now_us);
    b.handle = ban.handle;
    if (ban.handle != 0) {
      if (const auto row = stored(prefix, ban.handle)) {
        b.id = row->id;
        b.rules = row->reasons;
        b.score = row->score;
      }
    }
    out.bans.push_back(std::move(b));
  }
  return out;
}

Result<std::vector<ApiAllow>> ApiAnswers::allow() {
  std::vector<ApiAllow> out;
  for (const auto& [prefix, entry] : mirror_.allow_list()) {
    ApiAllow a;
    a.prefix = prefix;
    a.scope = (entry.scope & PW_ALLOW_ALL) != 0 ? "all" : "ssh";
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto reason = static_cast<std::uint8_t>(1u << bit);
      if (entry.reason & reason) a.reasons.push_back(describe_allow_reason(reason));
    }
    out.push_back(std::move(a));
  }
  return out;
}

Result<std::vector<ApiSourceRow>> ApiAnswers::sources(std::size_t limit) {
  const RecordToWall wall;
  std::vector<ApiSourceRow> rows;
  for (const auto& thread : threads_) {
    for (auto& r : thread->top_sources(limit)) {
      rows.push_back({r.source, r.score, r.requests, wall.us(r.first_seen), wall.us(r.last_seen),
                      std::move(r.reasons), r.bans});
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ApiSourceRow& a, const ApiSourceRow& b) { return a.score > b.score; });
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

Result<std::string> ApiAnswers::config_toml() { return to_toml(*config()); }

void ApiAnswers::refresh_metrics() {
  PipelineStats all;
  for (const auto& thread : threads_) {
    const auto s = thread->stats();
    all.flows_active += s.flows_active;
    all.sources_active += s.sources_active;
    all.flows_total += s.flows_total;
    all.requests_total += s.requests_total;
    all.records_total += s.records_total;
    all.servers_known += s.servers_known;
  }
  const auto active = mirror_.size();
  const auto exposed = exposed_servers();
  recorder_.with_metrics([&](Metrics& m) {
    for (const auto& report : boot_.interfaces)
      m.set_kernel(report.interface, counters_.sum(report.slot));
    m.set_pipeline(all);
    m.set_enforcing(mirror_.enforcing());
    m.set_answers_missing(answers_missing_);
    m.set_bans(active, mirror_.enforcing() ? mirror_.enforced() : 0);
    const auto now = config();
    const auto& block = now->block;
    m.set_map(MapName::kBlock, mirror_.enforced(),
              2ull * (block.max_addresses + block.max_prefixes));
    const auto tables = mirror_.tables();
    for (std::size_t i = 0; i < tables.size(); ++i)
      m.set_map(kTables[i].map, tables[i].entries, tables[i].limit);
    m.set_map(MapName::kFlows, all.flows_active, now->memory.max_flows);
    m.set_map(MapName::kAllow, mirror_.allow_count(), mirror_.allow_capacity());
    m.set_map(MapName::kServers, all.servers_known, threads_.size() * ServerRegistry::kMaxServers);
    m.set_exposed_servers(exposed);
    m.set_map(MapName::kSources, all.sources_active, config()->memory.max_sources);
  });
}

std::string ApiAnswers::metrics_text() {
  refresh_metrics();
  recorder_.with_metrics([](Metrics& m) { m.api_request(); });
  return metrics_.render();  // not under the recorder's lock: capture threads need that
}

}  // namespace probewall
