#include "examples/order_payments.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace mr = millrace;

namespace example {
namespace {

constexpr const char* kOpenOrders = "open-orders";
constexpr const char* kDueDates = "due-dates";

// The inputs and side outputs of the processor, as it and the topology name them.
using Orders = mr::Input<"orders", OrderId, Order>;
using Payments = mr::Input<"payments", OrderId, Payment>;
using Overdue = mr::Output<"overdue", OrderId, Settlement>;
using Unmatched = mr::Output<"unmatched", OrderId, Payment>;

/// The main output has the orders that are paid.
class OrderBook final : public mr::MultiInputProcessor<mr::Inputs<Orders, Payments>, OrderId,
                                                       Settlement, Overdue, Unmatched> {
  void on_start() override {
    open_.emplace(store<OrderId, Settlement>(kOpenOrders));
    due_.emplace(timers<OrderId>(kDueDates));
  }

  void on_record(Orders, mr::Maybe<OrderId> id, mr::Maybe<Order> order,
                 const mr::Record& record) override {
    if (!order) return close(*id, record.timestamp_ms);
    SettlementT settlement;
    if (const auto row = open_->get(*id)) row->UnPackTo(&settlement);
    settlement.amount_cents = order->amount_cents();
    due_->set(*id, kDue, order->due_ms());
    settle(*id, settlement, record.timestamp_ms);
  }

  void on_record(Payments, mr::Maybe<OrderId> id, mr::Maybe<Payment> payment,
                 const mr::Record& record) override {
    if (!payment) return;
    const auto row = open_->get(*id);
    if (!row) return emit<Unmatched>().bytes(record.key, record.value);
    SettlementT settlement;
    row->UnPackTo(&settlement);
    settlement.paid_cents += payment->amount_cents();
    settlement.payments += 1;
    settle(*id, settlement, record.timestamp_ms);
  }

  void on_due(const mr::Timer& timer) override {
    SettlementT settlement;
    if (const auto row = open_->get(timer.key)) row->UnPackTo(&settlement);
    emit<Overdue>()(timer.key_as<OrderId>(), mr::Flat<Settlement>(settlement));
  }

  void settle(std::string_view id, const SettlementT& settlement, int64_t timestamp_ms) {
    const mr::Flat<Settlement> row(settlement);
    if (settlement.paid_cents < settlement.amount_cents) {
      open_->put(id, row, timestamp_ms);
      return;
    }
    close(id, timestamp_ms);
    emit()(id, row);
  }

  void close(std::string_view id, int64_t timestamp_ms) {
    open_->erase(id, timestamp_ms);
    due_->cancel(id, kDue);
  }

  static constexpr uint8_t kDue = 0;
  std::optional<mr::TypedStore<OrderId, Settlement>> open_;
  std::optional<mr::TypedTimers<OrderId>> due_;
};

mr::Status check_order(const Order& order) {
  if (order.amount_cents() > 0 && order.due_ms() >= 0) return {};
  return mr::Error{mr::ErrorCode::kInvalidRecord, "an order without an amount or a date"};
}

}  // namespace

mr::Result<mr::Topology> order_payments() {
  mr::TopologyBuilder builder{"order-payments"};
  builder.store<OrderId, Settlement>(kOpenOrders);
  builder.timers<OrderId>(kDueDates, mr::TimeKind::kWall);
  const auto orders = builder.stream(kOrders, {.validate = check_order});
  const auto payments =
      builder.stream(kPayments)
          .key_by([](const Payment& payment) { return payment.order_id()->str(); })
          .exchange("payments-by-order");
  const auto book = builder.process(
      "order-book", [] { return std::make_unique<OrderBook>(); },
      {.stores = {kOpenOrders, kDueDates}, .reads_at_key = {kOpenOrders}, .keeps_key = true},
      orders.as<Orders>(), payments.as<Payments>());
  book.to(kPaidOrders);
  book.output<Overdue>().to(kOverdueOrders);
  book.output<Unmatched>().to(kUnmatched);
  return std::move(builder).build();
}

}  // namespace example
