#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "millrace/core/store.h"

namespace millrace::crm {

/// A keyed store on a std::map, for tests of code that takes one.
class MapStore final : public KeyValueStore {
 public:
  struct Stored {
    std::string value;
    int64_t timestamp_ms = 0;
    friend bool operator==(const Stored&, const Stored&) = default;
  };
  using Rows = std::map<std::string, Stored, std::less<>>;

  Row get(Bytes key) override {
    ++reads_;
    ++operations_;
    const auto it = rows_.find(key.view());
    return it == rows_.end() ? Row{} : row_of(it->second);
  }
  void put(Bytes key, Bytes value, int64_t timestamp_ms) override {
    ++operations_;
    rows_[key.to_string()] = Stored{value.to_string(), timestamp_ms};
  }
  void erase(Bytes key, int64_t) override {
    ++operations_;
    rows_.erase(key.to_string());
  }
  std::unique_ptr<StoreIterator> range(Bytes from, Bytes to) override {
    return std::make_unique<Iterator>(
        operations_, from.is_null() ? rows_.begin() : rows_.lower_bound(from.view()),
        to.is_null() ? rows_.end() : rows_.lower_bound(to.view()));
  }
  std::unique_ptr<StoreIterator> prefix(Bytes prefix) override {
    std::string after = prefix.to_string();
    while (!after.empty() && after.back() == '\xff') after.pop_back();
    if (after.empty()) return range(prefix, {});
    ++after.back();
    return range(prefix, Bytes(after));
  }
  void prefetch(std::span<const Bytes>) override {}

  const Rows& rows() const { return rows_; }
  void replace(const Rows& rows) { rows_ = rows; }
  size_t reads() const { return reads_; }  ///< by `get`
  /// Reads, writes, iterators made and their steps.
  size_t operations() const { return operations_; }

 private:
  class Iterator final : public StoreIterator {
   public:
    Iterator(size_t& operations, Rows::const_iterator at, Rows::const_iterator end)
        : operations_(operations), at_(at), end_(end) {
      ++operations_;
    }
    bool valid() const override { return at_ != end_; }
    Bytes key() const override { return at_->first; }
    Row row() const override { return row_of(at_->second); }
    void next() override {
      ++operations_;
      ++at_;
    }

   private:
    size_t& operations_;
    Rows::const_iterator at_;
    Rows::const_iterator end_;
  };
  static Row row_of(const Stored& stored) { return {Bytes(stored.value), stored.timestamp_ms}; }

  Rows rows_;
  size_t reads_ = 0;
  size_t operations_ = 0;
};

}  // namespace millrace::crm
