// SPDX-License-Identifier: Apache-2.0
#include "core/rules/plan.hpp"

#include <algorithm>
#include <optional>

#include "core/rules/compiled.hpp"

namespace probewall::rules {
namespace {

constexpr std::uint64_t kEverything = ~std::uint64_t{0};

/// Values of a mask test (kAuth, kMethod, ...) that `c` does not exclude.
std::uint64_t possible_values(const Condition& c, Test test) {
  if (c.test == test) return c.mask;
  if (c.test == Test::kAll || c.test == Test::kAny) {
    std::uint64_t mask = c.test == Test::kAll ? kEverything : 0;
    for (const Condition& child : c.children) {
      const std::uint64_t of_child = possible_values(child, test);
      mask = c.test == Test::kAll ? mask & of_child : mask | of_child;
    }
    return mask;
  }
  if (c.test == Test::kNot && c.children.front().test == test) return ~c.children.front().mask;
  return kEverything;
}

/// Things of which one must be there for a condition to hold; nullopt: it may hold without any.
using Things = std::optional<std::vector<std::uint32_t>>;

/// `leaf` says it for conditions that are neither kAll nor kAny.
template <typename Leaf>
Things needed_things(const Condition& c, const Leaf& leaf) {
  if (c.test == Test::kAll) {
    Things best;
    for (const Condition& child : c.children) {
      Things of_child = needed_things(child, leaf);
      if (of_child && (!best || of_child->size() < best->size())) best = std::move(of_child);
    }
    return best;
  }
  if (c.test == Test::kAny) {
    std::vector<std::uint32_t> all;
    for (const Condition& child : c.children) {
      const Things of_child = needed_things(child, leaf);
      if (!of_child) return std::nullopt;
      all.insert(all.end(), of_child->begin(), of_child->end());
    }
    return all;
  }
  return leaf(c);
}

std::vector<std::uint32_t> bits_of(std::uint64_t mask) {
  std::vector<std::uint32_t> bits;
  for (; mask != 0; mask &= mask - 1) {
    bits.push_back(static_cast<std::uint32_t>(__builtin_ctzll(mask)));
  }
  return bits;
}

Things flag_leaf(const Condition& c) {
  if (c.test != Test::kFlag) return std::nullopt;
  return bits_of(c.mask);
}

Things header_leaf(const Condition& c) {
  if (c.test == Test::kHeadersAnyPresent) return bits_of(c.mask);
  if (c.test == Test::kHeadersPresent && c.mask != 0) return std::vector{bits_of(c.mask).front()};
  if (c.test == Test::kHeaderValue) return std::vector{c.a};
  return std::nullopt;
}

bool is_field_test(Test test) {
  return test == Test::kFieldNumber || test == Test::kFieldText || test == Test::kFieldPresent;
}

bool asks_for(const RuleSet::Compiled& rules, const Condition& c, Subject subject) {
  if (c.test == Test::kLabels) {
    return rules.sets[rules.labels[c.a].set].subject == subject;
  }
  if (is_field_test(c.test)) return subject == Subject::kField;
  if (c.test == Test::kPromptLength) return subject == Subject::kPrompt;
  return std::any_of(c.children.begin(), c.children.end(),
                     [&](const Condition& child) { return asks_for(rules, child, subject); });
}

bool is_mask_test(Test test) {
  return test == Test::kAuth || test == Test::kMethod || test == Test::kApi ||
         test == Test::kProduct;
}

/// A condition as the list of what must all hold.
void flatten(const Condition& c, std::vector<const Condition*>& out) {
  if (c.test != Test::kAll) return out.push_back(&c);
  for (const Condition& child : c.children) flatten(child, out);
}

bool status_possible(const Condition& c, std::uint32_t status) {
  const auto listed = [&](const Condition& x) {
    for (std::size_t i = 0; i + 1 < x.list.size(); i += 2) {
      if (status >= x.list[i] && status <= x.list[i + 1]) return true;
    }
    return false;
  };
  const auto possible = [&](const Condition& x) { return status_possible(x, status); };
  switch (c.test) {
    case Test::kStatus:
      return listed(c);
    case Test::kAll:
      return std::all_of(c.children.begin(), c.children.end(), possible);
    case Test::kAny:
      return std::any_of(c.children.begin(), c.children.end(), possible);
    case Test::kNot:
      return c.children.front().test != Test::kStatus || !listed(c.children.front());
    default:
      return true;
  }
}

class Planner {
 public:
  explicit Planner(RuleSet::Compiled& rules) : rules_(rules), plan_(rules.plan) {}

  void build() {
    plan_.rules = rules_.rules.size();
    plan_.watchers = plan_.rules + rules_.facts.size();
    plan_.words = (plan_.watchers + 63) / 64;
    plan_.auth.reset(static_cast<std::size_t>(Auth::kCount), plan_.words, true);
    plan_.method.reset(method_words().size(), plan_.words, true);
    plan_.api.reset(static_cast<std::size_t>(Api::kCount), plan_.words, true);
    plan_.product.reset(static_cast<std::size_t>(Impl::kCount), plan_.words, true);
    plan_.flags = needs(static_cast<std::size_t>(Flag::kCount));
    plan_.headers = needs(rules_.headers.size());
    plan_.fields = needs(rules_.field_names.size());
    plan_.labels.reset(rules_.labels.size(), plan_.words, false);
    plan_.labels_refused.reset(rules_.labels.size(), plan_.words, false);
    plan_.exact.reset(1, plan_.words, false);
    plan_.rest.assign(plan_.watchers, Condition{});
    for (std::size_t s = 0; s < kSubjects; ++s) {
      plan_.no_label[s].reset(1, plan_.words, true);
      plan_.users[s].reset(1, plan_.words, false);
    }
    plan_.early.reset(Plan::kEarly, plan_.words, true);
    plan_.early_answer.reset(Plan::kEarly, plan_.words, true);
    plan_.answers.reset(1, plan_.words, false);
    plan_.status.reset(500, plan_.words, true);
    for (std::size_t i = 0; i < plan_.rules; ++i) add_rule(i);
    for (std::size_t i = 0; i < rules_.facts.size(); ++i) add_fact(i);
  }

 private:
  Needs needs(std::size_t things) const {
    Needs out;
    out.none.reset(1, plan_.words, true);
    out.things.reset(things, plan_.words, false);
    out.refused.reset(things, plan_.words, false);
    return out;
  }

  void add_rule(std::size_t i) {
    const Rule& rule = rules_.rules[i];
    add_when(i, rule.when);
    add_early(i, rule);
    // A rule that looks at answers again only for its facts' sake takes any status.
    if (rule.on_answer) add_answer(i, rule.on_request ? nullptr : &rule.answer);
  }

  /// How many requests a source must have sent before the rule's source conditions can hold.
  std::int64_t requests_needed(const Rule& rule, bool at_answer) const {
    std::int64_t needed = 1;
    const std::int64_t unanswered = at_answer ? 0 : 1;  // the present one
    for (const SourceCondition& c : rule.source) {
      switch (c.test) {
        case SourceTest::kDistinct:  // a request has one value of a fact, but for labels
          if (rules_.facts[c.fact].value != FactValue::kLabel)
            needed = std::max(needed, c.range.low);
          break;
        case SourceTest::kRequests:
          needed = std::max(needed, c.range.low);
          break;
        case SourceTest::kFailureRatio:
          needed = std::max({needed, c.range.low + unanswered, 1 + unanswered});
          break;
        case SourceTest::kFirstSeenBefore:
          if (c.within_ds > 0) needed = std::max(needed, 1 + unanswered);
          break;
        case SourceTest::kFirstSeenWithin:
        case SourceTest::kKeySources:
          break;
      }
    }
    return needed;
  }

  void add_early(std::size_t i, const Rule& rule) {
    for (std::size_t n = 1; n <= Plan::kEarly; ++n) {
      const auto sent = static_cast<std::int64_t>(n);
      plan_.early.set(n - 1, i, rule.on_answer || requests_needed(rule, false) <= sent);
      plan_.early_answer.set(n - 1, i, requests_needed(rule, true) <= sent);
    }
  }

  void add_fact(std::size_t i) {
    const Fact& fact = rules_.facts[i];
    const std::size_t w = plan_.rules + i;
    Condition when = fact.when;
    if (fact.value == FactValue::kLabel) {  // without a label there is nothing to remember
      Condition both, label;
      label.test = Test::kLabels;
      label.a = rules_.sets[fact.set].first_label;
      label.b = rules_.sets[fact.set].label_count;
      both.children = {std::move(when), std::move(label)};
      when = std::move(both);
    }
    add_when(w, when);
    if (fact.value == FactValue::kPrompt) use(Subject::kPrompt, w);
    if (fact.value == FactValue::kUrlHost) use(Subject::kField, w);
    if (fact.on_answer) add_answer(w, &fact.answer);
  }

  void use(Subject subject, std::size_t w) {
    plan_.users[static_cast<std::size_t>(subject)].set(0, w, true);
  }

  auto label_leaf(Subject subject) const {
    return [this, subject](const Condition& c) -> Things {
      if (c.test != Test::kLabels || !asks_for(rules_, c, subject)) return std::nullopt;
      std::vector<std::uint32_t> range(c.b);
      for (std::uint32_t i = 0; i < c.b; ++i) range[i] = c.a + i;
      return range;
    };
  }

  /// Notes what excludes the watcher by being there, and what of `when` the rows do not say.
  void add_refusals(std::size_t w, const Condition& when) {
    std::vector<const Condition*> parts;
    flatten(when, parts);
    std::vector<Condition> unsaid;
    for (const Condition* part : parts) {
      if (!is_said(w, *part, parts)) unsaid.push_back(*part);
    }
    plan_.exact.set(0, w, unsaid.empty());
    Condition& rest = plan_.rest[w];
    if (unsaid.size() == 1) {
      rest = std::move(unsaid.front());
    } else {
      rest.children = std::move(unsaid);
    }
  }

  /// Whether the rows say all of `c`, one of the parts that must all hold.
  bool is_said(std::size_t w, const Condition& c, const std::vector<const Condition*>& parts) {
    if (is_mask_test(c.test)) return true;
    if (c.test == Test::kNot) return refuse(w, c.children.front());
    if (c.test == Test::kHeadersAbsent) {
      for (const std::uint32_t slot : bits_of(c.mask)) plan_.headers.refused.set(slot, w, true);
      return true;
    }
    if (c.test == Test::kFlag) return needs_once(parts, flag_leaf);
    if (c.test == Test::kHeadersAnyPresent ||
        (c.test == Test::kHeadersPresent && bits_of(c.mask).size() == 1)) {
      return needs_once(parts, header_leaf);
    }
    const auto subject = labels_of_one_subject(c);
    return subject && needs_once(parts, label_leaf(*subject));
  }

  /// The rows say one need of each kind.
  template <typename Leaf>
  static bool needs_once(const std::vector<const Condition*>& parts, const Leaf& leaf) {
    return std::count_if(parts.begin(), parts.end(), [&](const Condition* part) {
             return needed_things(*part, leaf).has_value();
           }) == 1;
  }

  /// `c` stands under a kNot. False when its truth cannot be said by what is there.
  bool refuse(std::size_t w, const Condition& c) {
    if (is_mask_test(c.test)) return true;  // possible_values() knows
    if (c.test == Test::kAny) {
      bool all = true;
      for (const Condition& child : c.children) {
        all = (!is_mask_test(child.test) && refuse(w, child)) && all;
      }
      return all;
    }
    if (c.test == Test::kFlag) {
      for (const std::uint32_t flag : bits_of(c.mask)) plan_.flags.refused.set(flag, w, true);
      return true;
    }
    if (c.test == Test::kHeadersAnyPresent) {
      for (const std::uint32_t slot : bits_of(c.mask)) plan_.headers.refused.set(slot, w, true);
      return true;
    }
    if (c.test != Test::kLabels) return false;
    for (std::uint32_t i = 0; i < c.b; ++i) plan_.labels_refused.set(c.a + i, w, true);
    return true;
  }

  std::optional<Subject> labels_of_one_subject(const Condition& c) const {
    if (c.test == Test::kLabels) return rules_.sets[rules_.labels[c.a].set].subject;
    if (c.test != Test::kAny || c.children.empty()) return std::nullopt;
    const auto first = labels_of_one_subject(c.children.front());
    for (const Condition& child : c.children) {
      if (!first || labels_of_one_subject(child) != first) return std::nullopt;
    }
    return first;
  }

  void add_when(std::size_t w, const Condition& when) {
    add_refusals(w, when);
    exclude(plan_.auth, static_cast<std::size_t>(Auth::kCount), w,
            possible_values(when, Test::kAuth));
    exclude(plan_.method, method_words().size(), w, possible_values(when, Test::kMethod));
    exclude(plan_.api, static_cast<std::size_t>(Api::kCount), w, possible_values(when, Test::kApi));
    exclude(plan_.product, static_cast<std::size_t>(Impl::kCount), w,
            possible_values(when, Test::kProduct));
    need(plan_.flags, w, needed_things(when, flag_leaf));
    need(plan_.headers, w, needed_things(when, header_leaf));
    need(plan_.fields, w, needed_things(when, [&](const Condition& c) -> Things {
           if (!is_field_test(c.test)) return std::nullopt;
           return std::vector{rules_.field_names.find(c.text.substr(0, c.text.find('\0')))};
         }));
    for (std::size_t s = 0; s < kSubjects; ++s) {
      const auto subject = static_cast<Subject>(s);
      if (asks_for(rules_, when, subject)) use(subject, w);
      const Things labels = needed_things(when, label_leaf(subject));
      if (!labels) continue;
      plan_.no_label[s].set(0, w, false);
      for (const std::uint32_t label : *labels) plan_.labels.set(label, w, true);
    }
  }

  static void exclude(WatcherRows& rows, std::size_t count, std::size_t w, std::uint64_t possible) {
    for (std::size_t i = 0; i < count; ++i) {
      if ((possible >> i & 1) == 0) rows.set(i, w, false);
    }
  }

  static void need(Needs& needs, std::size_t w, const Things& things) {
    if (!things) return;
    needs.none.set(0, w, false);
    for (const std::uint32_t thing : *things) needs.things.set(thing, w, true);
  }

  void add_answer(std::size_t w, const Condition* answer) {
    plan_.answers.set(0, w, true);
    if (answer == nullptr) return;
    if (asks_for(rules_, *answer, Subject::kAnswer)) use(Subject::kAnswer, w);
    for (std::uint32_t status = 100; status < 600; ++status) {
      if (!status_possible(*answer, status)) plan_.status.set(status - 100, w, false);
    }
  }

  RuleSet::Compiled& rules_;
  Plan& plan_;
};

}  // namespace

void build_plan(RuleSet::Compiled& compiled) { Planner{compiled}.build(); }

}  // namespace probewall::rules
