// SPDX-License-Identifier: Apache-2.0
// Capture files through the whole replay, as the command runs it.
#include "cli/replay.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "unit/http_capture.hpp"
#include "unit/test_rules.hpp"

namespace probewall {
namespace {

using testing::chat_request;
using testing::HttpCapture;
using testing::test_rules;

struct Outcome {
  int status = -1;
  std::string out, err;

  std::vector<std::string> lines(const std::string& type) const {
    std::vector<std::string> found;
    for (std::size_t at = 0, end; (end = out.find('\n', at)) != std::string::npos; at = end + 1) {
      const std::string line = out.substr(at, end - at);
      if (line.find("\"type\":\"" + type + '"') != std::string::npos) found.push_back(line);
    }
    return found;
  }
};

class Replay : public ::testing::Test {
 protected:
  Replay() {
    char name[] = "/tmp/probewall-replay-XXXXXX";
    const int fd = mkstemp(name);
    if (fd >= 0) close(fd);
    options.file = name;
    options.json = true;
    options.rules = rules();
  }
  ~Replay() override { unlink(options.file.c_str()); }

  static std::shared_ptr<const RuleSet> rules() {
    static const auto compiled = test_rules();
    return compiled;
  }
  Outcome run(const std::string& capture) {
    std::ofstream{options.file, std::ios::binary} << capture;
    Outcome o;
    o.status = replay(
        options, [&](std::string_view s) { o.out += s; }, [&](std::string_view s) { o.err += s; });
    return o;
  }
  ReplayOptions options;
};

const std::string kBad = "User-Agent: badscan\r\n";

std::string probe_capture(std::size_t mss = 1460) {
  HttpCapture c(mss);
  c.exchange("198.51.100.7", 40000, chat_request("m", "hello"));
  c.exchange("198.51.100.8", 40001, chat_request("m", "hi", kBad), 404);
  c.exchange("2001:db8:1:2::3", 40002, chat_request("m", std::string(6000, 'a'), kBad));
  c.wait(1'000'000);
  c.exchange("198.51.100.8", 40003, chat_request("m", "again", kBad));
  c.exchange("198.51.100.7", 40004, chat_request("m", "fine"));
  return c.pcap.text;
}

TEST_F(Replay, BlocksAProvenProbeAndDropsItsLaterPackets) {
  const Outcome o = run(probe_capture());
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(o.lines("request").size(), 4u) << "the second visit of 198.51.100.8 is dropped";
  const auto decisions = o.lines("decision");
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_NE(decisions[0].find("\"source\":\"198.51.100.8/32\""), std::string::npos);
  EXPECT_NE(decisions[0].find("\"action\":\"block\""), std::string::npos);
  EXPECT_NE(decisions[1].find("\"source\":\"2001:db8:1:2::/64\""), std::string::npos);
  ASSERT_EQ(o.lines("summary").size(), 1u);
  EXPECT_NE(o.out.rfind("{\"type\":\"summary\",\"packets\":39,\"flows\":4,\"requests\":4,"
                        "\"detections\":2,\"decisions\":2,\"elapsed_s\":"),
            std::string::npos)
      << o.out;
}

TEST_F(Replay, ObservesEveryRequest) {
  options.config.mode = Mode::kObserve;
  const Outcome o = run(probe_capture());
  EXPECT_EQ(o.lines("request").size(), 5u);
  for (const std::string& line : o.lines("decision")) {
    EXPECT_NE(line.find("\"action\":\"observe\""), std::string::npos) << line;
  }
  EXPECT_EQ(o.lines("decision").size(), 2u);
}

TEST_F(Replay, LetsABlockExpireWithTheCapturesTime) {
  HttpCapture c;
  c.exchange("198.51.100.8", 40001, chat_request("m", "hi", kBad));
  c.wait(601'000'000);
  c.exchange("198.51.100.8", 40002, chat_request("m", "hi", kBad));
  const Outcome o = run(c.pcap.text);
  EXPECT_EQ(o.lines("request").size(), 2u);
  ASSERT_EQ(o.lines("decision").size(), 2u);
  EXPECT_NE(o.lines("decision")[1].find("\"until\":\"2025-12-30T00:50:01."), std::string::npos)
      << "the second ban is four times as long: " << o.lines("decision")[1];
}

TEST_F(Replay, NeverBlocksAnAllowedSource) {
  options.config.allow = {*IpPrefix::parse("198.51.100.0/24")};
  const Outcome o = run(probe_capture());
  ASSERT_EQ(o.lines("decision").size(), 1u);
  EXPECT_NE(o.lines("decision")[0].find("2001:db8"), std::string::npos);
  EXPECT_EQ(o.lines("request").size(), 5u);
}

TEST_F(Replay, GivesTheSameEventsHoweverTheBytesAreSegmented) {
  options.config.mode = Mode::kObserve;
  const auto without_time = [](std::vector<std::string> lines) {
    for (std::string& line : lines) {
      line.erase(0, line.find("\"type\""));
      for (const char* varies : {"\"id\":\"", "\"until\":\""}) {
        const auto at = line.find(varies);
        if (at != std::string::npos) line.erase(at, line.find("\",", at) - at);
      }
    }
    return lines;
  };
  const Outcome whole = run(probe_capture(9000));
  ASSERT_EQ(whole.lines("request").size(), 5u);
  for (const std::size_t mss : {1u, 7u, 64u, 536u, 1460u}) {
    const Outcome cut = run(probe_capture(mss));
    for (const char* type : {"request", "detection", "decision"}) {
      EXPECT_EQ(without_time(cut.lines(type)), without_time(whole.lines(type))) << mss;
    }
  }
}

TEST_F(Replay, SaysThatABodyBeyondTheCapIsTruncatedAndGoesOnBehindIt) {
  options.config.mode = Mode::kObserve;
  HttpCapture c;
  auto connection = c.open("198.51.100.7", 40000);
  c.send(connection, chat_request("m", std::string(100'000, 'a')));
  c.answer(connection, 200);
  c.send(connection, chat_request("second", "hi"));
  c.answer(connection, 200);
  const Outcome o = run(c.pcap.text);
  const auto requests = o.lines("request");
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_NE(requests[0].find("\"truncated\":true"), std::string::npos);
  EXPECT_NE(requests[1].find("\"model\":\"second\""), std::string::npos);
  EXPECT_NE(requests[1].find("\"truncated\":false"), std::string::npos);
}

TEST_F(Replay, JudgesOtherPortsOnlyWhenAsked) {
  HttpCapture c;
  c.exchange("198.51.100.8", 40001, chat_request("m", "hi", kBad), 200, 8443);
  EXPECT_EQ(run(c.pcap.text).lines("request").size(), 0u);
  options.ports_all = true;
  EXPECT_EQ(run(c.pcap.text).lines("decision").size(), 1u);
}

TEST_F(Replay, TellsClientFromServerWhenBothPortsAreJudged) {
  HttpCapture c;
  c.exchange("198.51.100.8", 11434, chat_request("m", "hi", kBad), 404, 8000);
  const Outcome o = run(c.pcap.text);
  ASSERT_EQ(o.lines("request").size(), 1u);
  EXPECT_NE(o.lines("request")[0].find("\"dst_port\":8000"), std::string::npos);
  EXPECT_EQ(o.lines("response").size(), 1u);
}

TEST_F(Replay, TakesTheSenderOfARequestLineForTheClientWithoutHandshake) {
  options.ports_all = true;
  options.config.require_proof = false;
  HttpCapture whole;
  auto connection = whole.open("198.51.100.8", 40001, 8443);
  HttpCapture c;
  c.send(connection, chat_request("m", "hi", kBad));
  c.answer(connection, 200);
  const Outcome o = run(c.pcap.text);
  ASSERT_EQ(o.lines("request").size(), 1u) << o.out;
  EXPECT_NE(o.lines("request")[0].find("\"src\":\"198.51.100.8\""), std::string::npos);
}

TEST_F(Replay, JudgesWhatCanBeReadOfATruncatedFileAndSaysWhere) {
  const std::string whole = probe_capture();
  // Cut inside the last record: its header begins where the record before ends.
  const Outcome o = run(whole.substr(0, whole.size() - 10));
  EXPECT_EQ(o.status, 1);
  EXPECT_EQ(o.lines("decision").size(), 2u);
  EXPECT_EQ(o.lines("summary").size(), 1u);
  const std::size_t last_record = whole.size() - 16 - 54;
  EXPECT_NE(o.err.find("broken at byte " + std::to_string(last_record)), std::string::npos)
      << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << "one line";
}

TEST_F(Replay, EndsWithStatusOneAtEveryCutThatIsNotBetweenRecords) {
  HttpCapture c;
  c.exchange("198.51.100.8", 40001, "GET / HTTP/1.1\r\n\r\n");
  const std::string whole = c.pcap.text;
  std::size_t fine = 0;
  for (std::size_t n = 0; n < whole.size(); ++n) fine += run(whole.substr(0, n)).status == 0;
  EXPECT_EQ(fine, 7u) << "after the file header and after each packet but the last";
}

TEST_F(Replay, StopsAtACorruptRecordLength) {
  std::string text = probe_capture();
  const std::size_t second = 24 + 16 + 54;
  text.replace(second + 8, 4, "\xff\xff\xff\x7f");
  const Outcome o = run(text);
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.err.find("broken at byte " + std::to_string(second)), std::string::npos) << o.err;
}

TEST_F(Replay, RefusesWhatIsNoCaptureInOneLine) {
  for (const std::string& text : {std::string{}, std::string{"abc"}, std::string(5000, 'x')}) {
    const Outcome o = run(text);
    EXPECT_EQ(o.status, 1);
    EXPECT_TRUE(o.out.empty());
    EXPECT_NE(o.err.find("not a capture file"), std::string::npos) << o.err;
  }
  options.file += ".absent";
  std::string err;
  EXPECT_EQ(replay(
                options, [](std::string_view) {}, [&](std::string_view s) { err += s; }),
            1);
  EXPECT_NE(err.find("No such file"), std::string::npos);
  options.file.resize(options.file.size() - 7);
}

TEST_F(Replay, RefusesALinkTypeItCannotRead) {
  const Outcome o = run(testing::PcapText(105).text);  // 802.11
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.err.find("link type"), std::string::npos) << o.err;
}

TEST_F(Replay, ReadsPcapngAsWellAsPcap) {
  // One section, one Ethernet interface, then the packets of a classic capture.
  const std::string classic = probe_capture();
  std::string ng;
  const auto put = [&](std::initializer_list<std::uint32_t> words) {
    for (const std::uint32_t w : words) ng.append(reinterpret_cast<const char*>(&w), 4);
  };
  put({0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28});
  put({1, 20, 1, 262144, 20});
  for (std::size_t at = 24; at < classic.size();) {
    std::uint32_t h[4];
    std::memcpy(h, classic.data() + at, sizeof h);
    const std::uint64_t us = h[0] * 1'000'000ull + h[1];
    const std::uint32_t padded = (h[2] + 3) / 4 * 4;
    put({6, 32 + padded, 0, static_cast<std::uint32_t>(us >> 32), static_cast<std::uint32_t>(us),
         h[2], h[3]});
    ng.append(classic, at + 16, h[2]).append(padded - h[2], '\0');
    put({32 + padded});
    at += 16 + h[2];
  }
  EXPECT_EQ(run(ng).lines("decision"), run(classic).lines("decision"));
  EXPECT_EQ(run(ng).status, 0);
  const Outcome cut = run(ng.substr(0, ng.size() - 20));
  EXPECT_EQ(cut.status, 1);
  EXPECT_NE(cut.err.find("broken at byte "), std::string::npos);
  EXPECT_EQ(cut.lines("decision").size(), 2u);
}

TEST_F(Replay, CountsPacketsThatASnapLengthCut) {
  HttpCapture whole;
  whole.exchange("198.51.100.8", 40001, chat_request("m", std::string(500, 'a'), kBad));
  testing::PcapText cut;
  for (std::size_t at = 24; at < whole.pcap.text.size();) {
    std::uint32_t h[4];
    std::memcpy(h, whole.pcap.text.data() + at, sizeof h);
    cut.add(h[0] * 1'000'000ull + h[1], whole.pcap.text.substr(at + 16, h[2]), 300);
    at += 16 + h[2];
  }
  const Outcome o = run(cut.text);
  EXPECT_EQ(o.status, 0);
  EXPECT_NE(o.out.find("\"what\":\"packet_cut_by_snap_length\",\"count\":1}"), std::string::npos)
      << o.out;
  ASSERT_EQ(o.lines("request").size(), 1u);
  EXPECT_NE(o.lines("request")[0].find("\"truncated\":true"), std::string::npos);
  EXPECT_EQ(o.lines("decision").size(), 1u);
}

TEST_F(Replay, SaysHowToReadACompressedCapture) {
  const Outcome o = run("\x1f\x8b\x08\x01 and so on");
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.err.find("compressed: zcat " + options.file + " | probewall replay -"),
            std::string::npos)
      << o.err;
}

TEST_F(Replay, ReadsAPipeLikeAFile) {
  const std::string capture = probe_capture();
  const Outcome file = run(capture);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_LT(capture.size(), 65536u) << "a pipe holds that much";
  ASSERT_EQ(write(ends[1], capture.data(), capture.size()), static_cast<ssize_t>(capture.size()));
  close(ends[1]);
  const std::string name = std::exchange(options.file, "/dev/fd/" + std::to_string(ends[0]));
  Outcome piped;
  piped.status = replay(
      options, [&](std::string_view s) { piped.out += s; },
      [&](std::string_view s) { piped.err += s; });
  close(ends[0]);
  options.file = name;
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_EQ(piped.lines("request"), file.lines("request"));
  EXPECT_EQ(piped.lines("decision"), file.lines("decision"));
}

/// The packets of `capture` that go to port 8000, or those that come from it.
std::string one_direction(const std::string& capture, bool to_server) {
  std::string kept = capture.substr(0, 24);
  for (std::size_t at = 24; at < capture.size();) {
    std::uint32_t length;
    std::memcpy(&length, capture.data() + at + 8, sizeof length);
    const bool v4 = capture[at + 16 + 12] == 8 && capture[at + 16 + 13] == 0;
    const std::size_t port = at + 16 + 14 + (v4 ? 20 : 40) + 2;  // destination
    const bool goes_there =
        capture[port] == 8000 / 256 && capture[port + 1] == static_cast<char>(8000 % 256);
    if (goes_there == to_server) kept.append(capture, at, 16 + length);
    at += 16 + length;
  }
  return kept;
}

TEST_F(Replay, SaysWhyNothingWasJudged) {
  const Outcome clients = run(one_direction(probe_capture(), true));
  EXPECT_EQ(clients.status, 0);
  EXPECT_TRUE(clients.lines("request").empty());
  EXPECT_NE(clients.err.find("every packet is a client's"), std::string::npos) << clients.err;
  const Outcome servers = run(one_direction(probe_capture(), false));
  EXPECT_NE(servers.err.find("every packet is a server's"), std::string::npos) << servers.err;
  options.config.ports = {9999};
  const Outcome elsewhere = run(probe_capture());
  EXPECT_NE(elsewhere.err.find("--ports all"), std::string::npos) << elsewhere.err;
  options.config = Config{};
  EXPECT_EQ(run(probe_capture()).err, "");
}

TEST_F(Replay, PrintsATableForPeople) {
  options.json = false;
  const Outcome o = run(probe_capture());
  EXPECT_NE(o.out.find("198.51.100.8/32"), std::string::npos);
  EXPECT_NE(o.out.find("bad-agent(+100)"), std::string::npos);
  EXPECT_NE(o.out.find("4 requests, 2 detections, 2 decisions"), std::string::npos) << o.out;
  EXPECT_EQ(o.out.find('{'), std::string::npos);
}

}  // namespace
}  // namespace probewall
