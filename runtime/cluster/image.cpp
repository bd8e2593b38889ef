// The state as lines of JSON: what a snapshot holds.
//
// A line at a time, so that neither writer nor reader ever holds more than one
// job's slice of tasks as a tree.

#include <algorithm>

#include "messages/contract.hpp"
#include "messages/json.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/node_rows.hpp"
#include "runtime/cluster/places.hpp"

namespace troupe::runtime {

namespace {

/// Raised when an older program can no longer read what this one writes.
constexpr int64_t image_format = 1;

/// Tasks in one line.
constexpr size_t slice_max = 4'096;

struct head_image {
  int64_t format = image_format;
  version_number version = 0;
  version_number term = 0;
  int64_t now = 0;
  settings config;
  std::vector<std::string> names;
  timestamp mending_since;
  std::map<std::string, int64_t, std::less<>> use;
  int64_t use_halved = 0;
  bool operator==(const head_image&) const = default;
  BOOST_DESCRIBE_CLASS(head_image, (),
                       (format, version, term, now, config, names,
                        mending_since, use, use_halved),
                       (), ())
};

struct failing_image {
  std::string job;
  timestamp at;
  bool operator==(const failing_image&) const = default;
  BOOST_DESCRIBE_CLASS(failing_image, (), (job, at), (), ())
};

struct node_image {
  node_profile profile;
  uint32_t row = 0;
  node_state state = node_state::ready;
  node_eligibility eligibility = node_eligibility::eligible;
  label_set labels;
  double weight = 1;
  std::optional<double> overcommit;
  int64_t joined_at = 0;
  uint16_t last_port = 0;
  timestamp unhealthy_at;
  timestamp gave_up_at;
  timestamp drain_deadline;
  bool quarantined = false;
  std::string quarantine_message;
  timestamp quarantined_at;
  timestamp probe_at;
  uint32_t failed_probes = 0;
  std::vector<failing_image> failing;
  std::vector<std::string> troubled;
  std::string trouble;
  bool operator==(const node_image&) const = default;
  BOOST_DESCRIBE_CLASS(node_image, (),
                       (profile, row, state, eligibility, labels, weight,
                        overcommit, joined_at, last_port, unhealthy_at,
                        gave_up_at, drain_deadline, quarantined,
                        quarantine_message, quarantined_at, probe_at,
                        failed_probes, failing, troubled, trouble),
                       (), ())
};

struct gang_image {
  std::string name;
  gang_state state = gang_state::waiting;
  version_number reservation = 0;
  int64_t until = 0;
  uint32_t needs = 0;
  bool operator==(const gang_image&) const = default;
  BOOST_DESCRIBE_CLASS(gang_image, (), (name, state, reservation, until, needs),
                       (), ())
};

struct class_image {
  uint32_t job_version = 0;
  job_spec_ptr spec;
  bool operator==(const class_image&) const = default;
  BOOST_DESCRIBE_CLASS(class_image, (), (job_version, spec), (), ())
};

struct extra_image {
  uint32_t index = 0;
  std::string message;
  std::vector<uint16_t> gpus;
  std::vector<uint16_t> ports;
  std::vector<attempt_record> past;
  /// Name of the node that it avoids.
  std::string avoid;
  std::string receipt;
  bool operator==(const extra_image&) const = default;
  BOOST_DESCRIBE_CLASS(extra_image, (),
                       (index, message, gpus, ports, past, avoid, receipt), (),
                       ())
};

struct hold_image {
  uint32_t index = 0;
  uint32_t node = 0;
  std::vector<uint16_t> gpus;
  std::vector<uint16_t> ports;
  std::vector<allocation_id> awaits;
  std::vector<task_ref> victims;
  reason why = reason::none;
  int64_t until = 0;
  bool gang = false;
  bool operator==(const hold_image&) const = default;
  BOOST_DESCRIBE_CLASS(hold_image, (),
                       (index, node, gpus, ports, awaits, victims, why, until,
                        gang),
                       (), ())
};

struct schedule_image {
  int64_t ticked_at = 0;
  std::optional<tick_outcome> outcome;
  int64_t run_of = 0;
  int64_t began_at = 0;
  int64_t queued_at = 0;
  bool asleep = true;
  bool operator==(const schedule_image&) const = default;
  BOOST_DESCRIBE_CLASS(schedule_image, (),
                       (ticked_at, outcome, run_of, began_at, queued_at,
                        asleep),
                       (), ())
};

struct member_image {
  /// Number of the node's name.
  uint32_t node = 0;
  uint32_t index = 0;
  bool present = true;
  bool operator==(const member_image&) const = default;
  BOOST_DESCRIBE_CLASS(member_image, (), (node, index, present), (), ())
};

struct hit_image {
  uint32_t index = 0;
  hit_record hit;
  bool operator==(const hit_image&) const = default;
  BOOST_DESCRIBE_CLASS(hit_image, (), (index, hit), (), ())
};

struct job_image {
  std::string name;
  job_spec_ptr spec;
  version_number born = 0;
  uint32_t job_version = 1;
  uint32_t count = 0;
  bool stopped = false;
  bool forget = false;
  int64_t submitted_at = 0;
  version_number finished_at = 0;
  uint32_t finished_tasks = 0;
  /// How many tasks follow in lines of their own.
  uint64_t tasks = 0;
  /// Requests of older versions that tasks still hold.
  std::vector<class_image> older;
  std::vector<extra_image> extras;
  std::vector<std::string> awaited;
  uint32_t extra = 0;
  uint32_t settled_version = 0;
  uint32_t rolled_back_to = 0;
  std::vector<past_spec> past_specs;
  std::vector<hold_image> holds;
  std::optional<schedule_image> schedule;
  std::vector<member_image> members;
  std::vector<hit_image> hits;
  bool operator==(const job_image&) const = default;
  BOOST_DESCRIBE_CLASS(job_image, (),
                       (name, spec, born, job_version, count, stopped, forget,
                        submitted_at, finished_at, finished_tasks, tasks, older,
                        extras, awaited, extra, settled_version, rolled_back_to,
                        past_specs, holds, schedule, members, hits),
                       (), ())
};

/// Tasks of one job, in the order of their indices.
struct slice_image {
  std::string job;
  std::vector<json::value> rows;
  bool operator==(const slice_image&) const = default;
  BOOST_DESCRIBE_CLASS(slice_image, (), (job, rows), (), ())
};

struct key_image {
  std::string key;
  std::vector<submitted_job> jobs;
  bool operator==(const key_image&) const = default;
  BOOST_DESCRIBE_CLASS(key_image, (), (key, jobs), (), ())
};

/// A task as a row of numbers, in the order of `task_record`.
json::array row_of_task(const task_record& x) {
  return {static_cast<uint64_t>(x.state),
          static_cast<uint64_t>(x.ended_as),
          static_cast<uint64_t>(x.health),
          static_cast<uint64_t>(x.why),
          (x.stopping ? 1U : 0U) | (x.restart ? 2U : 0U)
            | (x.has_exit_code ? 4U : 0U) | (x.accepted ? 8U : 0U),
          x.attempt,
          x.node,
          x.exit_code,
          x.failures,
          x.job_version,
          x.allocation.value,
          x.placed_at.ms,
          x.started_at.ms,
          x.ended_at.ms,
          x.not_before.ms,
          x.ready_at.ms};
}

constexpr size_t task_columns = 16;
/// Columns that the first version wrote.
constexpr size_t task_columns_min = 15;

expected<task_record, std::string> task_of_row(const json::value& x) {
  auto* row = x.if_array();
  if (row == nullptr || row->size() < task_columns_min)
    return make_unexpected("a task's row is too short");
  std::array<int64_t, task_columns> n{};
  for (size_t i = 0; i < std::min(n.size(), row->size()); ++i) {
    boost::json::error_code error;
    n[i] = (*row)[i].to_number<int64_t>(error);
    if (error)
      return make_unexpected("a task's row holds something else than numbers");
  }
  if (n[0] < 0 || n[0] >= static_cast<int64_t>(task_states))
    return make_unexpected("a task is in a state that only a newer version of "
                           "troupe knows");
  task_record task;
  task.state = static_cast<task_state>(n[0]);
  task.ended_as = static_cast<task_state>(n[1]);
  task.health = static_cast<task_health>(n[2]);
  task.why = static_cast<reason>(n[3]);
  task.stopping = (n[4] & 1) != 0;
  task.restart = (n[4] & 2) != 0;
  task.has_exit_code = (n[4] & 4) != 0;
  task.accepted = (n[4] & 8) != 0;
  task.attempt = static_cast<uint32_t>(n[5]);
  task.node = static_cast<uint32_t>(n[6]);
  task.exit_code = static_cast<int32_t>(n[7]);
  task.failures = static_cast<uint32_t>(n[8]);
  task.job_version = static_cast<uint32_t>(n[9]);
  task.allocation = {static_cast<uint64_t>(n[10])};
  task.placed_at = {n[11]};
  task.started_at = {n[12]};
  task.ended_at = {n[13]};
  task.not_before = {n[14]};
  task.ready_at = {n[15]};
  return task;
}

template <class T>
expected<void, std::string> read_image(const json::value& from, T& to) {
  if (auto ok = json::read(from, to); !ok)
    return make_unexpected("in the snapshot, " + ok.error().pointer + ": "
                           + ok.error().detail);
  return {};
}

std::string line_of(const char* kind, json::value body) {
  return boost::json::serialize(json::object{{kind, std::move(body)}});
}

std::vector<extra_image>
extras_of(const job_record& x, const node_names& names) {
  std::vector<extra_image> result;
  std::set<uint32_t> special;
  for (auto& [i, y] : x.messages)
    special.insert(i);
  for (auto& [i, y] : x.occupations)
    special.insert(i);
  for (auto& [i, y] : x.past)
    special.insert(i);
  for (auto& [i, y] : x.avoid)
    special.insert(i);
  for (auto& [i, y] : x.receipts)
    special.insert(i);
  for (auto i : special) {
    extra_image extra;
    extra.index = i;
    if (auto at = x.messages.find(i); at != x.messages.end())
      extra.message = at->second;
    if (auto at = x.occupations.find(i); at != x.occupations.end()) {
      extra.gpus = at->second.gpus;
      extra.ports = at->second.ports;
    }
    if (auto at = x.past.find(i); at != x.past.end())
      extra.past = at->second;
    if (auto at = x.avoid.find(i); at != x.avoid.end())
      extra.avoid = names[at->second];
    if (auto at = x.receipts.find(i); at != x.receipts.end())
      extra.receipt = at->second;
    result.push_back(std::move(extra));
  }
  return result;
}

} // namespace

void cluster::save(const std::function<void(std::string_view)>& out) const {
  out(line_of("cluster",
              json::write(head_image{image_format, version_, term_, said_at_.ms,
                                     settings_, names_.all(), mending_since_,
                                     shares_.past(), shares_.halved()})));
  for (auto& [name, x] : nodes_) {
    auto& q = x.quarantine;
    node_image image{x.profile,      x.row,           x.state,
                     x.eligibility,  x.labels,        x.weight,
                     x.overcommit,   x.joined_at.ms,  x.last_port,
                     x.unhealthy_at, x.gave_up_at,    x.drain_deadline,
                     q.active,       q.message,       q.since,
                     q.probe_at,     q.failed_probes, {},
                     x.troubled,     x.trouble};
    for (auto& [job, at] : q.failing)
      image.failing.push_back({job, at});
    out(line_of("node", json::write(image)));
  }
  for (auto& [name, x] : gangs_)
    out(line_of("gang", json::write(gang_image{x.name, x.state, x.reservation,
                                               x.until.ms, x.needs})));
  results_.save([&](const char* kind, json::value body) {
    out(line_of(kind, std::move(body)));
  });
  for (auto& [name, x] : jobs_) {
    job_image image{x.name,
                    x.spec,
                    x.born,
                    x.job_version,
                    x.count,
                    x.stopped,
                    x.forget,
                    x.submitted_at.ms,
                    x.finished_at,
                    x.finished_tasks,
                    x.tasks.size(),
                    {},
                    extras_of(x, names_),
                    {x.awaited.begin(), x.awaited.end()},
                    x.extra,
                    x.settled_version,
                    x.rolled_back_to,
                    x.past_specs,
                    {},
                    {},
                    {},
                    {}};
    for (auto& [index, hit] : x.hits)
      image.hits.push_back({index, hit});
    for (auto& [node, index] : x.members)
      image.members.push_back({node, index, x.present.contains(index)});
    if (auto& y = x.schedule)
      image.schedule = {y->ticked_at.ms, y->outcome,      y->run_of.ms,
                        y->began_at.ms,  y->queued_at.ms, y->asleep};
    for (auto& [version, spec] : x.older)
      image.older.push_back({version, spec});
    for (auto& [index, kept] : x.holds)
      image.holds.push_back({index,
                             kept.node,
                             kept.held.gpus,
                             kept.held.ports,
                             {kept.awaits.begin(), kept.awaits.end()},
                             kept.victims,
                             kept.why,
                             kept.until.ms,
                             kept.gang});
    out(line_of("job", json::write(image)));
    for (size_t from = 0; from < x.tasks.size(); from += slice_max) {
      json::array rows;
      auto to = std::min(from + slice_max, x.tasks.size());
      for (auto i = from; i < to; ++i)
        rows.push_back(row_of_task(x.tasks[i]));
      out(line_of("tasks",
                  json::object{{"job", x.name}, {"rows", std::move(rows)}}));
    }
  }
  keys_.each([&](const std::string& key, const submission_keys::answer& x) {
    out(line_of("key", json::write(key_image{key, x})));
  });
}

expected<void, std::string>
cluster::restore(const std::function<bool(std::string_view& line)>& next) {
  TROUPE_ASSERT(version_ == 0);
  // Rows stay where they were, since ties go to the lowest row: gaps are filled
  // first and emptied last.
  std::set<placement::node_index> gaps;
  missing_tasks missing;
  restoring_ = true;
  std::string_view line;
  while (next(line)) {
    boost::json::error_code error;
    auto parsed = boost::json::parse(line, error);
    if (error || !parsed.is_object() || parsed.get_object().size() != 1)
      return make_unexpected("a line of the snapshot is not one JSON object");
    auto& entry = *parsed.get_object().begin();
    expected<void, std::string> ok;
    if (entry.key() == "cluster")
      ok = restore_head(entry.value());
    else if (entry.key() == "node")
      ok = restore_node(entry.value(), gaps);
    else if (entry.key() == "gang")
      ok = restore_gang(entry.value());
    else if (entry.key() == "job")
      ok = restore_job(entry.value(), missing);
    else if (entry.key() == "tasks")
      ok = restore_tasks(entry.value(), missing);
    else if (entry.key() == "key")
      ok = restore_key(entry.value());
    else if (auto mine = results_.restore(entry.key(), entry.value()); !mine)
      ok = make_unexpected(mine.error());
    // Other kinds are of a newer version that says they may be left out.
    if (!ok)
      return ok;
  }
  if (version_ == 0)
    return make_unexpected("the snapshot has no head");
  if (!missing.empty())
    return make_unexpected("the snapshot lacks tasks of job "
                           + missing.begin()->first);
  finish_gangs();
  for (auto& [name, node] : nodes_)
    restore_last_port(node);
  for (auto row : gaps)
    table_.remove(row);
  helped_.clear();
  populated_.clear();
  return {};
}

expected<void, std::string> cluster::restore_head(const json::value& from) {
  head_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  if (image.format > image_format)
    return make_unexpected("the snapshot is of a newer version of troupe");
  version_ = image.version;
  term_ = image.term;
  now_ = said_at_ = {image.now};
  settings_ = image.config;
  count_quotas();
  results_.resize(settings_.cache_entries);
  mending_since_ = image.mending_since;
  shares_.restore(std::move(image.use), image.use_halved);
  for (auto& name : image.names)
    names_.enter(name);
  return {};
}

expected<void, std::string>
cluster::restore_node(const json::value& from,
                      std::set<placement::node_index>& gaps) {
  node_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  auto number = names_.find(image.profile.name);
  if (!number)
    return make_unexpected("node " + image.profile.name + " has no number");
  auto& node = nodes_[image.profile.name];
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
    silent_.insert(node.profile.name);
  if (node.eligibility == node_eligibility::draining)
    draining_.insert(node.profile.name);
  node.row = image.row;
  while (rows_.size() <= node.row) {
    rows_.push_back(nullptr);
    gaps.insert(table_.add({}));
  }
  if (gaps.erase(node.row) == 0)
    return make_unexpected("two nodes stand in one row");
  table_.remove(node.row);
  TROUPE_ASSERT(table_.add(row_of(node, overcommit_of(node))) == node.row);
  rows_[node.row] = &node;
  close_or_open(node);
  return {};
}

/// Lets the table's search for free ports begin where it had come to.
void cluster::restore_last_port(node_record& node) {
  if (node.last_port == 0)
    return;
  placement::task_class one_port;
  one_port.chosen_ports = 1;
  placement::occupation held{{}, {node.last_port}};
  table_.occupy_again(node.row, one_port, held);
  table_.vacate(node.row, one_port, held);
}

expected<void, std::string>
cluster::restore_job(const json::value& from, missing_tasks& missing) {
  job_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  if (!image.spec)
    return make_unexpected("job " + image.name + " has no spec");
  auto& job = jobs_[image.name];
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
  jobs_by_birth_[job.born] = &job;
  for (auto& x : image.older) {
    job.older[x.job_version] = x.spec;
    job.classes[x.job_version] = std::make_shared<placement::task_class>(
      placement::class_of(*x.spec, settings_.strategy));
  }
  for (auto& x : image.extras) {
    if (!x.message.empty())
      job.messages[x.index] = x.message;
    if (!x.gpus.empty() || !x.ports.empty())
      job.occupations[x.index] = {x.gpus, x.ports};
    if (!x.past.empty())
      job.past[x.index] = x.past;
    if (auto node = names_.find(x.avoid))
      job.avoid[x.index] = *node;
    if (!x.receipt.empty())
      job.receipts[x.index] = x.receipt;
  }
  if (job.finished_at != 0)
    list_finished(job);
  await_jobs(job, {image.awaited.begin(), image.awaited.end()});
  if (job.spec->kind == job_kind::system)
    system_jobs_.insert(job.born);
  for (auto& x : image.members) {
    if (x.node >= names_.size() || x.index >= job.count)
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
      await_tick(job);
  }
  for (auto& x : image.hits)
    job.hits[x.index] = x.hit;
  lookups_.begin(job);
  // Its tasks follow in lines of their own; it joins the queue with the last.
  enter_class(job);
  enter_gang(job);
  for (auto& x : image.holds) {
    auto* node = x.node < names_.size() ? node_called(names_[x.node]) : nullptr;
    if (node == nullptr)
      return make_unexpected("job " + job.name + " keeps a place on a node "
                             + "that is not in the snapshot");
    hold(job, x.index, *node,
         {x.node,
          {x.gpus, x.ports},
          {x.awaits.begin(), x.awaits.end()},
          x.victims,
          x.why,
          {x.until},
          x.gang});
  }
  if (image.tasks == 0)
    refresh(job);
  else
    missing[job.name] = image.tasks;
  return {};
}

expected<void, std::string>
cluster::restore_tasks(const json::value& from, missing_tasks& missing) {
  slice_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  auto* job = job_called(image.job);
  auto open = missing.find(image.job);
  if (job == nullptr || open == missing.end()
      || open->second < image.rows.size())
    return make_unexpected("tasks of job " + image.job
                           + ", which does not have them");
  for (auto& row : image.rows) {
    auto task = task_of_row(row);
    if (!task)
      return make_unexpected("job " + image.job + ": " + task.error());
    if (auto ok = restore_task(*job, *task); !ok)
      return ok;
  }
  open->second -= image.rows.size();
  if (open->second == 0) {
    missing.erase(open);
    refresh(*job);
  }
  return {};
}

expected<void, std::string> cluster::restore_gang(const json::value& from) {
  gang_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  auto& gang = gangs_[image.name];
  gang.name = image.name;
  gang.state = image.state;
  gang.reservation = image.reservation;
  gang.until = {image.until};
  gang.needs = image.needs;
  return {};
}

/// All members are there: what could not be told before is now.
void cluster::finish_gangs() {
  restoring_ = false;
  std::erase_if(gangs_, [](auto& x) { return x.second.jobs.empty(); });
  for (auto& [name, gang] : gangs_) {
    refresh_gang(gang);
    if (gang.state == gang_state::running)
      for (auto& [born, job] : gang.jobs)
        for (auto& [index, kept] : job->holds)
          if (kept.gang)
            free_holds_.insert({born, index});
  }
}

expected<void, std::string> cluster::restore_key(const json::value& from) {
  key_image image;
  if (auto ok = read_image(from, image); !ok)
    return ok;
  keys_.restore(image.key, std::move(image.jobs));
  return {};
}

expected<void, std::string>
cluster::restore_task(job_record& job, const task_record& task) {
  auto index = static_cast<uint32_t>(job.tasks.size());
  job.tasks.push_back(task);
  ++job.by_state[static_cast<size_t>(task.state)];
  if (task.state == task_state::pending) {
    if (job.holds.contains(index))
      ; // It has a place to come.
    else if (task.not_before > now_)
      agenda_.delay(job, index, task.not_before);
    else
      enter_queue(job, index);
  }
  if (!holds_capacity(task.state))
    return {};
  job.leaving += task.stopping ? 1 : 0;
  auto* node
    = task.node < names_.size() ? node_called(names_[task.node]) : nullptr;
  auto klass = job.classes.find(task.job_version);
  if (node == nullptr || klass == job.classes.end())
    return make_unexpected("task " + job.name + '.' + std::to_string(index)
                           + " runs on a node that is not in the snapshot");
  placement::occupation held;
  if (auto at = job.occupations.find(index); at != job.occupations.end())
    held = {at->second.gpus,
            ports_in_order(*job.spec_of(task.job_version), at->second.ports)};
  table_.occupy_again(node->row, *klass->second, held);
  ++job.held[task.job_version];
  node->reserved += klass->second->request;
  node->allocations[task.allocation] = {&job, index};
  move_in(job, index, *node);
  if (auto key = cache_key_of(job, index))
    enter_identical(job, index, *key);
  return {};
}

uint64_t cluster::digest() const {
  // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
  uint64_t hash = 14'695'981'039'346'656'037U;
  save([&](std::string_view line) {
    for (auto c : line) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 1'099'511'628'211U;
    }
  });
  return hash;
}

} // namespace troupe::runtime
