#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"
#include "millrace/core/topic.h"

namespace millrace::operators {

/// A message between the two sides of a join by a foreign key.
///
/// Layout, little endian; `part` starts at an 8-byte boundary of the whole:
///
///     0   u8   format, 1
///     1   u8   1: the message has a row, 0: it has none
///     2        zeros
///     8   u64  row_hash; zero where a subscription has no row
///     16       part, to the end
struct ForeignKeyMessage {
  /// Of a subscription: there is a left row with this foreign key; otherwise it ends.
  /// Of an answer: there is a right row.
  bool has_row = false;
  uint64_t row_hash = 0;  ///< of the left row that subscribed, see `row_hash_of`
  Bytes part;             ///< of a subscription: the left row's key; of an answer: the right row
};

/// An answer to an older left row passes for one to the present row with a chance of 2^-64.
uint64_t row_hash_of(Bytes row);

/// Replaces `out`.
void encode_message(const ForeignKeyMessage& message, std::string& out);
/// Error: `kInvalidRecord` when `bytes` have another layout.
Status validate_message(Bytes bytes);
/// `part` is a view into `bytes`, and not null. REQUIRES: bytes that `validate_message` accepts.
ForeignKeyMessage decode_message(Bytes bytes);

Status validate_subscription(Bytes bytes, Status (*left_key)(Bytes));
Status validate_answer(Bytes bytes, Status (*right_row)(Bytes));

/// The key of a subscription in its store: the foreign key, so written that it holds no NUL, a NUL,
/// and the left row's key. So the subscriptions of a foreign key are a group of rows that a store
/// finds and holds together.
///
/// In the foreign key the bytes 01 01 stand for 00, and 01 02 for 01. All replace `out`.
void encode_subscription_group(Bytes foreign_key, std::string& out);
void encode_subscription_key(Bytes foreign_key, Bytes left_key, std::string& out);
/// Error: `kInvalidRecord` when `bytes` have another layout or a part is not valid.
Status validate_subscription_key(Bytes bytes, Status (*foreign_key)(Bytes),
                                 Status (*left_key)(Bytes));
/// A view into `key`, at no boundary. REQUIRES: a key that was validated.
Bytes left_key_of(Bytes key);

/// Types of messages and keys: `K` is the left table's key, `F` the foreign key, `R` the right row.
template <class K>
struct Subscription {};
template <class R>
struct Answer {};
template <class F, class K>
struct SubscriptionKey {};

/// The parts that are the same for all of them.
struct ForeignKeyBytes {
  using View = Bytes;
  using Owned = std::string;
  static View view(Bytes bytes) { return bytes; }
  static void encode(const Owned& bytes, std::string& out) { out += bytes; }
};

}  // namespace millrace::operators

namespace millrace {

template <class K>
struct Serde<operators::Subscription<K>> : operators::ForeignKeyBytes {
  static std::string_view name() {
    static const std::string name = "subscription<" + std::string(type_info<K>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_subscription(bytes, &validate_as<K>);
  }
};

template <class R>
struct Serde<operators::Answer<R>> : operators::ForeignKeyBytes {
  static std::string_view name() {
    static const std::string name = "answer<" + std::string(type_info<R>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) { return operators::validate_answer(bytes, &validate_as<R>); }
};

template <class F, class K>
struct Serde<operators::SubscriptionKey<F, K>> : operators::ForeignKeyBytes {
  static std::string_view name() {
    static const std::string name = "subscription_key<" + std::string(type_info<F>().name) + "," +
                                    std::string(type_info<K>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_subscription_key(bytes, &validate_as<F>, &validate_as<K>);
  }
};

}  // namespace millrace
