// SPDX-License-Identifier: Apache-2.0
// The worker's half of a reload: it compiles what the guard has read, says whether that is good,
// and uses it when told to. Scores, histories and connections go on.
#include <utility>

#include "daemon/clocks.hpp"
#include "daemon/worker.hpp"
#include "rules_loader/core_settings.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall {
namespace {

struct Compiled {
  Config config;
  std::shared_ptr<const RuleSet> rules;
};

Result<Compiled> compile(int document) {
  const auto text = read_memfd(document);
  if (!text) return tl::unexpected(text.error());
  auto boot = decode_boot(*text);
  if (!boot) return tl::unexpected(boot.error());
  auto rules = compile_rules(boot->config, boot->rules);
  if (!rules) return tl::unexpected(rules.error());
  return Compiled{std::move(boot->config), std::move(*rules)};
}

}  // namespace

void Worker::on_prepare(std::uint32_t serial, std::vector<UniqueFd> fds) {
  prepared_.reset();
  if (fds.size() != 2) return;  // out of descriptors; the guard gives up in time
  auto files = std::make_shared<std::vector<UniqueFd>>(std::move(fds));
  compiler_->post([this, serial, files]() -> Background::Done {
    // In a helper thread: grants and events must not wait for it.
    auto compiled = compile((*files)[0].get());
    return [this, serial, files, compiled = std::move(compiled)]() mutable {
      guard::Wish answer;
      answer.type = static_cast<std::uint32_t>(guard::WishType::kPrepared);
      answer.handle = serial;
      answer.action = compiled ? 0 : 1;
      if (compiled) {
        answer.seconds = compiled->rules->list().size();
        prepared_ = Prepared{serial, std::move(compiled->config), std::move(compiled->rules)};
      } else {
        write_answer((*files)[1].get(), compiled.error().message);
      }
      send(answer);
    };
  });
}

void Worker::on_commit(std::uint32_t serial) {
  if (!prepared_ || prepared_->serial != serial) return;
  rules_ = std::move(prepared_->rules);
  boot_.config = std::move(prepared_->config);
  prepared_.reset();
  recorder_->with_metrics([this](Metrics& m) {
    m.add_rules(rule_ids(*rules_));
    m.set_threshold(boot_.config.block.threshold);
  });
  recorder_->set_prompt(boot_.config.events.prompt);
  answers_->set_config(boot_.config);
  const auto policy = policy_config(boot_.config);
  const auto inside = inside_of(boot_.config);
  for (const auto& thread : threads_) thread->reconfigure(rules_, policy, inside);
}

void Worker::on_reloaded(const guard::Note& note, const std::vector<UniqueFd>& fds) {
  const bool successful = note.count == 1;
  const auto at_us = wall_us();
  recorder_->with_metrics(
      [&](Metrics& m) { m.config_reload(successful, static_cast<double>(at_us) * 1e-6); });
  std::string words = "the guard said nothing";
  if (!fds.empty()) {
    if (auto text = read_memfd(fds[0].get())) words = std::move(*text);
  }
  answers_->set_reload({successful, at_us, std::move(words)});
}

}  // namespace probewall
