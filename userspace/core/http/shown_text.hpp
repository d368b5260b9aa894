// SPDX-License-Identifier: Apache-2.0
// Text from the wire as it may be shown: keys in odd places (paths, user agents, model names,
// prompts, hosts) are cut, whatever the parser took them for.
#pragma once

#include <string>
#include <string_view>

namespace probewall {

/// What is cut of `text`, each time behind the beginning that says what it is, and replaced by "…":
/// - known makers' keys: "sk-…", "hf_…", "AIza…", "eyJ…" (a token of three parts);
/// - what follows "Bearer " or "Authorization:";
/// - values of "?key=", "&token=", ";api_key=" and the like, also percent-encoded;
/// - the password in "://user:password@".
/// What reads like words stays: "sk-learn", "Bearer of news", "sorted(x, key=len)".
///
/// Returns `text`, or a view into `scratch`, whichever has no key. One pass over `text`, and no
/// allocation, as long as nothing in it looks like a key.
std::string_view without_keys(std::string_view text, std::string& scratch);
std::string without_keys(std::string_view text);

/// The same of a Host header or an authority: no part of it belongs in front of an '@'.
std::string_view host_without_keys(std::string_view host, std::string& scratch);

}  // namespace probewall
