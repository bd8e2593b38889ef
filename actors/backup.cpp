#include "actors/backup.hpp"

#include "runtime/backup.hpp"

namespace troupe {

backup_actor::behavior_type
backup(backup_actor::stateful_pointer<backup_state> self) {
  return {
    [self](const make_backup& x) {
      backup_made answer;
      auto made = runtime::backup_of(*x.core);
      if (made)
        answer.bytes = std::make_shared<const std::string>(std::move(*made));
      else
        answer.trouble = std::move(made.error());
      self->quit();
      return answer;
    },
  };
}

} // namespace troupe
