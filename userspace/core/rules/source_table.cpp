// SPDX-License-Identifier: Apache-2.0
// Requests and answers -> facts, points, trust.
#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>

#include "core/llm/refusal.hpp"
#include "core/rules/evaluate.hpp"
#include "core/rules/key_table.hpp"
#include "core/rules/request_view.hpp"
#include "core/rules/rule_set.hpp"
#include "core/rules/server_table.hpp"
#include "core/rules/source_list.hpp"
#include "probewall/large_pages.hpp"
#include "probewall/prefetch.hpp"

namespace probewall {
namespace rules {
namespace {

constexpr std::size_t kMaxPending = 16384;  ///< requests whose answer may still come
constexpr double kSuspicious = 10;          ///< score from which a source is kept before plain ones
constexpr double kTrustLost = 100;          ///< points at once that end all trust

/// What must be known of a request when its answer comes. Reused, so that its vectors keep their
/// memory.
struct Pending {
  std::uint64_t request_id = 0;  ///< 0: answered, or none
  ServerAddress server;
  WatcherBits held;  ///< rules and facts that look at answers and whose `when` held
  /// Answer facts and their values.
  boost::container::small_vector<std::pair<std::uint16_t, std::uint32_t>, 12> facts;
  std::uint32_t model_hash = 0;
  std::uint32_t key_hash = 0;
  Api api = Api::kNone;
  Asked asked = Asked::kOther;
  bool has_model = false;
  bool has_key = false;
  bool keyless = false;             ///< no key, or one that everybody knows
  bool provokes_forbidden = false;  ///< only known without a key
};

/// Preflights, and looks at a generation's path, are answered whether or not a key is asked for.
Asked asked_for(const Request& request) {
  const std::string& method = request.head.method;
  if (is_generation(request.api)) return method == "POST" ? Asked::kGeneration : Asked::kOther;
  const bool list = request.api == Api::kModels && (method == "GET" || method == "POST");
  return list ? Asked::kModelList : Asked::kOther;
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
    Verdict verdict;
    if (!request.conflicting) {
      const std::size_t heap_before = memory.heap_bytes();
      judge(request, memory, now, verdict.detections);
      sources_.account(memory, heap_before);
    }
    fill(verdict, memory, now);
    sources_.set_standing(memory, standing(verdict));
    return verdict;
  }

  Verdict on_response(const Response& response) {
    Verdict verdict;
    SourceMemory* memory = sources_.find(response.source);
    // 1xx: the answer comes later.
    if (memory == nullptr || response.status < 200) return verdict;
    const std::uint32_t now = to_ds(response.time);
    Pending& pending = pending_[response.request_id % kMaxPending];
    if (response.request_id != 0 && pending.request_id == response.request_id) {
      pending.request_id = 0;
      const std::size_t heap_before = memory->heap_bytes();
      judge(response, pending, *memory, now, verdict.detections);
      sources_.account(*memory, heap_before);
    }
    fill(verdict, *memory, now);
    return verdict;
  }

  void use(std::shared_ptr<const RuleSet> rules) {
    if (rules_ != nullptr) renumber(*rules);
    rules_ = std::move(rules);
    views_.use(compiled());
    for (Pending& pending : pending_) pending.request_id = 0;  // their indexes are the old rules'
  }

  SourceReport report(const SourceMemory& memory, Timestamp time) const {
    const std::uint32_t now = to_ds(time);
    SourceReport out;
    out.source = memory.source;
    out.score = counted(memory.score_at(now, half_life_ds_));
    out.reasons = reasons(memory, now);
    out.requests = memory.requests;
    out.first_seen = from_ds(memory.first_ds);
    out.last_seen = from_ds(memory.last_ds);
    out.threshold_bonus = memory.trust_bonus(now);
    return out;
  }

  void explain(Verdict& v, const SourceMemory& memory, Timestamp time) const {
    const std::uint32_t now = to_ds(time);
    v.reasons = reasons(memory, now);
    std::uint32_t aims = 0;
    for (const RulePoints& entry : memory.rules()) {
      if (SourceMemory::points_at(entry, now, half_life_ds_) < 0.5) continue;
      for (const Aim aim : compiled().rules[entry.rule].info.aims) {
        aims |= 1u << static_cast<unsigned>(aim);
      }
    }
    for (; aims != 0; aims &= aims - 1) v.aims.push_back(static_cast<Aim>(__builtin_ctz(aims)));
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

  void forget(SourceMemory& memory) {
    const std::size_t heap_before = memory.heap_bytes();
    memory.forget();
    sources_.account(memory, heap_before);
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

  void judge(const Request& request, SourceMemory& memory, std::uint32_t now,
             std::vector<Detection>& detections) {
    const Plan& plan = compiled().plan;
    const ServerAddress server{request.flow.server, request.flow.server_port};
    Pending& pending = pending_[request.id % kMaxPending];
    prefetch(pending_[(request.id + 1) % kMaxPending]);
    const auto key = FactHashes::of_key(request);
    const SenderFacts sender{key && keys_.accepted(*key, server_hash(server)), memory.requests};
    RequestView& view = views_.read(request, sender);
    Features& features = view.features;
    begin(pending, features, server, key.value_or(0));
    features.hosted = servers_.hosted(server, features.model, pending.model_hash);
    if (pending.has_key) {
      keys_.note(pending.key_hash, source_hash(request.source), now);
    }
    for_each_bit(features.candidates, plan.rules, plan.watchers, [&](std::size_t w) {
      const auto index = static_cast<std::uint16_t>(w - plan.rules);
      if (!test_bit(view.exact, w) && !holds(plan.rest[w], features)) return;
      remember(index, view, memory, pending, now);
    });
    for_each_bit(features.candidates, 0, plan.rules, [&](std::size_t i) {
      const Rule& rule = compiled().rules[i];
      if (!test_bit(view.exact, i) && !holds(plan.rest[i], features)) return;
      if (rule.on_answer) set_bit(pending.held, i);
      if (rule.on_request) fire(memory, i, now, request.id, pending.key_hash, detections);
    });
  }

  void begin(Pending& pending, const Features& features, const ServerAddress& server,
             std::uint32_t key) {
    const Request& request = *features.request;
    pending.request_id = request.id;
    pending.server = server;
    pending.api = request.api;
    pending.asked = asked_for(request);
    pending.has_model = !features.model.empty();
    pending.model_hash = ServerTable::model_hash(features.model);
    pending.has_key = request.head.auth != AuthKind::kNone;
    pending.keyless = !pending.has_key || request.head.well_known_key;
    pending.key_hash = pending.has_key ? key : 0;
    pending.provokes_forbidden =
        pending.keyless && pending.asked != Asked::kOther && provokes_forbidden(request);
    pending.held.assign(compiled().plan.words, 0);
    pending.facts.clear();
  }

  static std::uint32_t server_hash(const ServerAddress& server) {
    return static_cast<std::uint32_t>(std::hash<ServerAddress>{}(server) >> 32);
  }
  static std::uint32_t source_hash(const IpPrefix& source) {
    return static_cast<std::uint32_t>(std::hash<IpPrefix>{}(source) >> 32);
  }

  /// Request facts go into the source's memory now, answer facts wait for the answer.
  void remember(std::uint16_t index, RequestView& view, SourceMemory& memory, Pending& pending,
                std::uint32_t now) {
    const Fact& fact = compiled().facts[index];
    const auto put = [&](std::uint32_t value) {
      if (fact.on_answer) {
        pending.facts.emplace_back(index, value);
      } else {
        memory.remember(fact, index, value, now);
      }
    };
    if (fact.on_answer) set_bit(pending.held, compiled().plan.rules + index);
    if (fact.value == FactValue::kStatus) {
      pending.facts.emplace_back(index, 0);
    } else if (fact.value == FactValue::kLabel) {
      const SetInfo& set = compiled().sets[fact.set];
      for (const std::uint32_t label : view.features.labels.list()) {
        const std::uint32_t i = label - set.first_label;
        if (label >= set.first_label && i < set.label_count) put(i + 1);
      }
    } else if (const auto value = view.hashes.value(fact.value)) {
      put(*value);
    }
  }

  void judge(const Response& response, Pending& pending, SourceMemory& memory, std::uint32_t now,
             std::vector<Detection>& detections) {
    const Plan& plan = compiled().plan;
    ++memory.answered;
    if (response.status >= 400) ++memory.failed;
    answer_.response = &response;
    answer_.model_not_found = pending.has_model && speaks_of_missing_model(response);
    const int row = std::clamp(response.status, 100, 599) - 100;
    keep_only(pending.held, plan.status.row(static_cast<std::size_t>(row)));
    if (memory.requests <= Plan::kEarly) {
      keep_only(pending.held, plan.early_answer.row(memory.requests - 1));
    }
    if (intersect(pending.held, plan.users[static_cast<std::size_t>(Subject::kAnswer)].row(0))) {
      views_.reader().scan_answer(response.head_and_body_prefix, answer_.labels);
    } else {
      answer_.labels.reset(compiled().labels.size());
    }
    learn(pending, response);
    for (const auto& [index, value] : pending.facts) {
      const std::size_t bit = plan.rules + index;
      const Fact& fact = compiled().facts[index];
      if (!test_bit(pending.held, bit) || !holds(fact.answer, answer_)) continue;
      const bool status = fact.value == FactValue::kStatus;
      memory.remember(fact, index, status ? static_cast<std::uint32_t>(response.status) : value,
                      now);
    }
    for_each_bit(pending.held, 0, plan.rules, [&](std::size_t i) {
      const Rule& rule = compiled().rules[i];
      if (!rule.on_request && !holds(rule.answer, answer_)) return;
      fire(memory, i, now, response.request_id, pending.key_hash, detections);
    });
    earn_trust(memory, pending, response, now, detections);
  }

  bool source_holds(const SourceCondition& condition, const SourceMemory& memory, std::uint32_t now,
                    std::uint32_t key) const {
    if (condition.test != SourceTest::kKeySources) return holds(condition, memory, now);
    return key != 0 && condition.range.contains(keys_.sources(key, condition.within_ds, now));
  }

  /// Gives the rule's points when its source conditions hold too.
  void fire(SourceMemory& memory, std::size_t index, std::uint32_t now, std::uint64_t request_id,
            std::uint32_t key, std::vector<Detection>& detections) {
    const Rule& rule = compiled().rules[index];
    const auto number = static_cast<std::uint16_t>(index);
    RulePoints* entry = memory.find_rule(number);
    double before = 0;
    if (entry != nullptr) {
      if (rule.once || now < entry->fired_ds + rule.cooldown_ds) return;
      before = SourceMemory::points_at(*entry, now, half_life_ds_);
    }
    const double after = std::min(rule.max_points, before + rule.info.score);
    const double added = after - before;
    if (added < 0.5) return;  // at its ceiling: nothing new is known
    for (const SourceCondition& condition : rule.source) {
      if (!source_holds(condition, memory, now, key)) return;
    }
    entry = memory.rule_entry(number);
    if (entry == nullptr) return;
    entry->fired_ds = now;
    entry->set_points(rule.info.shadow ? 0 : after);
    Detection& d = detections.emplace_back();
    d.rule = rule.info.id;
    d.aims = rule.info.aims;
    d.points = rule.info.shadow ? rule.info.score : added;
    d.request_id = request_id;
    d.shadow = rule.info.shadow;
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
    // Administrators' pages that are closed say nothing of a server whose models are open.
    if (pending.asked == Asked::kOther) return;
    if (ok && pending.has_key) {
      // What is answered to everybody lets no key in: health checks, and servers that look at none.
      if (servers_.refuses(pending.server, pending.asked))
        keys_.accept(pending.key_hash, server_hash(pending.server));
    } else if (ok) {
      servers_.learn_open(pending.server, pending.asked);
    } else if (pending.keyless && asks_for_key(response.status, response.head_and_body_prefix,
                                               pending.provokes_forbidden)) {
      servers_.learn_refusal(pending.server, pending.asked);
    }
  }

  /// One successful authenticated generation per hour counts, and never one that was suspicious. A
  /// server that was never seen refusing anyone lets made-up keys in as well: nothing is earned
  /// there.
  void earn_trust(SourceMemory& memory, const Pending& pending, const Response& response,
                  std::uint32_t now, const std::vector<Detection>& detections) {
    const bool ordinary = response.status >= 200 && response.status < 300 && pending.has_key &&
                          is_generation(pending.api) && detections.empty();
    if (!ordinary || !servers_.refuses(pending.server, pending.asked)) return;
    if (memory.score_at(now, half_life_ds_) < kSuspicious) memory.earn_trust(now);
  }

  static Standing standing(const Verdict& v) {
    if (v.score >= kSuspicious) return Standing::kSuspicious;
    return v.threshold_bonus > 0 ? Standing::kTrusted : Standing::kPlain;
  }

  /// Scores are counted, compared and shown in half points: 60 and 40 are 100 some seconds apart,
  /// though the first has decayed to 59.9 by then.
  static double counted(double points) { return std::floor(points * 2 + 0.5) / 2; }

  void fill(Verdict& v, SourceMemory& memory, std::uint32_t now) const {
    for (const Detection& d : v.detections) {
      if (!d.shadow && d.points >= kTrustLost) memory.lose_trust();
    }
    for (const RulePoints& entry : memory.rules()) {
      const double points = SourceMemory::points_at(entry, now, half_life_ds_);
      v.score += points;
      if (compiled().rules[entry.rule].action == Action::kRateLimit) v.limiting += points;
    }
    v.score = counted(v.score);
    v.limiting = counted(v.limiting);
    v.requests_seen = memory.requests;
    v.threshold_bonus = memory.trust_bonus(now);
  }

  std::vector<Reason> reasons(const SourceMemory& memory, std::uint32_t now) const {
    std::vector<Reason> out;
    for (const RulePoints& entry : memory.rules()) {
      const double points = SourceMemory::points_at(entry, now, half_life_ds_);
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
  KeyTable keys_;
  std::vector<Pending, LargePages<Pending>> pending_{
      kMaxPending};  ///< by request id: a newer one takes the place
  RequestViews views_;
  AnswerFeatures answer_;
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

void SourceTable::explain(Verdict& verdict, const IpPrefix& source, Timestamp time) const {
  const SourceMemory* memory = std::as_const(*state_).sources().find(source);
  if (memory != nullptr && !verdict.detections.empty()) state_->explain(verdict, *memory, time);
}

void SourceTable::forget(const IpPrefix& source) {
  if (SourceMemory* memory = state_->sources().find(source)) state_->forget(*memory);
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
