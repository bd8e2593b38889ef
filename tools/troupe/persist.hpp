#pragma once

#include <chrono>
#include <thread>

#include "tools/troupe/exit_code.hpp"

namespace troupe::tools {

/// Answers what `ask` answers, and asks again as long as the controller may only
/// be restarting: every second, half a minute.
template <class F>
auto persist(F ask) {
  constexpr int attempts_max = 30;
  auto result = ask();
  for (int i = 0; i < attempts_max && !result
                  && result.error().code == exit_code::unreachable;
       ++i) {
    std::this_thread::sleep_for(std::chrono::seconds{1});
    result = ask();
  }
  return result;
}

} // namespace troupe::tools
