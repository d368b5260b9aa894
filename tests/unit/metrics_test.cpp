// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

namespace probewall {
namespace {

Metrics::Options options() { return {"0.1.0", "abc", {"eth0"}, {"campaign.prompt"}, 100}; }

/// Value of the one line that starts with `series` and a space; NAN when there is none.
double value_of(const std::string& text, const std::string& series) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with(series + " ")) return std::strtod(line.c_str() + series.size(), nullptr);
  }
  return NAN;
}

struct PromtoolResult {
  int status;
  std::string output;
};

PromtoolResult promtool(const std::string& text) {
  char name[] = "/tmp/probewall-metrics-XXXXXX";
  const int fd = mkstemp(name);
  EXPECT_GE(fd, 0);
  const std::unique_ptr<FILE, decltype(&fclose)> file(fdopen(fd, "w"), &fclose);
  std::fwrite(text.data(), 1, text.size(), file.get());
  std::fflush(file.get());
  const std::string command = std::string{"promtool check metrics < "} + name + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, n);
  const int status = pclose(pipe);
  std::remove(name);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

TEST(Metrics, PromtoolFindsNothingToMend) {
  Metrics metrics(options());
  metrics.set_feed("seed", 2, 1.7e9);
  metrics.reaction({});

  const auto checked = promtool(metrics.render());

  EXPECT_EQ(checked.status, 0) << checked.output;
  EXPECT_EQ(checked.output, "");
}

TEST(Metrics, PromtoolCheckSeesAFaultInTheSameText) {
  Metrics metrics(options());

  const auto checked = promtool(metrics.render() + "probewall_broken{ 1\n");

  EXPECT_NE(checked.status, 0);
}

TEST(Metrics, EveryPromisedNameIsThereAtZeroFromTheStart) {
  const std::string text = Metrics(options()).render();
  for (const char* series :
       {"probewall_packets_total{family=\"ipv4\",interface=\"eth0\",verdict=\"drop_ban\"}",
        "probewall_llm_packets_total{service=\"ollama\"}",
        "probewall_parse_errors_total{layer=\"tcp\"}",
        "probewall_ring_events_total{kind=\"capture\"}",
        "probewall_ring_lost_total{kind=\"capture\"}",
        "probewall_detections_total{rule=\"campaign.prompt\"}",
        "probewall_responses_total{code_class=\"4xx\",service=\"vllm\"}",
        "probewall_bans_total{origin=\"detector\"}",
        "probewall_bans_suppressed_total{reason=\"unproven\"}",
        "probewall_bans_suppressed_total{reason=\"allowed\"}",
        "probewall_bans_suppressed_total{reason=\"observe\"}",
        "probewall_bans_suppressed_total{reason=\"rate\"}",
        "probewall_bans_suppressed_total{reason=\"too_wide\"}",
        "probewall_bans_suppressed_total{reason=\"table_full\"}",
        "probewall_bans_active",
        "probewall_bans_enforced",
        "probewall_reaction_seconds_count",
        "probewall_exposed_servers",
        "probewall_flows_active",
        "probewall_flows_evicted_total{reason=\"capacity\"}",
        "probewall_map_entries{map=\"block\"}",
        "probewall_map_max_entries{map=\"block\"}",
        "probewall_xdp_attached{interface=\"eth0\",mode=\"native\"}",
        "probewall_enforcing",
        "probewall_answers_missing"}) {
    EXPECT_EQ(value_of(text, series), 0) << series;
  }
  EXPECT_EQ(
      value_of(text, "probewall_requests_total{api=\"" +
                         std::string{to_string(Api::kChatCompletions)} + "\",service=\"ollama\"}"),
      0);
}

TEST(Metrics, KernelCountersAddGrowthAndStayMonotonicWhenTheMapStartsAnew) {
  Metrics metrics(options());
  pw_counters sum{};
  sum.packets[PW_VERDICT_PASS][PW_FAMILY_IPV4] = 10;
  metrics.set_kernel("eth0", sum);
  metrics.set_kernel("eth0", sum);
  const std::string series =
      "probewall_packets_total{family=\"ipv4\",interface=\"eth0\",verdict=\"pass\"}";
  EXPECT_EQ(value_of(metrics.render(), series), 10) << "the same reading twice adds nothing";

  sum.packets[PW_VERDICT_PASS][PW_FAMILY_IPV4] = 4;  // a new map counts from 0
  metrics.set_kernel("eth0", sum);

  EXPECT_EQ(value_of(metrics.render(), series), 14);
}

TEST(Metrics, CountersWithoutInterfaceLabelSumOverInterfaces) {
  Metrics metrics(options());
  pw_counters sum{};
  sum.records_lost[PW_RECORD_CAPTURE] = 3;
  metrics.set_kernel("eth0", sum);
  metrics.set_kernel("eth1", sum);

  EXPECT_EQ(value_of(metrics.render(), "probewall_ring_lost_total{kind=\"capture\"}"), 6);
}

TEST(Metrics, NoTextFromTheWireBecomesALabel) {
  Metrics metrics(options());
  metrics.detection("evil\"} 1\n# injected");
  metrics.guard_refused("evil");

  const std::string text = metrics.render();

  EXPECT_EQ(text.find("evil"), std::string::npos);
  EXPECT_EQ(value_of(text, "probewall_detections_total{rule=\"other\"}"), 1);
  EXPECT_EQ(value_of(text, "probewall_guard_refused_total{reason=\"failed\"}"), 1);
}

TEST(Metrics, ValuesOutsideTheEnumeratorsAreNotCountedAnywhere) {
  Metrics metrics(options());
  const std::string before = metrics.render();

  metrics.request(250, Api::kCount);
  metrics.response(200, 99);
  metrics.ban(77);

  EXPECT_EQ(metrics.render(), before);
}

TEST(Metrics, ReactionIsDenseBelowAMillisecondAndReachesFrom20UsTo1S) {
  Metrics metrics(options());
  metrics.reaction({0.000110, 0.00003, 0.00005, 0.00003, 0.002});

  const std::string text = metrics.render();

  EXPECT_EQ(value_of(text, "probewall_reaction_seconds_bucket{le=\"2e-05\"}"), 0);
  EXPECT_EQ(value_of(text, "probewall_reaction_seconds_bucket{le=\"0.0001\"}"), 0);
  EXPECT_EQ(value_of(text, "probewall_reaction_seconds_bucket{le=\"0.000125\"}"), 1);
  EXPECT_EQ(value_of(text, "probewall_reaction_seconds_bucket{le=\"1\"}"), 1);
  EXPECT_EQ(value_of(text, "probewall_reaction_queue_seconds_count"), 1);
  EXPECT_EQ(value_of(text, "probewall_proof_wait_seconds_count"), 1);
  unsigned below_1ms = 0;
  for (std::size_t at = 0;
       (at = text.find("probewall_reaction_seconds_bucket{le=\"", at)) != std::string::npos; ++at) {
    if (std::strtod(text.c_str() + at + 38, nullptr) < 0.001) ++below_1ms;
  }
  EXPECT_GE(below_1ms, 12u);
}

TEST(Metrics, RulesOfAReloadKeepTheirCounts) {
  Metrics metrics(options());
  metrics.detection("campaign.prompt");

  metrics.add_rules({"campaign.prompt", "new.rule"});
  metrics.detection("new.rule");

  EXPECT_EQ(value_of(metrics.render(), "probewall_detections_total{rule=\"campaign.prompt\"}"), 1);
  EXPECT_EQ(value_of(metrics.render(), "probewall_detections_total{rule=\"new.rule\"}"), 1);
}

}  // namespace
}  // namespace probewall
