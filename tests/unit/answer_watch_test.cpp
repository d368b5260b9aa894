// SPDX-License-Identifier: Apache-2.0
#include "daemon/answer_watch.hpp"

#include <gtest/gtest.h>

namespace probewall {
namespace {

TEST(AnswerWatch, MissesAnswersWhenClientsTalkAndNoSynAckIsSeen) {
  AnswerWatch watch;
  watch.feed({.syns = 100, .syn_acks = 90, .unproven = 7});
  EXPECT_FALSE(watch.missing()) << "what was counted before is no news";
  watch.feed({.syns = 105, .syn_acks = 90, .unproven = 11});
  EXPECT_FALSE(watch.missing());
  watch.feed({.syns = 105, .syn_acks = 90, .unproven = 12});
  EXPECT_TRUE(watch.missing());
}

TEST(AnswerWatch, IsContentWithOneSynAck) {
  AnswerWatch watch;
  watch.feed({.syns = 0, .syn_acks = 0, .unproven = 0});
  watch.feed({.syns = 50, .syn_acks = 0, .unproven = 50});
  ASSERT_TRUE(watch.missing());
  watch.feed({.syns = 51, .syn_acks = 1, .unproven = 50});
  EXPECT_FALSE(watch.missing());
}

TEST(AnswerWatch, TakesASweepOfClosedPortsForNoSign) {
  AnswerWatch watch;
  watch.feed({.syns = 0, .syn_acks = 0, .unproven = 0});
  watch.feed({.syns = 5000, .syn_acks = 0, .unproven = 0});
  EXPECT_FALSE(watch.missing());
}

}  // namespace
}  // namespace probewall
