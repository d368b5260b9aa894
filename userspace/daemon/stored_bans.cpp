// SPDX-License-Identifier: Apache-2.0
#include "daemon/stored_bans.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/clocks.hpp"
#include "dataplane/unique_fd.hpp"
#include "storage/decision_store.hpp"

namespace probewall {
namespace {

constexpr unsigned kPatienceSeconds = 5;  ///< for a store that somebody holds or that is damaged

std::uint8_t action_of(Action action) {
  switch (action) {
    case Action::kBlock:
      return PW_ACTION_DROP;
    case Action::kRateLimit:
      return PW_ACTION_RATE_LIMIT;
    case Action::kTag:
      return PW_ACTION_TAG;
    case Action::kObserve:
      break;
  }
  return PW_ACTION_NONE;
}

bool write_all(int fd, const void* bytes, std::size_t size) {
  for (const auto* at = static_cast<const char*>(bytes); size > 0;) {
    const auto n = ::write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

StoredBan row_of(const StoredDecision& d, std::int64_t now_us) {
  StoredBan ban;
  std::memcpy(ban.address, d.source.address.bytes.data(), sizeof ban.address);
  ban.prefix_len = d.source.length;
  ban.handle = d.handle;
  ban.action = action_of(d.action);
  ban.origin = d.origin;
  if (d.until_us != kForever) {
    ban.seconds = static_cast<std::uint64_t>(d.until_us - now_us) / 1'000'000 + 1;
  }
  return ban;
}

/// The child. Its exit status: 0, or the errno that says why there is nothing.
[[noreturn]] void tell(int to, const std::string& directory, const WorkerIdentity& identity,
                       std::uint32_t limit) {
  alarm(kPatienceSeconds);
  if (auto dropped = drop_privileges(identity); !dropped) _exit(EPERM);
  StoreOptions options;
  options.read_only = true;
  const auto store = DecisionStore::open(directory, options);
  if (!store) _exit(store.error().errno_value == ENOENT ? ENOENT : EIO);
  const auto now_us = wall_us();
  const auto rows = store->running(now_us, limit);
  if (!rows) _exit(EIO);
  for (const auto& d : *rows) {
    const auto ban = row_of(d, now_us);
    if (ban.action == PW_ACTION_NONE) continue;  // observed only
    if (!write_all(to, &ban, sizeof ban)) _exit(EPIPE);
  }
  _exit(0);
}

std::vector<StoredBan> receive(int from, std::uint32_t limit) {
  std::vector<StoredBan> bans;
  StoredBan ban;
  for (std::size_t got = 0; bans.size() < limit;) {
    const auto n = ::read(from, reinterpret_cast<char*>(&ban) + got, sizeof ban - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
    if (got < sizeof ban) continue;
    bans.push_back(ban);
    got = 0;
  }
  return bans;
}

}  // namespace

Result<std::vector<StoredBan>> read_stored_bans(const std::string& directory,
                                                const WorkerIdentity& identity,
                                                std::uint32_t limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(errno, "read the stored bans");
  UniqueFd from{ends[0]}, to{ends[1]};
  const pid_t child = fork();
  if (child < 0) return fail(errno, "read the stored bans");
  if (child == 0) tell(to.get(), directory, identity, limit);
  to = UniqueFd{};
  auto bans = receive(from.get(), limit);
  from = UniqueFd{};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return bans;
  return fail(WIFEXITED(status) ? WEXITSTATUS(status) : EIO, "read the stored bans");
}

std::optional<Grant> judge_stored(const StoredBan& ban, GuardPolicy& policy, const AllowSet& allow,
                                  const std::optional<pw_block_entry>& existing,
                                  const GuardNow& now) {
  if (ban.origin == PW_ORIGIN_OPERATOR) {
    const auto prefix = GuardPolicy::prefix_of(ban.address, ban.prefix_len);
    if (!prefix || ban.action != PW_ACTION_DROP) return std::nullopt;
    const auto grant = policy.judge_operator(*prefix, ban.seconds, allow, existing, now);
    return grant ? std::optional{*grant} : std::nullopt;
  }
  guard::Wish wish;
  std::memcpy(wish.address, ban.address, sizeof wish.address);
  wish.prefix_len = ban.prefix_len;
  wish.handle = ban.handle;
  wish.seconds = ban.seconds;
  wish.action = ban.action;
  wish.proven = 1;  // nothing unproven is stored as a ban
  const auto grant = policy.judge(wish, allow, existing, true, now);
  return grant ? std::optional{*grant} : std::nullopt;
}

}  // namespace probewall
