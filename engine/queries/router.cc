#include "engine/queries/router.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace {

std::vector<HttpParameter> staleness_parameters() {
  using Type = HttpParameter::Type;
  return {{.name = "stale",
           .meaning = "ok: a copy that follows the owner's state may answer if the owner does not.",
           .type = Type::kChoice,
           .choices = {"ok"}},
          {.name = "max_lag_records",
           .meaning = "The same, for a copy at most so many records behind.",
           .type = Type::kInteger,
           .min = 0},
          {.name = "max_lag_ms",
           .meaning = "The same, for a copy at most so many milliseconds behind.",
           .type = Type::kInteger,
           .min = 0}};
}

namespace engine {
namespace {

/// How long a question waits for another plan, when the owner by the present one has moved.
constexpr std::chrono::milliseconds kViewWait{500};

Asking asking_of(const HttpRequest& request) {
  Asking asking{.bounds = {}, .deadline = request.deadline};
  const std::optional<int64_t> records = request.integer("max_lag_records");
  const std::optional<int64_t> ms = request.integer("max_lag_ms");
  asking.bounds.may_be_standby = request.find("stale") != nullptr || records || ms;
  asking.bounds.lag_records_max = records.value_or(INT64_MAX);
  asking.bounds.lag_ms_max = ms.value_or(INT64_MAX);
  return asking;
}

/// Whether another instance, or the same a little later, may know better.
bool may_be_elsewhere(ErrorCode code) {
  return code == ErrorCode::kRetriable || code == ErrorCode::kTimedOut ||
         code == ErrorCode::kRefused;
}

std::optional<std::string> optional_text(Bytes bytes) {
  if (bytes.is_null()) return std::nullopt;
  return bytes.to_string();
}

}  // namespace

Result<RowReply> RoutedQueries::ask_peer(const PeerView::Holder& holder,
                                         const RowQuestion& question) const {
  if (holder.endpoint.empty()) {
    return Error{ErrorCode::kRetriable,
                 fmt::format("task {} is on instance {}, which has no query server that others "
                             "can reach (query.port, query.advertised.host)",
                             question.task.to_string(), holder.instance)};
  }
  if (!peers_.can_ask()) {
    return Error{ErrorCode::kRetriable,
                 fmt::format("task {} is on instance {} at {}; instances answer for each other "
                             "once query.peer.key.file names a key",
                             question.task.to_string(), holder.instance, holder.endpoint)};
  }
  return peers_.ask(holder.endpoint, question, {Right::kRaw}, asking_.deadline);
}

Result<RowReply> RoutedQueries::ask_active(const PeerView* view,
                                           const RowQuestion& question) const {
  const bool is_planned = view != nullptr && view->tasks.contains(question.task);
  if (!is_planned) {
    return Error{ErrorCode::kRetriable,
                 fmt::format("no plan says yet who has task {}", question.task.to_string())};
  }
  const PeerView::Holder& active = view->tasks.at(question.task).active;
  RowQuestion exact = question;
  exact.bounds = {};
  return active.instance == view->self ? answer_rows(local_, exact) : ask_peer(active, exact);
}

Result<RowReply> RoutedQueries::ask_standbys(const PeerView* view, const RowQuestion& question,
                                             Status why) const {
  if (!asking_.bounds.may_be_standby) return why;
  if (Result<RowReply> here = answer_rows(local_, question); here.ok()) return here;
  if (view == nullptr || !view->tasks.contains(question.task)) return why;
  const PeerView::Holders& holders = view->tasks.at(question.task);
  for (const PeerView::Holder& standby : holders.standbys) {
    if (standby.instance == view->self) continue;
    if (Result<RowReply> there = ask_peer(standby, question); there.ok()) return there;
  }
  return why;
}

Result<RowReply> RoutedQueries::ask(const RowQuestion& question) const {
  if (!may_wait_) {
    *needs_peers_ = true;
    return Error{ErrorCode::kRetriable, "another instance has it"};
  }
  std::shared_ptr<const PeerView> view = directory_.view();
  Result<RowReply> reply = ask_active(view.get(), question);
  // Who was silent once is not asked again, and another plan helps nobody who cannot ask.
  if (!reply.ok() && reply.code() == ErrorCode::kRetriable && peers_.can_ask()) {
    if (!asking_.bounds.may_be_standby) {
      // The view is old, or about to be.
      view = directory_.wait_for_newer(
          view, std::min(asking_.deadline, std::chrono::steady_clock::now() + kViewWait));
    }
    reply = ask_active(view.get(), question);
  }
  if (reply.ok() || !may_be_elsewhere(reply.code())) return reply;
  Result<RowReply> older = ask_standbys(view.get(), question, reply.status());
  if (older.ok()) return older;
  return Error{ErrorCode::kRetriable, older.message()};
}

Result<StoreAnswer> RoutedQueries::get(std::string_view store, Bytes key,
                                       Bytes partition_key) const {
  Result<StoreAnswer> here = local_.get(store, key, partition_key);
  if (here.ok() || here.code() != ErrorCode::kRetriable) return here;
  const Result<TaskId> task = local_.task_of(store, partition_key.is_null() ? key : partition_key);
  if (!task.ok()) return task.status();
  Result<RowReply> reply = ask({.store = std::string(store),
                                .task = *task,
                                .key = key.to_string(),
                                .bounds = asking_.bounds});
  if (!reply.ok()) return reply.status();
  StoreAnswer answer{.row = {}, .position = std::move(reply->position)};
  if (!reply->rows.empty()) {
    answer.row.emplace();
    answer.row->value = std::move(reply->rows.front().value);
    answer.row->timestamp_ms = reply->rows.front().timestamp_ms;
  }
  return answer;
}

Result<StatePosition> RoutedQueries::scan_partition(std::string_view store, int32_t partition,
                                                    Bytes from, Bytes to,
                                                    const RowVisitor& visit) const {
  Result<StatePosition> here = local_.scan_partition(store, partition, from, to, visit);
  if (here.ok() || here.code() != ErrorCode::kRetriable) return here;
  const Result<TaskId> task = local_.task_of_partition(store, partition);
  if (!task.ok()) return task.status();
  RowQuestion question{.store = std::string(store),
                       .task = *task,
                       .from = optional_text(from),
                       .to = optional_text(to),
                       .bounds = asking_.bounds};
  for (;;) {
    Result<RowReply> reply = ask(question);
    if (!reply.ok()) return reply.status();
    for (const RowReply::KeyedRow& row : reply->rows) {
      if (!visit(*task, Bytes(row.key), {Bytes(row.value), row.timestamp_ms})) {
        return std::move(reply->position);
      }
    }
    if (!reply->has_more || reply->rows.empty()) return std::move(reply->position);
    question.from = reply->rows.back().key + '\0';
  }
}

Result<std::vector<StatePosition>> RoutedQueries::scan(std::string_view store, Bytes from, Bytes to,
                                                       const RowVisitor& visit) const {
  const Result<int32_t> partitions = local_.partitions_of(store);
  if (!partitions.ok()) return partitions.status();
  std::vector<StatePosition> positions;
  bool wants_more = true;
  for (int32_t partition = 0; partition < *partitions && wants_more; ++partition) {
    Result<StatePosition> position = scan_partition(
        store, partition, from, to,
        [&](TaskId task, Bytes key, Row row) { return wants_more = visit(task, key, row); });
    if (!position.ok()) return position.status();
    positions.push_back(*std::move(position));
  }
  return positions;
}

const Queries& RoutedQueries::with_standbys() const {
  if (asking_.bounds.may_be_standby) return *this;
  if (with_standbys_ == nullptr) {
    Asking asking = asking_;
    asking.bounds.may_be_standby = true;
    with_standbys_ = std::make_unique<RoutedQueries>(local_, directory_, peers_, asking, may_wait_);
    with_standbys_->needs_peers_ = needs_peers_;
  }
  return *with_standbys_;
}

HttpAnswer Router::answer(const HttpRequest& request, MakeAnswer make) const {
  const Asking asking = asking_of(request);
  const RoutedQueries here(local_, directory_, peers_, asking, false);
  HttpAnswer answer = make(here);
  if (!here.needs_peers()) return answer;
  answer = {};
  answer.later = [this, asking, make = std::move(make)] {
    return make(RoutedQueries(local_, directory_, peers_, asking, true));
  };
  return answer;
}

}  // namespace engine
}  // namespace millrace
