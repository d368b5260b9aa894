// SPDX-License-Identifier: Apache-2.0
// What a rule may refer to: entries of well-known lists, and pages.
#pragma once

#include <string>
#include <string_view>

namespace probewall::rules {

/// What the `references` of a rule may be, for errors.
inline constexpr std::string_view kReferenceForms =
    "OWASP-LLM01:2025 to OWASP-LLM10:2025 (the year may be left out), AML.T0006 or AML.T0051.000 "
    "(MITRE ATLAS), CVE-2024-37032, CWE-918, https://...";

/// Whether the text has one of these forms. Upper case matters.
bool is_reference(std::string_view text);

/// The same reference with the year that may be left out.
std::string full_reference(std::string_view reference);

}  // namespace probewall::rules
