#include "tools/troupe/run_flags.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "messages/job.hpp"

#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace json = boost::json;

namespace {

/// Builds a job and keeps account of what is wrong.
class builder {
public:
  json::object job;
  std::vector<std::string> faults;

  void text(std::string_view key, const std::string& value) {
    if (!value.empty())
      job[key] = value;
  }

  void number(std::string_view key, std::optional<uint64_t> value) {
    if (value)
      job[key] = *value;
  }

  /// `k=v` each, as an object.
  void pairs(std::string_view key, std::string_view flag,
             const std::vector<std::string>& words) {
    json::object result;
    for (auto& word : words) {
      if (auto pair = split_pair(word))
        result[pair->first] = pair->second;
      else
        wrong(flag, word, "NAME=VALUE");
    }
    if (!words.empty())
      job[key] = std::move(result);
  }

  void
  wrong(std::string_view flag, const std::string& word, std::string_view form) {
    faults.push_back(
      fmt::format("{}: \"{}\" should be {}", flag, inert(word), form));
  }
};

template <class T>
std::optional<T> whole_number(std::string_view digits) {
  T result{};
  auto end = digits.data() + digits.size();
  auto [at, error] = std::from_chars(digits.data(), end, result);
  if (digits.empty() || error != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

void add_resources(builder& to, const std::vector<std::string>& words) {
  json::object result;
  for (auto& word : words) {
    auto pair = split_pair(word);
    auto amount = pair ? whole_number<int64_t>(pair->second) : std::nullopt;
    if (amount)
      result[pair->first] = *amount;
    else
      to.wrong("--resource", word, "a name and a number, as in license-x=1");
  }
  if (!words.empty())
    to.job["resources"] = std::move(result);
}

/// Rules on node labels. A name given twice takes any of the values.
void add_requires(builder& to, const std::vector<std::string>& words) {
  json::object result;
  for (auto& word : words) {
    std::string name = word;
    std::string value = "*";
    if (auto pair = split_pair(word)) {
      auto negated = pair->first.ends_with('!');
      name = pair->first.substr(0, pair->first.size() - (negated ? 1 : 0));
      value = (negated ? "!" : "") + pair->second;
    }
    if (name.empty() || name.front() == '=') {
      to.wrong("--require", word, "NAME=VALUE, NAME!=VALUE or NAME");
      continue;
    }
    auto& rule = result[name];
    if (rule.is_null())
      rule = value;
    else if (rule.is_array())
      rule.get_array().push_back(json::value(value));
    else
      rule = json::array{rule, json::value(value)};
  }
  if (!words.empty())
    to.job["requires"] = std::move(result);
}

void add_prefers(builder& to, const std::vector<std::string>& words) {
  json::array result;
  for (auto& word : words) {
    auto pair = split_pair(word);
    if (!pair) {
      to.wrong("--prefer", word, "NAME=VALUE or NAME=VALUE:WEIGHT");
      continue;
    }
    json::object rule{{"label", pair->first}};
    auto colon = pair->second.rfind(':');
    auto weight = colon == std::string::npos
                    ? std::nullopt
                    : whole_number<int64_t>(pair->second.substr(colon + 1));
    rule["value"] = weight ? pair->second.substr(0, colon) : pair->second;
    if (weight)
      rule["weight"] = *weight;
    result.push_back(std::move(rule));
  }
  if (!words.empty())
    to.job["prefers"] = std::move(result);
}

void add_ports(builder& to, const std::vector<std::string>& words) {
  json::object result;
  for (auto& word : words) {
    auto pair = split_pair(word);
    auto text = pair ? pair->second : word;
    auto colon = text.find(':');
    auto host = colon == std::string::npos
                  ? std::nullopt
                  : whole_number<uint16_t>(text.substr(0, colon));
    auto inside = whole_number<uint16_t>(
      colon == std::string::npos ? text : text.substr(colon + 1));
    if (!inside || (colon != std::string::npos && !host)) {
      to.wrong("--port", word, "PORT, NAME=PORT or NAME=HOSTPORT:PORT");
      continue;
    }
    auto name = pair ? pair->first : "port-" + std::to_string(*inside);
    if (host)
      result[name] = json::object{{"container", *inside}, {"host", *host}};
    else
      result[name] = *inside;
  }
  if (!words.empty())
    to.job["ports"] = std::move(result);
}

void add_volumes(builder& to, const std::vector<std::string>& words) {
  json::array result;
  for (auto& word : words) {
    auto rest = std::string_view{word};
    auto read_only = rest.ends_with(":ro");
    if (read_only)
      rest.remove_suffix(3);
    auto colon = rest.find(':');
    if (colon == 0 || colon == std::string_view::npos
        || colon + 1 == rest.size()) {
      to.wrong("--volume", word, "HOSTPATH:PATH or HOSTPATH:PATH:ro");
      continue;
    }
    json::object volume{{"host", rest.substr(0, colon)},
                        {"path", rest.substr(colon + 1)}};
    if (read_only)
      volume["readOnly"] = true;
    result.push_back(std::move(volume));
  }
  if (!words.empty())
    to.job["volumes"] = std::move(result);
}

json::array texts(const std::vector<std::string>& words) {
  json::array result;
  for (auto& word : words)
    result.push_back(json::value(word));
  return result;
}

builder build(const run_flags& x) {
  builder to;
  to.text("name", x.name);
  to.text("kind", x.kind);
  to.text("driver", x.driver);
  to.text("image", x.image);
  if (!x.command.empty())
    to.job["command"] = texts(x.command);
  to.pairs("env", "--env", x.env);
  to.text("workdir", x.workdir);
  to.text("user", x.user);
  to.text("cpu", x.cpu);
  to.text("memory", x.memory);
  to.text("cpuLimit", x.cpu_limit);
  to.text("memoryLimit", x.memory_limit);
  to.text("gpu", x.gpu);
  add_resources(to, x.resources);
  to.number("count", x.count);
  to.text("priority", x.priority);
  to.text("strategy", x.strategy);
  to.pairs("labels", "--label", x.labels);
  add_requires(to, x.requires_);
  add_prefers(to, x.prefers);
  to.pairs("avoidColocating", "--avoid", x.avoid);
  to.pairs("colocateWith", "--colocate", x.colocate);
  if (!x.spread_by.empty())
    to.job["spreadBy"] = texts(x.spread_by);
  if (x.exclusive)
    to.job["exclusive"] = true;
  if (x.gang)
    to.job["gang"] = true;
  to.number("retries", x.retries);
  to.text("timeout", x.timeout);
  if (!x.after.empty())
    to.job["after"] = texts(x.after);
  if (!x.schedule.empty())
    to.job["schedule"] = json::object{{"cron", x.schedule}};
  add_ports(to, x.ports);
  add_volumes(to, x.volumes);
  return to;
}

/// The flag that gives the key at the front of `pointer`.
std::string flag_of(std::string_view pointer) {
  constexpr auto others
    = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"labels", "--label"},
       {"requires", "--require"},
       {"prefers", "--prefer"},
       {"ports", "--port"},
       {"volumes", "--volume"},
       {"resources", "--resource"},
       {"command", "the command after --"},
       {"avoidColocating", "--avoid"},
       {"colocateWith", "--colocate"}});
  if (pointer.empty())
    return {};
  auto key = pointer.substr(1, pointer.find('/', 1) - 1);
  for (auto& [known, flag] : others)
    if (key == known)
      return std::string{flag};
  std::string result = "--";
  for (auto c : key) {
    auto upper = c >= 'A' && c <= 'Z';
    result += upper ? std::string{'-', static_cast<char>(c - 'A' + 'a')}
                    : std::string{c};
  }
  return result;
}

} // namespace

void declare(command_line& line, run_flags& x) {
  line.option("--image", "IMAGE", x.image, "run a container of this image");
  line.option("--name", "NAME", x.name, "of the job [made from the image]");
  line.option("--kind", "KIND", x.kind,
              "service, batch or system [service with an image, else batch]");
  line.option("--driver", "DRIVER", x.driver, "docker, process or simulated");
  line.option("-c,--count", "N", x.count, "how many tasks [1]");
  line.option("--cpu", "CORES", x.cpu, "reserved, such as 0.5 or 250m [0.1]");
  line.option("-m,--memory", "BYTES", x.memory,
              "reserved, such as 128MiB [64MiB]");
  line.option("--cpu-limit", "CORES", x.cpu_limit, "at most, in bursts");
  line.option("--memory-limit", "BYTES", x.memory_limit, "at most, in bursts");
  line.option("--gpu", "DEVICES", x.gpu, "whole ones, or a share as 250m");
  line.option("--resource", "NAME=N", x.resources, "any other that nodes have");
  line.option("-p,--priority", "N", x.priority, "higher is placed first [0]");
  line.option("--strategy", "NAME", x.strategy,
              "binpack, spread, firstFit, roundRobin or leastLoaded");
  line.option("-e,--env", "NAME=VALUE", x.env, "environment variable");
  line.option("-l,--label", "NAME=VALUE", x.labels, "label of the job");
  line.option("--require", "NAME=VALUE", x.requires_,
              "only nodes with this label; also NAME!=VALUE, NAME");
  line.option("--prefer", "NAME=VALUE[:WEIGHT]", x.prefers,
              "rather nodes with this label");
  line.option("--avoid", "NAME=VALUE", x.avoid,
              "never beside a job with this label");
  line.option("--colocate", "NAME=VALUE", x.colocate,
              "only beside a job with this label");
  line.option("--spread-by", "NAME", x.spread_by,
              "even over the values of a node label");
  line.flag("--exclusive", x.exclusive, "a node to itself");
  line.flag("--gang", x.gang, "start all tasks together or none");
  line.option("--port", "NAME=[HOST:]PORT", x.ports, "publish a port");
  line.option("-v,--volume", "HOST:PATH[:ro]", x.volumes, "mount a directory");
  line.option("--timeout", "DURATION", x.timeout, "stop an attempt after this");
  line.option("--retries", "N", x.retries, "runs again of a failed batch task");
  line.option("--after", "JOB", x.after, "wait until this job has succeeded");
  line.option("--schedule", "CRON", x.schedule, "run at these times");
  line.option("-w,--workdir", "DIR", x.workdir, "where the command runs");
  line.option("-u,--user", "USER", x.user, "as whom the command runs");
  line.rest("COMMAND", x.command, "what to run, with its arguments");
}

bool any(const run_flags& x) {
  auto built = build(x);
  return !built.job.empty() || !built.faults.empty();
}

expected<json::value, failure> job_of(const run_flags& x) {
  auto built = build(x);
  json::value job(built.job);
  // Flags that could not be read would be reported twice.
  if (built.faults.empty())
    if (auto read = read_job(job); !read)
      for (auto& fault : read.error()) {
        auto flag = flag_of(fault.pointer);
        built.faults.push_back(flag + (flag.empty() ? "" : ": ")
                               + inert(fault.detail));
      }
  if (!built.faults.empty())
    return make_unexpected(failure{
      exit_code::bad_input, fmt::format("nothing was submitted, because:\n  {}",
                                        fmt::join(built.faults, "\n  "))});
  return job;
}

} // namespace troupe::tools
