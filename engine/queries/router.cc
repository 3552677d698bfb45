#include "engine/queries/router.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/queries/subscription.h"
#include "engine/queries/topic_tail.h"

namespace millrace {

std::vector<HttpParameter> state_parameters() {
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
           .min = 0},
          {.name = "min_position",
           .meaning = "A position (Millrace-Position of an answer, or from /v1/token) that the "
                      "answer has to include; waits for it, up to the time of an answer.",
           .length_max = engine::kEventIdLengthMax,
           .pattern = engine::kPositionTokenPattern}};
}

std::vector<HttpParameter> watch_parameters() {
  return {{.name = "min_position",
           .meaning = "The id of an event, or a position (Millrace-Position of an answer, or from "
                      "/v1/token), to continue from: the first event is of a state that includes "
                      "it. The header Last-Event-ID comes first.",
           .length_max = engine::kEventIdLengthMax,
           .pattern = engine::kPositionTokenPattern}};
}

namespace engine {
namespace {

/// How long a question waits for another plan, when the owner by the present one has moved.
constexpr std::chrono::milliseconds kViewWait{500};
constexpr unsigned kServerErrors = 500;

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

/// Names a partition of which nobody can say when it is included.
std::string fault_of(const NextOffsets& position, const DataFlow* flow) {
  if (flow == nullptr) return {};  // nothing is read yet
  for (const auto& [partition, offset] : position) {
    if (flow->is_input(partition)) continue;
    return fmt::format("min_position: {} is no input of this application", partition.to_string());
  }
  return {};
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
  if (!reach_.peers.can_ask()) {
    return Error{ErrorCode::kRetriable,
                 fmt::format("task {} is on instance {} at {}; instances answer for each other "
                             "once query.peer.key.file names a key",
                             question.task.to_string(), holder.instance, holder.endpoint)};
  }
  return reach_.peers.ask(holder.endpoint, question, {Right::kRaw}, asking_.deadline);
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
  return active.instance == view->self ? answer_rows(reach_.local, exact) : ask_peer(active, exact);
}

Result<RowReply> RoutedQueries::ask_standbys(const PeerView* view, const RowQuestion& question,
                                             Status why) const {
  if (!asking_.bounds.may_be_standby) return why;
  if (Result<RowReply> here = answer_rows(reach_.local, question); here.ok()) return here;
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
    notes_->needs_peers = true;
    return Error{ErrorCode::kRetriable, "another instance has it"};
  }
  std::shared_ptr<const PeerView> view = reach_.directory.view();
  Result<RowReply> reply = ask_active(view.get(), question);
  // Who was silent once is not asked again, and another plan helps nobody who cannot ask.
  if (!reply.ok() && reply.code() == ErrorCode::kRetriable && reach_.peers.can_ask()) {
    if (!asking_.bounds.may_be_standby) {
      // The view is old, or about to be.
      view = reach_.directory.wait_for_newer(
          view, std::min(asking_.deadline, std::chrono::steady_clock::now() + kViewWait));
    }
    reply = ask_active(view.get(), question);
  }
  if (reply.ok() || !may_be_elsewhere(reply.code())) return reply;
  Result<RowReply> older = ask_standbys(view.get(), question, reply.status());
  if (older.ok()) return older;
  return Error{ErrorCode::kRetriable, older.message()};
}

RoutedQueries::RoutedQueries(const Reach& reach, Asking asking, bool may_wait)
    : RoutedQueries(reach, std::move(asking), may_wait, std::make_shared<Notes>()) {
  const std::shared_ptr<const DataFlow> flow = reach_.local.flow();
  if (asking_.min_position.empty() || flow == nullptr) return;
  notes_->min_position.emplace(
      asking_.min_position, flow,
      MinPosition::Sources{
          .position = [this](TaskId task) { return position_of(task); },
          .end = [this](const TopicPartition& partition) { return reach_.ends.end_of(partition); }},
      asking_.deadline);
}

Status RoutedQueries::prepare(TaskId task) const {
  return notes_->min_position ? notes_->min_position->await(task) : Status();
}

void RoutedQueries::note_read(WatchedRange rows) const {
  if (!asking_.notes_reads) return;
  // An index changes with the rows of its store.
  if (const size_t slash = rows.store.find('/'); slash != std::string::npos) {
    rows = {.task = rows.task, .store = rows.store.substr(0, slash), .from = {}, .to = {}};
  }
  const bool is_known = std::ranges::find(notes_->reads, rows) != notes_->reads.end();
  if (!is_known) notes_->reads.push_back(std::move(rows));
}

Status RoutedQueries::note(const StatePosition& position) const {
  include(notes_->seen, position.inputs);
  include(notes_->states[position.task], position.inputs);
  if (!notes_->min_position || notes_->min_position->is_included(position)) return {};
  return Error{ErrorCode::kRetriable, "the state that answered does not include min_position"};
}

Result<StatePosition> RoutedQueries::position_of(TaskId task) const {
  RowQuestion question{.store = {}, .task = task};
  Result<RowReply> reply = answer_rows(reach_.local, question);
  if (!reply.ok()) reply = ask_active(reach_.directory.view().get(), question);
  if (!reply.ok()) return reply.status();
  return std::move(reply->position);
}

Result<StoreAnswer> RoutedQueries::get(std::string_view store, Bytes key,
                                       Bytes partition_key) const {
  if (key.is_null()) return Error{ErrorCode::kInvalidArgument, "a query needs a key"};
  const Result<TaskId> task = reach_.local.task_of(store, key, partition_key);
  if (!task.ok()) return task.status();
  note_read({*task, std::string(store), key.to_string(), key.to_string() + '\0'});
  MILLRACE_RETURN_IF_ERROR(prepare(*task));
  Result<StoreAnswer> answer = get_once(store, key, *task, partition_key);
  if (answer.ok()) MILLRACE_RETURN_IF_ERROR(note(answer->position));
  return answer;
}

Result<StoreAnswer> RoutedQueries::get_once(std::string_view store, Bytes key, TaskId task,
                                            Bytes partition_key) const {
  Result<StoreAnswer> here = reach_.local.get(store, key, partition_key);
  if (here.ok() || here.code() != ErrorCode::kRetriable) return here;
  Result<RowReply> reply = ask({.store = std::string(store),
                                .task = task,
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
                                                    const RowRange& range,
                                                    const RowVisitor& visit) const {
  const Result<TaskId> task = reach_.local.task_of_partition(store, partition);
  if (!task.ok()) return task.status();
  note_read({*task, std::string(store),
             range.from.is_null() ? std::string() : range.from.to_string(),
             optional_text(range.to)});
  MILLRACE_RETURN_IF_ERROR(prepare(*task));
  Result<StatePosition> position = scan_once(store, *task, range, visit);
  if (position.ok()) MILLRACE_RETURN_IF_ERROR(note(*position));
  return position;
}

Result<StatePosition> RoutedQueries::scan_once(std::string_view store, TaskId task,
                                               const RowRange& range,
                                               const RowVisitor& visit) const {
  Result<StatePosition> here = reach_.local.scan_partition(store, task.partition, range, visit);
  if (here.ok() || here.code() != ErrorCode::kRetriable) return here;
  RowQuestion question{.store = std::string(store),
                       .task = task,
                       .from = optional_text(range.from),
                       .to = optional_text(range.to),
                       .is_descending = range.is_descending,
                       .rows_max = range.rows_max,
                       .bounds = asking_.bounds};
  for (;;) {
    Result<RowReply> reply = ask(question);
    if (!reply.ok()) return reply.status();
    for (const RowReply::KeyedRow& row : reply->rows) {
      if (!visit(task, Bytes(row.key), {Bytes(row.value), row.timestamp_ms})) {
        return std::move(reply->position);
      }
    }
    question.rows_max -= std::min(question.rows_max, reply->rows.size());
    if (!reply->has_more || reply->rows.empty() || question.rows_max == 0) {
      return std::move(reply->position);
    }
    if (range.is_descending) {
      question.to = reply->rows.back().key;
    } else {
      question.from = reply->rows.back().key + '\0';
    }
  }
}

Result<std::vector<StatePosition>> RoutedQueries::scan(std::string_view store,
                                                       const RowRange& range,
                                                       const RowVisitor& visit) const {
  const Result<int32_t> partitions = reach_.local.partitions_of(store);
  if (!partitions.ok()) return partitions.status();
  std::vector<StatePosition> positions;
  bool wants_more = true;
  for (int32_t partition = 0; partition < *partitions && wants_more; ++partition) {
    Result<StatePosition> position = scan_partition(
        store, partition, range,
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
    with_standbys_.reset(new RoutedQueries(reach_, std::move(asking), may_wait_, notes_));
  }
  return *with_standbys_;
}

Result<int64_t> TopicEnds::end_of(const TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  if (admin_ == nullptr) {
    Result<std::unique_ptr<Admin>> admin = clients_.admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  const Result<Admin::Watermarks> marks = admin_->watermarks(partition);
  if (!marks.ok()) return marks.status();
  return marks->high;
}

Result<NextOffsets> Router::position_in(const std::string& token) const {
  Result<NextOffsets> position = parse_position_token(token);
  if (!position.ok()) return position;
  std::string fault = fault_of(*position, local_.flow().get());
  if (!fault.empty()) return Error{ErrorCode::kInvalidArgument, std::move(fault)};
  return position;
}

HttpAnswer Router::answer(const HttpRequest& request, MakeAnswer make) const {
  Asking asking = asking_of(request);
  if (const std::string* const token = request.find("min_position")) {
    Result<NextOffsets> position = position_in(*token);
    if (!position.ok()) return error_answer(position.error());
    asking.min_position = *std::move(position);
  }
  const auto answer_with = [make = std::move(make)](const RoutedQueries& queries) {
    HttpAnswer answer = make(queries);
    std::string position = position_token(queries.seen());
    // Callers could not send a longer one back.
    const bool is_fit = position.size() <= kPositionTokenLengthMax;
    if (answer.status < kServerErrors && is_fit) answer.position = std::move(position);
    return answer;
  };
  if (asking.min_position.empty()) {
    const RoutedQueries here(reach(), asking, false);
    HttpAnswer answer = answer_with(here);
    if (!here.needs_peers()) return answer;
  }
  HttpAnswer answer;
  answer.later = [this, asking = std::move(asking), answer_with] {
    return answer_with(RoutedQueries(reach(), asking, true));
  };
  return answer;
}

HttpAnswer Router::watch(const HttpRequest& request, std::string event, MakeWatched make) const {
  if (hub_.is_over()) {
    return error_answer(503, "this instance gives its tasks away and takes no subscriptions");
  }
  Subscription::Wanted wanted{
      .event = std::move(event), .make = std::move(make), .from = {}, .min_position = {}};
  const std::string* const named = request.find("min_position");
  if (named != nullptr) wanted.from = *named;
  if (!request.last_event_id.empty()) wanted.from = request.last_event_id;
  Result<NextOffsets> position = position_in(wanted.from);
  if (!position.ok()) return error_answer(position.error());
  wanted.min_position = *std::move(position);
  auto subscription = std::make_shared<Subscription>(reach(), hub_, std::move(wanted));
  HttpAnswer answer;
  answer.later = [subscription, deadline = request.deadline] {
    HttpAnswer opened = subscription->open(deadline);
    if (opened.status == 200) opened.events = subscription;
    return opened;
  };
  return answer;
}

Result<std::vector<QueryRouter::TopicRecord>> Router::newest_records(
    const std::string& topic, size_t records_max,
    std::chrono::steady_clock::time_point deadline) const {
  return engine::newest_records(clients_, topic, records_max, deadline);
}

std::vector<QueryRouter::InstanceTasks> Router::instances() const {
  std::map<std::string, InstanceTasks> found;
  const auto at = [&found](const PeerView::Holder& holder) -> InstanceTasks& {
    InstanceTasks& entry = found[holder.instance];
    entry.instance = holder.instance;
    entry.endpoint = holder.endpoint;
    return entry;
  };
  if (const std::shared_ptr<const PeerView> view = directory_.view(); view != nullptr) {
    for (const auto& [task, holders] : view->tasks) {
      at(holders.active).active.push_back(task);
      for (const PeerView::Holder& standby : holders.standbys) at(standby).standbys.push_back(task);
    }
  }
  InstanceTasks& self = found[name_];
  self.instance = name_;
  self.endpoint.clear();
  self.is_self = true;
  std::vector<InstanceTasks> all;
  for (auto& [name, entry] : found) all.push_back(std::move(entry));
  return all;
}

Result<std::string> Router::ask_instance(const HttpRequest& request, const std::string& instance,
                                         const std::string& view) const {
  const std::vector<InstanceTasks> known = instances();
  const auto found = std::ranges::find(known, instance, &InstanceTasks::instance);
  if (found == known.end()) return Error{ErrorCode::kNotFound, "the plan has no such instance"};
  if (found->endpoint.empty()) {
    return Error{ErrorCode::kRetriable,
                 fmt::format("instance {} has no query server that others can reach (query.port, "
                             "query.advertised.host)",
                             instance)};
  }
  if (!peers_.can_ask()) {
    return Error{ErrorCode::kRetriable,
                 "instances answer for each other once query.peer.key.file names a key"};
  }
  return peers_.view(found->endpoint, view, {Right::kRead}, request.deadline);
}

HttpAnswer Router::answer_changes(const HttpRequest& request) const {
  Result<WatchQuestion> question = decode_watch(request.body);
  if (!question.ok()) return error_answer(question.error());
  HttpAnswer answer;
  answer.promised = [this, question = *std::move(question),
                     deadline = request.deadline](const std::function<void(HttpAnswer)>& give) {
    const auto wait = std::chrono::milliseconds(question.wait_ms);
    changes_.when(question.changes, std::min(std::chrono::steady_clock::now() + wait, deadline),
                  [give](const ChangeReply& reply) {
                    give({.body = encode_changes(reply), .content_type = "application/cbor"});
                  });
  };
  return answer;
}

}  // namespace engine
}  // namespace millrace
