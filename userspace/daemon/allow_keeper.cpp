// SPDX-License-Identifier: Apache-2.0
#include "daemon/allow_keeper.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/log.hpp"

namespace probewall {

Result<std::unique_ptr<AllowKeeper>> AllowKeeper::fill(const Config& config, Dataplane& dataplane,
                                                       const std::string& directory) {
  std::unique_ptr<AllowKeeper> keeper{new AllowKeeper{dataplane, directory, config.ssh_ports}};
  auto list = read_allow_file(keeper->list_path_);
  if (!list) return tl::unexpected(list.error());
  keeper->operator_list_ = std::move(*list);
  auto earlier = read_allow_file(keeper->kernel_path_);
  if (!earlier) return tl::unexpected(earlier.error());
  keeper->stale_ = std::move(*earlier);
  // The table itself, too: the file is not there when it could not be written.
  std::set<IpPrefix> noted;
  for (const auto& e : keeper->stale_) noted.insert(e.prefix);
  for (const auto& prefix : dataplane.allowed()) {
    if (noted.insert(prefix).second) keeper->stale_.push_back({prefix, ""});
  }
  const auto network = never_block_from_network();
  if (!network) return tl::unexpected(network.error());
  const auto ssh = never_block_from_ssh(config.ssh_ports);
  if (!ssh) return tl::unexpected(ssh.error());

  for (auto& done :
       {keeper->replace(AllowLayer::kConfig,
                        never_block_from_config({config.allow, config.trusted_proxies})),
        keeper->replace(AllowLayer::kNetwork, *network), keeper->replace(AllowLayer::kSsh, *ssh),
        keeper->replace_operator_layer()}) {
    if (!done) return tl::unexpected(done.error());
  }
  if (auto done = keeper->remove_stale(); !done) return tl::unexpected(done.error());
  return keeper;
}

Result<void> AllowKeeper::remove_stale() {
  // The pinned table outlives us: an address taken off the configuration must not stay exempt.
  for (const auto& e : stale_) {
    if (set_.entries().contains(e.prefix)) continue;
    if (auto gone = dataplane_.allow_remove(e.prefix); !gone) return gone;
  }
  stale_.clear();
  note_kernel_entries({});
  return {};
}

/// Before the table changes: a crash in between leaves a name too many in the file, never one too
/// few. The table is kept current even when the file cannot be: it is what protects.
void AllowKeeper::note_kernel_entries(const std::vector<AllowSet::Change>& changes) {
  auto entries = stale_;
  for (const auto& [prefix, entry] : set_.entries()) entries.push_back({prefix, ""});
  for (const auto& change : changes) {
    if (!change.entry) entries.push_back({change.prefix, ""});
  }
  const auto written = write_allow_file(kernel_path_, entries);
  unsaved_ = written ? "" : written.error().message;
}

void AllowKeeper::save_again() {
  if (!unsaved_.empty()) note_kernel_entries({});
}

Result<void> AllowKeeper::follow(EventLoop& loop, OnChange on_change) {
  on_change_ = std::move(on_change);
  auto watch = NetworkWatch::open();
  if (!watch) return tl::unexpected(watch.error());
  watch_ = std::move(*watch);
  auto scanner = Background::start(loop, 4);
  if (!scanner) return tl::unexpected(scanner.error());
  scanner_ = std::move(*scanner);
  auto followed = loop.add(watch_->poll_fd(), EPOLLIN, [this](std::uint32_t) {
    if (watch_->drain()) refresh_network();
  });
  refresh_network();  // what changed between fill() and the watch
  return followed;
}

Result<void> AllowKeeper::replace(AllowLayer layer, const std::vector<NeverBlock>& entries) {
  const auto changes = set_.replace(layer, entries);
  if (changes.empty()) return {};
  note_kernel_entries(changes);
  Result<void> outcome{};
  for (const auto& change : changes) {
    auto written = change.entry ? dataplane_.allow_put(change.prefix, *change.entry)
                                : dataplane_.allow_remove(change.prefix);
    if (!written) {
      ++failed_writes_;
      outcome = written;  // go on: one full table must not keep the rest out
      continue;
    }
    if (on_change_) on_change_(change);
  }
  return outcome;
}

Result<void> AllowKeeper::replace_operator_layer() {
  std::vector<NeverBlock> entries;
  entries.reserve(operator_list_.size());
  for (const auto& e : operator_list_) {
    entries.push_back({e.prefix, pw_allow_entry{PW_ALLOW_ALL, PW_ALLOW_OPERATOR, {}}});
  }
  return replace(AllowLayer::kOperator, entries);
}

void AllowKeeper::refresh_network() {
  // The look-up reads the kernel's route table: in the helper thread. A full queue means that one
  // is already waiting, which will see this change, too.
  scanner_->post([this]() -> Background::Done {
    auto entries = never_block_from_network();
    return [this, entries = std::move(entries)] {
      // On failure the old set stays: too many allowed is safer than a gateway cut off.
      if (!entries) return log_line("allow set not refreshed: " + entries.error().message);
      if (auto done = replace(AllowLayer::kNetwork, *entries); !done) {
        log_line("allow set not written: " + done.error().message);
      }
    };
  });
}

void AllowKeeper::refresh_ssh() {
  scanner_->post([this, ports = ssh_ports_]() -> Background::Done {
    auto entries = never_block_from_ssh(ports);
    return [this, entries = std::move(entries)] {
      if (!entries) return log_line("SSH sessions not refreshed: " + entries.error().message);
      if (auto done = replace(AllowLayer::kSsh, *entries); !done) {
        log_line("allow set not written: " + done.error().message);
      }
    };
  });
}

Result<void> AllowKeeper::reconfigure(const Config& config) {
  ssh_ports_ = config.ssh_ports;
  return replace(AllowLayer::kConfig,
                 never_block_from_config({config.allow, config.trusted_proxies}));
}

Result<bool> AllowKeeper::operator_add(const IpPrefix& prefix, const std::string& reason) {
  const auto same = [&prefix](const AllowFileEntry& e) { return e.prefix == prefix; };
  if (std::any_of(operator_list_.begin(), operator_list_.end(), same)) return false;
  if (operator_list_.size() >= kMaxAllowFileEntries)
    return fail(0, "the operator's allow list is full");
  auto list = operator_list_;
  list.push_back({prefix, reason});
  if (auto done = change_operator_list(std::move(list)); !done) return tl::unexpected(done.error());
  return true;
}

Result<bool> AllowKeeper::operator_remove(const IpPrefix& prefix) {
  auto list = operator_list_;
  const auto removed =
      std::erase_if(list, [&prefix](const AllowFileEntry& e) { return e.prefix == prefix; });
  if (removed == 0) return false;
  if (auto done = change_operator_list(std::move(list)); !done) return tl::unexpected(done.error());
  return true;
}

Result<void> AllowKeeper::change_operator_list(std::vector<AllowFileEntry> list) {
  if (auto saved = write_allow_file(list_path_, list); !saved) {
    saved.error().message += "; nothing was changed";
    return saved;
  }
  operator_list_.swap(list);
  auto done = replace_operator_layer();
  if (done) return done;
  operator_list_.swap(list);
  (void)replace_operator_layer();
  if (auto back = write_allow_file(list_path_, operator_list_); !back) {
    log_line("the operator's allow list is not as it was: " + back.error().message);
  }
  return done;
}

}  // namespace probewall
