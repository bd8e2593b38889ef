#include "runtime/drivers/process/run_finding.hpp"

namespace troupe::runtime::process {

namespace {

run_exit settle_lost(const run_dir& dir, const control_groups& groups) {
  auto exit = run_exit{.ending = run_ending::lost,
                       .message = "its runner died before it",
                       .ended_at = wall_now()};
  if (auto state = dir.state()) {
    exit.pid = state->child.pid;
    exit.started_at = state->started_at;
    kill_session(state->child);
  }
  if (auto spec = dir.spec(); spec && !spec->control_group.empty()) {
    groups.kill(spec->control_group);
    groups.remove(spec->control_group);
  }
  // If the disk does not take it, it is found again as it is now.
  (void)dir.write_exit(exit);
  return exit;
}

} // namespace

run_finding find_run(const run_dir& dir, const control_groups& groups) {
  if (auto exit = dir.exit())
    return *exit;
  if (!dir.has_claim())
    return unclaimed_run{};
  auto owner = dir.claimed_by().value_or(process_identity{});
  if (auto fd = open_process(owner))
    return running_run{std::move(*fd), owner.pid, dir.state()};
  if (dir.claim_is_held())
    return unreachable_run{};
  // The ending may have been written since the first look; a runner does that
  // while it holds its claim, so now it is there or never.
  if (auto exit = dir.exit())
    return *exit;
  return settle_lost(dir, groups);
}

run_finding revoke_run(const run_dir& dir, const control_groups& groups,
                       std::string why, run_ending ending) {
  auto self = identify(::getpid()).value_or(process_identity{});
  auto claim = dir.claim(self);
  if (claim && !*claim)
    return find_run(dir, groups);
  auto now = wall_now();
  auto exit = run_exit{.ending = ending,
                       .message = std::move(why),
                       .started_at = now,
                       .ended_at = now};
  (void)dir.write_exit(exit);
  return exit;
}

} // namespace troupe::runtime::process
