// SPDX-License-Identifier: Apache-2.0
// The values that facts remember of one request, hashed, each computed when first asked for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/rules/features.hpp"

namespace probewall::rules {

class FactHashes {
 public:
  /// Forgets what was computed; `features` must outlive the calls of value().
  void begin(const Features& features);
  /// The features are now of another request with the same bytes: forgets the rest.
  void keep_contents();
  /// nullopt: the request has no such value. Not for kLabel (several) and kStatus (of answers).
  static std::optional<std::uint32_t> of_key(const Request& request);
  std::optional<std::uint32_t> value(FactValue kind);

 private:
  std::optional<std::uint32_t> compute(FactValue kind);
  std::optional<std::uint32_t> header_shape() const;
  std::optional<std::uint32_t> url_host() const;

  static constexpr std::size_t kKinds = static_cast<std::size_t>(FactValue::kCount);
  const Features* features_ = nullptr;
  std::array<std::optional<std::uint32_t>, kKinds> values_;
  std::uint32_t known_ = 0;  ///< bit per FactValue
};

}  // namespace probewall::rules
