#pragma once

#include <string>

#include "millrace/operators.h"

#include "payments_generated.h"

namespace example {

using OrderId = std::string;
using PaymentId = std::string;

inline constexpr millrace::Topic<OrderId, Order> kOrders{"shop.orders"};
inline constexpr millrace::Topic<PaymentId, Payment> kPayments{"shop.payments"};
inline constexpr millrace::Topic<OrderId, Settlement> kPaidOrders{"shop.paid-orders"};
inline constexpr millrace::Topic<OrderId, Settlement> kOverdueOrders{"shop.overdue-orders"};
inline constexpr millrace::Topic<OrderId, Payment> kUnmatched{"shop.unmatched-payments"};

/// Orders against their payments. A tombstone cancels an order. Three outputs: orders that are
/// paid, orders that are not when they are due (they may still be paid later), and payments for
/// which no order is open.
millrace::Result<millrace::Topology> order_payments();

}  // namespace example
