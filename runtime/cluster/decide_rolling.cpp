// How the members of a service are replaced: by a newer version of the job, or
// because their node is to be drained.
//
// A task never has two living attempts. So where somebody must serve while a
// member is replaced, the job gets extra members for a while: they stand in, and
// leave when all others serve again.

#include <algorithm>
#include <functional>
#include <set>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/versions.hpp"

namespace troupe::runtime {

bool concerns_no_task(const job_spec& before, job_spec after) {
  after.count = before.count;
  after.priority = before.priority;
  after.priority_class = before.priority_class;
  after.retries = before.retries;
  after.expected_runtime = before.expected_runtime;
  after.replace_after = before.replace_after;
  after.update = before.update;
  after.after = before.after;
  return after == before;
}

/// How far the members of a service are.
struct cluster::rolling {
  /// Members that shall exist in the end, those stopped by a user left out.
  uint32_t members = 0;
  /// Members that serve, those to be replaced included; and the same without
  /// those that stand in.
  uint32_t serving = 0;
  uint32_t regulars_serving = 0;
  /// Members to be replaced that have not been told to stop.
  std::vector<uint32_t> outdated;
  /// Whether some of them are to leave their node.
  bool moving = false;
  /// When the next member will have run long enough to count.
  std::optional<timestamp> next;
};

bool cluster::is_draining(const task_record& task) const {
  return !draining_.empty() && draining_.contains(node_of(task));
}

cluster::rolling cluster::survey(const job_record& job) const {
  rolling result;
  result.members = job.count;
  auto end
    = static_cast<uint32_t>(std::min<size_t>(job.tasks.size(), job.wanted()));
  for (uint32_t i = 0; i < end; ++i) {
    auto& task = job.tasks[i];
    if (is_final(task.state) && i < job.count)
      --result.members;
    if (!holds_capacity(task.state) || task.stopping)
      continue;
    auto serves = task.state == task_state::running && task.ready_at;
    auto moves = is_draining(task);
    if (moves || task.job_version != job.job_version) {
      result.outdated.push_back(i);
      result.moving = result.moving || moves;
    } else if (serves) {
      auto due = task.ready_at + job.spec->update.min_healthy;
      if (due > now_) {
        result.next = std::min(result.next.value_or(due), due);
        continue;
      }
      result.regulars_serving += i < job.count ? 1 : 0;
    }
    result.serving += serves ? 1 : 0;
  }
  return result;
}

/// Members beyond those wanted stop.
void cluster::stop_surplus(job_record& job) {
  for (auto i = job.wanted(); i < job.tasks.size(); ++i)
    if (holds_capacity(job.tasks[i].state)
        && (!job.tasks[i].stopping || job.tasks[i].restart))
      say(task_stopping{{job.name, i},
                        reason::stopped_by_user,
                        i < job.count + job.spec->update.max_surge
                            && job.spec->kind == job_kind::service
                          ? "it is not needed any more"
                          : "scaled down",
                        false});
}

/// Brings the living tasks of `job` in step with what is wanted: members too many
/// stop; those of an older version, or on a node that drains, are replaced.
void cluster::roll(job_record& job) {
  if (job.stopped || rehearsing_)
    return;
  if (job.spec->kind == job_kind::system)
    return roll_members(job);
  stop_surplus(job);
  if (job.spec->kind != job_kind::service)
    return;
  auto settled = job.settled_version == job.job_version;
  auto at_rest = job.older.empty() && job.extra == 0 && draining_.empty();
  // Whether all run well is asked once they all run.
  if (at_rest && (settled || job.in_state(task_state::running) < job.count))
    return;
  auto now = survey(job);
  if (now.next)
    agenda_.visit(job, *now.next);
  stand_in(job, now);
  replace_members(job, now);
  if (!settled && now.members > 0 && now.outdated.empty()
      && now.regulars_serving == now.members)
    say(job_settled{job.name, job.job_version});
}

/// Lets members that stand in come, or go when nobody needs them any more.
void cluster::stand_in(job_record& job, const rolling& x) {
  auto& rule = job.spec->update;
  auto most = x.moving ? std::max(rule.max_surge, 1U) : rule.max_surge;
  auto needed = std::min(most, static_cast<uint32_t>(x.outdated.size()));
  if (needed > job.extra) {
    say(job_surged{job.name, needed});
    // One that leaves as there are to be fewer can stand in as well.
    revive(job, job.count, false);
  } else if (job.extra > 0 && x.outdated.empty()
             && x.regulars_serving >= x.members) {
    say(job_surged{job.name, 0});
    stop_surplus(job);
  }
}

/// Whether a member of the present version fits where `index` is, once that left.
bool cluster::fits_in_place_of(const job_record& job, uint32_t index) const {
  auto& task = job.tasks[index];
  auto* node = find_node(node_of(task));
  auto of = job.classes.find(task.job_version);
  if (node == nullptr || of == job.classes.end())
    return false;
  auto held = job.occupations.find(index);
  auto without = table_;
  without.vacate(node->row, *of->second,
                 held == job.occupations.end() ? placement::occupation{}
                                               : held->second);
  placement::known_class known{*job.classes.at(job.job_version)};
  return without.refuses(node->row, known) == reason::none;
}

/// Stops members that are to be replaced, as long as enough others serve.
void cluster::replace_members(job_record& job, rolling& x) {
  auto& rule = job.spec->update;
  auto at_once = std::max(rule.max_unavailable, rule.max_surge > 0 ? 0U : 1U);
  auto least = x.members > at_once ? x.members - at_once : 0;
  // A service is not left alone where somebody can stand in.
  auto stuck = waiting_.at(job.klass).blocked;
  if (rule.max_surge > 0 && least == 0 && !stuck)
    least = std::min(x.members, 1U);
  auto replace = [&](uint32_t i) {
    auto moves = is_draining(job.tasks[i]);
    auto text
      = moves ? "it leaves node " + node_of(job.tasks[i]) + ", which is drained"
              : "replaced by version " + std::to_string(job.job_version);
    say(task_stopping{{job.name, i},
                      moves ? reason::drained : reason::none,
                      std::move(text),
                      true});
  };
  // What does not serve yet is missed by nobody.
  for (auto i : x.outdated)
    if (!(job.tasks[i].state == task_state::running && job.tasks[i].ready_at))
      replace(i);
  for (auto i : x.outdated) {
    if (job.tasks[i].stopping)
      continue;
    // Who is moved is replaced first: nobody asked for a pause.
    auto keep
      = is_draining(job.tasks[i]) && job.tasks[i].job_version == job.job_version
          ? x.members
          : least;
    if (x.serving < keep + 1)
      continue;
    // Nor is it stopped for one that would wait.
    if (stuck && !fits_in_place_of(job, i))
      continue;
    --x.serving;
    replace(i);
  }
}

/// Takes up what another controller, or an earlier life of this one, was at.
void cluster::resume_rolling() {
  std::vector<job_record*> all;
  for (auto& [name, job] : jobs_)
    all.push_back(&job);
  for (auto* job : all)
    roll(*job);
}

// -- going back --------------------------------------------------------------

namespace {

/// Whether tasks of `spec` would be others than those of `job` are by now.
bool is_other(const job_record& job, job_spec spec) {
  auto now = spec_now(job);
  spec.count = now.count;
  return spec != now;
}

/// The newest of the versions before that `is_good`, and is not what there is now:
/// after a rollback the version that was gone back to is among them.
const past_spec* newest(const job_record& job,
                        const std::function<bool(const past_spec&)>& is_good) {
  auto& xs = job.past_specs;
  auto at = std::find_if(xs.rbegin(), xs.rend(), [&](const past_spec& x) {
    return is_good(x) && is_other(job, *x.spec);
  });
  return at == xs.rend() ? nullptr : &*at;
}

/// The version to go back to from the present one; null if there is none.
const past_spec* rollback_target(const job_record& job) {
  auto* good = newest(job, [](const past_spec& x) { return x.settled; });
  // None had the time to prove itself: one that served is better than none.
  return good != nullptr ? good : newest(job, [&](const past_spec& x) {
    // What was taken back is no better.
    return x.served
           && (job.rolled_back_to == 0 || x.job_version <= job.rolled_back_to);
  });
}

} // namespace

void cluster::roll_back(job_record& job, const past_spec& to,
                        std::string message) {
  auto spec = *to.spec;
  // How many there are is another question than what they are, unless it is the
  // only one.
  auto keeps_count = spec.kind != job_kind::system && is_other(job, spec);
  auto count = keeps_count ? job.count : spec.count;
  spec.count = std::max(count, 1U);
  auto known = std::min(job.count, count);
  auto after_stop = job.stopped;
  auto keeps = concerns_no_task(*job.spec, spec);
  say(job_updated{job.name, std::make_shared<const job_spec>(std::move(spec)),
                  job.job_version + 1, "", to.job_version, std::move(message),
                  keeps});
  if (count == 0)
    say(job_scaled{job.name, 0});
  meet_dependencies(job);
  revive(job, known, after_stop);
  roll(job);
}

expected<outcome, refusal> cluster::on(const rollback_job& x) {
  auto* job = job_called(x.job);
  if (job == nullptr)
    return make_unexpected(
      refusal{refusal_kind::not_found,
              "there is no job \"" + x.job + "\"; `troupe jobs` lists the jobs",
              {}});
  if (job->over())
    return make_unexpected(
      refusal{refusal_kind::conflict,
              "job \"" + x.job + "\" is over; submit it again instead",
              {}});
  auto* to = rollback_target(*job);
  // What was taken back did not run well either.
  if (to == nullptr && job->rolled_back_to == 0)
    to = newest(*job, [](const past_spec&) { return true; });
  if (to == nullptr && !job->past_specs.empty()
      && job->past_specs.back().spec->count != spec_now(*job).count)
    to = &job->past_specs.back();
  if (to == nullptr)
    return make_unexpected(
      refusal{refusal_kind::conflict,
              job->past_specs.empty()
                ? "job \"" + x.job
                    + "\" is at its first version: there is none to go back to"
                : "job \"" + x.job + "\" has no other version that ran well",
              {}});
  outcome result;
  result.jobs.push_back({x.job, job->job_version + 1, job->size(), false});
  if (!rehearsing_)
    roll_back(*job, past_spec{*to}, "asked for by a user");
  return result;
}

/// Goes back to the last version that ran well, if it was a member of a new one
/// that has just ended by its own fault. Returns whether it does.
bool cluster::roll_back_if_bad(job_record& job, uint32_t index,
                               const task_record& before) {
  auto& task = job.tasks[index];
  if (job.spec->kind != job_kind::service || !job.spec->update.rollback
      || job.settled_version == job.job_version || job.rolled_back_to != 0
      || before.job_version != job.job_version || before.stopping
      || task.ended_as != task_state::failed || task.why == reason::port_in_use)
    return false;
  auto* to = rollback_target(job);
  if (to == nullptr)
    return false;
  auto text = job.messages.find(index);
  auto message = "version " + std::to_string(job.job_version)
                 + " does not run well: " + job.name + '.'
                 + std::to_string(index) + " failed"
                 + (text == job.messages.end() ? "" : ": " + text->second)
                 + "; back to version " + std::to_string(to->job_version);
  roll_back(job, past_spec{*to}, std::move(message));
  return true;
}

} // namespace troupe::runtime
