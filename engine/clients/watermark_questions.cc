#include "engine/clients/watermark_questions.h"

#include <utility>

namespace millrace::engine {
namespace {

/// One may wait for a broker that is away while others are answered.
constexpr size_t kWatermarkThreads = 2;

}  // namespace

WatermarkQuestions::WatermarkQuestions(const ClientFactory& clients, Admin& admin)
    : admin_(admin), errands_(clients.answers_at_once() ? 0 : kWatermarkThreads) {}

std::optional<Admin::Watermarks> WatermarkQuestions::poll(const TopicPartition& partition) {
  std::shared_ptr<const Answer>& asked = asked_[partition];
  if (asked == nullptr) {
    asked =
        errands_.ask([&admin = admin_, partition] { return admin.watermarks(partition); }, [] {});
  }
  if (!asked->is_there()) return {};
  const auto answered = std::exchange(asked, nullptr);
  asked_.erase(partition);
  const Result<Admin::Watermarks>& marks = answered->answer();
  return marks.ok() ? std::optional(*marks) : std::nullopt;
}

}  // namespace millrace::engine
