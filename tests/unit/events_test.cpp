// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "events/event_file.hpp"
#include "events/event_formatter.hpp"
#include "events/json_append.hpp"

namespace probewall {
namespace {

std::string json(std::string_view text, std::size_t limit = kNoLimit) {
  std::string out;
  append_json_string(out, text, limit);
  return out;
}

Timestamp at(std::int64_t unix_us) { return Timestamp{std::chrono::microseconds{unix_us}}; }

Request sample_request() {
  Request r;
  r.id = 7;
  r.time = r.proven_time = at(1'767'052'800'000'123);
  r.flow = {*IpAddress::parse("198.51.100.7"), *IpAddress::parse("192.0.2.1"), 40000, 11434};
  r.source = source_of(r.flow.client, 64);
  r.head.method = "POST";
  r.head.target = "/v1/chat/completions?key=SECRET";
  r.head.path = "/v1/chat/completions";
  r.head.headers = {
      {"Host", "gpu1"}, {"User-Agent", "curl\x1b[2J"}, {"Authorization", "Bearer SECRET"}};
  r.head.content_length = 62;
  r.head.auth = AuthKind::kBearer;
  r.head.auth_hash = "0123456789abcdef";
  r.api = Api::kChatCompletions;
  r.llm.model = "gpt-4o";
  r.llm.user_text = "hi";
  r.llm.max_tokens = 1;
  r.llm.stream = false;
  r.proven = true;
  return r;
}

TEST(JsonString, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(json("a\"b\\c\n\t\r"), R"("a\"b\\c\n\t\r")");
  EXPECT_EQ(json(std::string("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
}

TEST(JsonString, ReplacesEveryByteThatIsNotUtf8) {
  EXPECT_EQ(json("\xff"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(json("a\xc3"), "\"a\xef\xbf\xbd\"") << "cut in the middle of a character";
  EXPECT_EQ(json("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"") << "overlong slash";
  EXPECT_EQ(json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") << "surrogate";
  EXPECT_EQ(json("\xf4\x90\x80\x80").size(), 2u + 4 * 3) << "above U+10FFFF";
  EXPECT_EQ(json("caf\xc3\xa9 \xf0\x9f\x98\x80"), "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
}

TEST(JsonString, EscapesWhatTerminalsAndViewersActOn) {
  EXPECT_EQ(json("\xc2\x9b"), R"("\u009b")") << "C1 CSI";
  EXPECT_EQ(json("\xe2\x80\xae"
                 "abc"),
            R"("\u202eabc")")
      << "right-to-left override";
  EXPECT_EQ(json("\xe2\x80\xa8"), R"("\u2028")") << "line separator";
}

TEST(JsonString, CutsBetweenCodePoints) {
  EXPECT_EQ(json("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\"\xc3\xa9\xc3\xa9\"");
  EXPECT_EQ(json("abcdef", 3), "\"abc\"");
  EXPECT_EQ(json("a\nb", 2), "\"a\\n\"");
}

TEST(JsonString, NeverLetsAnyByteOutThatCouldEndTheLineOrTheString) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char text[2] = {static_cast<char>(a), static_cast<char>(b)};
      const std::string out = json({text, 2});
      for (std::size_t i = 1; i + 1 < out.size(); ++i) {
        const auto c = static_cast<unsigned char>(out[i]);
        ASSERT_GE(c, 0x20) << a << ' ' << b;
        if (c == '"') {
          ASSERT_EQ(out[i - 1], '\\');
        }
      }
    }
  }
}

TEST(JsonNumber, IsShortAndNeverAnExponent) {
  const auto number = [](double v) {
    std::string s;
    append_json_number(s, v);
    return s;
  };
  EXPECT_EQ(number(130), "130");
  EXPECT_EQ(number(99.994999), "99.99");
  EXPECT_EQ(number(-0.5), "-0.5");
  EXPECT_EQ(number(1e300), "1000000000000");
  EXPECT_EQ(number(std::nan("")), "0");
}

TEST(EventTime, IsRfc3339InUtcWithMicroseconds) {
  TimeAppender time;
  std::string s;
  time.append(s, 1'767'052'800'000'123'999);
  EXPECT_EQ(s, "2025-12-30T00:00:00.000123Z");
  s.clear();
  time.append(s, -1);
  EXPECT_EQ(s, "1969-12-31T23:59:59.999999Z");
}

TEST(EventLine, WritesARequestWithEveryField) {
  EventFormatter format;
  EXPECT_EQ(format.request(sample_request()),
            R"({"ts":"2025-12-30T00:00:00.000123Z","type":"request","source":"198.51.100.7/32",)"
            R"("id":7,"src":"198.51.100.7","src_port":40000,"dst":"192.0.2.1","dst_port":11434,)"
            R"("method":"POST","path":"/v1/chat/completions","host":"gpu1",)"
            R"("user_agent":"curl\u001b[2J","content_length":62,"api":"chat_completions",)"
            R"("impl":"unknown","model":"gpt-4o","prompt":"hi","max_tokens":1,"stream":false,)"
            R"("auth":"bearer","auth_hash":"0123456789abcdef","truncated":false,"proven":true})"
            "\n");
}

TEST(EventLine, ShowsNoKey) {
  EventFormatter format;
  EXPECT_EQ(format.request(sample_request()).find("SECRET"), std::string_view::npos);
}

TEST(EventLine, CutsThePromptAt120CodePoints) {
  Request r = sample_request();
  r.llm.user_text.clear();
  for (int i = 0; i < 200; ++i) r.llm.user_text += "\xc3\xa9";
  EventFormatter format;
  const std::string line{format.request(r)};
  std::string expected = "\"prompt\":\"";
  for (int i = 0; i < 120; ++i) expected += "\xc3\xa9";
  EXPECT_NE(line.find(expected + '"'), std::string::npos);
}

TEST(EventLine, HidesThePromptWhenAsked) {
  EventOptions options;
  options.prompt = PromptPrivacy::kOff;
  const std::string off{EventFormatter(options).request(sample_request())};
  EXPECT_NE(off.find("\"prompt\":null,\"max_tokens\""), std::string::npos);
  options.prompt = PromptPrivacy::kHash;
  const std::string hashed{EventFormatter(options).request(sample_request())};
  options.hash_secret[0] = 1;
  const std::string other{EventFormatter(options).request(sample_request())};
  EXPECT_NE(hashed.find("\"prompt\":null,\"prompt_hash\":\""), std::string::npos);
  EXPECT_NE(hashed, other) << "the hash is keyed";
}

TEST(EventLine, WritesADecisionInReplayAndLive) {
  Decision d;
  d.id = "01KDPQ9AB0CDEFGHJKMNPQRSTV";
  d.source = *IpPrefix::parse("2001:db8:1:2::/64");
  d.time = at(1'767'052'800'000'000);
  d.duration = std::chrono::minutes{10};
  d.score = 120.5;
  d.reasons = {{"campaign-prompt", 80.5}, {"decoy-port", 40}};
  d.aims = {Aim::kEndpointDiscovery, Aim::kOpenAccess};
  d.requests_seen = 2;
  d.request_id = 9;
  const std::string head =
      R"({"ts":"2025-12-30T00:00:00.000000Z","type":"decision","source":"2001:db8:1:2::/64",)"
      R"("id":"01KDPQ9AB0CDEFGHJKMNPQRSTV","action":"block","until":"2025-12-30T00:10:00.000000Z",)"
      R"("score":120.5,"rules":["campaign-prompt","decoy-port"],"points":[80.5,40],)"
      R"("aims":["endpoint-discovery","open-access"],"requests_seen":2,"request":9,"proven":true,)";
  EventFormatter format;
  EXPECT_EQ(format.decision(d), head + "\"reaction_us\":null,\"connections_ended\":null}\n");
  EXPECT_EQ(format.decision(d, {212.5, 3u}),
            head + "\"reaction_us\":212.5,\"connections_ended\":3}\n");
}

TEST(EventLine, MovesTheRecordClockToWallTime) {
  EventFormatter format;
  format.set_wall_offset(1'767'052'800'000'000'000);
  EXPECT_EQ(format.loss(at(1'500'000), "ring_full", 3),
            R"({"ts":"2025-12-30T00:00:01.500000Z","type":"loss","source":null,)"
            R"("what":"ring_full","count":3})"
            "\n");
}

TEST(EventFileOutput, AppendsWholeLinesAndOpensAnewAfterRotation) {
  char directory[] = "/tmp/probewall-events-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string{directory} + "/events.jsonl";
  const auto read = [](const std::string& p) {
    std::stringstream s;
    s << std::ifstream{p}.rdbuf();
    return s.str();
  };
  {
    auto file = EventFile::open(path);
    ASSERT_TRUE(file.has_value());
    file->write("{\"a\":1}\n");
    EXPECT_TRUE(file->flush());
    ASSERT_EQ(std::rename(path.c_str(), (path + ".1").c_str()), 0);
    ASSERT_TRUE(file->reopen().has_value());
    file->write("{\"b\":2}\n");
  }
  EXPECT_EQ(read(path + ".1"), "{\"a\":1}\n");
  EXPECT_EQ(read(path), "{\"b\":2}\n") << "the destructor flushes";
  unlink(path.c_str());
  unlink((path + ".1").c_str());
  rmdir(directory);
}

TEST(EventFileOutput, CountsLinesThatCouldNotBeWritten) {
  auto file = EventFile::open("/dev/full");
  ASSERT_TRUE(file.has_value());
  file->write("{}\n{}\n");
  EXPECT_FALSE(file->flush());
  EXPECT_EQ(file->lost_lines(), 2u);
  EXPECT_EQ(file->problem(), "write event file /dev/full: No space left on device");
}

/// On a file system of 8 KiB.
class EventFileOnFullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    // Mounts of our own: none outlives us.
    ASSERT_EQ(unshare(CLONE_NEWNS), 0) << strerror(errno);
    ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << strerror(errno);
    ASSERT_NE(mkdtemp(directory_), nullptr);
    ASSERT_EQ(mount("probewall-test", directory_, "tmpfs", 0, "size=8k"), 0) << strerror(errno);
  }
  void TearDown() override {
    umount2(directory_, MNT_DETACH);
    rmdir(directory_);
  }
  std::string read() const {
    std::stringstream s;
    s << std::ifstream{path()}.rdbuf();
    return s.str();
  }
  std::string path() const { return std::string{directory_} + "/events.jsonl"; }
  char directory_[32] = "/tmp/probewall-events-XXXXXX";
};

TEST_F(EventFileOnFullDisk, LeavesWholeLinesAndGoesOnWhenThereIsRoom) {
  const std::string line = "{\"a\":\"" + std::string(991, 'x') + "\"}\n";
  auto file = EventFile::open(path());
  ASSERT_TRUE(file.has_value());
  for (int i = 0; i < 12; ++i) file->write(line);

  EXPECT_FALSE(file->flush());
  EXPECT_EQ(file->lost_lines(), 4u);
  EXPECT_FALSE(file->problem().empty());
  ASSERT_EQ(truncate(path().c_str(), static_cast<off_t>(line.size())), 0);
  file->write("{\"b\":2}\n");

  EXPECT_TRUE(file->flush());
  EXPECT_EQ(file->problem(), "");
  EXPECT_EQ(read(), line + "{\"b\":2}\n");
}

TEST_F(EventFileOnFullDisk, KeepsNoStartOfALine) {
  const std::string line(1000, 'x');
  auto file = EventFile::open(path());
  ASSERT_TRUE(file.has_value());
  for (int i = 0; i < 12; ++i) file->write(line + "\n");

  EXPECT_FALSE(file->flush());

  const auto text = read();
  EXPECT_EQ(text.size(), 8 * (line.size() + 1));
  EXPECT_EQ(text.back(), '\n');
}

TEST_F(EventFileOnFullDisk, IsMadeLaterOnAReadOnlyOne) {
  ASSERT_EQ(mount("", directory_, "", MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const auto none = EventFile::open(path());
  ASSERT_FALSE(none.has_value());
  ASSERT_TRUE(unstorable(none.error().errno_value));
  auto file = EventFile::later(path(), none.error());
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(file.problem(), "open event file " + path() + ": Read-only file system");
  file.write("{\"a\":1}\n");
  EXPECT_FALSE(file.flush());
  EXPECT_EQ(file.lost_lines(), 1u);

  ASSERT_EQ(mount("", directory_, "", MS_REMOUNT, nullptr), 0);
  ASSERT_TRUE(file.reopen().has_value());
  file.write("{\"b\":2}\n");

  EXPECT_TRUE(file.flush());
  EXPECT_EQ(file.problem(), "");
  EXPECT_EQ(read(), "{\"b\":2}\n");
}

TEST(EventFileOutput, SaysWhichFileCannotBeOpened) {
  const auto file = EventFile::open("/nonexistent/events.jsonl");
  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.error().message.find("/nonexistent/events.jsonl"), std::string::npos);
  EXPECT_FALSE(unstorable(file.error().errno_value)) << "a mistake, not to be waited for";
}

TEST(RequestEvent, CutsKeysWhereverTheyStand) {
  Request r = sample_request();
  const std::string key = "sk-prod-7f3a9c1e5b2d8f40";
  r.head.path = "/key/" + key + "/info;key=K9";
  r.head.headers = {{"Host", "u:hunter2@gpu1"}, {"User-Agent", "x Authorization: Bearer " + key}};
  r.llm.model = key;
  EventFormatter formatter;
  for (const std::size_t before : {0u, 1u, 60u, 100u, 118u, 119u, 120u, 400u}) {
    for (const char* letter : {"a", "\xc3\xa9"}) {
      r.llm.user_text.clear();
      for (std::size_t i = 0; i < before; ++i) r.llm.user_text += letter;
      r.llm.user_text += " " + key + " " + key + " end";
      const std::string line{formatter.request(r)};
      EXPECT_EQ(line.find("7f3a"), std::string::npos) << before << line;
      EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
      EXPECT_EQ(line.find("K9"), std::string::npos) << line;
      EXPECT_NE(line.find(R"("path":"/key/sk-…/info;key=…")"), std::string::npos) << line;
      EXPECT_NE(line.find(R"("host":"u:…@gpu1")"), std::string::npos) << line;
      EXPECT_NE(line.find(R"("model":"sk-…")"), std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace probewall
