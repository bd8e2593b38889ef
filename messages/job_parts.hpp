#pragma once

#include "messages/job.hpp"
#include "messages/json_cursor.hpp"

namespace troupe {

/// Readers of those keys of a job whose value is an object or a list. Each reads
/// the value at `x` into `spec`; what is wrong is reported through `x`, and
/// leaves `spec` as it was or with the readable part.

void read_env(const json_cursor& x, job_spec& spec);
void read_resources(const json_cursor& x, job_spec& spec);
void read_requires(const json_cursor& x, job_spec& spec);
void read_prefers(const json_cursor& x, job_spec& spec);
void read_spread_by(const json_cursor& x, job_spec& spec);
void read_gang(const json_cursor& x, job_spec& spec);
void read_health(const json_cursor& x, job_spec& spec);
/// REQUIRES: `spec.restart` holds the defaults.
void read_restart(const json_cursor& x, job_spec& spec);
void read_on_node_loss(const json_cursor& x, job_spec& spec);
void read_after(const json_cursor& x, job_spec& spec);
void read_schedule(const json_cursor& x, job_spec& spec);
void read_cache(const json_cursor& x, job_spec& spec);
void read_ports(const json_cursor& x, job_spec& spec);
void read_volumes(const json_cursor& x, job_spec& spec);
void read_update(const json_cursor& x, job_spec& spec);
void read_simulate(const json_cursor& x, job_spec& spec);

[[nodiscard]] label_set read_labels(const json_cursor& x);

/// The restart policy of a job of `kind` that names none.
[[nodiscard]] restart_policy default_restart(job_kind kind);

} // namespace troupe
