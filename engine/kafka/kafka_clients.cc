#include "engine/kafka/kafka_clients.h"

#include <utility>

#include "engine/kafka/admin.h"
#include "engine/kafka/client/config.h"
#include "engine/kafka/fetcher.h"
#include "engine/kafka/group_slot.h"
#include "engine/kafka/membership.h"
#include "engine/kafka/producer.h"

namespace millrace::engine {
namespace {

class KafkaClientFactory final : public ClientFactory {
 public:
  explicit KafkaClientFactory(KafkaOptions options) : options_(std::move(options)) {}

  Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                           const std::string& spare_topic,
                                           const std::string& instance) override {
    return kafka::KafkaMembership::make(options_, {topics, spare_topic, instance}, slot_);
  }
  Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                           RecordHeaders headers) override {
    return kafka::KafkaFetcher::make(options_, purpose, headers);
  }
  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                             const ProducerLimits& limits) override {
    return kafka::KafkaProducer::make(options_, transactional_id, limits, slot_);
  }
  Result<std::unique_ptr<Admin>> admin() override { return kafka::KafkaAdmin::make(options_); }

 private:
  const KafkaOptions options_;
  const std::shared_ptr<kafka::GroupSlot> slot_ = std::make_shared<kafka::GroupSlot>();
};

}  // namespace

Result<std::unique_ptr<ClientFactory>> make_kafka_clients(KafkaOptions options) {
  MILLRACE_RETURN_IF_ERROR(kafka::check_options(options));
  return std::unique_ptr<ClientFactory>(std::make_unique<KafkaClientFactory>(std::move(options)));
}

}  // namespace millrace::engine
