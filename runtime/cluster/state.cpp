#include "runtime/cluster/state.hpp"

#include <algorithm>
#include <utility>

#include "messages/json.hpp"

#include "runtime/cluster/gang_members.hpp"
#include "runtime/cluster/node_rows.hpp"
#include "runtime/cluster/places.hpp"
#include "runtime/cluster/work_items.hpp"
#include "runtime/placement/explain.hpp"

namespace troupe::runtime {

cluster_state::cluster_state(const cluster_options& options)
  : options_(options), lookups_(options.lookups_ahead),
    keys_(options.keys_max) {
  // nop
}

const job_record* cluster_state::find_job(std::string_view name) const {
  auto at = jobs_.find(name);
  return at == jobs_.end() ? nullptr : &at->second;
}

const task_record* cluster_state::find_task(const task_ref& x) const {
  auto* job = find_job(x.job);
  return job != nullptr && x.index < job->tasks.size() ? &job->tasks[x.index]
                                                       : nullptr;
}

const node_record* cluster_state::find_node(std::string_view name) const {
  auto at = nodes_.find(name);
  return at == nodes_.end() ? nullptr : &at->second;
}

const std::string& cluster_state::node_of(const task_record& x) const {
  static const std::string none;
  return x.attempt > 0 ? names_[x.node] : none;
}

const std::string& cluster_state::name_of(placement::node_index row) const {
  return names_[rows_[row]->name];
}

std::vector<work_item> cluster_state::work_for(std::string_view name) const {
  std::vector<work_item> result;
  auto* node = find_node(name);
  if (node == nullptr)
    return result;
  for (auto& [allocation, place] : node->allocations) {
    auto& task = place.job->tasks[place.index];
    if (task.state == task_state::placed && !task.stopping)
      result.push_back(item_of(work_kind::start, *place.job, place.index));
    if (task.stopping) {
      result.push_back(item_of(work_kind::stop, *place.job, place.index));
      result.back().why = task.why;
    }
  }
  for (auto& [key, job] : node->holds)
    if (job->holds.at(key.second).gang
        && job->gang->state == gang_state::reserving && is_clear(*job->gang)
        && !job->gang->confirmed.contains(key))
      result.push_back(asking_of(*job->gang, *job, key.second));
  return result;
}

void cluster_state::note_load(std::string_view name, const resources& used) {
  auto* node = find_node(name);
  if (node == nullptr)
    return;
  auto fraction = [](int64_t part, int64_t whole) {
    return whole > 0 ? static_cast<float>(static_cast<double>(part)
                                          / static_cast<double>(whole))
                     : 0.0F;
  };
  auto& capacity = node->profile.capacity;
  table_.set_load(node->row,
                  fraction(used.cpu_millicores, capacity.cpu_millicores),
                  fraction(used.memory_bytes, capacity.memory_bytes));
}

bool cluster_state::is_braked() const {
  return silent_.size() >= options_.silent_together_min
         && silent_.size() * 2 > nodes_.size();
}

placement::task_class cluster_state::class_of(const job_spec& spec) const {
  auto result = placement::class_of(spec, settings_.strategy);
  result.requirements.push_back(
    {driver_label(json::name_of(spec.driver)), {"true"}});
  return result;
}

placement::held_place cluster_state::holding_of(placement::node_index row,
                                                uint64_t allocation) const {
  auto& [job, index] = rows_[row]->allocations.at({allocation});
  placement::held_place result;
  auto version = job->tasks[index].job_version;
  result.of = job->classes.at(version);
  if (auto at = job->occupations.find(index); at != job->occupations.end())
    result.held = {at->second.gpus,
                   ports_in_order(*job->spec_of(version), at->second.ports)};
  return result;
}

task_ref
cluster_state::holder_of(placement::node_index row, uint64_t allocation) const {
  auto& [job, index] = rows_[row]->allocations.at({allocation});
  return {job->name, index};
}

double cluster_state::overcommit_of(const node_record& node) const {
  return node.overcommit.value_or(settings_.overcommit);
}

bool cluster_state::never_fits(const waiting::job_class& x) const {
  if (std::exchange(x.found_at_change, node_changes_) != node_changes_)
    x.fits_empty_nodes = placement::could_ever_fit(table_, *x.of);
  return !x.fits_empty_nodes;
}

const resources& cluster_state::whole() const {
  if (whole_found_at_ == node_changes_)
    return whole_;
  whole_found_at_ = node_changes_;
  whole_ = {};
  for (auto& [name, node] : nodes_)
    whole_ += node.profile.capacity;
  return whole_;
}

std::optional<cache_key>
cluster_state::cache_key_of(const job_record& job, uint32_t index) const {
  if (auto at = job.hits.find(index); at != job.hits.end())
    return read_cache_key(at->second.key);
  if (auto at = job.keys.find(index); at != job.keys.end())
    return at->second;
  auto live
    = index < job.tasks.size() && holds_capacity(job.tasks[index].state);
  auto& spec = live ? job.spec_of(job.tasks[index].job_version) : job.spec;
  if (!is_cached(*spec))
    return std::nullopt;
  auto work
    = job.lookup && spec == job.spec ? job.lookup->work : work_key(*spec);
  return task_key(work, *spec, index, results_.identity_of(spec->image));
}

void cluster_state::note_shadow(const std::string& shadow,
                                const placement::proposal& here,
                                const placement::proposal& there,
                                timestamp now) {
  // It may have been changed since it was asked.
  if (shadow != settings_.shadow)
    return;
  if (shadow_.policy != shadow) {
    shadow_ = {};
    shadow_.policy = shadow;
    shadow_.since = now;
  }
  shadow_.add(here, there);
}

} // namespace troupe::runtime
