// SPDX-License-Identifier: Apache-2.0
#include "probewall/slot_index.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

namespace probewall {
namespace {

/// A table of numbers by such an index. `spread`: how many different hashes there are.
class Table {
 public:
  explicit Table(std::uint64_t spread) : spread_(spread) {}

  void insert(std::uint32_t key) {
    index_.insert(hash(key), static_cast<std::uint32_t>(keys_.size()));
    keys_.push_back(key);
  }
  void erase(std::uint32_t key) { index_.erase(hash(key), find(key)); }
  std::uint32_t find(std::uint32_t key) const {
    return index_.find(hash(key), [&](std::uint32_t slot) { return keys_[slot] == key; });
  }
  bool holds(std::uint32_t key) const { return find(key) != SlotIndex::kNone; }
  std::size_t size() const { return index_.size(); }

 private:
  std::uint64_t hash(std::uint32_t key) const { return key % spread_ * 0x9e3779b97f4a7c15ull; }

  std::uint64_t spread_;
  SlotIndex index_;
  std::vector<std::uint32_t> keys_;
};

/// Inserts and erases at random; afterwards, and on the way, exactly what should be there is.
void churn(std::uint64_t spread, std::uint32_t keys, int steps) {
  Table table{spread};
  std::unordered_map<std::uint32_t, bool> wanted;
  std::mt19937 random{7};
  for (int step = 0; step < steps; ++step) {
    const auto key = static_cast<std::uint32_t>(random() % keys);
    ASSERT_EQ(table.holds(key), wanted[key]);
    if (wanted[key]) {
      table.erase(key);
    } else {
      table.insert(key);
    }
    wanted[key] = !wanted[key];
  }
  std::size_t there = 0;
  for (const auto& [key, held] : wanted) {
    EXPECT_EQ(table.holds(key), held);
    there += held ? 1u : 0u;
  }
  EXPECT_EQ(table.size(), there);
}

TEST(SlotIndex, KeepsWhatIsInsertedUntilItIsErased) { churn(1u << 20, 5000, 100'000); }
TEST(SlotIndex, TellsKeysOfOneHashApart) { churn(40, 400, 50'000); }
TEST(SlotIndex, ClosesTheHoleThatAnErasedKeyLeaves) { churn(1, 40, 5'000); }

TEST(SlotIndex, IsSmall) {
  SlotIndex index;
  for (std::uint32_t i = 0; i < 65536; ++i) index.insert(i * 0x9e3779b97f4a7c15ull, i);
  EXPECT_LE(index.bytes(), 65536u * 8 * 2);
}

}  // namespace
}  // namespace probewall
