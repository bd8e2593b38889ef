#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace troupe::runtime {

/// What all processes of a cluster are to log, since somebody has asked for it at
/// run time. Kept by the controller while it lives. Any thread.
class cluster_log_level {
public:
  struct wish {
    /// As `log::set_level` takes it; empty if nobody has asked for any.
    std::string level;
    /// Of the wish: the same level can be asked for again.
    uint64_t number = 0;
  };

  void ask_for(std::string level) {
    std::lock_guard guard{mutex_};
    now_ = {std::move(level), now_.number + 1};
  }

  [[nodiscard]] wish now() const {
    std::lock_guard guard{mutex_};
    return now_;
  }

private:
  mutable std::mutex mutex_;
  wish now_;
};

} // namespace troupe::runtime
