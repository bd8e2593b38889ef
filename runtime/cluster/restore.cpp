// Reading back what `save` wrote, of this or an older version of troupe.

#include <algorithm>
#include <map>
#include <set>

#include "messages/contract.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/image.hpp"
#include "runtime/cluster/node_rows.hpp"
#include "runtime/cluster/places.hpp"

namespace troupe::runtime {

using namespace image;

namespace {

template <class T>
expected<void, std::string> read_image(const json::value& from, T& to) {
  if (auto ok = json::read(from, to); !ok)
    return make_unexpected("in the snapshot, " + ok.error().pointer + ": "
                           + ok.error().detail);
  return {};
}

} // namespace

/// Fills an empty cluster from the lines of a snapshot.
class cluster::reader {
public:
  explicit reader(cluster& to) : c_(to) {
    // nop
  }

  expected<void, std::string>
  read(const std::function<bool(std::string_view& line)>& next);

private:
  expected<void, std::string> read_head(const json::value& from);
  expected<void, std::string> read_node(const json::value& from);
  expected<void, std::string> read_gang(const json::value& from);
  expected<void, std::string> read_job(const json::value& from);
  expected<void, std::string> read_tasks(const json::value& from);
  expected<void, std::string>
  read_task(job_record& job, const task_record& task);
  expected<void, std::string> read_key(const json::value& from);
  void read_last_port(node_record& node);
  void finish_gangs();

  cluster& c_;
  /// Rows stay where they were, since ties go to the lowest row: gaps are filled
  /// first and emptied last.
  std::set<placement::node_index> gaps_;
  /// Tasks of a job that are still to come, by its name.
  std::map<std::string, uint64_t, std::less<>> missing_;
};

expected<void, std::string>
cluster::restore(const std::function<bool(std::string_view& line)>& next) {
  TROUPE_ASSERT(version_ == 0);
  return reader{*this}.read(next);
}

expected<void, std::string>
cluster::reader::read(const std::function<bool(std::string_view& line)>& next) {
  c_.restoring_ = true;
  std::string_view line;
  while (next(line)) {
    boost::json::error_code error;
    auto parsed = boost::json::parse(line, error);
    if (error || !parsed.is_object() || parsed.get_object().size() != 1)
      return make_unexpected("a line of the snapshot is not one JSON object");
    auto& entry = *parsed.get_object().begin();
    expected<void, std::string> ok;
    if (entry.key() == "cluster")
      ok = read_head(entry.value());
    else if (entry.key() == "node")
      ok = read_node(entry.value());
    else if (entry.key() == "gang")
      ok = read_gang(entry.value());
    else if (entry.key() == "job")
      ok = read_job(entry.value());
    else if (entry.key() == "tasks")
      ok = read_tasks(entry.value());
    else if (entry.key() == "key")
      ok = read_key(entry.value());
    else if (auto mine = c_.results_.restore(entry.key(), entry.value()); !mine)
      ok = make_unexpected(mine.error());
    // Other kinds are of a newer version that says they may be left out.
    if (!ok)
      return ok;
  }
  if (c_.version_ == 0)
    return make_unexpected("the snapshot has no head");
  if (!missing_.empty())
    return make_unexpected("the snapshot lacks tasks of job "
                           + missing_.begin()->first);
  finish_gangs();
  for (auto& [name, node] : c_.nodes_)
    read_last_port(node);
  for (auto row : gaps_)
    c_.table_.remove(row);
  c_.helped_.clear();
  c_.populated_.clear();
  return {};
}

expected<void, std::string>
cluster::reader::read_head(const json::value& from) {
  head_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  if (image.format > image_format)
    return make_unexpected("the snapshot is of a newer version of troupe");
  c_.version_ = image.version;
  c_.term_ = image.term;
  c_.now_ = c_.said_at_ = {image.now};
  c_.settings_ = image.config;
  c_.count_quotas();
  c_.results_.resize(c_.settings_.cache_entries);
  c_.mending_since_ = image.mending_since;
  c_.shares_.restore(std::move(image.use), image.use_halved);
  for (auto& name : image.names)
    c_.names_.enter(name);
  return {};
}

expected<void, std::string>
cluster::reader::read_node(const json::value& from) {
  node_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  auto number = c_.names_.find(image.profile.name);
  if (!number)
    return make_unexpected("node " + image.profile.name + " has no number");
  auto& node = c_.nodes_[image.profile.name];
  node.profile = std::move(image.profile);
  node.name = *number;
  node.state = image.state;
  node.eligibility = image.eligibility;
  node.labels = std::move(image.labels);
  node.weight = image.weight;
  node.overcommit = image.overcommit;
  node.joined_at = {image.joined_at};
  node.last_port = image.last_port;
  node.unhealthy_at = image.unhealthy_at;
  node.gave_up_at = image.gave_up_at;
  node.drain_deadline = image.drain_deadline;
  auto& q = node.quarantine;
  q.active = image.quarantined;
  q.message = image.quarantine_message;
  q.since = image.quarantined_at;
  q.probe_at = image.probe_at;
  q.failed_probes = image.failed_probes;
  for (auto& x : image.failing)
    q.failing[x.job] = x.at;
  node.troubled = image.troubled;
  node.trouble = image.trouble;
  if (node.state == node_state::unhealthy)
    c_.silent_.insert(node.profile.name);
  if (node.eligibility == node_eligibility::draining)
    c_.draining_.insert(node.profile.name);
  node.row = image.row;
  while (c_.rows_.size() <= node.row) {
    c_.rows_.push_back(nullptr);
    gaps_.insert(c_.table_.add({}));
  }
  if (gaps_.erase(node.row) == 0)
    return make_unexpected("two nodes stand in one row");
  c_.table_.remove(node.row);
  TROUPE_ASSERT(c_.table_.add(row_of(node, c_.overcommit_of(node)))
                == node.row);
  c_.rows_[node.row] = &node;
  c_.close_or_open(node);
  return {};
}

/// Lets the table's search for free ports begin where it had come to.
void cluster::reader::read_last_port(node_record& node) {
  if (node.last_port == 0)
    return;
  placement::task_class one_port;
  one_port.chosen_ports = 1;
  placement::occupation held{{}, {node.last_port}};
  c_.table_.occupy_again(node.row, one_port, held);
  c_.table_.vacate(node.row, one_port, held);
}

expected<void, std::string> cluster::reader::read_job(const json::value& from) {
  job_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  if (!image.spec)
    return make_unexpected("job " + image.name + " has no spec");
  auto& job = c_.jobs_[image.name];
  job.name = image.name;
  job.spec = image.spec;
  job.born = image.born;
  job.job_version = image.job_version;
  job.count = image.count;
  job.stopped = image.stopped;
  job.forget = image.forget;
  job.submitted_at = {image.submitted_at};
  job.finished_at = image.finished_at;
  job.finished_tasks = image.finished_tasks;
  job.extra = image.extra;
  job.settled_version = image.settled_version;
  job.rolled_back_to = image.rolled_back_to;
  job.past_specs = image.past_specs;
  c_.jobs_by_birth_[job.born] = &job;
  for (auto& x : image.older) {
    job.older[x.job_version] = x.spec;
    job.classes[x.job_version] = std::make_shared<placement::task_class>(
      placement::class_of(*x.spec, c_.settings_.strategy));
  }
  for (auto& x : image.extras) {
    if (!x.message.empty())
      job.messages[x.index] = x.message;
    if (!x.gpus.empty() || !x.ports.empty())
      job.occupations[x.index] = {x.gpus, x.ports};
    if (!x.past.empty())
      job.past[x.index] = x.past;
    if (auto node = c_.names_.find(x.avoid))
      job.avoid[x.index] = *node;
    if (!x.receipt.empty())
      job.receipts[x.index] = x.receipt;
  }
  if (job.finished_at != 0)
    c_.list_finished(job);
  c_.await_jobs(job, {image.awaited.begin(), image.awaited.end()});
  if (job.spec->kind == job_kind::system)
    c_.system_jobs_.insert(job.born);
  for (auto& x : image.members) {
    if (x.node >= c_.names_.size() || x.index >= job.count)
      return make_unexpected("job " + job.name
                             + " has a task for a node that is not in the "
                               "snapshot");
    job.members[x.node] = x.index;
    if (x.present)
      job.present[x.index] = x.node;
  }
  if (auto& x = image.schedule) {
    job.schedule = schedule_record{{x->ticked_at}, x->outcome,     {x->run_of},
                                   {x->began_at},  {x->queued_at}, x->asleep};
    if (!job.stopped)
      c_.await_tick(job);
  }
  for (auto& x : image.hits)
    job.hits[x.index] = x.hit;
  c_.lookups_.begin(job);
  // Its tasks follow in lines of their own; it joins the queue with the last.
  c_.enter_class(job);
  c_.enter_gang(job);
  for (auto& x : image.holds) {
    auto* node
      = x.node < c_.names_.size() ? c_.node_called(c_.names_[x.node]) : nullptr;
    if (node == nullptr)
      return make_unexpected("job " + job.name + " keeps a place on a node "
                             + "that is not in the snapshot");
    c_.hold(job, x.index, *node,
            {x.node,
             {x.gpus, x.ports},
             {x.awaits.begin(), x.awaits.end()},
             x.victims,
             x.why,
             {x.until},
             x.gang});
  }
  if (image.tasks == 0)
    c_.refresh(job);
  else
    missing_[job.name] = image.tasks;
  return {};
}

expected<void, std::string>
cluster::reader::read_tasks(const json::value& from) {
  slice_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  auto* job = c_.job_called(image.job);
  auto open = missing_.find(image.job);
  if (job == nullptr || open == missing_.end()
      || open->second < image.rows.size())
    return make_unexpected("tasks of job " + image.job
                           + ", which does not have them");
  for (auto& row : image.rows) {
    auto task = task_of_row(row);
    if (!task)
      return make_unexpected("job " + image.job + ": " + task.error());
    if (auto ok = read_task(*job, *task); !ok)
      return ok;
  }
  open->second -= image.rows.size();
  if (open->second == 0) {
    missing_.erase(open);
    c_.refresh(*job);
  }
  return {};
}

expected<void, std::string>
cluster::reader::read_gang(const json::value& from) {
  gang_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  auto& gang = c_.gangs_[image.name];
  gang.name = image.name;
  gang.state = image.state;
  gang.reservation = image.reservation;
  gang.until = {image.until};
  gang.needs = image.needs;
  return {};
}

/// All members are there: what could not be told before is now.
void cluster::reader::finish_gangs() {
  c_.restoring_ = false;
  std::erase_if(c_.gangs_, [](auto& x) { return x.second.jobs.empty(); });
  for (auto& [name, gang] : c_.gangs_) {
    c_.refresh_gang(gang);
    if (gang.state == gang_state::running)
      for (auto& [born, job] : gang.jobs)
        for (auto& [index, kept] : job->holds)
          if (kept.gang)
            c_.free_holds_.insert({born, index});
  }
}

expected<void, std::string> cluster::reader::read_key(const json::value& from) {
  key_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  c_.keys_.restore(image.key, std::move(image.jobs));
  return {};
}

expected<void, std::string>
cluster::reader::read_task(job_record& job, const task_record& task) {
  auto index = static_cast<uint32_t>(job.tasks.size());
  job.tasks.push_back(task);
  ++job.by_state[static_cast<size_t>(task.state)];
  if (task.state == task_state::pending) {
    if (job.holds.contains(index))
      ; // It has a place to come.
    else if (task.not_before > c_.now_)
      c_.agenda_.delay(job, index, task.not_before);
    else
      c_.enter_queue(job, index);
  }
  if (!holds_capacity(task.state))
    return {};
  job.leaving += task.stopping ? 1 : 0;
  auto* node = task.node < c_.names_.size()
                 ? c_.node_called(c_.names_[task.node])
                 : nullptr;
  auto klass = job.classes.find(task.job_version);
  if (node == nullptr || klass == job.classes.end())
    return make_unexpected("task " + job.name + '.' + std::to_string(index)
                           + " runs on a node that is not in the snapshot");
  placement::occupation held;
  if (auto at = job.occupations.find(index); at != job.occupations.end())
    held = {at->second.gpus,
            ports_in_order(*job.spec_of(task.job_version), at->second.ports)};
  c_.table_.occupy_again(node->row, *klass->second, held);
  ++job.held[task.job_version];
  node->reserved += klass->second->request;
  node->allocations[task.allocation] = {&job, index};
  c_.move_in(job, index, *node);
  if (auto key = c_.cache_key_of(job, index))
    c_.enter_identical(job, index, *key);
  return {};
}

} // namespace troupe::runtime
