#include "runtime/remedy.hpp"

#include <algorithm>
#include <functional>

#include "messages/json.hpp"
#include "messages/quantity.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"

namespace troupe::runtime {

namespace {

using placement::node_index;

/// More victims than this are not named.
constexpr size_t named_max = 3;

constexpr int32_t priority_max = 1'000'000;

/// Amounts are lowered to a multiple of these, so that people can read them.
constexpr int64_t cpu_step = 10;
constexpr int64_t memory_step = 1 << 20;

int64_t rounded_down(int64_t x, int64_t step) {
  return x >= step ? x / step * step : x;
}

std::string quoted(const std::string& x) {
  return '"' + x + '"';
}

/// `zone in (a, b)`, as in a job file.
std::string rule_text(const label_requirement& x) {
  std::string values;
  for (auto& value : x.values)
    values += (values.empty() ? "" : ", ") + quoted(value);
  return quoted(x.name) + ": "
         + (x.values.size() == 1 ? values : '[' + values + ']');
}

/// The label that satisfies `x`; an empty value takes it away.
label label_for(const label_requirement& x) {
  auto& value = x.values.front();
  if (value == "*")
    return {x.name, "true"};
  if (value.starts_with('!'))
    return {x.name, ""};
  return {x.name, value};
}

class finder {
public:
  finder(const cluster& c, const job_record& job, timestamp now)
    : cluster_{c}, job_{job}, spec_{*job.spec}, now_{now},
      behind_{c.queue().at(job.klass).behind ? c.ahead() : std::nullopt} {
    // nop
  }

  std::vector<remedy> run() {
    if (!cluster_.queue().at(job_.klass).quotas.empty() && raise_limit())
      return std::move(found_);
    if (job_.gated) {
      start_with_fewer();
      return std::move(found_);
    }
    open_a_node();
    lower_amounts();
    leave_out_rules();
    label_a_node();
    make_room();
    add_a_node();
    return std::move(found_);
  }

private:
  /// The nodes as the job sees them: without what is kept for those ahead of it.
  [[nodiscard]] const placement::table& nodes() const {
    return behind_ ? behind_->places.rest : cluster_.table();
  }
  [[nodiscard]] const std::string& name_of(node_index n) const {
    return nodes().row(n).name;
  }

  /// The first node that takes a task of `x`.
  [[nodiscard]] std::optional<node_index> place_for(const job_spec& x) const {
    return place_for(x, [](node_index) { return true; });
  }
  [[nodiscard]] std::optional<node_index>
  place_for(const job_spec& x,
            const std::function<bool(node_index)>& allowed) const {
    auto of = cluster_.class_of(x);
    placement::known_class known{of};
    for (node_index n = 0; n < nodes().rows(); ++n)
      if (nodes().has(n) && allowed(n)
          && nodes().refuses(n, known) == reason::none)
        return n;
    return std::nullopt;
  }

  void add(std::string change, std::string message, command how) {
    found_.push_back({std::move(change), std::move(message), std::move(how)});
  }
  void add_spec(std::string change, std::string message, job_spec x) {
    add(std::move(change), std::move(message),
        submit_jobs{{std::make_shared<const job_spec>(std::move(x))}, {}});
  }

  // -- limits and gangs -------------------------------------------------------

  /// True if it is a limit that keeps it from running.
  bool raise_limit() {
    auto& klass = cluster_.queue().at(job_.klass);
    for (auto& name : klass.quotas) {
      auto& quota = cluster_.limits().find(name)->second;
      if (quota.used < quota.limit)
        continue;
      auto limit = quota.used + 1;
      change_settings how;
      how.concurrency = cluster_.config().concurrency;
      how.concurrency->at(name) = limit;
      auto text = name + '=' + std::to_string(limit);
      add("concurrency " + text,
          "let more tasks with this label run: `troupe settings --concurrency "
            + text + "`; or wait until one of them has ended",
          how);
      return true;
    }
    return false;
  }

  /// As many members as have places now.
  void start_with_fewer() {
    auto& gang = *job_.gang;
    auto members = members_of(gang);
    if (gang.jobs.size() != 1 || !members.complete())
      return;
    auto& of = *job_.classes.at(job_.job_version);
    auto trial = nodes();
    uint32_t fit = 0;
    for (node_index n = 0; n < trial.rows(); ++n)
      while (trial.has(n) && fit < members.places_min()
             && trial.occupy(n, of).has_value())
        ++fit;
    if (fit == 0 || fit >= members.places_min())
      return;
    auto x = spec_;
    x.gang = gang_request{spec_.gang ? spec_.gang->name : std::string{},
                          members.done + fit, members.max()};
    auto text = std::to_string(members.done + fit);
    add_spec("gang.min=" + text,
             "let it start with fewer members: there are places for "
               + std::to_string(fit) + " now, so write \"gang\": {\"min\": "
               + text + ", \"max\": " + std::to_string(members.max()) + '}',
             std::move(x));
  }

  // -- the nodes as they are --------------------------------------------------

  void open_a_node() {
    auto of = cluster_.class_of(spec_);
    placement::known_class known{of};
    for (auto& [name, node] : cluster_.nodes()) {
      if (node.state != node_state::ready || !node.strays.empty()
          || node.quarantine.active
          || node.eligibility == node_eligibility::eligible)
        continue;
      auto trial = nodes();
      trial.close(node.row, reason::none);
      if (trial.refuses(node.row, known) != reason::none)
        continue;
      add("uncordon " + name,
          "let " + name + " take tasks again, where it would fit: `troupe "
            + "uncordon " + name + '`',
          cordon_node{name, false});
      return;
    }
  }

  // -- less of one resource ---------------------------------------------------

  void lower_amounts() {
    lower(&resources::cpu_millicores, cpu_step, [this](int64_t most) {
      auto x = spec_;
      x.request.cpu_millicores = most;
      return said("cpu", millis_text(spec_.request.cpu_millicores),
                  millis_text(most), std::move(x));
    });
    lower(&resources::memory_bytes, memory_step, [this](int64_t most) {
      auto x = spec_;
      x.request.memory_bytes = most;
      return said("memory", bytes_text(spec_.request.memory_bytes),
                  bytes_text(most), std::move(x));
    });
    lower_gpu();
  }

  bool said(const char* key, const std::string& before,
            const std::string& after, job_spec x) {
    auto place = place_for(x);
    if (!place)
      return false;
    add_spec(key + ("=" + after),
             "ask for " + after + " of " + key + " instead of " + before
               + ": then it fits on " + name_of(*place),
             std::move(x));
    return true;
  }

  /// Finds the most of a resource that some node has left which would take the
  /// task if it asked for none of it.
  void lower(int64_t resources::*amount, int64_t step,
             const std::function<bool(int64_t)>& try_out) {
    auto asked = spec_.request.*amount;
    if (asked <= 1)
      return;
    auto without = spec_;
    without.request.*amount = 1;
    auto of = cluster_.class_of(without);
    placement::known_class known{of};
    int64_t most = 0;
    for (node_index n = 0; n < nodes().rows(); ++n)
      if (nodes().has(n) && nodes().refuses(n, known) == reason::none)
        most = std::max(most, nodes().free(n).*amount);
    most = rounded_down(most, step);
    if (most > 0 && most < asked)
      try_out(most);
  }

  void lower_gpu() {
    auto asked = spec_.request.gpu_millis;
    for (auto less = asked > 1'000 ? asked - 1'000 : asked - 50; less > 0;
         less -= less > 1'000 ? 1'000 : 50) {
      auto x = spec_;
      x.request.gpu_millis = less;
      if (said("gpu", millis_text(asked), millis_text(less), std::move(x)))
        return;
    }
  }

  // -- one rule less ----------------------------------------------------------

  void leave_out(const std::string& key, const std::string& rule, job_spec x) {
    if (auto place = place_for(x))
      add_spec(key + " without " + rule,
               "leave out " + rule + " of \"" + key + "\": then it fits on "
                 + name_of(*place),
               std::move(x));
  }

  template <class Rules, class Text>
  void
  leave_out_each(const std::string& key, Rules job_spec::*rules, Text text) {
    for (size_t i = 0; i < (spec_.*rules).size(); ++i) {
      auto x = spec_;
      (x.*rules).erase((x.*rules).begin() + static_cast<ptrdiff_t>(i));
      leave_out(key, text((spec_.*rules)[i]), std::move(x));
    }
  }

  void leave_out_rules() {
    auto label_text
      = [](const label& x) { return quoted(x.name) + ": " + quoted(x.value); };
    leave_out_each("requires", &job_spec::requirements, rule_text);
    leave_out_each("avoidColocating", &job_spec::avoid_colocating, label_text);
    leave_out_each("colocateWith", &job_spec::colocate_with, label_text);
    if (spec_.exclusive) {
      auto x = spec_;
      x.exclusive = false;
      if (auto place = place_for(x))
        add_spec("exclusive=false",
                 "let it share its node: then it fits on " + name_of(*place),
                 std::move(x));
    }
    for (size_t i = 0; i < spec_.ports.size(); ++i) {
      auto x = spec_;
      if (std::exchange(x.ports[i].host, 0) == 0)
        continue;
      if (auto place = place_for(x))
        add_spec("ports." + spec_.ports[i].name,
                 "let the host port of \"" + spec_.ports[i].name
                   + "\" be chosen: then it fits on " + name_of(*place),
                 std::move(x));
    }
  }

  void label_a_node() {
    for (size_t i = 0; i < spec_.requirements.size(); ++i) {
      auto& rule = spec_.requirements[i];
      if (rule.values.empty())
        continue;
      auto x = spec_;
      x.requirements.erase(x.requirements.begin() + static_cast<ptrdiff_t>(i));
      auto place = place_for(x);
      if (!place)
        continue;
      auto wanted = label_for(rule);
      auto& node = name_of(*place);
      // A node whose label would have to change may be meant to have it.
      if (placement::value_of(nodes().row(*place).labels, rule.name) != nullptr
          && !wanted.value.empty())
        continue;
      auto text = node + ' ' + wanted.name + '=' + wanted.value;
      change_node how;
      how.node = node;
      how.labels = {wanted};
      add("label " + text,
          "give " + node + " the label, if it is true: `troupe label " + text
            + '`',
          how);
    }
  }

  // -- others go --------------------------------------------------------------

  void make_room() {
    // Who is ahead would take it.
    if (behind_)
      return wait_for_head();
    auto of = cluster_.class_of(spec_);
    auto room = placement::find_room(
      {nodes(), cluster_.tenants(),
       [this](node_index n, uint64_t id) { return cluster_.holding_of(n, id); },
       now_},
      of, priority_max);
    if (!room)
      return;
    std::string who;
    for (size_t i = 0; i < room->victims.size() && i < named_max; ++i)
      who += (i == 0 ? "" : ", ")
             + to_string(cluster_.holder_of(room->node, room->victims[i]));
    if (room->victims.size() > named_max)
      who
        += " and " + std::to_string(room->victims.size() - named_max) + " more";
    auto& node = name_of(room->node);
    if (room->victims.empty()) {
      found_.push_back({"wait",
                        "wait: its place on " + node + " is being freed",
                        std::nullopt});
      return;
    }
    auto needed = room->cost.highest_priority + 1;
    // Its other tasks would count more as well.
    auto of_itself = std::any_of(
      room->victims.begin(), room->victims.end(), [&](uint64_t id) {
        return cluster_.holder_of(room->node, id).job == job_.name;
      });
    if (needed > spec_.priority && needed <= priority_max && !of_itself) {
      auto x = spec_;
      x.priority = static_cast<int32_t>(needed);
      auto text = std::to_string(needed);
      add_spec("priority=" + text,
               "raise its priority from " + std::to_string(spec_.priority)
                 + " to " + text + ": it would take the place of " + who
                 + " on " + node,
               std::move(x));
    }
    found_.push_back({"wait",
                      "wait: it fits on " + node + " once " + who
                        + (room->victims.size() == 1 ? " has" : " have")
                        + " ended",
                      std::nullopt});
  }

  void wait_for_head() {
    auto left
      = std::chrono::floor<std::chrono::seconds>(behind_->places.at - now_);
    auto fits_now = [&] {
      auto of = cluster_.class_of(spec_);
      placement::known_class known{of};
      auto& all = cluster_.table();
      for (node_index n = 0; n < all.rows(); ++n)
        if (all.has(n) && all.refuses(n, known) == reason::none)
          return true;
      return false;
    };
    if (!behind_->places.overdue && left.count() > 0 && fits_now()) {
      auto x = spec_;
      x.expected_runtime = left;
      auto text = duration_text(left);
      add_spec("expectedRuntime=" + text,
               "say that it runs for " + text
                 + " or less, if it does: then it may run until " + behind_->job
                 + " starts",
               std::move(x));
    }
    found_.push_back(
      {"wait",
       "wait: it is looked at again once " + behind_->job + " has started",
       std::nullopt});
  }

  // -- one more node ----------------------------------------------------------

  void add_a_node() {
    // Somebody else's task would have to be there.
    if (!spec_.colocate_with.empty())
      return;
    node_profile node;
    node.name = "new";
    for (auto n = 1; cluster_.find_node(node.name) != nullptr; ++n)
      node.name = "new-" + std::to_string(n);
    node.capacity = spec_.request;
    // A share of a device needs a device.
    node.capacity.gpu_millis = (node.capacity.gpu_millis + 999) / 1'000 * 1'000;
    node.drivers = {json::name_of(spec_.driver)};
    std::string labels;
    for (auto& rule : spec_.requirements) {
      auto wanted = rule.values.empty() ? label{} : label_for(rule);
      if (wanted.value.empty())
        continue;
      labels += (labels.empty() ? "" : ",") + wanted.name + '=' + wanted.value;
      node.labels.push_back(std::move(wanted));
    }
    std::sort(node.labels.begin(), node.labels.end());
    auto& x = spec_.request;
    auto text = "cpu " + millis_text(x.cpu_millicores) + ", memory "
                + bytes_text(x.memory_bytes);
    if (x.gpu_millis > 0)
      text += ", " + std::to_string(node.capacity.gpu_millis / 1'000) + " gpu";
    for (auto& [name, amount] : x.named)
      text += ", " + std::to_string(amount) + ' ' + name;
    auto command = "troupe node --controller HOST:PORT"
                   + (labels.empty() ? "" : " --labels " + labels);
    add("addNode",
        "add a node with at least " + text + " free: `" + command + '`',
        join_node{std::move(node), std::vector<task_report>{}});
  }

  const cluster& cluster_;
  const job_record& job_;
  const job_spec& spec_;
  timestamp now_;
  /// Who places are kept for that the job would take.
  std::optional<reserved_head> behind_;
  std::vector<remedy> found_;
};

} // namespace

std::vector<remedy>
remedies_for(const cluster& c, const job_record& job, timestamp now) {
  return finder{c, job, now}.run();
}

} // namespace troupe::runtime
