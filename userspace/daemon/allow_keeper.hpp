// SPDX-License-Identifier: Apache-2.0
// Keeps the allow set current, in the guard and in the kernel: configuration and operator's list at
// the start, the network on netlink events, SSH sessions every two seconds.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/allow_file.hpp"
#include "daemon/allow_set.hpp"
#include "daemon/background.hpp"
#include "daemon/event_loop.hpp"
#include "dataplane/dataplane.hpp"
#include "dataplane/network_watch.hpp"

namespace probewall {

class AllowKeeper {
 public:
  using OnChange = std::function<void(const AllowSet::Change&)>;

  /// Fills the kernel's table before anything is attached, and takes out what an earlier daemon
  /// left there. Files in `directory`: allow.list, the operator's; allow.kernel, what the table may
  /// hold.
  static Result<std::unique_ptr<AllowKeeper>> fill(const Config& config, Dataplane& dataplane,
                                                   const std::string& directory);

  /// Follows netlink in `loop`; `on_change` hears of every later change, after the kernel's table
  /// has it.
  Result<void> follow(EventLoop& loop, OnChange on_change);
  /// Looks for SSH sessions; call it every two seconds. The look-up runs in a helper thread.
  void refresh_ssh();

  const AllowSet& set() const { return set_; }

  /// Takes over another configuration's part of the never-block set.
  Result<void> reconfigure(const Config& config);

  /// Adds to, or takes from, the operator's list: saved first, then in the kernel's table. An error
  /// leaves both as they were.
  Result<bool> operator_add(const IpPrefix& prefix, const std::string& reason);
  Result<bool> operator_remove(const IpPrefix& prefix);

  /// Why allow.kernel is not up to date; empty: it is. The next start reads the table as well.
  const std::string& unsaved() const { return unsaved_; }
  void save_again();

  std::uint64_t failed_writes() const { return failed_writes_; }

 private:
  AllowKeeper(Dataplane& dataplane, const std::string& directory,
              std::vector<std::uint16_t> ssh_ports)
      : dataplane_(dataplane),
        list_path_(directory + "/allow.list"),
        kernel_path_(directory + "/allow.kernel"),
        ssh_ports_(std::move(ssh_ports)) {}
  Result<void> remove_stale();
  void note_kernel_entries(const std::vector<AllowSet::Change>& changes);
  Result<void> change_operator_list(std::vector<AllowFileEntry> list);
  Result<void> replace(AllowLayer layer, const std::vector<NeverBlock>& entries);
  Result<void> replace_operator_layer();
  void refresh_network();

  Dataplane& dataplane_;
  std::string list_path_;
  std::string kernel_path_;
  std::vector<std::uint16_t> ssh_ports_;
  AllowSet set_;
  std::vector<AllowFileEntry> operator_list_;
  std::vector<AllowFileEntry> stale_;  ///< left by an earlier daemon, until remove_stale()
  OnChange on_change_;
  std::unique_ptr<NetworkWatch> watch_;
  std::unique_ptr<Background> scanner_;
  std::string unsaved_;
  std::uint64_t failed_writes_ = 0;
};

}  // namespace probewall
