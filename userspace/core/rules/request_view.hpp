// SPDX-License-Identifier: Apache-2.0
// Features and fact values of requests. Those of a request that came before, byte for byte, from a
// sender of whom as much is known, are still there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/rules/fact_hashes.hpp"
#include "core/rules/features.hpp"

namespace probewall::rules {

/// A request as rules see it.
struct RequestView {
  Features features;
  FactHashes hashes;
  /// Candidates that hold without being evaluated.
  std::span<const std::uint64_t> exact;
};

class RequestViews {
 public:
  /// `rules` must outlive this or the next use().
  void use(const RuleSet::Compiled& rules);
  /// The view of `request`, good until the next call; `hosted` is the caller's to set.
  RequestView& read(const Request& request, const SenderFacts& sender);
  FeatureReader& reader() { return reader_; }

 private:
  static constexpr std::size_t kKept = 64;
  /// Its views point into its own copy of the request.
  struct Kept {
    std::uint64_t content = 0;
    std::uint64_t circumstances = 0;
    Request request;
    RequestView view;
    WatcherBits exact;
  };
  void settle(Kept& kept) const;

  const RuleSet::Compiled* rules_ = nullptr;
  WatcherBits by_content_;  ///< watchers whose condition asks for nothing but content
  FeatureReader reader_;
  RequestView fresh_;
  std::vector<std::unique_ptr<Kept>> kept_;
};

}  // namespace probewall::rules
