#include "engine/client/event_parser.h"

#include <utility>

namespace millrace::client {

Result<std::vector<Event>> EventParser::add(std::string_view bytes) {
  std::vector<Event> events;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (line_.size() + event_.data.size() > bytes_max_) {
      return Error{ErrorCode::kInvalidRecord, "an event is too long"};
    }
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    take_line(line_, events);
    line_.clear();
  }
  return events;
}

void EventParser::take_line(std::string_view line, std::vector<Event>& events) {
  if (line.empty()) {
    if (has_data_) events.push_back(event_);
    event_.name.clear();
    event_.data.clear();
    has_data_ = false;
    return;
  }
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_.name = value;
  if (field == "id") event_.id = value;  // stays until another comes
  if (field != "data") return;
  if (std::exchange(has_data_, true)) event_.data += '\n';
  event_.data += value;
}

}  // namespace millrace::client
