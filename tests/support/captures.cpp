// SPDX-License-Identifier: Apache-2.0
// Writes capture files with chat requests to an LLM server, for scripts/bench replay and for tests
// of exact counts.
//
//   probewall-captures probes|mixed|hard|tiny FILE
//
// probes: 100,000 connections, one short request each. mixed: 50,000 connections, one request each,
// 60 % short, 30 % as an SDK sends them, 10 % long. hard: the mixed kinds, one to four requests on
// each of 50,000 connections; of the requests in several segments a fifth begin with the second
// one, and a tenth of all requests have a segment sent twice. tiny: one connection. 256 connections
// are always open at once, their packets interleaved at random. The same kind gives the same bytes
// every time. Prints the number of requests.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::uint16_t kServerPort = 8000;
constexpr std::uint32_t kServer = 0x0a4d000a;       // 10.77.0.10
constexpr std::uint32_t kFirstClient = 0xc6120000;  // 198.18.0.0/15
constexpr std::size_t kSegment = 1448;
constexpr std::size_t kOpenAtOnce = 256;
constexpr std::uint64_t kMicrosecondsBetweenPackets = 5;
constexpr std::uint8_t kFin = 1, kSyn = 2, kPush = 8, kAck = 16;

struct Kind {
  std::string_view name;
  int connections, short_share, sdk_share;  // shares in percent; the rest is long
  int requests_at_most, swapped_percent, repeated_percent;
};
constexpr std::array<Kind, 4> kKinds{{{"probes", 100'000, 100, 0, 1, 0, 0},
                                      {"mixed", 50'000, 60, 30, 1, 0, 0},
                                      {"hard", 50'000, 60, 30, 4, 20, 10},
                                      {"tiny", 1, 100, 0, 1, 0, 0}}};

/// splitmix64: the same numbers on every machine and with every library.
class Numbers {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t limit) { return next() % limit; }
  bool percent(int share) { return below(100) < static_cast<std::size_t>(share); }

 private:
  std::uint64_t state_ = 20260101;
};

struct Segment {
  bool from_client;
  std::uint8_t flags;
  std::uint32_t seq, ack;
  std::string payload;
};

struct Connection {
  std::uint32_t client;
  std::uint16_t port;
  std::deque<Segment> segments;
};

// ---- what is asked ----------------------------------------------------------------------

std::string prose(Numbers& numbers, std::size_t bytes) {
  static constexpr std::string_view kWords[] = {
      "please", "compare", "both",    "offers", "and",     "list",       "the",
      "open",   "points",  "of",      "our",    "meeting", "in",         "a",
      "short",  "table",   "with",    "dates",  "\\n\\n",  "caf\\u00e9", "\\\"now\\\"",
      "model",  "token",   "network", "before", "Friday",  "thank",      "you"};
  std::string text;
  while (text.size() < bytes) {
    text += kWords[numbers.below(std::size(kWords))];
    text += ' ';
  }
  return text;
}

std::string http(std::string_view head, const std::string& body) {
  std::string text("POST /v1/chat/completions HTTP/1.1\r\n");
  text.append(head).append("Content-Length: ").append(std::to_string(body.size()));
  return text.append("\r\n\r\n").append(body);
}

std::string short_request(std::string_view model) {
  std::string body = R"({"model":")" + std::string(model);
  body += R"(","messages":[{"role":"user","content":"hi"}],"max_tokens":1,"stream":false})";
  return http(
      "Host: 10.77.0.10:8000\r\nUser-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, "
      "deflate\r\n"
      "Accept: */*\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n",
      body);
}

std::string client_request(Numbers& numbers, std::string_view model, bool is_long) {
  std::string body = R"({"messages":[{"role":"system","content":")";
  body += prose(numbers, is_long ? 2000 : 250) + R"("},{"role":"user","content":")";
  body += prose(numbers, is_long ? 3000 : 420) + "\"}";
  if (is_long) {
    body += R"(,{"role":"assistant","content":")" + prose(numbers, 1800);
    body +=
        R"("},{"role":"user","content":[{"type":"text","text":")" + prose(numbers, 1200) + "\"}]}";
  }
  body += R"(],"model":")" + std::string(model) +
          R"(","temperature":0.7,"max_tokens":512,"stream":true,)";
  body +=
      R"("tools":[{"type":"function","function":{"name":"find_invoice","description":"Find an invoice",)";
  body +=
      R"("parameters":{"type":"object","properties":{"number":{"type":"string"},"year":{"type":"integer"}},)";
  body += R"("required":["number"]}}}],"user":"staff-)" + std::to_string(numbers.below(100'000)) +
          "\"}";
  std::string head =
      "Host: llm.example.com:8000\r\nConnection: keep-alive\r\nAccept: application/json\r\n"
      "User-Agent: OpenAI/Python 1.99.1\r\nX-Stainless-Lang: "
      "python\r\nX-Stainless-Package-Version: 1.99.1\r\n"
      "X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n"
      "X-Stainless-Runtime-Version: 3.12.4\r\nAuthorization: Bearer sk-proj-";
  for (int i = 0; i < 6; ++i) head += std::to_string(1'000'000'000 + numbers.below(1'000'000'000));
  head +=
      "\r\nX-Stainless-Async: false\r\nx-stainless-retry-count: 0\r\nAccept-Encoding: gzip, "
      "deflate, br\r\n"
      "Content-Type: application/json\r\n";
  return http(head, body);
}

std::string request(Numbers& numbers, const Kind& kind) {
  static constexpr std::string_view kModels[] = {"gpt-4o",  "llama3.1:8b", "qwen2.5-coder:7b",
                                                 "mistral", "phi4",        "gemma3"};
  const auto model = kModels[numbers.below(std::size(kModels))];
  const auto draw = static_cast<int>(numbers.below(100));
  if (draw < kind.short_share) return short_request(model);
  return client_request(numbers, model, draw >= kind.short_share + kind.sdk_share);
}

// ---- as TCP --------------------------------------------------------------------------------

class Talk {
 public:
  Talk(Numbers& numbers, Connection& to) : numbers_(numbers), to_(to) {
    client_ = static_cast<std::uint32_t>(numbers.next());
    server_ = static_cast<std::uint32_t>(numbers.next());
    add(true, kSyn, "");
    to_.segments.back().ack = 0;
    ++client_;
    add(false, kSyn | kAck, "");
    ++server_;
    add(true, kAck, "");
  }

  void ask(const std::string& text, const Kind& kind) {
    const std::size_t first = to_.segments.size();
    for (std::size_t at = 0; at < text.size(); at += kSegment) {
      const bool last = at + kSegment >= text.size();
      add(true, last ? kPush | kAck : kAck, text.substr(at, kSegment));
    }
    const std::size_t count = to_.segments.size() - first;
    if (count > 1 && numbers_.percent(kind.swapped_percent))
      std::swap(to_.segments[first], to_.segments[first + 1]);
    if (numbers_.percent(kind.repeated_percent))
      to_.segments.push_back(to_.segments[first + numbers_.below(count)]);
  }

  void answer() {
    static const std::string body =
        R"({"id":"chatcmpl-1","object":"chat.completion","model":"m","choices":[{"index":0,)"
        R"("message":{"role":"assistant","content":"Certainly."},"finish_reason":"stop"}]})";
    add(false, kAck, "");
    add(false, kPush | kAck,
        "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: application/json\r\ncontent-length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body);
    add(true, kAck, "");
  }

  void close() {
    add(true, kFin | kAck, "");
    ++client_;
    add(false, kFin | kAck, "");
    ++server_;
    add(true, kAck, "");
  }

 private:
  void add(bool from_client, int flags, std::string payload) {
    auto& mine = from_client ? client_ : server_;
    const auto size = static_cast<std::uint32_t>(payload.size());
    to_.segments.push_back({from_client, static_cast<std::uint8_t>(flags), mine,
                            from_client ? server_ : client_, std::move(payload)});
    mine += size;
  }

  Numbers& numbers_;
  Connection& to_;
  std::uint32_t client_ = 0, server_ = 0;
};

// ---- as a file ------------------------------------------------------------------------------

class Capture {
 public:
  explicit Capture(std::FILE* file) : file_(file) {
    const std::uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
    std::fwrite(head, sizeof head, 1, file_);
  }

  void add(const Connection& connection, const Segment& segment) {
    std::array<unsigned char, 54> h{};
    const auto put16 = [&](std::size_t at, std::uint32_t v) {
      h[at] = static_cast<unsigned char>(v >> 8);
      h[at + 1] = static_cast<unsigned char>(v);
    };
    const auto put32 = [&](std::size_t at, std::uint32_t v) {
      put16(at, v >> 16);
      put16(at + 2, v & 0xffff);
    };
    std::memcpy(h.data(), "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45", 15);
    put16(16, static_cast<std::uint32_t>(40 + segment.payload.size()));
    put16(18, packets_ & 0xffff);
    put16(20, 0x4000);  // do not fragment
    put16(22, 64 << 8 | 6);
    put32(26, segment.from_client ? connection.client : kServer);
    put32(30, segment.from_client ? kServer : connection.client);
    put16(24, fold(sum(&h[14], 20)));
    put16(34, segment.from_client ? connection.port : kServerPort);
    put16(36, segment.from_client ? kServerPort : connection.port);
    put32(38, segment.seq);
    put32(42, segment.ack);
    put16(46, 0x5000u | segment.flags);
    put16(48, 64240);
    const auto* payload = reinterpret_cast<const unsigned char*>(segment.payload.data());
    const auto tcp_bytes = static_cast<std::uint32_t>(20 + segment.payload.size());
    put16(50, fold(sum(&h[26], 28) + sum(payload, segment.payload.size()) + 6 + tcp_bytes));
    write(h.data(), h.size(), payload, segment.payload.size());
  }

 private:
  static std::uint32_t sum(const unsigned char* at, std::size_t bytes) {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i + 1 < bytes; i += 2) total += at[i] << 8 | at[i + 1];
    return bytes % 2 ? total + (at[bytes - 1] << 8) : total;
  }
  static std::uint32_t fold(std::uint32_t total) {
    while (total >> 16) total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
  }
  void write(const void* head, std::size_t head_bytes, const void* body, std::size_t body_bytes) {
    const std::uint64_t when = 1'767'052'800'000'000 + packets_ * kMicrosecondsBetweenPackets;
    const auto bytes = static_cast<std::uint32_t>(head_bytes + body_bytes);
    const std::uint32_t record[] = {static_cast<std::uint32_t>(when / 1'000'000),
                                    static_cast<std::uint32_t>(when % 1'000'000), bytes, bytes};
    std::fwrite(record, sizeof record, 1, file_);
    std::fwrite(head, head_bytes, 1, file_);
    if (body_bytes) std::fwrite(body, body_bytes, 1, file_);
    ++packets_;
  }

  std::FILE* file_;
  std::uint64_t packets_ = 0;
};

std::uint64_t write_capture(const Kind& kind, std::FILE* file) {
  Numbers numbers;
  Capture capture(file);
  std::uint64_t requests = 0;
  int made = 0;
  const auto open = [&] {
    // 17 bits of clients, scattered; the port tells a client's connections apart.
    const auto n = static_cast<std::uint32_t>(made++);
    Connection one{kFirstClient + ((n * 2654435761u) >> 15),
                   static_cast<std::uint16_t>(20'000 + n % 40'000),
                   {}};
    Talk talk(numbers, one);
    const std::size_t count = 1 + numbers.below(static_cast<std::size_t>(kind.requests_at_most));
    for (std::size_t i = 0; i < count; ++i) {
      talk.ask(request(numbers, kind), kind);
      talk.answer();
    }
    talk.close();
    requests += count;
    return one;
  };
  std::vector<Connection> live;
  while (made < kind.connections || !live.empty()) {
    while (live.size() < kOpenAtOnce && made < kind.connections) live.push_back(open());
    auto& one = live[numbers.below(live.size())];
    capture.add(one, one.segments.front());
    one.segments.pop_front();
    if (one.segments.empty()) {
      std::swap(one, live.back());
      live.pop_back();
    }
  }
  return requests;
}

}  // namespace

int main(int argc, char** argv) {
  const auto* kind = argc == 3 ? std::find_if(kKinds.begin(), kKinds.end(),
                                              [&](const Kind& k) { return k.name == argv[1]; })
                               : kKinds.end();
  std::FILE* file = kind == kKinds.end() ? nullptr : std::fopen(argv[2], "wb");
  if (file == nullptr) {
    std::fprintf(
        stderr, "usage: probewall-captures probes|mixed|hard|tiny FILE (which must be writable)\n");
    return 2;
  }
  const auto requests = write_capture(*kind, file);
  if (std::fclose(file) != 0) {
    std::perror(argv[2]);
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(requests));
  return 0;
}
