#include <algorithm>

#include <fmt/format.h>

#include "millrace/operators.h"

#include "jobs.h"
#include "values.h"

namespace millrace::simulation {
namespace foreign_keys_job {
namespace {

constexpr uint64_t kOrders = 16;
constexpr int64_t kCustomers = 5;
/// Few amounts and names, so that rows return to older values.
constexpr int64_t kAmounts = 3;
constexpr int64_t kNames = 4;
constexpr int64_t kNoCustomer = 9;
constexpr uint64_t kKindSalt = 0xa0761d6478bd642f;

constexpr Topic<std::string, int64_t> kOrderTopic{"orders"};
constexpr Topic<std::string, int64_t> kCustomerTopic{"customers"};
constexpr Topic<std::string, int64_t> kBills{"bills"};
constexpr Topic<std::string, int64_t> kSums{"bill-sums"};

/// An order is "<customer><amount>", a bill the order and a digit for the name of its customer: 0
/// is none.
std::optional<std::string> customer_of(int64_t order) {
  const int64_t customer = order / 10;
  if (customer == kNoCustomer) return std::nullopt;
  return fmt::format("c{}", customer);
}
int64_t bill(int64_t order, Maybe<int64_t> name) {
  return order * 10 + (name ? *name : 0);
}
std::string amount_of(int64_t bill) {
  return std::to_string(bill / 10 % 10);
}

class ForeignKeysJob final : public Job {
 public:
  explicit ForeignKeysJob(bool is_left_join) : is_left_join_(is_left_join) {}

  Result<Topology> topology() const override {
    TopologyBuilder builder{"foreign-keys"};
    const auto orders = builder.table(kOrderTopic);
    const auto customers = builder.table(kCustomerTopic);
    const auto bills =
        is_left_join_ ? orders.left_join(customers, customer_of, bill, {.name = "bill-store"})
                      : orders.join(customers, customer_of,
                                    [](int64_t order, int64_t name) { return order * 10 + name; },
                                    {.name = "bill-store"});
    bills.to(kBills);
    bills.group_by(amount_of)
        .aggregate(
            "sum-store", 0L, [](int64_t value, int64_t sum) { return sum + value; },
            [](int64_t value, int64_t sum) { return sum - value; })
        .to(kSums);
    return std::move(builder).build();
  }
  std::map<std::string, bool> topics() const override {
    return {{"orders", true}, {"customers", true}, {"bills", true}, {"bill-sums", true}};
  }
  std::vector<std::string> inputs() const override { return {"orders", "customers"}; }
  std::vector<std::string> outputs() const override { return {"bills", "bill-sums"}; }

  bool may_grow() const override { return false; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(12); i > 0; --i) {
      const bool is_order = !draws.one_in(3);
      std::optional<std::string> value;
      if (is_order) {
        const int64_t customer = draws.one_in(8) ? kNoCustomer : draws.between(0, kCustomers - 1);
        if (!draws.one_in(6)) value = bytes_of(customer * 10 + draws.between(1, kAmounts));
        inputs.push_back(
            {"orders", fmt::format("o{}", draws.below(kOrders)), std::move(value), now_ms});
      } else {
        if (!draws.one_in(4)) value = bytes_of(draws.between(1, kNames));
        inputs.push_back({"customers", fmt::format("c{}", draws.between(0, kCustomers - 1)),
                          std::move(value), now_ms});
      }
    }
    return inputs;
  }
  std::optional<Input> make_poison(int64_t now_ms) override {
    return Input{"orders", fmt::format("{}{}", kPoisonKey, poisons_++), "no number", now_ms};
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    if (partition.topic == "orders") {
      orders_[*record.key].versions.push_back(number_of(record.value));
    } else {
      customers_.try_emplace(*record.key, 1).first->second.push_back(number_of(record.value));
    }
  }

  /// A bill is of some version of its order and of that one's customer; none goes back.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string key = record.key.value_or("");
    const std::optional<int64_t> value = number_of(record.value);
    if (partition.topic == "bill-sums") {
      sums_[key] = value.value_or(0);
      return {};
    }
    Order& order = orders_[key];
    order.billed = value;
    if (!value) return {};
    const std::string where =
        fmt::format("{}@{} says {}={}", partition.to_string(), record.offset, key, *value);
    if (!move_to(order.versions, *value / 10, order.seen)) {
      return where + ", which no later version of the order gives";
    }
    const std::optional<std::string> customer = customer_of(*value / 10);
    const int64_t digit = *value % 10;
    const std::optional<int64_t> name = digit == 0 ? std::nullopt : std::optional<int64_t>(digit);
    if (!name && !is_left_join_) return where + ", without a customer";
    if (!customer) return name ? Finding(where + ", of a customer that is not named") : Finding();
    const Versions& names = customers_.try_emplace(*customer, 1).first->second;
    if (!move_to(names, name, order.names_seen[*customer])) {
      return fmt::format("{}, which no later version of {} gives", where, *customer);
    }
    return {};
  }

  Finding check_end(int64_t) override {
    std::map<std::string, int64_t> sums;
    for (const auto& [key, order] : orders_) {
      const std::optional<int64_t> wanted = bill_of(order);
      if (order.billed != wanted) {
        return fmt::format("the bill of {} is {} and should be {}", key, order.billed.value_or(-1),
                           wanted.value_or(-1));
      }
      if (wanted) sums[amount_of(*wanted)] += *wanted;
    }
    for (const auto& [amount, sum] : sums_) {
      if (sums[amount] != sum) {
        return fmt::format("the bills of amount {} have the sum {} and should have {}", amount, sum,
                           sums[amount]);
      }
    }
    for (const auto& [amount, sum] : sums) {
      if (sum != 0 && !sums_.contains(amount)) {
        return fmt::format("the bills of amount {} have no sum", amount);
      }
    }
    return {};
  }

 private:
  /// All that a row was; at first it is not there.
  using Versions = std::vector<std::optional<int64_t>>;
  struct Order {
    Versions versions{std::nullopt};
    size_t seen = 0;
    std::map<std::string, size_t> names_seen;  ///< versions of customers that it was billed with
    std::optional<int64_t> billed;
  };

  /// The first version from `seen` on that is `value`; false: there is none.
  static bool move_to(const Versions& versions, std::optional<int64_t> value, size_t& seen) {
    for (size_t i = seen; i < versions.size(); ++i) {
      if (versions[i] != value) continue;
      seen = i;
      return true;
    }
    return false;
  }

  std::optional<int64_t> bill_of(const Order& order) const {
    const std::optional<int64_t> last = order.versions.back();
    if (!last) return std::nullopt;
    const std::optional<std::string> customer = customer_of(*last);
    const auto names = customer ? customers_.find(*customer) : customers_.end();
    const std::optional<int64_t> name =
        names == customers_.end() ? std::nullopt : names->second.back();
    if (!name && !is_left_join_) return std::nullopt;
    return *last * 10 + name.value_or(0);
  }

  const bool is_left_join_;
  std::map<std::string, Order> orders_;
  std::map<std::string, Versions> customers_;
  std::map<std::string, int64_t> sums_;
  int64_t poisons_ = 0;
};

}  // namespace
}  // namespace foreign_keys_job

std::unique_ptr<Job> make_foreign_keys_job(uint64_t seed) {
  const bool is_left_join = Draws(seed ^ foreign_keys_job::kKindSalt).one_in(2);
  return std::make_unique<foreign_keys_job::ForeignKeysJob>(is_left_join);
}

}  // namespace millrace::simulation
