#include "runtime/cluster/dependents.hpp"

#include <utility>

namespace troupe::runtime {

bool dependents::remove(std::string_view awaited, version_number born) {
  auto at = of_.find(awaited);
  if (at == of_.end() || at->second.erase(born) == 0 || !at->second.empty())
    return false;
  of_.erase(at);
  return true;
}

const dependents::births& dependents::of(std::string_view name) const {
  static const births none;
  auto at = of_.find(name);
  return at == of_.end() ? none : at->second;
}

size_t dependents::size() const {
  size_t result = 0;
  for (auto& [name, births] : of_)
    result += births.size();
  return result;
}

void dependents::note_all() {
  for (auto& [name, births] : of_)
    ended_.insert(name);
}

dependents::names dependents::take_ended() {
  return std::exchange(ended_, {});
}

} // namespace troupe::runtime
