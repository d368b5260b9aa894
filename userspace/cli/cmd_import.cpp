// SPDX-License-Identifier: Apache-2.0
// `bans import`: the whole file is read before anything is sent, all of it over one connection.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>

#include "cli/bans_file.hpp"
#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall::cli {
namespace {

constexpr std::size_t kSentAhead = 32;  // both ends of the socket have room for more
constexpr std::uint64_t kRefusalsTold = 20;

struct Line {
  std::uint64_t number = 0;
  admin::Request request;
};

struct Import {
  std::string file;
  std::vector<Line> lines;
  std::uint64_t expired = 0;
  std::uint64_t added = 0, refused = 0, failed = 0;
};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Both clocks at one moment.
struct Now {
  std::int64_t wall_us = now_us();
  std::int64_t boot_us = static_cast<std::int64_t>(boottime_us());
};

admin::Request request_of(const BanLine& ban, const Now& now) {
  auto request = admin_request(admin::Op::kBanAdd, ban.prefix, 0,
                               ban.reason.empty() ? "imported" : ban.reason);
  if (!ban.until_us) return request;
  const std::int64_t left_us = *ban.until_us - now.wall_us;
  request.seconds = static_cast<std::uint64_t>((left_us + 999'999) / 1'000'000);
  // Exported and imported over and over, an end stays where it is.
  const std::int64_t end_s = (now.boot_us + left_us + 999'999) / 1'000'000;
  if (end_s < UINT32_MAX) request.until_s = static_cast<std::uint32_t>(end_s);
  return request;
}

/// Every line, or what is wrong with the first bad one.
Result<Import> read_import(std::istream& in, const std::string& file) {
  Import import{file, {}};
  const Now now;
  std::optional<std::string> first;
  std::uint64_t number = 0, bad = 0;
  std::string line;
  errno = 0;
  while (std::getline(in, line)) {
    ++number;
    const auto ban = parse_ban_line(line, now.wall_us);
    if (!ban) {
      if (bad++ == 0) first = fmt::format("{}:{}: {}", file, number, ban.error().message);
    } else if (*ban && (*ban)->until_us && *(*ban)->until_us <= now.wall_us) {
      ++import.expired;
    } else if (*ban) {
      import.lines.push_back({number, request_of(**ban, now)});
    }
  }
  if (in.bad())
    return fail(ExitStatus::kFailed, fmt::format("read {}: {}; nothing was imported", file,
                                                 std::strerror(errno != 0 ? errno : EIO)));
  if (!first) return import;
  const auto more = bad > 1 ? fmt::format(" (and {} more such lines)", bad - 1) : std::string{};
  return fail(ExitStatus::kFailed, *first + more + "; nothing was imported");
}

/// Counts the answer about one line. Error: it concerns all of them.
Result<void> take_reply(Import& import, std::uint64_t number, const admin::Reply& reply) {
  const auto status = static_cast<ExitStatus>(reply.exit_status);
  if (status == ExitStatus::kOk) {
    ++import.added;
    return {};
  }
  // A safety rule, a full table: the other lines are still wanted.
  const auto why = AdminSession::refusal(reply).value();
  if (status != ExitStatus::kRefused && status != ExitStatus::kFailed) return tl::unexpected(why);
  ++(status == ExitStatus::kRefused ? import.refused : import.failed);
  if (import.refused + import.failed <= kRefusalsTold)
    notice(fmt::format("{}:{}: {}", import.file, number, why.message));
  return {};
}

Result<void> send_all(const Context& context, Import& import) {
  if (import.lines.empty()) return {};
  auto session = AdminSession::open(context.admin_socket());
  if (!session) return tl::unexpected(session.error());
  std::size_t sent = 0;
  for (std::size_t answered = 0; answered < import.lines.size(); ++answered) {
    for (; sent < import.lines.size() && sent < answered + kSentAhead; ++sent) {
      if (auto done = session->send(import.lines[sent].request); !done) return done;
    }
    const auto reply = session->receive();
    if (!reply) return tl::unexpected(reply.error());
    if (auto taken = take_reply(import, import.lines[answered].number, *reply); !taken)
      return taken;
  }
  return {};
}

int tell(const Context& context, const Import& import) {
  const auto kept_out = import.refused + import.failed;
  if (kept_out > kRefusalsTold)
    notice(fmt::format("{} more were not imported", with_commas(kept_out - kRefusalsTold)));
  if (context.json()) {
    print_line(fmt::format(R"({{"added":{},"refused":{},"failed":{},"expired":{}}})", import.added,
                           import.refused, import.failed, import.expired));
  } else {
    const auto failed =
        import.failed > 0 ? fmt::format(" {} failed,", import.failed) : std::string{};
    print_line(fmt::format("Imported {} bans; {} refused,{} {} had ended already.", import.added,
                           import.refused, failed, import.expired));
  }
  if (import.failed > 0) return finish(static_cast<int>(ExitStatus::kFailed));
  return finish(static_cast<int>(import.refused > 0 ? ExitStatus::kRefused : ExitStatus::kOk));
}

}  // namespace

int bans_import(const Context& context, const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file);
    if (!opened)
      return report(
          {fmt::format("read {}: {}", file, std::strerror(errno)), errno, ExitStatus::kFailed});
  }
  auto import = read_import(file == "-" ? std::cin : opened, file);
  if (!import) return report(import.error());
  if (const auto sent = send_all(context, *import); !sent) {
    auto error = sent.error();
    if (import->added > 0)
      error.message += fmt::format("; {} of {} bans were imported before, importing again is safe",
                                   import->added, import->lines.size());
    return report(error);
  }
  return tell(context, *import);
}

}  // namespace probewall::cli
