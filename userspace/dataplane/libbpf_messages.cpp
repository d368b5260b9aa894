// SPDX-License-Identifier: Apache-2.0
#include "dataplane/libbpf_messages.hpp"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <cstdio>
#include <deque>
#include <mutex>
#include <string_view>

namespace probewall {
namespace {

constexpr std::size_t kKept = 64;
thread_local std::deque<std::string> lines;

void keep(const char* format, va_list arguments) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::string_view rest{text};
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty()) lines.emplace_back(line);
    if (lines.size() > kKept) lines.pop_front();
  }
}

int from_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN) keep(format, arguments);
  return 0;
}
int from_libxdp(libxdp_print_level level, const char* format, va_list arguments) {
  if (level == LIBXDP_WARN) keep(format, arguments);
  return 0;
}

}  // namespace

LibbpfMessages::LibbpfMessages() {
  static std::once_flag once;  // process-wide hooks; lines are kept per thread
  std::call_once(once, [] {
    libbpf_set_print(from_libbpf);
    libxdp_set_print(from_libxdp);
  });
  lines.clear();
}
LibbpfMessages::~LibbpfMessages() { lines.clear(); }

std::string LibbpfMessages::cause() const {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    constexpr std::string_view kKernel = "Kernel error message: ";
    const auto at = line->find(kKernel);
    if (at != std::string::npos) return line->substr(at + kKernel.size());
  }
  return lines.empty() ? std::string{} : lines.back();
}

}  // namespace probewall
