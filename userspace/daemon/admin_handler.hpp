// SPDX-License-Identifier: Apache-2.0
// What an operator's order does in the guard.
#pragma once

#include "control/admin_protocol.hpp"
#include "daemon/admin_server.hpp"
#include "daemon/guard.hpp"

namespace probewall {

class AdminHandler {
 public:
  explicit AdminHandler(Guard& guard) : guard_(guard) {}
  AdminReplies handle(const admin::Request& request);

 private:
  admin::Reply status() const;
  admin::Reply ban_add(const IpPrefix& prefix, const admin::Request& request);
  admin::Reply ban_delete(const IpPrefix& prefix);
  admin::Reply ban_flush();
  AdminReplies ban_list() const;
  admin::Reply allow_add(const IpPrefix& prefix, const admin::Request& request);
  admin::Reply allow_delete(const IpPrefix& prefix);
  AdminReplies allow_list() const;
  admin::Reply enforce(bool on, std::uint64_t confirm_seconds);
  admin::Reply confirm();
  admin::Reply detach();
  admin::Reply why(const IpPrefix& prefix) const;
  AdminReplies reload();
  AdminReplies reload_replies(const ReloadOutcome& outcome) const;

  admin::Reply done(std::string_view message, std::uint32_t count) const;
  admin::Reply failed(const Error& error) const;
  void tell_unbanned(const BlockRecord& record, std::uint32_t reason);

  Guard& guard_;
};

}  // namespace probewall
