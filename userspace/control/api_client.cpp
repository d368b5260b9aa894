// SPDX-License-Identifier: Apache-2.0
#include "control/api_client.hpp"

#include <httplib.h>
#include <unistd.h>

#include "control/unix_socket.hpp"

namespace probewall {
namespace {

constexpr std::size_t kMaxBody = 64u << 20;
constexpr std::size_t kMaxLine = 1u << 20;

/// cpp-httplib does not say why it could not connect, so that is found out first.
Result<void> reachable(const std::string& path) {
  const auto fd = connect_unix(path, SOCK_STREAM);
  if (!fd) return tl::unexpected(fd.error());
  close(*fd);
  return {};
}

httplib::Client client_for(const std::string& path) {
  httplib::Client client(path);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(10, 0);
  client.set_write_timeout(5, 0);
  return client;
}

/// {"error": "..."} without a JSON parser: the server wrote it, in this form.
std::string error_text(const std::string& body) {
  constexpr std::string_view kStart = R"({"error":")";
  if (!body.starts_with(kStart) || !body.ends_with("\"}")) return body;
  return body.substr(kStart.size(), body.size() - kStart.size() - 2);
}

tl::unexpected<Error> answer_error(int status, const std::string& body) {
  return fail(ExitStatus::kFailed,
              "probewalld answered " + std::to_string(status) + ": " + error_text(body));
}

}  // namespace

Result<std::string> ApiClient::get(const std::string& target) const {
  if (auto there = reachable(path_); !there) return tl::unexpected(there.error());
  auto client = client_for(path_);
  std::string body;
  const auto result = client.Get(target, [&](const char* data, std::size_t size) {
    body.append(data, size);
    return body.size() <= kMaxBody;
  });
  if (!result) {
    return fail(ExitStatus::kUnreachable, "no whole answer from probewalld on " + path_ + " (" +
                                              httplib::to_string(result.error()) + ")");
  }
  if (result->status != 200) return answer_error(result->status, body);
  return body;
}

Result<void> ApiClient::stream(const std::string& target,
                               const std::function<bool(std::string_view)>& on_line) const {
  if (auto there = reachable(path_); !there) return there;
  auto client = client_for(path_);
  client.set_read_timeout(365 * 86400, 0);  // events may be far apart
  std::string pending;
  int status = 0;
  bool stopped = false;
  const auto result = client.Get(
      target, httplib::Headers{},
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        pending.append(data, size);
        if (status != 200) return pending.size() < kMaxLine;
        std::size_t begin = 0;
        for (std::size_t end; (end = pending.find('\n', begin)) != std::string::npos;
             begin = end + 1) {
          if (!on_line(std::string_view{pending}.substr(begin, end - begin))) {
            stopped = true;
            return false;
          }
        }
        pending.erase(0, begin);
        return pending.size() < kMaxLine;
      });
  if (stopped) return {};
  if (status != 200 && status != 0) return answer_error(status, pending);
  if (!result) return fail(ExitStatus::kUnreachable, "probewalld ended the stream");
  return {};
}

}  // namespace probewall
