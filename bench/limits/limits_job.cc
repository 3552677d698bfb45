// Measures reading, producing, RocksDB and copying alone, and prints one JSON line.

#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/job.h"
#include "bench/limits/kafka_limits.h"
#include "bench/limits/rocksdb_limits.h"

namespace millrace::bench {
namespace {

Status run(const JobOptions& job) {
  const auto clients = make_clients(job.engine);
  if (!clients.ok()) return clients.status();
  int64_t records = 0;
  const Result<double> consumed = consume_all(**clients, job.input, job.timeout_s, records);
  if (!consumed.ok()) return consumed.status();
  if (records == 0) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("'{}' has no records", job.input)};
  }
  const Result<double> produced = produce(**clients, job.output, records);
  if (!produced.ok()) return produced.status();
  const Result<RocksDbCosts> rocksdb = put_and_get(job.engine.state_dir, records);
  if (!rocksdb.ok()) return rocksdb.status();
  const auto us = [&](double seconds) { return seconds / static_cast<double>(records) * 1e6; };
  std::cout << fmt::format(R"({{"records":{},"consume":{:.3f},"produce":{:.3f},"put":{:.3f},)"
                           R"("get":{:.3f},"copy":{:.3f}}})",
                           records, us(*consumed), us(*produced), us(rocksdb->put),
                           us(rocksdb->get), us(copy_rows(records)))
            << std::endl;
  return {};
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  JobOptions job;
  CLI::App app{"Prints what reading a topic, writing as many records, and RocksDB cost alone.",
               "limits_job"};
  add_options(app, job);
  return run_job(app, argc, argv, [&] { return run(job); });
}
