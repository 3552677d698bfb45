#include "crm/entitlement/deriver.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "crm/entitlement/catalogue.h"
#include "crm/entitlement/entitlement_row.h"
#include "crm/entitlement/timeline.h"
#include "crm/indexes/crm_indexes.h"
#include "crm/model/encode.h"

namespace millrace::crm {
namespace {

/// Kinds of timers.
enum Due : uint8_t {
  kNextChange = 0,  ///< of a root and feature, at its `next_change_ms`
  kCatalogue = 1,   ///< of the root at which a walk over all roots continues
  kProduct = 3  ///< of the key in the store of products at which a walk over one's roots continues
};

const FeatureEntitlement& entitlement_in(Bytes bytes) {
  return *flatbuffers::GetRoot<FeatureEntitlement>(bytes.data());
}

bool grants_something(const FeatureEntitlement& entitlement) {
  return entitlement.segments() != nullptr && entitlement.segments()->size() > 0;
}

std::string product_in(Bytes input) {
  const auto* row = flatbuffers::GetRoot<EntitlementInput>(input.data())->row();
  return row == nullptr || row->product() == nullptr ? std::string() : row->product()->str();
}

SourceView source_in(const EntitlementInput& input) {
  return read_source(*input.row(), input.via()->string_view());
}

bool differ_in_version_only(const EntitlementInput& a, const EntitlementInput& b) {
  const SourceView source = source_in(a);
  SourceView other = source_in(b);
  other.version = source.version;
  return source == other;
}

/// The sources of one root, copied out of the store.
class SourcesOfRoot {
 public:
  SourcesOfRoot(KeyValueStore& store, std::string_view root) {
    for (const auto it = store.prefix(key_under(root, "")); it->valid(); it->next()) {
      const std::string& bytes = buffers_.emplace_back(it->row().value.to_string());
      views_.push_back(source_in(*flatbuffers::GetRoot<EntitlementInput>(bytes.data())));
    }
  }
  const std::vector<SourceView>& views() const { return views_; }

 private:
  std::deque<std::string> buffers_;
  std::vector<SourceView> views_;
};

/// Checks of rows from changelogs; null: erased.
Status check_source_row(Bytes /*key*/, Bytes value) {
  if (value.is_null()) return {};
  MILLRACE_RETURN_IF_ERROR(validate_entitlement_input(value));
  const auto kind = flatbuffers::GetRoot<EntitlementInput>(value.data())->kind();
  if (kind == EntitlementInputKind::Source) return {};
  return Error{ErrorCode::kInvalidRecord, "an input that is no source is not kept"};
}

Status check_state_row(Bytes /*key*/, Bytes value) {
  return value.is_null() ? Status() : check_entitlement(entitlement_in(value));
}

class EntitlementDeriver final : public Processor {
 public:
  explicit EntitlementDeriver(size_t slice) : slice_(slice) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    sources_ = &context.store(kEntitlementSourceStore);
    zones_ = &context.store(kEntitlementZoneStore);
    products_of_roots_ = &context.store(kEntitlementProductStore);
    states_ = &context.store(kEntitlementStateStore);
    timers_ = &context.timers(kEntitlementTimerStore);
    products_ = &context.broadcast(kProductFeatures.name);
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    const Status valid = validate_entitlement_input(record.value);
    if (!valid.ok()) throw std::invalid_argument(valid.message());
    const auto& input = *flatbuffers::GetRoot<EntitlementInput>(record.value.data());
    const std::string_view root = input.root()->string_view();
    const bool changed = input.kind() == EntitlementInputKind::TimeZone
                             ? keep_zone(input, record.timestamp_ms)
                             : keep_source(input, record);
    if (changed) context().defer(root, record.timestamp_ms);
  }

  void on_timer(const Timer& timer) override {
    if (timer.kind == kNextChange) return pass_boundary(timer);
    const std::string key = timer.key.to_string();
    if (timer.kind == kProduct) return defer_product_from(key, timer.time_ms);
    defer_from(key, timer.time_ms);
  }

  void on_deferred(const DeferredCall& call) override {
    derive(call.key.view(), call.timestamp_ms);
  }

  void on_change(const BroadcastChange& change) override {
    if (catalogue_) take_product(*catalogue_, change.key, change.value);
    walk_product_from(key_under(change.key.view(), ""), std::max<int64_t>(timers_->now_ms(), 0));
  }

  void on_reset(std::string_view /*table*/) override {
    catalogue_.reset();
    walk_from("", std::max<int64_t>(timers_->now_ms(), 0));
  }

 private:
  /// Moves `current` of one feature over a boundary, after what changed before it.
  void pass_boundary(const Timer& timer) {
    context().finish_deferred(root_in_key(timer.key));
    const Row stored = states_->get(timer.key);
    if (!stored) return;
    old_state_.assign(stored.value.view());
    const FeatureEntitlement& old = entitlement_in(old_state_);
    if (old.next_change_ms() != timer.time_ms) return;
    store(timer.key.view(),
          write(old.root()->string_view(), read_timeline(old), old.version() + 1, timer.time_ms),
          std::max(timer.time_ms, stored.timestamp_ms));
  }

  void walk_from(Bytes root, int64_t at_ms) {
    if (sources_->range(root, Bytes())->valid()) timers_->set(root, kCatalogue, at_ms);
  }

  /// Has some roots derived again, from `root` on.
  void defer_from(std::string root, int64_t now_ms) {
    for (size_t done = 0; done < slice_; ++done) {
      {
        const auto first = sources_->range(Bytes(root), Bytes());
        if (!first->valid()) return;
        root = root_in_key(first->key()).to_string();
      }
      context().defer(root, now_ms);
      root.push_back('\1');  // right behind all keys of this root
    }
    walk_from(Bytes(root), now_ms + 1);
  }

  void walk_product_from(std::string_view place, int64_t at_ms) {
    if (products_of_roots_->range(place, end_of_product(place))->valid()) {
      timers_->set(place, kProduct, at_ms);
    }
  }
  static std::string end_of_product(std::string_view place) {
    return std::string(place.substr(0, place.find('\0'))).append(1, '\1');
  }

  /// Has some of the roots that have a product derived again, from `place` on.
  void defer_product_from(std::string place, int64_t now_ms) {
    const std::string end = end_of_product(place);
    for (size_t done = 0; done < slice_; ++done) {
      std::string root;
      {
        const auto first = products_of_roots_->range(place, end);
        if (!first->valid()) return;
        root = root_in_key(name_in_key(first->key())).to_string();
      }
      context().defer(root, now_ms);
      place = key_under(std::string_view(end).substr(0, end.size() - 1), root);
      place.push_back('\1');  // right behind all keys of this root
    }
    walk_product_from(place, now_ms + 1);
  }

  void take_product(Catalogue& catalogue, Bytes product, Bytes features) {
    if (features.is_null()) return catalogue.erase(product.view());
    if (!catalogue.put(features).ok()) context().count_dropped("invalid_product");
  }

  const Catalogue& catalogue() {
    if (!catalogue_) {
      catalogue_.emplace();
      products_->for_each(
          [this](Bytes key, Row row) { take_product(*catalogue_, key, row.value); });
    }
    return *catalogue_;
  }

  bool keep_zone(const EntitlementInput& input, int64_t timestamp_ms) {
    const Bytes root = input.root()->string_view();
    const std::string_view name =
        input.time_zone() == nullptr ? std::string_view() : input.time_zone()->string_view();
    if (!name.empty() && !Zone::find(name)) context().count_dropped("unknown_time_zone");
    const Row before = zones_->get(root);
    if ((before ? before.value.view() : std::string_view()) == name) return false;
    if (name.empty()) {
      zones_->erase(root, timestamp_ms);
    } else {
      zones_->put(root, name, timestamp_ms);
    }
    return true;
  }

  bool keep_source(const EntitlementInput& input, const Record& record) {
    const std::string source = key_under(input.root()->string_view(), input.id()->string_view());
    const std::string key = key_under(source, input.via()->string_view());
    const Row before = sources_->get(key);
    const std::string product_before = before ? product_in(before.value) : std::string();
    if (input.kind() == EntitlementInputKind::RetractedSource) {
      if (!before) return false;
      sources_->erase(key, record.timestamp_ms);
      replace_product(key, product_before, "", record.timestamp_ms);
      return true;
    }
    if (before.value == record.value) return false;
    // A version decides only between entries of one source through several members. One through a
    // member that the source comes to later is at least as new as this update, and so outranks the
    // row that stays.
    const bool is_known =
        before &&
        differ_in_version_only(*flatbuffers::GetRoot<EntitlementInput>(before.value.data()),
                               input) &&
        !has_other_entry(source, key);
    if (is_known) return false;
    sources_->put(key, record.value, record.timestamp_ms);
    replace_product(key, product_before, product_in(record.value), record.timestamp_ms);
    return true;
  }

  /// Whether the source came through another member, too.
  bool has_other_entry(const std::string& source, const std::string& entry) {
    for (const auto it = sources_->prefix(key_under(source, "")); it->valid(); it->next()) {
      if (it->key().view() != entry) return true;
    }
    return false;
  }

  void replace_product(const std::string& source, const std::string& before, const std::string& now,
                       int64_t timestamp_ms) {
    if (before == now) return;
    if (!before.empty()) products_of_roots_->erase(key_under(before, source), timestamp_ms);
    if (!now.empty()) products_of_roots_->put(key_under(now, source), Bytes(""), timestamp_ms);
  }

  Zone zone_of(std::string_view root) {
    const Row name = zones_->get(root);
    return name ? Zone::find(name.value.view()).value_or(Zone()) : Zone();
  }

  /// Derives all features of the root, and publishes those that changed.
  void derive(std::string_view root, int64_t timestamp_ms) {
    const Zone zone = zone_of(root);
    const SourcesOfRoot sources(*sources_, root);
    for (size_t i = subscriptions_without_units(sources.views()); i > 0; --i) {
      context().count_dropped("subscription_without_units");
    }
    std::vector<Timeline> timelines = derive_entitlements(sources.views(), zone, catalogue());
    const std::vector<std::string> before = features_of(root);
    for (const std::string& feature : before) {
      const bool still_there =
          std::ranges::binary_search(timelines, std::string_view(feature), {}, &Timeline::feature);
      if (!still_there) publish(root, {.feature = feature}, timestamp_ms);
    }
    for (const Timeline& timeline : timelines) {
      for (size_t i = 0; i < timeline.other_kind; ++i) context().count_dropped("other_kind");
      publish(root, timeline, timestamp_ms);
    }
  }

  std::vector<std::string> features_of(std::string_view root) {
    std::vector<std::string> features;
    for (const auto it = states_->prefix(key_under(root, "")); it->valid(); it->next()) {
      features.emplace_back(name_in_key(it->key()));
    }
    return features;
  }

  /// A timeline without segments stands for a feature that nothing grants any more.
  void publish(std::string_view root, const Timeline& timeline, int64_t timestamp_ms) {
    const std::string key = key_under(root, timeline.feature);
    const Row stored = states_->get(key);
    old_state_.assign(stored ? stored.value.view() : std::string_view());
    const int64_t now_ms = std::max<int64_t>(timers_->now_ms(), 0);
    if (!stored) {
      if (timeline.segments.empty()) return;
      return store(key, write(root, timeline, 1, now_ms), timestamp_ms);
    }
    const FeatureEntitlement& old = entitlement_in(old_state_);
    Timeline now = timeline;
    if (now.segments.empty()) now.kind = old.kind();
    const bool is_same = write(root, now, old.version(), old.as_of_ms()) == Bytes(old_state_);
    if (is_same) return;
    store(key, write(root, now, old.version() + 1, std::max(now_ms, old.as_of_ms())),
          std::max(timestamp_ms, stored.timestamp_ms));
  }

  /// REQUIRES: `old_state_` holds the row before, empty for none.
  void store(std::string_view key, Bytes state, int64_t timestamp_ms) {
    states_->put(key, state, timestamp_ms);
    const auto& now = *flatbuffers::GetRoot<FeatureEntitlement>(state.data());
    // The row before tells which timer is set, so that most rows cost none a look.
    const auto set_ms =
        old_state_.empty() ? flatbuffers::nullopt : entitlement_in(old_state_).next_change_ms();
    const auto next_ms = now.next_change_ms();
    if (next_ms && next_ms != set_ms) timers_->set(key, kNextChange, *next_ms);
    if (!next_ms && set_ms) timers_->cancel(key, kNextChange);
    const bool was_there = !old_state_.empty() && grants_something(entitlement_in(old_state_));
    if (!was_there && !grants_something(now)) return;
    context().forward({.key = key,
                       .value = grants_something(now) ? state : Bytes(),
                       .old_value = was_there ? Bytes(old_state_) : Bytes(),
                       .timestamp_ms = timestamp_ms,
                       .headers = {}});
  }

  Bytes write(std::string_view root, const Timeline& timeline, uint64_t version, int64_t as_of_ms) {
    builder_.Clear();
    return finish_aligned(builder_, write_entitlement(builder_, root, timeline, version, as_of_ms));
  }

  const size_t slice_;
  const BroadcastRows* products_ = nullptr;
  std::optional<Catalogue> catalogue_;  ///< read when it is needed first
  KeyValueStore* sources_ = nullptr;
  KeyValueStore* zones_ = nullptr;
  KeyValueStore* products_of_roots_ = nullptr;
  KeyValueStore* states_ = nullptr;
  Timers* timers_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string old_state_;
};

}  // namespace

std::vector<StoreSpec> entitlement_stores() {
  const auto text = type_info<std::string>();
  return {{.name = std::string(kEntitlementSourceStore),
           .key = text,
           .value = type_info<EntitlementInput>(),
           .check = &check_source_row,
           .partition_key = &root_in_key},
          {.name = std::string(kEntitlementZoneStore), .key = text, .value = text},
          {.name = std::string(kEntitlementProductStore),
           .key = text,
           .value = type_info<RawBytes>(),
           .partition_key = [](Bytes key) { return root_in_key(Bytes(name_in_key(key))); }},
          {.name = std::string(kEntitlementStateStore),
           .key = text,
           .value = type_info<FeatureEntitlement>(),
           .check = &check_state_row,
           .indexes = {entitlements_by_feature(), entitlements_by_expiry()},
           .partition_key = &root_in_key},
          {.name = std::string(kEntitlementTimerStore),
           .key = text,
           .value = {},
           .timers = TimeKind::kWall},
          {.name = std::string(kEntitlementCursorStore), .key = {}, .value = {}}};
}

ProcessorFactory entitlement_deriver(size_t slice) {
  return [slice] { return std::make_unique<EntitlementDeriver>(slice); };
}

}  // namespace millrace::crm
