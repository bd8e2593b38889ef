// The state as lines of JSON: what a snapshot holds.
//
// A line at a time, so that neither writer nor reader ever holds more than one
// job's slice of tasks as a tree.

#include <algorithm>
#include <set>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/image.hpp"

namespace troupe::runtime {

using namespace image;

namespace {

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
