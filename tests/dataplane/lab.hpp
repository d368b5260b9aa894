// SPDX-License-Identifier: Apache-2.0
// A gateway between a client and a server, in network namespaces, with an own bpffs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "dataplane/dataplane.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall::lab {

/// Runs a command line; aborts the test run when it fails.
void run(const std::string& command);
/// Its standard output.
std::string output_of(const std::string& command);

/// client 10.77.0.2, fd77::2 -- g0 [gateway] g1 -- server 10.78.0.2, fd78::2; the gateway is .1 and
/// ::1 on both. The calling thread is inside the gateway's namespace while this lives.
class Lab {
 public:
  Lab();
  ~Lab();

  const std::string& pin_directory() const { return pins_; }
  std::string client() const { return prefix_ + "client"; }
  std::string server() const { return prefix_ + "server"; }
  std::string gateway() const { return prefix_ + "gateway"; }
  /// Enforcing, pins here, one LLM port 11434, everything else default.
  Config config() const;
  /// Opens with `config` and writes settings and ports, as the guard does at start.
  std::unique_ptr<Dataplane> start(const Config& config) const;

 private:
  std::string prefix_, directory_, pins_;
  UniqueFd outside_;  // the namespace we came from
};

/// Runs `work` in a thread inside the namespace; sockets made there stay there.
void in_namespace(const std::string& name, const std::function<void()>& work);

/// Puts our XDP program on `interface` the way an earlier start may have left it, whatever way this
/// kernel prefers: kLink or kNetlink. `config.xdp.mode` says the mode; the maps exist.
void put_on_hook(const Lab& lab, const Config& config, const std::string& interface,
                 AttachKind kind);

/// What is on an interface of the calling thread's namespace.
std::uint32_t xdp_program_id(const std::string& interface);
bool xdp_is_native(const std::string& interface);
bool has_clsact(const std::string& interface);

/// A program of somebody else: XDP_PASS, or TC_ACT_UNSPEC.
int load_stranger(bool xdp, const char* name);

/// Removes namespaces, mounts and directories of process `pid`, however it ended.
void clean_up_after(int pid);

}  // namespace probewall::lab
