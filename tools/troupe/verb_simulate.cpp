#include <algorithm>

#include <fmt/format.h>

#include "messages/job_text.hpp"

#include "runtime/placement/policy.hpp"
#include "runtime/rehearsal/simulate.hpp"
#include "runtime/rehearsal/swf.hpp"

#include "tools/troupe/job_file.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

namespace rehearsal = runtime::rehearsal;

failure bad(const job_file& file, std::span<const problem> problems) {
  return {exit_code::bad_input,
          fmt::format("nothing was played, because:\n  {}",
                      fmt::join(fault_lines(file, problems), "\n  "))};
}

expected<rehearsal::scenario, failure> scenario_in(const job_file& file) {
  auto document = read_json_text(file.text, json_dialect::file);
  if (!document)
    return make_unexpected(bad(file, document.error()));
  auto result = rehearsal::read_scenario(*document);
  if (!result)
    return make_unexpected(bad(file, result.error()));
  return std::move(*result);
}

/// `binpack,spread`, or `all` there are; those of the scenario if empty.
std::vector<std::optional<std::string>>
strategies_of(const std::string& one, const std::string& several) {
  std::vector<std::optional<std::string>> result;
  if (several.empty()) {
    result.push_back(one.empty() ? std::nullopt : std::optional{one});
    return result;
  }
  if (several == "all") {
    for (auto& name : runtime::placement::policy_names())
      result.emplace_back(name);
    return result;
  }
  for (size_t from = 0; from <= several.size();) {
    auto to = std::min(several.find(',', from), several.size());
    result.emplace_back(several.substr(from, to - from));
    from = to + 1;
  }
  return result;
}

/// Plays `file` once for each strategy.
expected<boost::json::array, failure>
play_all(const job_file& file,
         const std::vector<std::optional<std::string>>& strategies,
         rehearsal::simulation_options options) {
  auto scenario = scenario_in(file);
  if (!scenario)
    return make_unexpected(scenario.error());
  boost::json::array runs;
  for (auto& strategy : strategies) {
    options.strategy = strategy;
    auto run = rehearsal::simulate(*scenario, options);
    if (!run && run.error().pointer.empty())
      return make_unexpected(
        failure{exit_code::bad_input, inert(run.error().detail)});
    if (!run)
      return make_unexpected(bad(file, {&run.error(), 1}));
    runs.push_back(rehearsal::write_played(*run));
  }
  return runs;
}

/// Plays a log of a parallel machine in each order.
int simulate_log(const std::string& path, uint32_t processors,
                 const output& how) {
  auto file = read_job_file(path);
  if (!file)
    return report(file.error());
  auto fail = [&](const problem& x) {
    return report({exit_code::bad_input,
                   fmt::format("{}:{}: {}", inert(file->name),
                               x.pointer.substr(1), inert(x.detail))});
  };
  auto log = rehearsal::read_swf(file->text, processors);
  if (!log)
    return fail(log.error());
  boost::json::array runs;
  for (auto order : {rehearsal::swf_order::plain, rehearsal::swf_order::greedy,
                     rehearsal::swf_order::backfill}) {
    auto run = rehearsal::play_swf(*log, order);
    if (!run)
      return fail(run.error());
    runs.push_back(rehearsal::write_swf_run(*run));
  }
  json_value all(boost::json::object{{"processors", log->processors},
                                     {"jobs", log->jobs.size()},
                                     {"leftOut", log->left_out},
                                     {"runs", std::move(runs)}});
  return print_one(all, how, "processors", [&](const screen& s) {
    return show_simulations(field(all, "runs"), s);
  });
}

} // namespace

int run_simulate(int argc, char** argv) {
  output how;
  std::string path;
  std::string strategy;
  std::string compare;
  std::string log;
  std::optional<uint64_t> processors;
  rehearsal::simulation_options options;
  command_line line{"simulate",
                    "Plays a scenario on a virtual clock, with the scheduler "
                    "of a controller: what would run where and when, how long "
                    "tasks would wait, how full nodes would be"};
  line.optional_word("SCENARIO", path,
                     "a file with nodes, jobs and events; - for stdin");
  line.option("--strategy", "NAME", strategy,
              "instead of the scenario's, such as spread");
  line.option("--order", "NAME", options.order,
              "of the queue, instead of the scenario's: priority, fifo, sjf, "
              "fair");
  line.option("--compare", "NAME,..", compare,
              "strategies to play it with, side by side, or all");
  line.option("--swf", "FILE", log,
              "instead: the log of a parallel machine in the Standard Workload "
              "Format, in order, without estimates, and backfilled");
  line.option("--processors", "N", processors,
              "that the log's machine has, if it does not say");
  line.flag("--trace", options.trace, "show every placement, in order of time");
  declare(line, how);
  line.example("troupe simulate config/scenarios/small.json",
               "how it would go, without any machine");
  line.example("troupe simulate small.json --compare binpack,spread",
               "which strategy does better");
  line.example("troupe simulate small.json --trace -o json",
               "all of it, for a program");
  line.example("troupe simulate --swf log.swf",
               "how much less jobs wait when others may backfill");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (!strategy.empty() && !compare.empty())
    return finish(line.wrong("takes --strategy or --compare, not both"));
  if (log.empty() == path.empty())
    return finish(line.wrong("takes a SCENARIO or --swf FILE"));
  constexpr uint64_t processors_max = 1'000'000;
  if (!log.empty())
    return simulate_log(
      log,
      static_cast<uint32_t>(std::min(processors.value_or(0), processors_max)),
      how);
  auto file = read_job_file(path);
  if (!file)
    return report(file.error());
  auto runs = play_all(*file, strategies_of(strategy, compare), options);
  if (!runs)
    return report(runs.error());
  json_value all(std::move(*runs));
  auto& first = all.get_array().front();
  return print_one(
    compare.empty() ? first : json_value(boost::json::object{{"runs", all}}),
    how, "strategy", [&](const screen& s) { return show_simulations(all, s); });
}

} // namespace troupe::tools
