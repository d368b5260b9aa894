// SPDX-License-Identifier: Apache-2.0
// Requests and answers -> facts, points, trust.
#include <algorithm>
#include <deque>
#include <set>

#include "core/rules/evaluate.hpp"
#include "core/rules/rule_set.hpp"
#include "core/rules/server_table.hpp"
#include "core/rules/source_list.hpp"

namespace probewall {
namespace rules {
namespace {

constexpr std::size_t kMaxPending = 16384;  ///< requests whose answer may still come
constexpr double kSuspicious = 10;          ///< score from which a source is kept before plain ones
constexpr double kTrustLost = 50;           ///< points at once that end all trust
constexpr double kTrustPerHour = 10;
constexpr double kTrustMax = 30;         ///< where any key may have been let in
constexpr double kTrustProvenMax = 100;  ///< where the server was seen refusing outsiders
constexpr std::uint32_t kHourDs = 36'000;

/// What must be known of a request when its answer comes.
struct Pending {
  std::uint64_t request_id = 0;
  ServerKey server;
  std::vector<std::uint16_t> rules;  ///< rules looked at on answers whose `when` held
  std::vector<std::pair<std::uint16_t, std::uint32_t>> facts;  ///< answer facts and their values
  std::vector<std::uint16_t> status_facts;
  std::uint32_t model_hash = 0;
  Api api = Api::kNone;
  bool has_model = false;
  bool has_key = false;
};

bool is_generation(Api api) {
  return api == Api::kChatCompletions || api == Api::kCompletions || api == Api::kResponses ||
         api == Api::kEmbeddings || api == Api::kOllamaGenerate || api == Api::kOllamaChat ||
         api == Api::kAnthropicMessages || api == Api::kGemini;
}

/// A 404 can mean a path that does not exist as well as a model: only an answer that speaks of
/// models counts.
bool speaks_of_missing_model(const Response& response) {
  if (response.status != 404 && response.status != 400) return false;
  const std::string text = lower_case(response.head_and_body_prefix);
  if (text.find("model") == std::string::npos) return false;
  for (const char* phrase : {"not found", "does not exist", "notfounderror", "model_not_found",
                             "not_found", "unknown model", "invalid model"}) {
    if (text.find(phrase) != std::string::npos) return true;
  }
  return false;
}

}  // namespace
}  // namespace rules

using namespace rules;

class SourceTable::State {
 public:
  State(std::shared_ptr<const RuleSet> rules, const PolicyConfig& policy, std::uint32_t max_sources)
      : half_life_ds_(std::max(1.0, static_cast<double>(policy.score_half_life.count()) / 1e8)),
        sources_(max_sources) {
    use(std::move(rules));
  }

  Verdict on_request(const Request& request) {
    const std::uint32_t now = to_ds(request.proven_time);
    SourceMemory& memory = sources_.touch(request.source, now);
    memory.last_ds = std::max(memory.last_ds, now);
    ++memory.requests;
    std::vector<Detection> detections;
    if (!request.conflicting) {
      extract_features(compiled(), request, scratch_.get(), matched_, features_);
      const ServerKey server{request.flow.server, request.flow.server_port};
      features_.hosted = servers_.hosted(server, features_.model);
      Pending pending = remember_request(request, server, memory, now);
      for (std::size_t i = 0; i < compiled().rules.size(); ++i) {
        const Rule& rule = compiled().rules[i];
        if (!holds(rule.when, features_)) continue;
        if (rule.on_answer) pending.rules.push_back(static_cast<std::uint16_t>(i));
        if (rule.on_request) fire(memory, i, now, request.id, detections);
      }
      keep(std::move(pending));
    }
    return verdict(memory, now, std::move(detections));
  }

  Verdict on_response(const Response& response) {
    const std::uint32_t now = to_ds(response.time);
    std::vector<Detection> detections;
    SourceMemory* memory = sources_.find(response.source);
    if (memory == nullptr || response.status < 200)
      return Verdict{};  // 1xx: the answer comes later
    const auto found = pending_.find(response.request_id);
    if (found == pending_.end()) return verdict(*memory, now, {});
    const Pending pending = std::move(found->second);
    pending_.erase(found);

    ++memory->answered;
    if (response.status >= 400) ++memory->failed;
    answer_.response = &response;
    answer_.model_not_found = pending.has_model && speaks_of_missing_model(response);
    scan_answer(compiled(), response.head_and_body_prefix, scratch_.get(), matched_,
                answer_.labels);
    learn(pending, response);
    for (const auto& [fact, value] : pending.facts) {
      if (holds(compiled().facts[fact].answer, answer_)) {
        memory->remember(compiled().facts[fact], fact, value, now);
      }
    }
    for (const std::uint16_t fact : pending.status_facts) {
      if (holds(compiled().facts[fact].answer, answer_)) {
        memory->remember(compiled().facts[fact], fact, static_cast<std::uint32_t>(response.status),
                         now);
      }
    }
    for (const std::uint16_t i : pending.rules) {
      const Rule& rule = compiled().rules[i];
      if (rule.on_request || holds(rule.answer, answer_)) {
        fire(*memory, i, now, response.request_id, detections);
      }
    }
    earn_trust(*memory, pending, response, now, detections);
    return verdict(*memory, now, std::move(detections));
  }

  void use(std::shared_ptr<const RuleSet> rules) {
    if (rules_ != nullptr) renumber(*rules);
    rules_ = std::move(rules);
    for (const SubjectPatterns& subject : compiled().subjects) subject.db.reserve(scratch_);
    pending_.clear();  // their indexes belong to the old rules
    order_.clear();
  }

  SourceReport report(const SourceMemory& memory, Timestamp time) const {
    const std::uint32_t now = to_ds(time);
    SourceReport out;
    out.source = memory.source;
    out.score = memory.score_at(now, half_life_ds_);
    out.reasons = reasons(memory, now);
    out.requests = memory.requests;
    out.first_seen = from_ds(memory.first_ds);
    out.last_seen = from_ds(memory.last_ds);
    return out;
  }

  std::vector<SourceReport> top(std::size_t n, Timestamp time) const {
    const std::uint32_t now = to_ds(time);
    std::vector<std::pair<double, const SourceMemory*>> order;
    sources_.for_each([&](const SourceMemory& memory) {
      order.emplace_back(memory.score_at(now, half_life_ds_), &memory);
    });
    n = std::min(n, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                      [](const auto& a, const auto& b) {
                        if (a.first != b.first) return a.first > b.first;
                        return a.second->source < b.second->source;
                      });
    std::vector<SourceReport> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(report(*order[i].second, time));
    return out;
  }

  SourceList& sources() { return sources_; }
  const SourceList& sources() const { return sources_; }

 private:
  const RuleSet::Compiled& compiled() const { return rules_->compiled(); }

  /// The first time seen is the epoch. Times before it (records a little out of order) count as it.
  std::uint32_t to_ds(Timestamp time) const {
    if (!epoch_set_) {
      epoch_ = time;
      epoch_set_ = true;
    }
    const std::int64_t ds = (time - epoch_).count() / 100'000'000;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ds, 0, 0xfffffffe));
  }
  Timestamp from_ds(std::uint32_t ds) const {
    return epoch_ + Duration{static_cast<std::int64_t>(ds) * 100'000'000};
  }

  /// Request facts go into the source's memory now, answer facts wait for the answer.
  Pending remember_request(const Request& request, const ServerKey& server, SourceMemory& memory,
                           std::uint32_t now) {
    Pending pending;
    pending.request_id = request.id;
    pending.server = server;
    pending.api = request.api;
    pending.has_model = !features_.model.empty();
    pending.model_hash = ServerTable::model_hash(features_.model);
    pending.has_key = request.head.auth != AuthKind::kNone;
    for (std::size_t i = 0; i < compiled().facts.size(); ++i) {
      const Fact& fact = compiled().facts[i];
      if (!holds(fact.when, features_)) continue;
      const auto index = static_cast<std::uint16_t>(i);
      if (fact.value == FactValue::kStatus) {
        pending.status_facts.push_back(index);
        continue;
      }
      values_.clear();
      fact_values(compiled(), fact, features_, values_);
      for (const std::uint32_t value : values_) {
        if (fact.on_answer) {
          pending.facts.emplace_back(index, value);
        } else {
          memory.remember(fact, index, value, now);
        }
      }
    }
    return pending;
  }

  void keep(Pending&& pending) {
    while (order_.size() >= kMaxPending) {
      pending_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(pending.request_id);
    const std::uint64_t id = pending.request_id;
    pending_.insert_or_assign(id, std::move(pending));
  }

  /// Gives the rule's points when its source conditions hold too.
  void fire(SourceMemory& memory, std::size_t index, std::uint32_t now, std::uint64_t request_id,
            std::vector<Detection>& detections) {
    const Rule& rule = compiled().rules[index];
    for (const SourceCondition& condition : rule.source) {
      if (!holds(condition, memory, now)) return;
    }
    RulePoints* entry = memory.find_rule(static_cast<std::uint16_t>(index));
    double before = 0;
    if (entry != nullptr) {
      if (rule.once || now < entry->fired_ds + rule.cooldown_ds) return;
      before = memory.points_at(*entry, now, half_life_ds_);
    }
    const double after = std::min(rule.max_points, before + rule.info.score);
    const double added = after - before;
    if (added < 0.5) return;  // at its ceiling: nothing new is known
    if (entry == nullptr) entry = &memory.rules.emplace_back();
    entry->rule = static_cast<std::uint16_t>(index);
    entry->fired_ds = now;
    entry->points = rule.info.shadow ? 0 : static_cast<float>(after);
    Detection d;
    d.rule = rule.info.id;
    d.aims = rule.info.aims;
    d.points = rule.info.shadow ? rule.info.score : added;
    d.request_id = request_id;
    d.shadow = rule.info.shadow;
    detections.push_back(std::move(d));
  }

  void learn(const Pending& pending, const Response& response) {
    const bool ok = response.status >= 200 && response.status < 300;
    if (ok && pending.api == Api::kModels) {
      servers_.learn_list(pending.server, response.head_and_body_prefix);
    } else if (ok && pending.has_model && pending.has_key && is_generation(pending.api)) {
      servers_.learn_model(pending.server, pending.model_hash);
    } else if (answer_.model_not_found) {
      servers_.learn_missing(pending.server, pending.model_hash);
    }
    if (response.status == 401 || response.status == 403) servers_.learn_refusal(pending.server);
  }

  /// One successful authenticated generation per hour counts, and never one that was suspicious.
  void earn_trust(SourceMemory& memory, const Pending& pending, const Response& response,
                  std::uint32_t now, const std::vector<Detection>& detections) {
    const bool ordinary = response.status >= 200 && response.status < 300 && pending.has_key &&
                          is_generation(pending.api) && detections.empty();
    const std::uint32_t hour = now / kHourDs + 1;
    if (!ordinary || hour == memory.trust_hour) return;
    if (memory.score_at(now, half_life_ds_) >= kSuspicious) return;
    memory.trust_hour = hour;
    if (memory.trust_hours < 1000) ++memory.trust_hours;
    memory.trust_proven = memory.trust_proven || servers_.refuses_outsiders(pending.server);
  }

  static double trust_bonus(const SourceMemory& memory) {
    // The first hour is no history yet.
    const double hours = memory.trust_hours > 1 ? memory.trust_hours - 1 : 0;
    return std::min(memory.trust_proven ? kTrustProvenMax : kTrustMax, hours * kTrustPerHour);
  }

  Verdict verdict(SourceMemory& memory, std::uint32_t now, std::vector<Detection> detections) {
    for (const Detection& d : detections) {
      if (!d.shadow && d.points >= kTrustLost) {
        memory.trust_hours = 0;
        memory.trust_proven = false;
      }
    }
    Verdict v;
    v.detections = std::move(detections);
    v.score = memory.score_at(now, half_life_ds_);
    v.reasons = reasons(memory, now);
    std::set<Aim> aims;
    for (const RulePoints& entry : memory.rules) {
      if (memory.points_at(entry, now, half_life_ds_) < 0.5) continue;
      const auto& of_rule = compiled().rules[entry.rule].info.aims;
      aims.insert(of_rule.begin(), of_rule.end());
    }
    v.aims.assign(aims.begin(), aims.end());
    v.requests_seen = memory.requests;
    v.threshold_bonus = trust_bonus(memory);
    sources_.set_standing(memory, v.score >= kSuspicious  ? Standing::kSuspicious
                                  : v.threshold_bonus > 0 ? Standing::kTrusted
                                                          : Standing::kPlain);
    return v;
  }

  std::vector<Reason> reasons(const SourceMemory& memory, std::uint32_t now) const {
    std::vector<Reason> out;
    for (const RulePoints& entry : memory.rules) {
      const double points = memory.points_at(entry, now, half_life_ds_);
      if (points >= 0.5) out.push_back({compiled().rules[entry.rule].info.id, points});
    }
    std::sort(out.begin(), out.end(), [](const Reason& a, const Reason& b) {
      return a.points != b.points ? a.points > b.points : a.rule < b.rule;
    });
    return out;
  }

  void renumber(const RuleSet& next) {
    const auto map_ids = [](const auto& from, const auto& to, auto id) {
      std::vector<std::uint16_t> map(from.size(), SourceMemory::kGone);
      for (std::size_t i = 0; i < from.size(); ++i) {
        for (std::size_t j = 0; j < to.size(); ++j) {
          if (id(from[i]) == id(to[j])) map[i] = static_cast<std::uint16_t>(j);
        }
      }
      return map;
    };
    const auto facts =
        map_ids(compiled().facts, next.compiled().facts, [](const Fact& f) { return f.id; });
    const auto rules =
        map_ids(compiled().rules, next.compiled().rules, [](const Rule& r) { return r.info.id; });
    sources_.for_each([&](SourceMemory& memory) { memory.renumber(facts, rules); });
  }

  double half_life_ds_;
  std::shared_ptr<const RuleSet> rules_;
  SourceList sources_;
  ServerTable servers_;
  boost::unordered_flat_map<std::uint64_t, Pending> pending_;
  std::deque<std::uint64_t> order_;  ///< of pending_, oldest first; may name answered ones
  HsScratch scratch_;
  Features features_;
  AnswerFeatures answer_;
  std::vector<std::uint32_t> matched_, values_;
  mutable Timestamp epoch_{};
  mutable bool epoch_set_ = false;
};

SourceTable::SourceTable(std::shared_ptr<const RuleSet> rules, const PolicyConfig& policy,
                         std::uint32_t max_sources)
    : state_(std::make_unique<State>(std::move(rules), policy, max_sources)) {}
SourceTable::~SourceTable() = default;

Verdict SourceTable::on_request(const Request& request) { return state_->on_request(request); }
Verdict SourceTable::on_response(const Response& response) { return state_->on_response(response); }
void SourceTable::set_rules(std::shared_ptr<const RuleSet> rules) { state_->use(std::move(rules)); }

void SourceTable::forget(const IpPrefix& source) {
  if (SourceMemory* memory = state_->sources().find(source)) memory->forget();
}

SourceReport SourceTable::report(const IpPrefix& source, Timestamp now) const {
  const SourceMemory* memory = std::as_const(*state_).sources().find(source);
  if (memory == nullptr) {
    SourceReport unknown;
    unknown.source = source;
    return unknown;
  }
  return state_->report(*memory, now);
}

std::vector<SourceReport> SourceTable::top(std::size_t n, Timestamp now) const {
  return state_->top(n, now);
}
std::uint64_t SourceTable::size() const { return state_->sources().size(); }
std::uint64_t SourceTable::evicted() const { return state_->sources().evicted(); }

}  // namespace probewall
