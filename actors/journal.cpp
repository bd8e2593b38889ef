#include "actors/journal.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/decisions/file.hpp"
#include "runtime/log.hpp"
#include "runtime/recovery.hpp"

namespace troupe {

namespace {

namespace log = runtime::log;
using runtime::journal_ec;

/// Whether the same append may succeed later.
bool is_passing(journal_ec x) {
  return x == journal_ec::full || x == journal_ec::in_use;
}

caf::error failure(std::string message) {
  log::error("journal: {}", message);
  return caf::make_error(caf::sec::runtime_error, std::move(message));
}

caf::result<appended> append(runtime::journal& core, const append_events& x) {
  std::vector<std::string> lines;
  lines.reserve(x.batch.events->size());
  for (auto& y : *x.batch.events)
    lines.push_back(write_line(y));
  auto head = core.append(x.expected_version, lines);
  if (head)
    return appended{*head, {}};
  if (is_passing(head.error().code))
    return appended{core.version(), head.error().message};
  return failure(head.error().message);
}

caf::result<event_batch>
read(const runtime::journal& core, const read_events& x) {
  auto found = std::make_shared<std::vector<event>>();
  // Facts that are gone are passed over: the client sees that by the versions.
  auto from = std::max(x.since + 1, core.oldest_version());
  auto ok = core.read(from, [&](uint64_t version, std::string_view line) {
    if (auto y = read_line(version, line))
      found->push_back(std::move(*y));
    return found->size() < x.count_max;
  });
  if (!ok)
    return failure(ok.error().message);
  return event_batch{std::move(found)};
}

std::shared_ptr<runtime::decisions>
load_decisions(const std::filesystem::path& file,
               const runtime::journal& core) {
  if (file.empty())
    return nullptr;
  return std::make_shared<runtime::decisions>(
    runtime::read_decisions(file, core));
}

/// Folds the journal once more instead of stopping the scheduler for as long as
/// a large state takes to write.
void snapshot(journal_state& state) {
  auto read = runtime::recover(*state.core);
  if (!read) {
    log::error("journal: no snapshot: {}", read.error());
    return;
  }
  if (auto saved = runtime::save_snapshot(*read->state, *state.core); !saved)
    log::error("journal: no snapshot: {}", saved.error().message);
  else
    state.snapshot_version = read->state->version();
}

} // namespace

journal_actor::behavior_type
journal(journal_actor::stateful_pointer<journal_state> self,
        journal_actor_options options, std::shared_ptr<runtime::journal> core) {
  auto& state = self->state;
  state.core = std::move(core);
  self->delayed_send(self, options.tick_interval, atom::tick_v);
  return {
    [&state,
     file = options.decisions](load_cluster) -> caf::result<loaded_cluster> {
      auto read = runtime::recover(*state.core);
      if (!read)
        return failure(read.error());
      state.snapshot_version = read->snapshot_version;
      return loaded_cluster{std::move(read->state), state.core->cluster_id(),
                            load_decisions(file, *state.core)};
    },
    [self, &state, options](const append_events& x) {
      auto began = std::chrono::steady_clock::now();
      auto result = append(*state.core, x);
      options.meters->note_append(std::chrono::steady_clock::now() - began);
      state.alive.note_mailbox(self->mailbox().size());
      return result;
    },
    [&state](const read_events& x) { return read(*state.core, x); },
    [&state](lend_journal) { return lent_journal{state.core}; },
    [self, &state, options](atom::tick) {
      self->delayed_send(self, options.tick_interval, atom::tick_v);
      if (state.core->version() - state.snapshot_version
          > options.snapshot_after)
        snapshot(state);
    },
  };
}

} // namespace troupe
