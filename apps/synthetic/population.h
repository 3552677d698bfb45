#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "apps/synthetic/entities.h"
#include "apps/synthetic/random.h"

namespace millrace::apps::synthetic {

/// The generator's memory: all records, and their accounts.
///
/// Records are numbers. A hash of its number places a record that comes in bulk; so memory is a bit
/// per record, and some bytes for each that was created by itself, moved or merged.
class Population {
 public:
  explicit Population(uint64_t seed) : seed_(seed) {}

  /// Numbers of one kind that came together.
  struct Range {
    uint64_t first = 0;
    uint64_t end = 0;
    uint64_t size() const { return end - first; }
  };
  using Batch = std::array<Range, kKinds>;
  /// Adds accounts, and their children in proportion: a fifth of these by Zipf's law, so that some
  /// accounts have very many.
  Batch add_batch(uint64_t accounts);
  /// Adds a single record; `within` is the contract or asset it belongs to.
  uint64_t create(Kind kind, uint64_t account, std::optional<uint64_t> within = std::nullopt);

  uint64_t count(Kind kind) const { return deleted_[index(kind)].size(); }
  uint64_t account_of(Kind kind, uint64_t number) const { return place_of(kind, number).account; }
  /// Contract of a line or subscription, asset of an entitlement.
  std::optional<uint64_t> within(Kind kind, uint64_t number) const {
    return place_of(kind, number).within;
  }
  void move(Kind kind, uint64_t number, uint64_t account);

  bool is_deleted(Kind kind, uint64_t number) const { return deleted_[index(kind)][number]; }
  void set_deleted(Kind kind, uint64_t number, bool deleted) {
    deleted_[index(kind)][number] = deleted;
  }

  void merge(uint64_t victim, uint64_t survivor);
  void unmerge(uint64_t victim);
  bool is_victim(uint64_t account) const { return survivors_.contains(account); }
  /// Every victim ever, some more than once.
  const std::vector<uint64_t>& victims() const { return victims_; }
  uint64_t survivor_of(uint64_t victim) const { return survivors_.at(victim); }

 private:
  struct Place {
    uint64_t account = 0;
    std::optional<uint64_t> within{};
  };

  static size_t index(Kind kind) { return static_cast<size_t>(kind); }
  Place place_of(Kind kind, uint64_t number) const;
  Place birth_place(Kind kind, uint64_t number) const;

  uint64_t seed_;
  std::vector<Batch> batches_;
  std::array<std::vector<bool>, kKinds> deleted_;
  std::array<std::unordered_map<uint64_t, Place>, kKinds> places_;  ///< other than by birth
  std::unordered_map<uint64_t, uint64_t> survivors_;
  std::vector<uint64_t> victims_;
};

/// The kind that a record of this kind may belong to besides its account; nullopt: none.
std::optional<Kind> container_of(Kind kind);

}  // namespace millrace::apps::synthetic
