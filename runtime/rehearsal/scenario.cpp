#include "runtime/rehearsal/scenario.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "messages/job_parts.hpp"
#include "messages/json.hpp"
#include "messages/json_cursor.hpp"

#include "runtime/api/bodies.hpp"

namespace troupe::runtime::rehearsal {

namespace {

constexpr size_t name_size_max = 63;
constexpr int64_t nodes_max = 100'000;
constexpr int64_t times_max = 1'000'000;
constexpr int64_t count_max = 1'000'000;
constexpr int64_t cpu_max = 1'000'000'000;
constexpr int64_t memory_max = int64_t{1} << 53;

/// 2026-01-01, a Thursday.
constexpr timestamp usual_start{1'767'225'600'000};

/// One reading of one document.
class scenario_reader {
public:
  explicit scenario_reader(const boost::json::value& x)
    : document_{x, reading_, "the scenario"} {}

  expected<scenario, std::vector<problem>> run() {
    static constexpr auto known = std::to_array<std::string_view>(
      {"nodes", "settings", "jobs", "events", "until", "start",
       "unhealthyAfter", "removedAfter"});
    result_.start = usual_start;
    if (json_fields fields{document_, known}; fields) {
      if (auto x = fields.need("nodes"))
        read_nodes(*x);
      if (auto x = fields.get("settings"))
        result_.settings = api::read_settings(*x);
      if (auto x = fields.get("events"))
        each(*x, [this](const json_cursor& y) { read_event(y); });
      if (auto x = fields.need("jobs"))
        each(*x, [this](const json_cursor& y) { read_submission(y); });
      if (auto x = fields.get("until"))
        result_.until = x->duration();
      if (auto x = fields.get("start"))
        read_start(*x);
      read_time(fields.get("unhealthyAfter"), result_.unhealthy_after);
      read_time(fields.get("removedAfter"), result_.removed_after);
    }
    check_names();
    check_end();
    if (!reading_.problems.empty())
      return make_unexpected(std::move(reading_.problems));
    std::stable_sort(result_.steps.begin(), result_.steps.end(),
                     [](auto& a, auto& b) { return a.at < b.at; });
    return std::move(result_);
  }

private:
  template <class F>
  static void each(const json_cursor& x, F f) {
    if (auto* items = x.array())
      for (size_t i = 0; i < items->size(); ++i)
        f(x.element(i, (*items)[i]));
  }

  static void read_time(const std::optional<json_cursor>& x, milliseconds& to) {
    if (x)
      to = x->duration().value_or(to);
  }

  static milliseconds time_of(const json_fields& fields) {
    milliseconds result{0};
    read_time(fields.get("at"), result);
    return result;
  }

  void read_start(const json_cursor& x) {
    auto text = x.text(name_size_max);
    if (!text)
      return;
    if (auto time = read_timestamp(*text))
      result_.start = *time;
    else
      x.wrong_type("must be a time such as \"2026-01-01T00:00:00.000Z\"");
  }

  // -- nodes ------------------------------------------------------------------

  void read_nodes(const json_cursor& x) {
    joined_nodes all;
    each(x, [&](const json_cursor& y) {
      for (auto& node : read_group(y))
        all.nodes.push_back(std::move(node));
    });
    result_.steps.push_back({milliseconds{0}, std::move(all), x.pointer()});
  }

  /// One machine, or with `count` several, called `n-1`, `n-2` and so on.
  std::vector<node_profile> read_group(const json_cursor& x) {
    static constexpr auto known = std::to_array<std::string_view>(
      {"count", "name", "cpu", "memory", "gpu", "resources", "labels",
       "drivers"});
    std::vector<node_profile> result;
    json_fields fields{x, known};
    if (!fields)
      return result;
    node_profile like;
    like.version = TROUPE_VERSION;
    like.drivers = {"docker", "process", "simulated"};
    if (auto y = fields.need("cpu"))
      like.capacity.cpu_millicores = y->millis(cpu_max).value_or(0);
    if (auto y = fields.need("memory"))
      like.capacity.memory_bytes = y->bytes(memory_max).value_or(0);
    if (auto y = fields.get("gpu"))
      like.capacity.gpu_millis = y->integer(0, 1'000).value_or(0) * 1'000;
    if (auto y = fields.get("resources")) {
      job_spec spec;
      read_resources(*y, spec);
      like.capacity.named = std::move(spec.request.named);
    }
    if (auto y = fields.get("labels"))
      like.labels = read_labels(*y);
    if (auto y = fields.get("drivers"))
      like.drivers = y->texts(name_size_max).value_or(like.drivers);
    std::string name = "n";
    if (auto y = fields.get("name"))
      name = y->text(name_size_max).value_or(name);
    auto count = fields.get("count");
    auto size = count ? count->integer(1, nodes_max).value_or(1) : 1;
    for (int64_t i = 1; i <= size; ++i) {
      like.name = count ? name + '-' + std::to_string(i) : name;
      if (!profiles_.emplace(like.name, like).second) {
        x.wrong("names the node " + quoted(like.name)
                + ", which is there already; give it another \"name\"");
        break;
      }
      result.push_back(like);
    }
    return result;
  }

  // -- jobs -------------------------------------------------------------------

  void read_submission(const json_cursor& x) {
    static constexpr auto known = std::to_array<std::string_view>(
      {"at", "every", "times", "job", "jobs"});
    json_fields fields{x, known};
    if (!fields)
      return;
    auto at = time_of(fields);
    auto every = milliseconds{0};
    read_time(fields.get("every"), every);
    int64_t times = 1;
    if (auto y = fields.get("times"))
      times = y->integer(1, times_max).value_or(1);
    if (fields.has("every") && !fields.has("times"))
      x.wrong("needs the key \"times\" beside \"every\"");
    auto several = fields.get("jobs");
    auto jobs = several ? read_all(*several)
                        : read_one(several ? std::nullopt : fields.need("job"));
    if (several && fields.has("job"))
      x.wrong("has both \"job\" and \"jobs\"; leave one of them out");
    for (int64_t i = 1; i <= times; ++i)
      result_.steps.push_back({at + every * (i - 1),
                               command{submission(jobs, i, times)},
                               x.pointer()});
  }

  static submit_jobs
  submission(const std::vector<job_spec>& jobs, int64_t number, int64_t of) {
    submit_jobs result;
    for (auto job : jobs) {
      if (of > 1)
        job.name += '-' + std::to_string(number);
      result.specs.push_back(std::make_shared<const job_spec>(std::move(job)));
    }
    return result;
  }

  std::vector<job_spec> read_one(const std::optional<json_cursor>& x) {
    std::vector<job_spec> result;
    if (!x)
      return result;
    if (auto job = read_job(x->value(), x->pointer())) {
      result.push_back(std::move(*job));
      settle_name(result.back(), x->value());
      check_length(result.back(), x->pointer());
    } else {
      add(std::move(job.error()), "");
    }
    return result;
  }

  std::vector<job_spec> read_all(const json_cursor& x) {
    auto jobs = read_jobs(x.value());
    if (!jobs) {
      add(std::move(jobs.error()), x.pointer());
      return {};
    }
    for (size_t i = 0; i < jobs->size(); ++i)
      check_length((*jobs)[i], x.pointer() + '/' + std::to_string(i));
    return std::move(*jobs);
  }

  /// A made name is not to be that of another job of the scenario.
  void settle_name(job_spec& job, const boost::json::value& x) {
    auto* object = x.if_object();
    if (object != nullptr && object->contains("name")) {
      names_.insert(job.name);
      return;
    }
    auto stem = job.name;
    for (size_t i = 2; !names_.insert(job.name).second; ++i)
      job.name = stem + '-' + std::to_string(i);
  }

  void check_length(const job_spec& job, const std::string& pointer) {
    if (job.kind == job_kind::batch && !length_of(job))
      reading_.add(pointer,
                   "nobody says how long its tasks run; write \"simulate\": "
                   "{\"duration\": \"30s\"} or \"expectedRuntime\": \"30s\"");
  }

  /// What begins again and again needs somebody who says when it is enough.
  void check_end() {
    if (result_.until)
      return;
    for (auto& step : result_.steps)
      if (auto* x = std::get_if<command>(&step.what))
        if (auto* jobs = std::get_if<submit_jobs>(x))
          for (auto& job : jobs->specs)
            if (job->schedule
                || (job->kind != job_kind::batch && length_of(*job))) {
              reading_.add(step.pointer,
                           "job " + quoted(job->name)
                             + " runs again and again: write \"until\": "
                               "\"1h\" beside \"jobs\" to say when the "
                               "scenario ends");
              return;
            }
  }

  void add(std::vector<problem> problems, const std::string& pointer) {
    for (auto& x : problems)
      reading_.add(pointer + x.pointer, std::move(x.detail));
  }

  // -- events -----------------------------------------------------------------

  void read_event(const json_cursor& x) {
    static constexpr auto verbs = std::to_array<std::string_view>(
      {"lose", "join", "drain", "cordon", "uncordon", "stop", "scale",
       "settings"});
    static constexpr auto known = std::to_array<std::string_view>(
      {"at", "lose", "join", "drain", "cordon", "uncordon", "stop", "scale",
       "settings", "count", "deadline"});
    json_fields fields{x, known};
    if (!fields)
      return;
    auto what = std::count_if(verbs.begin(), verbs.end(),
                              [&](auto verb) { return fields.has(verb); });
    if (what != 1)
      return x.wrong("must say one thing that happens: " + one_of(verbs));
    auto step = step_of(fields);
    if (!step)
      return;
    result_.steps.push_back({time_of(fields), std::move(*step), x.pointer()});
  }

  using happening = decltype(scenario_step::what);

  std::optional<happening> step_of(const json_fields& fields) {
    if (auto y = fields.get("join"))
      return join_of(*y);
    if (auto y = fields.get("settings"))
      return command{api::read_settings(*y)};
    if (auto y = fields.get("stop"))
      return command{stop_job{y->text(name_size_max).value_or("")}};
    if (auto y = fields.get("scale")) {
      scale_job change{y->text(name_size_max).value_or(""), 0};
      if (auto z = fields.need("count"))
        change.count
          = static_cast<uint32_t>(z->integer(0, count_max).value_or(0));
      return command{change};
    }
    if (auto y = fields.get("drain")) {
      drain_node change{node_at(*y)};
      read_time(fields.get("deadline"), change.patience);
      return command{change};
    }
    if (auto y = fields.get("cordon"))
      return command{cordon_node{node_at(*y), true}};
    if (auto y = fields.get("uncordon"))
      return command{cordon_node{node_at(*y), false}};
    if (auto y = fields.get("lose"))
      return lost_node{node_at(*y)};
    return std::nullopt;
  }

  /// The name of one that comes back, or machines that are new.
  std::optional<happening> join_of(const json_cursor& x) {
    if (x.value().is_object())
      return joined_nodes{read_group(x)};
    auto name = node_at(x);
    auto at = profiles_.find(name);
    if (at == profiles_.end())
      return std::nullopt;
    return joined_nodes{{at->second}};
  }

  std::string node_at(const json_cursor& x) {
    auto name = x.text(name_size_max);
    if (name)
      mentioned_.push_back({x.pointer(), *name});
    return name.value_or("");
  }

  /// Nodes may be mentioned before they come.
  void check_names() {
    for (auto& [pointer, name] : mentioned_)
      if (!profiles_.contains(name))
        reading_.add(pointer, "there is no node " + quoted(name)
                                + ": it must be one of \"nodes\", which are "
                                  "called NAME-1, NAME-2 .. if they have a "
                                  "\"count\"");
  }

  json_reading reading_;
  json_cursor document_;
  scenario result_;
  std::map<std::string, node_profile, std::less<>> profiles_;
  std::set<std::string, std::less<>> names_;
  /// Pointers, and names of nodes that stand there.
  std::vector<std::pair<std::string, std::string>> mentioned_;
};

} // namespace

std::optional<milliseconds> length_of(const job_spec& spec) {
  if (spec.simulate.duration.count() > 0)
    return spec.simulate.duration;
  if (spec.kind != job_kind::batch)
    return std::nullopt;
  if (spec.driver == driver_kind::simulated)
    return milliseconds{0};
  if (spec.expected_runtime.count() > 0)
    return spec.expected_runtime;
  return std::nullopt;
}

expected<scenario, std::vector<problem>>
read_scenario(const boost::json::value& x) {
  return scenario_reader{x}.run();
}

} // namespace troupe::runtime::rehearsal
