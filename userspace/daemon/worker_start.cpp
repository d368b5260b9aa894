// SPDX-License-Identifier: Apache-2.0
// Starting a worker: everything is opened with rights, nothing is read before they are gone.
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/clocks.hpp"
#include "daemon/log.hpp"
#include "daemon/priority.hpp"
#include "daemon/worker.hpp"
#include "daemon/worker_paths.hpp"
#include "dataplane/kernel_clock.hpp"
#include "rules_loader/core_settings.hpp"
#include "rules_loader/rules_loader.hpp"

namespace probewall {
namespace {

constexpr std::chrono::milliseconds kFastTick{20};
constexpr std::uint32_t kRestoredSources = 1u << 17;  // as many as policy remembers

/// SIGTERM and SIGHUP come as descriptors; a terminal's Ctrl-C is the guard's to answer.
Result<UniqueFd> take_signals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail(errno, "block signals");
  UniqueFd fd{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!fd) return fail(errno, "watch signals");
  return fd;
}

/// Keys the hashes of API keys and prompts: the same over restarts, so that hashes can be compared.
std::array<std::uint8_t, 16> key_secret(const std::string& path) {
  std::array<std::uint8_t, 16> secret{};
  const UniqueFd there{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (there && ::read(there.get(), secret.data(), secret.size()) == ssize_t{secret.size()})
    return secret;
  if (getrandom(secret.data(), secret.size(), 0) != ssize_t{secret.size()}) std::abort();
  const UniqueFd fresh{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  // Unwritten, hashes just do not survive this run.
  if (fresh) [[maybe_unused]]
    const auto n = ::write(fresh.get(), secret.data(), secret.size());
  return secret;
}

}  // namespace

std::vector<std::string> rule_ids(const RuleSet& rules) {
  std::vector<std::string> ids;
  for (const auto& rule : rules.list()) ids.push_back(rule.id);
  return ids;
}

Worker::Worker(WorkerBoot boot, EventLoop loop)
    : boot_(std::move(boot)), loop_(std::move(loop)), guard_(kGuardFd), mirror_(boot_.enforcing) {}

Result<void> Worker::run() {
  for (int fd = kGuardFd; fd < kFirstRingFd; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
  const auto text = read_memfd(kBootFd);
  ::close(kBootFd);
  if (!text) return tl::unexpected(text.error());
  auto boot = decode_boot(*text);
  if (!boot) return tl::unexpected(boot.error());
  auto loop = EventLoop::create();
  if (!loop) return tl::unexpected(loop.error());
  run_in_turn();  // compiling the rules takes long
  Worker worker{std::move(*boot), std::move(*loop)};
  using Step = Result<void> (Worker::*)();
  for (const Step step : {&Worker::open_dataplane, &Worker::open_outputs, &Worker::bind_sockets,
                          &Worker::become_harmless, &Worker::start}) {
    if (auto done = (worker.*step)(); !done) return done;
  }
  auto ran = worker.loop_.run();
  worker.stop();
  return ran;
}

Result<void> Worker::open_dataplane() {
  auto rules = compile_rules(boot_.config, boot_.rules);
  if (!rules) return tl::unexpected(rules.error());
  rules_ = std::move(*rules);
  auto skip = SkipWriter::map(kSkipFd);
  if (!skip) return tl::unexpected(skip.error());
  skip_ = std::make_unique<SkipWriter>(std::move(*skip));
  auto counters = CounterView::map(kCountersFd);
  if (!counters) return tl::unexpected(counters.error());
  counters_ = std::make_unique<CounterView>(std::move(*counters));

  std::vector<int> rings(boot_.rings);
  for (std::size_t i = 0; i < rings.size(); ++i) rings[i] = kFirstRingFd + static_cast<int>(i);
  // Perf records have no owner thread: one thread reads them all.
  const std::size_t workers = rings.empty() ? 1 : ring_layout(boot_.config).workers;
  const std::size_t each = rings.size() / workers;
  for (std::size_t w = 0; w < workers; ++w) {
    auto thread = CaptureThread::open([&](auto on_record, auto on_lost) {
      if (rings.empty())
        return RecordReader::from_perf(kPerfFd, std::move(on_record), std::move(on_lost));
      return RecordReader::from_rings(std::span{rings}.subspan(w * each, each), kNeedWakeFd,
                                      std::move(on_record), static_cast<unsigned>(w * each));
    });
    if (!thread) return tl::unexpected(thread.error());
    threads_.push_back(std::move(*thread));
  }
  // Mapped or duplicated by now. What stays open could be frozen or read by a taken-over worker.
  for (const int fd : {kSkipFd, kCountersFd, kNeedWakeFd}) ::close(fd);
  for (const int fd : rings) ::close(fd);
  return {};
}

Result<void> Worker::open_outputs() {
  auto identity = worker_identity(boot_.config.user);
  if (!identity) return tl::unexpected(identity.error());
  identity_ = std::move(*identity);
  auto signals = take_signals();
  if (!signals) return tl::unexpected(signals.error());
  signals_ = std::move(*signals);
  Metrics::Options options;
  options.version = version();
  for (const auto& report : boot_.interfaces) options.interfaces.push_back(report.interface);
  options.rules = rule_ids(*rules_);
  options.threshold = boot_.config.block.threshold;
  metrics_ = std::make_unique<Metrics>(options);
  metrics_->set_config_reload(true, static_cast<double>(wall_us()) * 1e-6);
  for (const auto& report : boot_.interfaces)
    metrics_->set_attached(report.interface, report.native, true);
  // A disk that is full or read-only is no reason not to filter; the guard makes the file later.
  const auto prepared = prepare_event_file(boot_.config, identity_);
  if (prepared) return {};
  if (!unstorable(prepared.error().errno_value)) return prepared;
  event_file_ = EventFile::later(boot_.config.events.file, prepared.error());
  return {};
}

Result<void> Worker::bind_sockets() {
  auto decoys = DecoyServer::bind(boot_.config.decoy_ports);
  if (!decoys) return tl::unexpected(decoys.error());
  decoys_ = std::move(*decoys);

  // None of these is used before start(): the server only binds here.
  EventOptions events;
  events.prompt = boot_.config.events.prompt;
  events.wall_offset_ns = wall_offset_ns();
  if (getrandom(events.hash_secret.data(), events.hash_secret.size(), 0) < 0)
    return fail(errno, "getrandom");
  recorder_ = std::make_unique<Recorder>(events, *metrics_, tail_);
  desk_ = std::make_unique<DecisionDesk>(*recorder_,
                                         [this](const guard::Wish& wish) { return send(wish); });
  answers_ = std::make_unique<ApiAnswers>(boot_, *recorder_, *metrics_, *desk_, mirror_, *counters_,
                                          store_, threads_);
  server_ = std::make_unique<ApiServer>(*answers_, tail_);
  const auto group = operator_group();
  const auto path = boot_.config.paths.runtime_directory + "/control.sock";
  if (auto bound = server_->bind_unix(path, group.value_or(static_cast<gid_t>(-1))); !bound)
    return bound;
  if (boot_.config.metrics.listen.empty()) return {};
  auto port = server_->bind_tcp(boot_.config.metrics.listen);
  if (!port) return tl::unexpected(port.error());
  return {};
}

Result<void> Worker::become_harmless() {
  run_soon();  // for the capture threads, which start when nobody may ask for it any more
  if (auto done = drop_privileges(identity_); !done) return done;
  // The guard may have died before the death signal was set.
  if (getppid() != boot_.guard_pid) return fail(ESRCH, "the guard is gone");
  // Files as the user who goes on writing them.
  if (!boot_.config.events.file.empty()) {
    if (!event_file_) {
      auto file = EventFile::open(boot_.config.events.file);
      if (!file) return tl::unexpected(file.error());
      event_file_ = std::move(*file);
    }
    recorder_->set_file(std::move(*event_file_));
    answers_->set_event_problem(recorder_->look_after_file());
  }
  secret_ = key_secret(boot_.config.storage.directory + "/key_secret");
  open_store();
  return install_system_call_filter();
}

void Worker::open_store() {
  StoreOptions options;
  options.max_decisions = boot_.config.storage.max_decisions;
  auto store = DecisionStore::open(boot_.config.storage.directory, options);
  if (!store) {
    // Blocking goes on without it: only `why` after a restart and escalation suffer.
    answers_->set_store_problem(store.error().message);
    if (!std::exchange(store_missing_, true)) {
      log_line("decisions are not stored: " + store.error().message + "; this is tried again");
    }
    return;
  }
  for (const auto& warning : store->warnings()) answers_->add_warning(warning);
  if (const auto next = store->next_handle()) desk_->skip_handles(*next);
  const std::lock_guard lock{store_.mutex};
  store_.store = std::move(*store);
}

PolicyConfig Worker::policy_config(const Config& config) const {
  auto p = policy_settings(config);
  // Always as if enforcing: the desk turns decisions into observations, and can be told otherwise
  // while running.
  p.enforce = true;
  return p;
}

PipelineConfig Worker::pipeline_config(unsigned thread) const {
  auto p = core_settings(boot_.config);
  const auto share = static_cast<std::uint32_t>(threads_.size());
  p.max_flows = std::max(1u, p.max_flows / share);
  p.max_sources = std::max(1u, p.max_sources / share);
  p.key_hash_secret = secret_;
  p.policy = policy_config(boot_.config);
  p.policy.id_seed = monotonic_ns() * 0x9e3779b97f4a7c15ull + thread;
  return p;
}

void Worker::open_store_again() {
  open_store();
  if (!store_.store) return;
  store_missing_ = false;
  answers_->set_store_problem("");
  log_line("decisions are stored again");
  restore_history();
}

void Worker::restore_history() {
  if (!store_.store) return;
  const auto history = store_.store->ban_history(kRestoredSources);
  if (!history) {
    log_line("earlier bans not read: " + history.error().message);
    return;
  }
  const auto offset_us = wall_offset_ns() / 1000;
  for (const auto& h : *history) {
    const Timestamp last{std::chrono::microseconds{h.last_at_us - offset_us}};
    for (const auto& thread : threads_) thread->restore_history(h.source, h.bans, last);
  }
}

Result<void> Worker::start() {
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    threads_[i]->prepare(pipeline_config(static_cast<unsigned>(i)), rules_,
                         {*recorder_, *desk_, mirror_, *skip_,
                          [this](const guard::Wish& wish) { return send(wish); }});
  }
  restore_history();
  auto compiler = Background::start(loop_, 2);
  if (!compiler) return tl::unexpected(compiler.error());
  compiler_ = std::move(*compiler);
  for (auto& done : {loop_.add(guard_.get(), EPOLLIN, [this](std::uint32_t) { on_guard(); }),
                     loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); }),
                     decoys_->serve(loop_), loop_.every(kFastTick, [this] { tick_fast(); }),
                     loop_.every(std::chrono::seconds{1}, [this] { tick_second(); })}) {
    if (!done) return done;
  }
  for (const auto& thread : threads_) thread->start();
  run_in_turn();
  server_->start();
  guard::Wish ready;
  ready.type = static_cast<std::uint32_t>(guard::WishType::kReady);
  if (!send(ready)) return fail(EPIPE, "tell the guard");
  return {};
}

}  // namespace probewall
