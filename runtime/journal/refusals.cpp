#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

journal_error refuse_conflict(std::string_view where, std::uint64_t expected,
                              std::uint64_t head) {
  return refuse(journal_ec::conflict, where,
                "facts were to follow version " + std::to_string(expected)
                  + " but the last one is " + std::to_string(head)
                  + ", so somebody else wrote; read on and decide again");
}

journal_error refuse_truncated(std::string_view where, std::uint64_t from,
                               std::uint64_t oldest) {
  return refuse(journal_ec::truncated, where,
                "fact " + std::to_string(from) + " is no longer kept, the "
                  + "oldest is " + std::to_string(oldest)
                  + "; begin with the latest snapshot");
}

journal_error
refuse(journal_ec code, std::string_view where, std::string_view what) {
  auto message = std::string{"journal "};
  message += where;
  message += ": ";
  message += what;
  return {code, std::move(message)};
}

} // namespace troupe::runtime
