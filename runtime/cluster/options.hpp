#pragma once

#include <cstdint>

#include "messages/job.hpp"

namespace troupe::runtime {

struct cluster_options {
  /// Jobs that are over and still remembered; the oldest are forgotten first.
  uint32_t finished_jobs_max = 10'000;
  /// Tasks of such jobs together. The last finished job is always remembered.
  uint64_t finished_tasks_max = 200'000;
  /// Idempotency keys remembered.
  uint32_t keys_max = 100'000;
  /// Attempts remembered of one task, beside the present one.
  uint32_t attempts_max = 10;
  milliseconds backoff_max{300'000};
  /// Specs remembered of one job, beside the present one.
  uint32_t past_specs_max = 5;
  /// With so many nodes silent, and more than half of all, it is the network that
  /// is broken: what they run is waited for until they are removed.
  uint32_t silent_together_min = 4;
  /// Nodes, and their share of all, that are given up within `loss_window`.
  uint32_t losses_min = 5;
  double losses_share = 0.2;
  milliseconds loss_window{30'000};
  /// Jobs whose tasks must fail on one node only before it is put in quarantine.
  uint32_t quarantine_jobs = 3;
  milliseconds quarantine_window{600'000};
  /// Until the first probe; twice as long for each that fails.
  milliseconds probe_delay{60'000};
  milliseconds probe_delay_max{1'800'000};
  /// How long a probe must run to be believed.
  milliseconds probe_time{30'000};
  /// How long a place is kept for a task beyond the time that those who have it
  /// may take to stop.
  milliseconds hold_patience{60'000};
  /// How long nodes may take to confirm the places of a gang.
  milliseconds reserve_patience{10'000};
  /// How long a gang whose jobs come one by one waits for another.
  milliseconds gang_gathering{2'000};
  /// Searches for tasks that could make room for others, in one `commit`. Each
  /// takes about a millisecond in a full cluster of 5,000 nodes.
  uint32_t searches_max = 32;
  /// Lookups of results in one decision: about a microsecond each, and ten if
  /// there is one.
  uint32_t lookups_max = 1'024;
  /// Tasks of one job that have been looked up and wait. More than there are in
  /// a batch, and few beside a job of a million.
  uint32_t lookups_ahead = 2'048;
};

} // namespace troupe::runtime
