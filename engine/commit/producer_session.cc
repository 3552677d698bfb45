#include "engine/commit/producer_session.h"

#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace millrace::engine {

std::string transactional_id(const EngineOptions& options, std::string_view instance) {
  if (options.guarantee == Guarantee::kAtLeastOnce) return {};
  return fmt::format("{}-{}", options.application_id, instance);
}

ProducerSession::ProducerSession(ClientFactory& clients, std::string transactional_id,
                                 OutputTopics& outputs)
    : clients_(clients),
      transactional_id_(std::move(transactional_id)),
      outputs_(outputs),
      errands_(clients.answers_at_once() ? 0 : 1) {}

Result<ProducerSession::Opened> ProducerSession::make() const {
  Result<std::unique_ptr<Producer>> made =
      clients_.producer(transactional_id_, outputs_.producer_limits());
  if (!made.ok()) return made.status();
  if (is_transactional()) MILLRACE_RETURN_IF_ERROR((*made)->init_transactions());
  Result<std::vector<int32_t>> handles = outputs_.handles_of(**made);
  if (!handles.ok()) return handles.status();
  return Opened{std::move(*made), std::move(*handles)};
}

void ProducerSession::take(const Opened& opened) {
  producer_ = opened.producer;
  outputs_.bind(opened.handles);
}

Status ProducerSession::open() {
  if (is_open()) return {};
  const Result<Opened> opened = make();
  if (!opened.ok()) return opened.status();
  take(*opened);
  return {};
}

Result<bool> ProducerSession::open_beside() {
  if (is_open()) return true;
  if (opening_ == nullptr) opening_ = errands_.ask([this] { return make(); }, [] {});
  if (!opening_->is_there()) return false;
  const auto answered = std::exchange(opening_, nullptr);
  const Result<Opened>& opened = answered->answer();
  if (!opened.ok()) return opened.status();
  take(*opened);
  return true;
}

Status ProducerSession::begin() {
  if (!is_transactional() || is_in_transaction_) return {};
  MILLRACE_RETURN_IF_ERROR(producer_->begin_transaction());
  is_in_transaction_ = true;
  return {};
}

Status ProducerSession::send_offsets(std::span<const PartitionOffset> offsets,
                                     const GroupMetadata& group) {
  return is_transactional() ? producer_->send_offsets(offsets, group) : producer_->flush();
}

Status ProducerSession::commit(std::span<const PartitionOffset> offsets,
                               const GroupMetadata& group) {
  if (!is_transactional()) return producer_->commit_offsets(offsets, group);
  MILLRACE_RETURN_IF_ERROR(producer_->commit_transaction());
  is_in_transaction_ = false;
  return {};
}

void ProducerSession::recover_from(const Error& failure) {
  if (producer_ == nullptr) return;
  if (is_transactional() && !is_in_transaction_ && failure.code == ErrorCode::kAborted) return;
  const bool may_abort =
      is_transactional() && is_in_transaction_ &&
      (failure.code == ErrorCode::kAborted || failure.code == ErrorCode::kRefused);
  is_in_transaction_ = false;
  if (may_abort) {
    const Status aborted = producer_->abort_transaction();
    if (aborted.ok()) return;
    spdlog::warn("abort failed, a new producer takes over: {}", aborted.message());
  }
  producer_.reset();
}

void ProducerSession::close() {
  if (is_open() && is_in_transaction_) recover_from(Error{ErrorCode::kAborted, "closing"});
  opening_.reset();
  producer_.reset();
}

}  // namespace millrace::engine
