// SPDX-License-Identifier: Apache-2.0
#include "cli/show_answer.hpp"

namespace probewall::cli {

int show_answer(const Context& context, const std::string& target,
                const std::function<void(const Json&)>& print) {
  const auto body = context.api().get(target);
  if (!body) return report(body.error());
  if (context.json()) {
    print_line(*body);
    return finish(0);
  }
  const auto parsed = parse_json(*body);
  if (!parsed) return report(parsed.error());
  print(*parsed);
  return finish(0);
}

}  // namespace probewall::cli
