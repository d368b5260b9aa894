// SPDX-License-Identifier: Apache-2.0
#include "unit/cli_run.hpp"

namespace probewall {
namespace {

using test::AdminSocket;
using test::CliResult;
using test::FixedSource;
using test::reply;
using test::TempDirectory;

/// The built program against the real API server.
class Cli : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.bind_unix(directory_.file("control.sock"), static_cast<gid_t>(-1)));
    server_.start();
  }
  CliResult run(const std::string& arguments) {
    return test::run_cli(directory_,
                         "--socket " + directory_.file("control.sock") + " " + arguments);
  }
  std::unique_ptr<AdminSocket> guard(AdminSocket::Answer answer) {
    return std::make_unique<AdminSocket>(directory_.file("admin.sock"), std::move(answer));
  }

  TempDirectory directory_;
  FixedSource source_;
  EventTail tail_;
  ApiServer server_{source_, tail_};
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Cli, StatusSaysWhatRunsInWords) {
  const auto result = run("status");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "is running (pid 4711) for 1h1m, enforcing")) << result.out;
  EXPECT_TRUE(contains(result.out, "eth0       native  libxdp dispatcher  12,345        7"))
      << result.out;
}

TEST_F(Cli, RulesListSaysThatTheDaemonRefusedTheLastOnes) {
  EXPECT_EQ(run("rules list").err, "");

  source_.reload = ApiReload{false, 1, "x.yaml:3: unknown word"};
  const auto result = run("rules list");

  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err,
            "probewall: the daemon runs with earlier rules than these: the last reload failed: "
            "x.yaml:3: unknown word\n");
}

TEST_F(Cli, AMistakeInTheNamedConfigurationIsSaidByEveryCommandThatReadsIt) {
  const std::string file = directory_.file("c.toml");
  std::ofstream{file} << "[block]\nthreshhold = 5\n";
  const std::string config = "--config " + file + " ";
  for (const char* command : {"reload", "status", "why 192.0.2.1", "bans list", "allow list",
                              "enforce off", "rules list", "sources top"}) {
    const auto result = test::run_cli(directory_, config + command);

    EXPECT_EQ(result.status, 5) << command;
    EXPECT_TRUE(contains(result.err,
                         "c.toml:2:1: unknown key 'block.threshhold'; did you mean "
                         "'block.threshold'?"))
        << result.err;
  }
  EXPECT_EQ(test::run_cli(directory_, config + "version").status, 0);
}

TEST_F(Cli, GlobalOptionsAreTakenBeforeAndAfterTheSubcommand) {
  const std::string socket = " --socket " + directory_.file("control.sock");
  const auto after = test::run_cli(directory_, "bans list --json" + socket);
  const auto before = test::run_cli(directory_, "-o json" + socket + " bans list");

  EXPECT_EQ(after.status, 0) << after.err;
  EXPECT_EQ(after.out, before.out);
  EXPECT_TRUE(contains(after.out, "\"total\":3"));
}

TEST_F(Cli, WhyExplainsABlockAndEscapesWireText) {
  const auto result = run("why 198.51.100.7");

  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* part : {"198.51.100.7 is blocked until 2026-01-07T08:09:10Z (9m42s left).",
                           "the detector on this machine", "+100  campaign.prompt",
                           "POST /v1/chat/completions HTTP/1.1 \\x1b[31mred", "fingerprinting",
                           "probewall bans del 198.51.100.7/32"}) {
    EXPECT_TRUE(contains(result.out, part)) << part << "\n" << result.out;
  }
  EXPECT_FALSE(contains(result.out, "\x1b"));
}

TEST_F(Cli, WhyExits10ForAnAddressThatIsNotBlocked) {
  const auto unknown = run("why 203.0.113.1");
  const auto allowed = run("why 192.0.2.1");

  EXPECT_EQ(unknown.status, 10);
  EXPECT_EQ(unknown.out, "203.0.113.1 is not blocked.\n");
  EXPECT_EQ(allowed.status, 10);
  EXPECT_EQ(allowed.out, "192.0.2.1 is not blocked: it is never blocked (default gateway).\n");
}

TEST_F(Cli, UsageErrorsExit2WithASuggestion) {
  for (const char* wrong :
       {"", "why", "why nonsense", "bans add 1.2.3.4/99", "bans add 10.0.0.1 --ttl soon",
        "status --nonsense", "-o yaml status", "enforce"}) {
    const auto result = run(wrong);
    EXPECT_EQ(result.status, 2) << wrong << result.out;
    EXPECT_FALSE(result.err.empty()) << wrong;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << wrong << ": one line\n"
                                                                         << result.err;
  }
  EXPECT_TRUE(contains(run("sttaus").err, "did you mean 'status'?"));
  EXPECT_TRUE(contains(run("bans lsit").err, "did you mean 'list'?"));
}

TEST_F(Cli, ATimeThatIsTooLongNamesTheLongestAndTheKeyThatDoesNotBoundIt) {
  const auto result = run("bans add 10.0.0.1 --ttl 10001d");

  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(contains(result.err, "'10001d' is longer than 10000d")) << result.err;
  EXPECT_TRUE(contains(result.err, "block.max")) << result.err;
}

TEST_F(Cli, AnUnknownEventTypeExits2AndNamesTheKnownOnes) {
  const auto unknown = run("events --type decision --type foo");

  EXPECT_EQ(unknown.status, 2) << unknown.out;
  EXPECT_EQ(unknown.out, "");
  EXPECT_TRUE(contains(unknown.err,
                       "'foo' is no event type; there are request, response, detection, decision, "
                       "unblock, exposure, loss"))
      << unknown.err;
  EXPECT_EQ(run("events --type decision").status, 0);
}

TEST_F(Cli, HelpAndVersionExit0) {
  EXPECT_EQ(run("--help").status, 0);
  EXPECT_EQ(run("bans --help").status, 0);
  EXPECT_EQ(run("version").out, "probewall 0.1.0\n");
  EXPECT_EQ(run("version --json").out, "{\"version\":\"0.1.0\"}\n");
}

TEST_F(Cli, WhyNamesTheThresholdOfATrustedSource) {
  const auto trusted = run("why 198.51.100.8");
  const auto json = run("why 198.51.100.8 --json");

  EXPECT_TRUE(contains(trusted.out,
                       "80 (this source is blocked from 130 points, 30 of them earned "
                       "by trusted use)"))
      << trusted.out;
  EXPECT_TRUE(contains(json.out, R"("threshold":130,"threshold_bonus":30)")) << json.out;
}

TEST_F(Cli, BansListReadsAllPages) {
  source_.ban_count = 12000;

  const auto result = run("bans list");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 12001);
  EXPECT_TRUE(contains(result.out, "10.0.46.223/32"));
}

TEST_F(Cli, BansExportLeavesFeedEntriesOutAndSaysSo) {
  source_.feed_count = 2;

  const auto text = run("bans export");
  const auto json = run("bans export --json");

  for (const auto& result : {text, json}) {
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_FALSE(contains(result.out, "10.0.0.0/32")) << result.out;
    EXPECT_FALSE(contains(result.out, "10.0.0.1/32")) << result.out;
    EXPECT_TRUE(contains(result.out, "10.0.0.2/32")) << result.out;
    EXPECT_TRUE(contains(result.err, "left out: 2 of feeds")) << result.err;
  }
}

TEST_F(Cli, BansAddSendsPrefixLengthAndReason) {
  const auto admin =
      guard([](const admin::Request&) { return std::vector{reply(ExitStatus::kOk, 1)}; });

  const auto result = run("bans add 203.0.113.0/24 --ttl 1h30m --reason 'too loud'");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "Blocked 203.0.113.0/24 for 1h30m."));
  const auto seen = admin->seen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].op, static_cast<std::uint32_t>(admin::Op::kBanAdd));
  EXPECT_EQ(seen[0].seconds, 5400u);
  EXPECT_EQ(seen[0].prefix_len, 24u);
  EXPECT_STREQ(seen[0].reason, "too loud");
}

TEST_F(Cli, ARefusalBySafetyRuleExits6WithTheGuardsWords) {
  const auto admin = guard([](const admin::Request&) {
    return std::vector{
        reply(ExitStatus::kRefused, 0, "192.0.2.1 is the default gateway and is never blocked")};
  });

  const auto result = run("bans add 192.0.2.1");

  EXPECT_EQ(result.status, 6);
  EXPECT_EQ(result.err, "probewall: 192.0.2.1 is the default gateway and is never blocked\n");
}

TEST_F(Cli, DeletingWhatIsAbsentSucceeds) {
  const auto admin =
      guard([](const admin::Request&) { return std::vector{reply(ExitStatus::kOk, 0)}; });

  const auto result = run("bans del 203.0.113.9");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "Nothing to do: no such ban.\n");
}

TEST_F(Cli, DeletingAnIpv6AddressMeansItsSourcePrefixToo) {
  const auto admin = guard([](const admin::Request& request) {
    return std::vector{reply(ExitStatus::kOk, request.prefix_len == 64 ? 1 : 0)};
  });

  const auto result = run("bans del 2001:db8:1:2::7");

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "2001:db8:1:2::/64 is no longer blocked.\n");
  EXPECT_EQ(admin->seen().size(), 2u);
}

TEST_F(Cli, ExportIsWhatImportReads) {
  const auto admin =
      guard([](const admin::Request&) { return std::vector{reply(ExitStatus::kOk, 1)}; });
  const auto exported = run("bans export");
  ASSERT_EQ(exported.status, 0) << exported.err;
  std::ofstream(directory_.file("bans.txt"))
      << exported.out << "2001:db8::/48 1h noisy neighbour\n"
      << "203.0.113.5 2020-01-01T00:00:00Z long ago\n"
      << R"({"source":"203.0.113.6/32","until":null,"note":"json"})"
      << "\n";

  const auto imported = run("bans import " + directory_.file("bans.txt"));

  EXPECT_EQ(imported.status, 0) << imported.err;
  EXPECT_EQ(imported.out, "Imported 5 bans; 0 refused, 1 had ended already.\n");
  const auto seen = admin->seen();
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_GT(seen[0].seconds, 0u);
  EXPECT_STREQ(seen[0].reason, "campaign.prompt");
  EXPECT_STREQ(seen[3].reason, "noisy neighbour");
  EXPECT_EQ(seen[4].seconds, 0u) << "no end";
}

TEST_F(Cli, ImportOfAFileWithABadLineNamesItAndSendsNothing) {
  const auto admin =
      guard([](const admin::Request&) { return std::vector{reply(ExitStatus::kOk, 1)}; });
  std::ofstream(directory_.file("bans.txt"))
      << "203.0.113.5\n\nnot-an-address\n203.0.113.6 tomorrow\n203.0.113.7\n";

  const auto result = run("bans import " + directory_.file("bans.txt"));

  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err,
                       "bans.txt:3: 'not-an-address' is no address or prefix (and 1 more such "
                       "lines); nothing was imported"))
      << result.err;
  EXPECT_TRUE(admin->seen().empty());
}

TEST_F(Cli, ImportOfADirectorySaysSo) {
  const auto result = run("bans import " + directory_.path());

  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "Is a directory; nothing was imported")) << result.err;
}

TEST_F(Cli, ImportGoesOnAfterRefusalsOverOneConnectionAndCountsThem) {
  const auto admin = guard([](const admin::Request& request) {
    const auto last = request.address[15];
    if (last % 4 == 0) return std::vector{reply(ExitStatus::kRefused, 0, "never blocked")};
    if (last == 1) return std::vector{reply(ExitStatus::kFailed, 0, "the table is full")};
    return std::vector{reply(ExitStatus::kOk, 1)};
  });
  std::ofstream file(directory_.file("bans.txt"));
  file << "203.0.113.9 2020-01-01T00:00:00Z ended\n";
  for (int i = 0; i < 100; ++i) file << "198.51.100." << i << "\n";
  file.close();

  const auto result = run("bans import " + directory_.file("bans.txt"));
  const auto json = run("--json bans import " + directory_.file("bans.txt"));

  EXPECT_EQ(result.status, 1) << "not all of them were a safety rule's";
  EXPECT_EQ(result.out, "Imported 74 bans; 25 refused, 1 failed, 1 had ended already.\n");
  EXPECT_TRUE(contains(result.err, "bans.txt:2: never blocked\n")) << result.err;
  EXPECT_TRUE(contains(result.err, "bans.txt:3: the table is full\n")) << result.err;
  EXPECT_TRUE(contains(result.err, "6 more were not imported\n")) << result.err;
  EXPECT_EQ(json.out, "{\"added\":74,\"refused\":25,\"failed\":1,\"expired\":1}\n");
  EXPECT_EQ(admin->seen().size(), 200u);
  EXPECT_EQ(admin->connections(), 2u);
}

TEST_F(Cli, ImportKeepsTheEndsOfTheFile) {
  const auto admin =
      guard([](const admin::Request&) { return std::vector{reply(ExitStatus::kOk, 1)}; });
  std::ofstream(directory_.file("bans.txt"))
      << "203.0.113.5 2060-01-01T00:00:00Z\n203.0.113.6 2060-01-01T00:01:00Z\n203.0.113.7\n";

  ASSERT_EQ(run("bans import " + directory_.file("bans.txt")).status, 0);

  const auto seen = admin->seen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].until_s - seen[0].until_s, 60u);
  EXPECT_EQ(seen[2].until_s, 0u) << "for good";
}

TEST_F(Cli, ImportThatBreaksOffSaysHowFarItCame) {
  const auto admin = guard([n = 0](const admin::Request&) mutable {
    return ++n <= 3 ? std::vector{reply(ExitStatus::kOk, 1)}
                    : std::vector{reply(ExitStatus::kPermission, 0, "not any more")};
  });
  std::ofstream file(directory_.file("bans.txt"));
  for (int i = 0; i < 10; ++i) file << "198.51.100." << i << "\n";
  file.close();

  const auto result = run("bans import " + directory_.file("bans.txt"));

  EXPECT_EQ(result.status, 4);
  EXPECT_TRUE(contains(result.err,
                       "not any more; 3 of 10 bans were imported before, importing again is safe"))
      << result.err;
}

TEST_F(Cli, ListThatIsNotCompleteSaysSo) {
  source_.complete = false;
  const auto list = run("bans list");
  const auto json = run("bans list --json");
  const auto exported = run("bans export");
  source_.ban_count = 0;
  const auto none = run("bans list");
  source_.complete = true;
  const auto whole = run("bans list --json");

  EXPECT_EQ(list.status, 0);
  EXPECT_TRUE(contains(list.out, "10.0.0.0/32"));
  EXPECT_TRUE(contains(list.err, "this list is not complete")) << list.err;
  EXPECT_TRUE(contains(json.out, "\"total\":3,\"complete\":false}")) << json.out;
  EXPECT_EQ(exported.status, 1) << "no backup to rely on";
  EXPECT_TRUE(contains(exported.err, "this list is not complete")) << exported.err;
  EXPECT_FALSE(contains(none.out, "No source is blocked")) << none.out;
  EXPECT_TRUE(contains(whole.out, "\"total\":0,\"complete\":true}")) << whole.out;
  EXPECT_EQ(whole.err, "");
}

TEST_F(Cli, EnforceOnCanAskForConfirmation) {
  const auto admin =
      guard([](const admin::Request&) { return std::vector{reply(ExitStatus::kOk, 1)}; });

  const auto on = run("enforce on --confirm 5m");
  const auto confirm = run("enforce confirm");
  const auto off = run("enforce off");

  EXPECT_TRUE(contains(on.out, "run `probewall enforce confirm` within that time")) << on.err;
  EXPECT_EQ(confirm.status, 0);
  EXPECT_EQ(off.status, 0);
  const auto seen = admin->seen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].seconds, 300u);
  EXPECT_EQ(seen[1].op, static_cast<std::uint32_t>(admin::Op::kConfirm));
  EXPECT_EQ(seen[2].op, static_cast<std::uint32_t>(admin::Op::kEnforceOff));
}

TEST_F(Cli, EventsAreShownAsLinesOrAsTheyAre) {
  tail_.push(
      R"({"ts":"2026-01-07T08:09:10.123456Z","type":"detection","source":"198.51.100.7/32","rule":"campaign.prompt","points":100})");
  tail_.push(
      R"({"ts":"2026-01-07T08:09:10.123456Z","type":"loss","source":null,"what":"gap\u001b[2J","count":3})");

  const auto table = run("events");
  const auto json = run("events --json --type loss");

  EXPECT_TRUE(contains(
      table.out, "2026-01-07T08:09:10.123  detection   198.51.100.7/32       campaign.prompt +100"))
      << table.out;
  EXPECT_TRUE(contains(table.out, "3 gap\\x1b[2J"));
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1);
  EXPECT_TRUE(contains(json.out, "\"type\":\"loss\""));
}

TEST_F(Cli, ConfigErrorsExit5WithThePlace) {
  std::ofstream(directory_.file("bad.toml")) << "[block]\nfrist = \"10m\"\n";
  std::ofstream(directory_.file("good.toml")) << "mode = \"observe\"\n";

  const auto bad = run("config check --config " + directory_.file("bad.toml"));
  const auto good = run("config check --config " + directory_.file("good.toml"));
  const auto missing = run("config check --config " + directory_.file("none.toml"));
  const auto shown = run("config show --config " + directory_.file("good.toml"));

  EXPECT_EQ(bad.status, 5);
  EXPECT_TRUE(
      contains(bad.err, "bad.toml:2:1: unknown key 'block.frist'; did you mean 'block.first'?"))
      << bad.err;
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_EQ(missing.status, 5);
  EXPECT_TRUE(contains(shown.out, "\nmode = \"observe\"\n"));
  EXPECT_EQ(run("config show --running").out, "mode = \"enforce\"\n");
}

TEST_F(Cli, RulesListNamesTheBuiltInRules) {
  const auto table = run("rules list");
  const auto json = run("rules list --json");

  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_GT(std::count(table.out.begin(), table.out.end(), '\n'), 3);
  EXPECT_TRUE(json.out.starts_with("{\"rules\":[{\"id\":\""));
  EXPECT_TRUE(contains(json.out, "\"references\":[\"AML.T")) << json.out;
}

TEST_F(Cli, CompletionScriptsAreValidForTheirShell) {
  const auto bash = run("completion bash");
  ASSERT_EQ(bash.status, 0);
  std::ofstream(directory_.file("completion.bash")) << bash.out;

  const std::string ask =
      "bash -c 'source " + directory_.file("completion.bash") +
      "; COMP_WORDS=(probewall bans fl); COMP_CWORD=2; _probewall; echo ${COMPREPLY[*]}' >" +
      directory_.file("answer");
  EXPECT_EQ(std::system(ask.c_str()), 0);
  EXPECT_EQ(test::read_file(directory_.file("answer")), "flush\n");
  EXPECT_EQ(run("completion zsh").status, 0);
  EXPECT_TRUE(contains(run("completion fish").out,
                       "complete -c probewall -n '__fish_seen_subcommand_from bans' -a flush"));
  EXPECT_EQ(run("completion csh").status, 2);
}

TEST_F(Cli, AReplayOfAMissingFileExits1) {
  const auto result = run("replay " + directory_.file("none.pcap"));

  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "none.pcap")) << result.err;
}

}  // namespace
}  // namespace probewall
