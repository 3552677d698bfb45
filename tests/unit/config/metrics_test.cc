#include "millrace/engine/metrics.h"

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/metrics/metric_table.h"

namespace millrace::metrics_test {

using engine::kMetrics;
using engine::metric;
using engine::MetricInfo;
using engine::MetricKind;
using ::testing::HasSubstr;
using ::testing::Not;

/// Makes a series of each metric for which the class has a method of its own.
void touch_all(Metrics& metrics) {
  metrics.consumed("x").records.add();
  metrics.produced("x").records.add();
  metrics.processed(0).add();
  metrics.queries("x").add();
  metrics.query_refusals("x").add();
  metrics.dropped("x").add();
  metrics.late("x").records.add();
  metrics.dead_lettered("x").add();
  metrics.commit_phase_seconds("x").observe(1);
  metrics.set_lags(std::vector<PartitionLag>{{{"t", 0}, 5, HiddenBehind{1, 1}}});
  metrics.set_restore({0, 0}, {1, 1, 1, 1});
  metrics.set_state("running");
}

/// The labels of a line of text, as the table writes them; "le" belongs to every histogram.
std::string labels_of(std::string_view line) {
  std::set<std::string> names;
  const size_t open = line.find('{');
  if (open != std::string_view::npos) {
    std::stringstream pairs(std::string(line.substr(open + 1, line.find('}') - open - 1)));
    for (std::string pair; std::getline(pairs, pair, ',');) {
      names.insert(pair.substr(0, pair.find('=')));
    }
  }
  names.erase("le");
  std::string text;
  for (const char* const name : {"topic", "partition"}) {  // the only two that come together
    if (names.erase(name) > 0) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

TEST(Metrics, AreShownAsPrometheusText) {
  Metrics metrics("orders");
  metrics.consumed("crm.accounts").records.add(3);
  metrics.commit_phase_seconds("transaction").observe(0.004);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE millrace_records_consumed_total counter"));
  EXPECT_THAT(text, HasSubstr("millrace_records_consumed_total{topic=\"crm.accounts\"} 3"));
  EXPECT_THAT(
      text,
      HasSubstr("millrace_commit_phase_seconds_bucket{phase=\"transaction\",le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("millrace_info{application_id=\"orders\"} 1"));
}

TEST(Metrics, ResolveTheSameSeriesTwice) {
  Metrics metrics("a");
  EXPECT_EQ(metrics.dropped("null_key"), metrics.dropped("null_key"));
}

TEST(Metrics, LagOfARevokedPartitionIsGone) {
  Metrics metrics("a");
  metrics.set_lags(std::vector<PartitionLag>{{{"t", 0}, 5}, {{"t", 1}, 7}});
  EXPECT_EQ(metrics.lag_records(), 12);
  metrics.set_lags(std::vector<PartitionLag>{{{"t", 1}, 6}});
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("millrace_partition_lag_records{partition=\"1\",topic=\"t\"} 6"));
  EXPECT_THAT(text, Not(HasSubstr("partition=\"0\"")));
  EXPECT_THAT(text, HasSubstr("millrace_lag_records 6"));
}

TEST(Metrics, HiddenRecordsOfAnInputShowUntilTheyAreGone) {
  Metrics metrics("a");
  metrics.set_lags(
      std::vector<PartitionLag>{{{"t", 0}, 5, HiddenBehind{20, 1'000}}, {{"u", 0}, 7}});
  const std::vector<PartitionLag> hidden = metrics.hidden_inputs();
  ASSERT_EQ(hidden.size(), 1U);
  EXPECT_EQ(hidden[0].partition, (TopicPartition{"t", 0}));
  EXPECT_EQ(hidden[0].hidden->last_stable_offset, 20);
  EXPECT_THAT(metrics.text(),
              HasSubstr("millrace_partition_hidden_records{partition=\"0\",topic=\"t\"} 5"));
  metrics.set_lags(std::vector<PartitionLag>{{{"t", 0}, 0}});
  EXPECT_TRUE(metrics.hidden_inputs().empty());
  EXPECT_THAT(metrics.text(), Not(HasSubstr("millrace_partition_hidden_records{")));
}

TEST(Metrics, LagSeriesAreBoundedAndTheSumIsNot) {
  Metrics metrics("a");
  std::vector<PartitionLag> lags;
  for (int32_t i = 0; i < 1'200; ++i) lags.push_back({{"t", i}, 1});
  metrics.set_lags(lags);
  EXPECT_EQ(metrics.lag_records(), 1'200);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("partition=\"1100\"")));
}

TEST(Metrics, LabelsFromOutsideAreBounded) {
  Metrics metrics("a");
  for (int i = 0; i < 600; ++i) metrics.consumed("t" + std::to_string(i)).records.add();
  EXPECT_EQ(metrics.consumed("x").records, metrics.consumed("y").records);
}

TEST(Metrics, RestoreShowsProgressUntilItIsDone) {
  Metrics metrics("a");
  metrics.set_restore({0, 3}, {100, 5'000, 900, 50});
  metrics.set_restore({0, 3}, {250, 12'000, 750, 60});
  EXPECT_THAT(metrics.text(), HasSubstr("millrace_restore_records_total{task=\"0_3\"} 250"));
  metrics.clear_restore({0, 3});
  EXPECT_THAT(metrics.text(), Not(HasSubstr("task=\"0_3\"")));
}

TEST(Metrics, ExactlyOneStateIsSet) {
  Metrics metrics("a");
  metrics.set_state("restoring");
  metrics.set_state("running");
  EXPECT_THAT(metrics.text(), HasSubstr("millrace_state{state=\"restoring\"} 0"));
  EXPECT_THAT(metrics.text(), HasSubstr("millrace_state{state=\"running\"} 1"));
}

TEST(Metrics, AskCollectorsBeforeEachText) {
  Metrics metrics("a");
  metrics.on_collect([&] { metrics.dirty_bytes().set(42); });
  EXPECT_THAT(metrics.text(), HasSubstr("millrace_store_dirty_bytes 42"));
}

TEST(Metrics, AreThoseOfTheTable) {
  Metrics metrics("a");
  touch_all(metrics);
  std::set<std::string> exported;
  std::istringstream text(metrics.text());
  std::string kind;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# TYPE ")) {
      const size_t space = line.rfind(' ');
      exported.insert(line.substr(7, space - 7));
      kind = line.substr(space + 1);
      continue;
    }
    if (line.starts_with('#')) continue;
    const auto info = std::ranges::find_if(kMetrics, [&](const MetricInfo& candidate) {
      const std::string_view rest = std::string_view(line).substr(0, candidate.name.size() + 1);
      return rest.starts_with(candidate.name) &&
             (rest.back() == ' ' || rest.back() == '{' || rest.back() == '_');
    });
    ASSERT_NE(info, std::end(kMetrics)) << line;
    EXPECT_EQ(labels_of(line), info->labels) << line;
    EXPECT_EQ(kind, info->kind == MetricKind::kCounter ? "counter"
                    : info->kind == MetricKind::kGauge ? "gauge"
                                                       : "histogram");
  }
  // Parts of the engine set these by their lines of the table; their own tests show that.
  for (const MetricInfo& info : kMetrics) {
    if (exported.erase(std::string(info.name)) > 0) continue;
    EXPECT_TRUE(info.name.starts_with("millrace_rocksdb_") ||
                info.name.starts_with("millrace_disk_") ||
                info.name == "millrace_freshness_target_seconds" ||
                info.name == "millrace_restoring_tasks" ||
                info.name == "millrace_certificate_expiry_timestamp_seconds")
        << info.name << " has a line in the table and no series";
  }
  EXPECT_THAT(exported, ::testing::IsEmpty()) << "not in the table";
}

TEST(Metrics, OfTheTableThatNobodySetDoNotShow) {
  Metrics metrics("a");
  constexpr const MetricInfo& kInfo = metric("millrace_disk_free_bytes");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("millrace_disk_free_bytes")));
  metrics.gauge(kInfo).set(7);
  EXPECT_EQ(metrics.gauge(kInfo).value(), 7);
  EXPECT_THAT(metrics.text(), HasSubstr("\nmillrace_disk_free_bytes 7\n"));
}

TEST(Metrics, TheReadmeHoldsTheTableAsItIs) {
  std::ifstream file(METRICS_README);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_THAT(text, HasSubstr(" -->\n\n" + engine::metrics_markdown() + "\n<!-- End"))
      << "the table between the marks in apps/monitoring/metrics.md must be:\n"
      << engine::metrics_markdown();
}

TEST(Metrics, ShowThoseOfTheApplicationBesideTheEngines) {
  Metrics metrics("a");
  const auto shipped = metrics.add_counter("orders_shipped_total", "Orders that left.");
  const auto open = metrics.add_gauge("orders_open", "Orders not shipped.", {{"region", "eu"}});
  const auto weight = metrics.add_histogram("order_weight_kg", "Weight of an order.", {1, 10});
  ASSERT_TRUE(shipped.ok() && open.ok() && weight.ok());
  shipped->add(2);
  open->set(3);
  weight->observe(4);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP orders_shipped_total Orders that left."));
  EXPECT_THAT(text, HasSubstr("orders_shipped_total 2"));
  EXPECT_THAT(text, HasSubstr("orders_open{region=\"eu\"} 3"));
  EXPECT_THAT(text, HasSubstr("order_weight_kg_bucket{le=\"10\"} 1"));
  EXPECT_EQ(*metrics.add_counter("orders_shipped_total", "Orders that left."), *shipped);
}

TEST(Metrics, RefuseNamesThatAreNotTheApplicationsToGive) {
  Metrics metrics("a");
  ASSERT_TRUE(metrics.add_counter("orders_total", "Orders.").ok());
  for (const auto* name : {"millrace_orders_total", "orders total", "", "orders_total"}) {
    EXPECT_EQ(metrics.add_gauge(name, "Orders.").code(), ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(metrics.add_counter("orders", "Orders.", {{"a b", "c"}}).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(metrics.add_histogram("weight", "Weight.", {2, 1}).code(), ErrorCode::kInvalidArgument);
}

}  // namespace millrace::metrics_test
