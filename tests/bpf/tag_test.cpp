// SPDX-License-Identifier: Apache-2.0
// XDP metadata and skb->mark (bpf/tag.bpf.h, tc_ingress.bpf.c).
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation.hpp"

namespace probewall::test {
namespace {

class Tag : public FamilyTest {
 protected:
  std::uint32_t xdp_bits(const Frame& frame) { return lab->xdp(frame).tag_bits.value_or(0xdead); }
  void tag_source(std::uint8_t bits) {
    lab->block(talk().client, PW_ACTION_TAG, PW_ORIGIN_FEED, PW_NEVER_EXPIRES, bits);
  }
};

TEST_P(Tag, XdpSaysNothingAboutPacketsThatNoTableKnows) {
  EXPECT_FALSE(lab->xdp(talk(443).syn()).tag_bits.has_value());
}

TEST_P(Tag, XdpSaysWhatItFound) {
  EXPECT_EQ(xdp_bits(talk().syn()), std::uint32_t{PW_TAG_LLM_PORT});
  EXPECT_EQ(xdp_bits(talk(8000).syn()), std::uint32_t{PW_TAG_LLM_PORT});
  tag_source(PW_TAG_SUSPECT);
  EXPECT_EQ(xdp_bits(talk(443).syn()), std::uint32_t{PW_TAG_SUSPECT});
  EXPECT_EQ(xdp_bits(talk().syn()), std::uint32_t{PW_TAG_SUSPECT | PW_TAG_LLM_PORT});
}

TEST_P(Tag, WithoutAMaskNothingIsWritten) {
  lab->set([](pw_settings& s) { s.tag_mask = 0; });
  EXPECT_FALSE(lab->xdp(talk().syn()).tag_bits.has_value());
  EXPECT_EQ(lab->tc_in(talk().syn(), 0x12345678), 0x12345678u);
}

TEST_P(Tag, ObserveModeTagsWhatItWouldDrop) {
  lab->set([](pw_settings& s) { s.enforcing = 0; });
  lab->block(talk().client, PW_ACTION_DROP, PW_ORIGIN_FEED);
  EXPECT_EQ(xdp_bits(talk(443).syn()), std::uint32_t{PW_TAG_FEED});
  lab->block(talk().client, PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(xdp_bits(talk(443).syn()), std::uint32_t{PW_TAG_SUSPECT});
}

TEST_P(Tag, AllowedSourcesAreNotTaggedAsBanned) {
  lab->block(talk().client, PW_ACTION_DROP, PW_ORIGIN_FEED);
  lab->allow(talk().client, PW_ALLOW_ALL);
  EXPECT_EQ(xdp_bits(talk(443).syn()), 0u);
}

TEST_P(Tag, RateLimitedSourcesAreTagged) {
  lab->block(talk().client, PW_ACTION_RATE_LIMIT, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(xdp_bits(talk(443).syn()), std::uint32_t{PW_TAG_RATE_LIMITED});
}

TEST_P(Tag, IngressLooksUpForItselfAndKeepsOtherMarkBits) {
  tag_source(PW_TAG_FEED | PW_TAG_SUSPECT);
  EXPECT_EQ(lab->tc_in(talk().syn(), 0xabc01234), 0xabc71234u);
  EXPECT_EQ(lab->event(PW_EVENT_TC_MARK_FROM_LOOKUP), 1u);
  EXPECT_EQ(lab->tc_in(talk(443).syn(), 0x000f0000), 0x00060000u) << "own bits are replaced";
}

TEST_P(Tag, IngressRespectsANarrowMaskAndItsShift) {
  lab->set([](pw_settings& s) {
    s.tag_mask = 0x3;
    s.tag_shift = 0;
  });
  tag_source(PW_TAG_FEED | PW_TAG_SUSPECT | PW_TAG_RATE_LIMITED);
  EXPECT_EQ(lab->tc_in(talk().syn(), 0xfffffff0), 0xfffffff3u);
}

PROBEWALL_BOTH_FAMILIES(Tag);

/// A veth pair of this process's own network namespace with both programs on one end.
class TagOverVeth : public KernelTest {
 protected:
  void SetUp() override {
    start();
    ASSERT_EQ(std::system("ip link add pwa type veth peer name pwb && ip link set pwa up && "
                          "ip link set pwb up"),
              0);
    receiver_ = static_cast<int>(if_nametoindex("pwb"));
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = receiver_, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = lab->tc_in_fd());
    ASSERT_EQ(bpf_tc_hook_create(&hook), 0);
    ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
  }
  void TearDown() override { ASSERT_EQ(std::system("ip link del pwa"), 0); }

  /// Sends the frame into one end and waits until a packet socket behind tc ingress has it.
  void pass_through(const Frame& frame) {
    const int in = packet_socket("pwb");
    const int out = packet_socket("pwa");
    ASSERT_EQ(::send(out, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    for (bool seen = false; !seen;) {
      pollfd wait{in, POLLIN, 0};
      ASSERT_EQ(poll(&wait, 1, 10000), 1) << "the frame never arrived";
      Frame got(4096);
      got.resize(static_cast<std::size_t>(::recv(in, got.data(), got.size(), 0)));
      seen = got == frame;  // the kernel's own neighbour traffic is not
    }
    close(in);
    close(out);
  }

  int receiver_ = 0;

 private:
  static int packet_socket(const char* interface) {
    const int fd = socket(AF_PACKET, SOCK_RAW, htons(0x0003));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(0x0003);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
};

TEST_F(TagOverVeth, NativeXdpHandsItsTagToIngress) {
  ASSERT_EQ(bpf_xdp_attach(receiver_, lab->xdp_fd(), XDP_FLAGS_DRV_MODE, nullptr), 0);
  Conversation talk;
  for (int i = 0; i < 5; ++i) pass_through(talk.syn());
  EXPECT_GE(lab->event(PW_EVENT_TC_MARK_FROM_META), 5u);
}

TEST_F(TagOverVeth, WithoutXdpIngressLooksUp) {
  Conversation talk;
  pass_through(talk.syn());
  EXPECT_GE(lab->event(PW_EVENT_TC_MARK_FROM_LOOKUP), 1u);
  EXPECT_EQ(lab->event(PW_EVENT_TC_MARK_FROM_META), 0u);
}

}  // namespace
}  // namespace probewall::test
