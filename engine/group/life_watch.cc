#include "engine/group/life_watch.h"

#include <algorithm>
#include <utility>

#include "engine/base/random_id.h"

namespace millrace::engine {
namespace {

constexpr size_t kEldersKept = 64;

}  // namespace

LifeWatch::LifeWatch(std::string instance) : instance_(std::move(instance)), life_(random_id()) {}

void LifeWatch::sign(InstanceReport& report) const {
  report.life = life_;
  report.rival = rival_;
}

void LifeWatch::see(const InstanceReport& report) {
  if (report.instance != instance_ || report.life.empty()) return;
  if (report.life == life_) {
    has_begun_ = true;
  } else if (report.rival == life_) {
    is_called_out_ = true;
  } else if (std::find(elders_.begin(), elders_.end(), report.life) != elders_.end()) {
    return;
  } else if (!has_begun_) {
    elders_.push_back(report.life);
    if (elders_.size() > kEldersKept) elders_.pop_front();
  } else if (rival_ != report.life) {
    rival_ = report.life;
    has_found_ = true;
  }
}

bool LifeWatch::take_found() {
  return std::exchange(has_found_, false);
}

}  // namespace millrace::engine
