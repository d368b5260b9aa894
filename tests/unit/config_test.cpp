// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "config/reload.hpp"
#include "config/schema.hpp"

namespace probewall {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A directory of its own, gone afterwards.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (fs::temp_directory_path() / "probewall-config-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDirectory() { fs::remove_all(path_); }
  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string error_of(std::string_view text) {
  const auto config = parse_config(text, "probewall.toml");
  if (config) return "valid";
  EXPECT_EQ(config.error().status, ExitStatus::kConfigInvalid);
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos) << "one line";
  return config.error().message;
}

TEST(ParseConfig, AnEmptyFileGivesTheDocumentedDefaults) {
  const auto config = parse_config("", "probewall.toml");

  ASSERT_TRUE(config);
  EXPECT_EQ(config->mode, Mode::kEnforce);
  EXPECT_EQ(config->ports.size(), 21u);
  EXPECT_EQ(config->block.first, 600s);
  EXPECT_EQ(config->block.threshold, 100);
  EXPECT_EQ(config->block.ipv6_prefix, 64u);
  EXPECT_EQ(config->capture.bytes_per_request, 4096u);
  EXPECT_EQ(config->metrics.listen, "127.0.0.1:9753");
  EXPECT_TRUE(config->require_proof);
}

TEST(ParseConfig, ReadsEveryKindOfValue) {
  const auto config = parse_config(R"(
mode = "observe"
interfaces = ["eth0", "eth1"]
ports = [11434, 8000, 11434]
allow = ["198.51.100.0/24", "2001:db8::1"]
tag.mask = 0x00ff0000
tag.mark = "0x00010000"
[capture]
memory = "64MiB"
transport = "perf"
[block]
first = "1h30m"
max = 864000
factor = 2
threshold = 80.5
end_connections = false
[limits]
body_bytes = "4k"
)",
                                   "probewall.toml");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->mode, Mode::kObserve);
  EXPECT_EQ(config->interfaces, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_EQ(config->ports, (std::vector<std::uint16_t>{11434, 8000})) << "named twice counts once";
  ASSERT_EQ(config->allow.size(), 2u);
  EXPECT_EQ(config->allow[0].to_string(), "198.51.100.0/24");
  EXPECT_EQ(config->allow[1].length, 128);
  EXPECT_EQ(config->tag.mask, 0x00ff0000u);
  EXPECT_EQ(config->tag.mark, 0x00010000u);
  EXPECT_EQ(config->capture.memory, 64u << 20);
  EXPECT_EQ(config->capture.transport, Transport::kPerf);
  EXPECT_EQ(config->block.first, 5400s);
  EXPECT_EQ(config->block.max, 864000s);
  EXPECT_EQ(config->block.threshold, 80.5);
  EXPECT_FALSE(config->block.end_connections);
  EXPECT_EQ(config->limits.body_bytes, 4096u);
}

TEST(ParseConfig, AnUnknownKeyNamesItsPlaceAndTheNearestKnownKey) {
  EXPECT_EQ(error_of("mode = \"enforce\"\n[block]\n  frist = \"10m\"\n"),
            "probewall.toml:3:3: unknown key 'block.frist'; did you mean 'block.first'?");
  EXPECT_EQ(error_of("threshold = 50\n"),
            "probewall.toml:1:1: unknown key 'threshold'; did you mean 'block.threshold'?");
  EXPECT_EQ(error_of("\nprots = [1]\n"),
            "probewall.toml:2:1: unknown key 'prots'; did you mean 'ports'?");
  EXPECT_EQ(error_of("[blok]\n"),
            "probewall.toml:1:2: unknown table [blok]; did you mean [block]?");
}

TEST(ParseConfig, AKeyLikeNoOtherPointsToTheList) {
  EXPECT_EQ(
      error_of("qqqqqqqqqqqq = 1\n"),
      "probewall.toml:1:1: unknown key 'qqqqqqqqqqqq'; `probewall config show` lists all keys");
}

TEST(ParseConfig, AWrongTypeOrRangeNamesThePlaceOfTheValue) {
  EXPECT_EQ(error_of("mode = \"on\"\n"),
            "probewall.toml:1:8: 'mode' is \"on\", must be \"enforce\" or \"observe\"");
  EXPECT_EQ(error_of("require_proof = 1\n"),
            "probewall.toml:1:17: 'require_proof' must be true or false");
  EXPECT_EQ(error_of("[capture]\nbytes_per_request = 100\n"),
            "probewall.toml:2:21: 'capture.bytes_per_request' is 100, must be from 512 to 8192");
  EXPECT_EQ(error_of("ports = [80, 70000]\n"),
            "probewall.toml:1:14: 'ports' entry 2 is 70000, must be from 1 to 65535");
  EXPECT_EQ(error_of("[limits]\nrequest_time = \"500ms\"\n"),
            "probewall.toml:2:16: 'limits.request_time' is 500ms, must be whole seconds");
  EXPECT_NE(error_of("allow = [\"300.1.1.1\"]\n")
                .find("1:10: 'allow' entry 1 is \"300.1.1.1\", must be an address"),
            std::string::npos);
  EXPECT_NE(error_of("interfaces = \"eth0\"\n").find("must be a list"), std::string::npos);
  EXPECT_NE(error_of("block = 5\n").find("'block' is a table"), std::string::npos);
  EXPECT_NE(error_of("[mode]\n").find("'mode' is one value"), std::string::npos);
  EXPECT_NE(error_of("mode = 2026-01-01\n").find("date"), std::string::npos);
}

TEST(ParseConfig, BrokenTomlNamesThePlace) {
  EXPECT_EQ(error_of("mode = \n").rfind("probewall.toml:1:", 0), 0u) << error_of("mode = \n");
  EXPECT_EQ(error_of("a = 1\nmode = \"x\nports = []\n").rfind("probewall.toml:2:", 0), 0u);
}

TEST(ParseConfig, SettingsThatContradictEachOtherAreRefused) {
  EXPECT_EQ(error_of("[block]\nmax = \"1m\"\nfirst = \"10m\"\n"),
            "probewall.toml:3:1: 'block.first' is 10m, longer than 'block.max' (1m)");
  EXPECT_NE(error_of("decoy_ports = [22]\n").find("SSH port"), std::string::npos);
  EXPECT_NE(error_of("tag.mask = 1\ntag.mark = 2\n").find("outside 'tag.mask'"), std::string::npos);
}

TEST(ParseConfig, APortForAServerAndForADecoyNamesBothPlaces) {
  EXPECT_EQ(error_of("ports = [11434, 5005]\ndecoy_ports = [5004, 5005]\n"),
            "probewall.toml:2:1: 'decoy_ports' names port 5005, which 'ports' names as an LLM "
            "server's; take it out of one of them ('ports' is at probewall.toml:1:1)");
  EXPECT_EQ(error_of("ports = [11434]\ndecoy_ports = [5005]\n"), "valid");
}

TEST(ParseConfig, ADecoyMayTakeAPortOfTheBuiltInList) {
  const auto config = parse_config("decoy_ports = [11434]\n", "probewall.toml");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(parse_config(to_toml(*config), "boot document"));
}

TEST(ParseConfig, EveryListenAddressIsChecked) {
  EXPECT_EQ(error_of("metrics.listen = \"\"\n"), "valid");
  EXPECT_EQ(error_of("metrics.listen = \"[::1]:9753\"\n"), "valid");
  for (const char* bad : {"localhost:1", "::1:80", "127.0.0.1", "127.0.0.1:99999", ":80"}) {
    EXPECT_NE(error_of(std::string{"metrics.listen = \""} + bad + "\"\n"), "valid") << bad;
  }
}

TEST(ToToml, IsReadBackToTheSame) {
  auto config = parse_config(
      "mode = \"observe\"\ninterfaces = [\"eth0\"]\nallow = [\"2001:db8::/32\"]\ndecoy_ports = "
      "[8888]\n"
      "[block]\nfactor = 2.5\nfirst = \"61s\"\n[rules]\ndisabled = [\"a\\\"b\"]\n[events]\nfile = "
      "\"-\"\nprompt = \"hash\"\n",
      "probewall.toml");
  ASSERT_TRUE(config) << config.error().message;

  const std::string text = to_toml(*config);
  const auto again = parse_config(text, "shown.toml");

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_toml(*again), text);
  EXPECT_EQ(again->rules.disabled, config->rules.disabled);
  EXPECT_EQ(again->block.factor, 2.5);
  EXPECT_EQ(again->allow, config->allow);
}

TEST(ToToml, CommentsEverySetting) {
  const std::string text = to_toml(Config{});
  std::istringstream lines(text);
  std::string line, before;
  while (std::getline(lines, line)) {
    if (line.find(" = ") != std::string::npos && !line.starts_with('#')) {
      EXPECT_TRUE(before.starts_with("# ")) << line;
    }
    before = line;
  }
  EXPECT_NE(text.find("[block]"), std::string::npos);
}

TEST(LoadConfig, DropInsAreMergedInNameOrderAndLaterOnesWin) {
  const TempDirectory directory;
  const auto file =
      directory.write("probewall.toml", "mode = \"observe\"\n[block]\nthreshold = 10\n");
  directory.write("conf.d/20-b.toml", "[block]\nthreshold = 30\n");
  directory.write("conf.d/10-a.toml", "[block]\nthreshold = 20\nfactor = 9\n");
  directory.write("conf.d/ignored.txt", "nonsense");

  const auto config = load_config(file, true);

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->mode, Mode::kObserve);
  EXPECT_EQ(config->block.threshold, 30);
  EXPECT_EQ(config->block.factor, 9);
}

TEST(LoadConfig, AnErrorInADropInNamesThatFile) {
  const TempDirectory directory;
  const auto file = directory.write("probewall.toml", "");
  const auto extra = directory.write("conf.d/10.toml", "\nmdoe = \"observe\"\n");

  const auto config = load_config(file, true);

  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message,
            extra.string() + ":2:1: unknown key 'mdoe'; did you mean 'mode'?");
}

TEST(LoadConfig, AMissingFileIsAnErrorOnlyWhenItMustExist) {
  const TempDirectory directory;

  EXPECT_TRUE(load_config(directory.path() / "none.toml", false));
  const auto strict = load_config(directory.path() / "none.toml", true);

  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().status, ExitStatus::kConfigInvalid);
  EXPECT_NE(strict.error().message.find("No such file"), std::string::npos);
}

TEST(LoadConfig, FlagsWinOverFilesAndAreChecked) {
  const TempDirectory directory;
  const auto file =
      directory.write("probewall.toml", "mode = \"observe\"\ninterfaces = [\"eth0\"]\n");
  ConfigOverrides overrides;
  overrides.mode = "enforce";
  overrides.interfaces = {"veth1"};
  overrides.metrics_listen = "off";
  overrides.events_file = "-";

  const auto config = load_config(file, true, overrides);
  overrides.xdp_mode = "fast";
  const auto wrong = load_config(file, true, overrides);

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->mode, Mode::kEnforce);
  EXPECT_EQ(config->interfaces, std::vector<std::string>{"veth1"});
  EXPECT_EQ(config->metrics.listen, "");
  EXPECT_EQ(config->events.file, "-");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "command line: 'xdp.mode' is \"fast\", must be \"auto\" or \"native\" or \"generic\"");
}

TEST(PlanReload, TakesLiveSettingsAndNamesTheOthers) {
  Config running, wanted;
  wanted.block.threshold = 50;
  wanted.allow = {*IpPrefix::parse("198.51.100.0/24")};
  wanted.memory.max_flows = 128;

  const auto plan = plan_reload(running, wanted);

  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->changed, (std::vector<std::string>{"allow", "block.threshold"}));
  EXPECT_EQ(plan->restart, (std::vector<std::string>{"memory.max_flows"}));
  EXPECT_EQ(plan->next.block.threshold, 50);
  EXPECT_EQ(plan->next.allow, wanted.allow);
  EXPECT_EQ(plan->next.memory.max_flows, running.memory.max_flows);
}

TEST(PlanReload, SameConfigurationChangesNothing) {
  const auto plan = plan_reload(Config{}, Config{});

  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(plan->changed.empty());
  EXPECT_TRUE(plan->restart.empty());
}

TEST(PlanReload, LiveSettingThatContradictsTheRunningRestIsRefused) {
  Config running, wanted;
  wanted.block.ipv6_prefix = 128;  // would fit, but needs a restart
  wanted.block.min_prefix_v6 = 96;

  const auto plan = plan_reload(running, wanted);

  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().status, ExitStatus::kConfigInvalid);
  EXPECT_NE(plan.error().message.find("'block.min_prefix_v6' is 96"), std::string::npos);
}

TEST(PlanReload, EveryLiveSettingIsCopiedAlone) {
  for (const auto& field : config::schema()) {
    Config from, to;
    from.block.threshold = 1;
    from.events.prompt = PromptPrivacy::kOff;
    field.copy(to, from);
    EXPECT_EQ(field.get(to), field.get(from)) << field.key;
  }
}

}  // namespace
}  // namespace probewall
