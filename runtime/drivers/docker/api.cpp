#include "runtime/drivers/docker/api.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "runtime/drivers/docker/json_read.hpp"
#include "runtime/drivers/docker/log_frames.hpp"

namespace troupe::runtime::docker {

namespace json = boost::json;

namespace {

constexpr auto cluster_label = "troupe.cluster";
constexpr auto node_label = "troupe.node";
constexpr auto task_label = "troupe.task";
constexpr auto attempt_label = "troupe.attempt";
constexpr auto allocation_label = "troupe.allocation";

constexpr api_version ours_oldest{1, 41};
constexpr api_version ours_newest{1, 43};

std::string name_part(std::string_view text, size_t size_max) {
  std::string result;
  for (auto c : text.substr(0, size_max)) {
    auto known = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'
                 || c == '.' || c == '-';
    result += known ? c : '-';
  }
  return result;
}

json::array array_of(const std::vector<std::string>& xs) {
  return json::array(xs.begin(), xs.end());
}

json::object labels_of(const owner& who, const container_spec& spec) {
  json::object result;
  for (auto& [name, value] : spec.labels)
    result[name] = value;
  // After the user's, so that none of these can be taken over.
  result[cluster_label] = who.cluster;
  result[node_label] = who.node;
  result[task_label] = spec.task;
  result[attempt_label] = std::to_string(spec.attempt);
  result[allocation_label] = std::to_string(spec.allocation.value);
  return result;
}

json::array label_filter(const owner& who) {
  return {std::string{cluster_label} + '=' + who.cluster,
          std::string{node_label} + '=' + who.node};
}

void add_limits(json::object& host, const container_spec& spec) {
  // 1024 shares stand for one cpu, 2 are the least the kernel takes.
  if (spec.cpu_millicores_reserved > 0)
    host["CpuShares"] = std::clamp<int64_t>(
      std::min<int64_t>(spec.cpu_millicores_reserved, 1'000'000) * 1024 / 1000,
      2, 262'144);
  if (spec.cpu_millicores_limit > 0)
    host["NanoCpus"] = std::min(spec.cpu_millicores_limit,
                                std::numeric_limits<int64_t>::max() / 1'000'000)
                       * 1'000'000;
  if (spec.memory_bytes_limit > 0) {
    host["Memory"] = spec.memory_bytes_limit;
    // Equal: no swap on top.
    host["MemorySwap"] = spec.memory_bytes_limit;
  }
}

void add_ports(json::object& body, json::object& host,
               const std::vector<port_binding>& ports) {
  json::object exposed;
  json::object bindings;
  for (auto& port : ports) {
    auto key = std::to_string(port.container) + "/tcp";
    exposed[key] = json::object{};
    auto& list = bindings[key];
    if (!list.is_array())
      list = json::array{};
    list.as_array().push_back(json::object{
      {"HostIp", port.host_ip}, {"HostPort", std::to_string(port.host)}});
  }
  if (ports.empty())
    return;
  body["ExposedPorts"] = std::move(exposed);
  host["PortBindings"] = std::move(bindings);
}

json::array mounts_of(const std::vector<bind_mount>& mounts) {
  json::array result;
  for (auto& x : mounts)
    result.push_back(json::object{{"Type", "bind"},
                                  {"Source", x.host},
                                  {"Target", x.path},
                                  {"ReadOnly", x.read_only}});
  return result;
}

json::object
host_config(const container_spec& spec, const container_defaults& defaults) {
  json::object host{
    {"PidsLimit", defaults.pids_max},
    {"RestartPolicy", json::object{{"Name", "no"}}},
    {"AutoRemove", false},
    {"Init", defaults.init},
    {"CapDrop", json::array{"ALL"}},
    {"CapAdd", array_of(defaults.capabilities)},
    {"SecurityOpt", json::array{"no-new-privileges"}},
    {"LogConfig",
     json::object{
       {"Type", "json-file"},
       {"Config",
        json::object{{"max-size", defaults.log_max_size},
                     {"max-file", std::to_string(defaults.log_max_files)}}}}}};
  add_limits(host, spec);
  if (!defaults.network_mode.empty())
    host["NetworkMode"] = defaults.network_mode;
  if (!spec.mounts.empty())
    host["Mounts"] = mounts_of(spec.mounts);
  if (!spec.gpu_device_ids.empty())
    host["DeviceRequests"] = json::array{json::object{
      {"DeviceIDs", array_of(spec.gpu_device_ids)},
      // Braces around one array are a copy of it for some compilers.
      {"Capabilities", json::array(1, json::array{"gpu"})}}};
  return host;
}

template <class T>
std::optional<T> read_number(std::string_view text) {
  T result{};
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, result);
  if (error != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

/// Reads whose container this is. Nothing unless it is of `who`.
std::optional<container_view>
read_labels(const owner& who, const json::value* labels) {
  if (!labels || text_at(*labels, cluster_label) != who.cluster
      || text_at(*labels, node_label) != who.node)
    return std::nullopt;
  auto allocation = read_number<uint64_t>(text_at(*labels, allocation_label));
  auto attempt = read_number<uint32_t>(text_at(*labels, attempt_label));
  if (!allocation || *allocation == 0 || !attempt)
    return std::nullopt;
  container_view result;
  result.allocation = allocation_id{*allocation};
  result.task = text_at(*labels, task_label);
  result.attempt = *attempt;
  return result;
}

// A paused or restarting container has a process; one that is being removed or
// is dead has none left.
container_state state_of(std::string_view status) {
  if (status == "created")
    return container_state::created;
  if (status == "running" || status == "paused" || status == "restarting")
    return container_state::running;
  return container_state::exited;
}

/// What has never happened the engine writes as the year 1.
std::string time_at(const json::value& x, std::string_view key) {
  auto result = text_at(x, key);
  return result.starts_with("0001-") ? std::string{} : result;
}

exit_status read_exit(const json::value& state) {
  exit_status result;
  auto code = integer_at(state, "ExitCode").value_or(-1);
  result.code = static_cast<int32_t>(std::clamp<int64_t>(code, -1, 65'535));
  if (result.code > 128 && result.code <= 128 + 64)
    result.signal = result.code - 128;
  // The flag is also set when only a child was killed and the task went on.
  result.oom = flag_at(state, "OOMKilled") && result.code != 0;
  result.error = text_at(state, "Error");
  result.started_at = time_at(state, "StartedAt");
  result.finished_at = time_at(state, "FinishedAt");
  return result;
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace

std::string container_name(const owner& who, const container_spec& spec) {
  return "troupe-" + name_part(who.cluster, 8) + '-' + name_part(spec.task, 128)
         + '-' + std::to_string(spec.attempt) + '-'
         + std::to_string(spec.allocation.value);
}

std::string create_body(const owner& who, const container_spec& spec,
                        const container_defaults& defaults) {
  json::array env;
  for (auto& [name, value] : spec.env)
    env.push_back(json::string{name + '=' + value});
  auto grace = std::chrono::ceil<std::chrono::seconds>(spec.stop_grace);
  json::object body{{"Image", spec.image},
                    {"Env", std::move(env)},
                    {"Labels", labels_of(who, spec)},
                    {"StopSignal", spec.stop_signal},
                    {"StopTimeout", grace.count()},
                    {"AttachStdout", false},
                    {"AttachStderr", false},
                    {"Tty", false}};
  if (!spec.command.empty())
    body["Entrypoint"] = array_of(spec.command);
  if (!spec.args.empty())
    body["Cmd"] = array_of(spec.args);
  if (!spec.workdir.empty())
    body["WorkingDir"] = spec.workdir;
  if (!spec.user.empty())
    body["User"] = spec.user;
  auto host = host_config(spec, defaults);
  add_ports(body, host, spec.ports);
  body["HostConfig"] = std::move(host);
  return json::serialize(body);
}

std::string update_body(const run_limits& own, const run_limits& wanted) {
  json::object body;
  // What was created with one of the two ways of limiting cpu stays with it.
  if (own.cpu_millicores > 0)
    body["NanoCpus"]
      = (wanted.cpu_millicores > 0 ? wanted.cpu_millicores : own.cpu_millicores)
        * 1'000'000;
  else {
    body["CpuPeriod"] = 100'000;
    body["CpuQuota"]
      = wanted.cpu_millicores > 0 ? wanted.cpu_millicores * 100 : -1;
  }
  auto memory
    = wanted.memory_bytes > 0 ? wanted.memory_bytes : own.memory_bytes;
  if (memory > 0) {
    body["Memory"] = memory;
    body["MemorySwap"] = memory;
  }
  return json::serialize(body);
}

bool kills_at_limit(std::string_view text) {
  auto root = read_json(text);
  return root && text_at(*root, "CgroupVersion") == "2";
}

std::string list_filters(const owner& who, std::optional<run_id> run) {
  auto labels = label_filter(who);
  auto demand = [&](const char* label, uint64_t number) {
    labels.push_back(
      json::string{std::string{label} + '=' + std::to_string(number)});
  };
  if (run) {
    demand(allocation_label, run->allocation.value);
    demand(attempt_label, run->attempt);
  }
  return json::serialize(json::object{{"label", std::move(labels)}});
}

std::string event_filters(const owner& who) {
  return json::serialize(json::object{{"type", json::array{"container"}},
                                      {"event", json::array{"die", "destroy"}},
                                      {"label", label_filter(who)}});
}

namespace {

/// The first address there is: one that has none is the machine's own network.
std::string address_in(const json::value& network) {
  auto* networks = member(network, "Networks");
  if (networks == nullptr || !networks->is_object())
    return {};
  for (auto& [name, x] : networks->get_object())
    if (auto result = text_at(x, "IPAddress"); !result.empty())
      return result;
  return {};
}

} // namespace

expected<container_view, std::string>
read_inspect(const owner& who, std::string_view text) {
  auto root = read_json(text);
  if (!root)
    return make_unexpected(
      "the engine's description of a container is no JSON");
  auto* config = member(*root, "Config");
  auto* state = member(*root, "State");
  if (!config || !state)
    return make_unexpected(
      "the engine's description of a container is incomplete");
  auto result = read_labels(who, member(*config, "Labels"));
  if (!result)
    return make_unexpected("the container is not of this node");
  result->id = text_at(*root, "Id");
  result->state = state_of(text_at(*state, "Status"));
  if (result->state == container_state::exited) {
    result->exit = read_exit(*state);
    result->exit.image = text_at(*root, "Image");
  }
  if (auto* network = member(*root, "NetworkSettings"))
    result->address = address_in(*network);
  return *result;
}

expected<std::vector<container_view>, std::string>
read_list(const owner& who, std::string_view text) {
  auto root = read_json(text);
  auto* entries = root ? root->if_array() : nullptr;
  if (!entries)
    return make_unexpected("the engine's list of containers is no JSON array");
  std::vector<container_view> result;
  for (auto& entry : *entries) {
    auto found = read_labels(who, member(entry, "Labels"));
    if (!found)
      continue;
    found->id = text_at(entry, "Id");
    found->state = state_of(text_at(entry, "State"));
    result.push_back(std::move(*found));
  }
  return result;
}

std::optional<container_event> read_event(std::string_view text) {
  auto root = read_json(text);
  if (!root || !root->is_object())
    return std::nullopt;
  container_event result;
  result.action = text_at(*root, "Action");
  result.time_nanoseconds = integer_at(*root, "timeNano").value_or(0);
  auto* actor = member(*root, "Actor");
  if (auto* labels = actor ? member(*actor, "Attributes") : nullptr) {
    auto id = read_number<uint64_t>(text_at(*labels, allocation_label));
    auto attempt = read_number<uint32_t>(text_at(*labels, attempt_label));
    if (id && attempt)
      result.run = {{*id}, *attempt};
  }
  return result;
}

std::optional<std::string> read_id(std::string_view text) {
  auto root = read_json(text);
  auto id = root ? text_at(*root, "Id") : std::string{};
  if (id.empty())
    return std::nullopt;
  return id;
}

std::optional<int32_t> read_wait(std::string_view text) {
  auto root = read_json(text);
  auto code = root ? integer_at(*root, "StatusCode") : std::nullopt;
  if (!code || *code < 0 || *code > 65'535)
    return std::nullopt;
  return static_cast<int32_t>(*code);
}

std::string exec_body(const std::vector<std::string>& command) {
  return json::serialize(json::object{{"AttachStdout", true},
                                      {"AttachStderr", true},
                                      {"Tty", false},
                                      {"Cmd", array_of(command)}});
}

std::optional<int32_t> read_exec(std::string_view text) {
  auto root = read_json(text);
  if (!root || flag_at(*root, "Running"))
    return std::nullopt;
  auto code = integer_at(*root, "ExitCode");
  if (!code || *code < 0 || *code > 65'535)
    return std::nullopt;
  return static_cast<int32_t>(*code);
}

std::optional<usage> read_stats(std::string_view text) {
  auto root = read_json(text);
  auto* cpu = root ? member(*root, "cpu_stats") : nullptr;
  auto* cpu_usage = cpu ? member(*cpu, "cpu_usage") : nullptr;
  auto* memory = root ? member(*root, "memory_stats") : nullptr;
  auto bytes = memory ? integer_at(*memory, "usage") : std::nullopt;
  if (!cpu_usage || !bytes)
    return std::nullopt;
  usage result;
  result.cpu_seconds
    = static_cast<double>(integer_at(*cpu_usage, "total_usage").value_or(0))
      / 1e9;
  int64_t inactive = 0;
  if (auto* details = member(*memory, "stats")) {
    // The first is of cgroup v1, the second of v2.
    auto total = integer_at(*details, "total_inactive_file");
    inactive
      = total ? *total : integer_at(*details, "inactive_file").value_or(0);
  }
  result.memory_bytes
    = std::max<int64_t>(*bytes - std::max<int64_t>(inactive, 0), 0);
  return result;
}

std::string error_text(std::string_view body) {
  constexpr size_t size_max = 400;
  auto root = read_json(body);
  auto text = root ? text_at(*root, "message") : std::string{};
  if (text.empty())
    text = body;
  if (text.size() > size_max)
    text.resize(size_max);
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      c = ' ';
  while (!text.empty() && text.back() == ' ')
    text.pop_back();
  return text.empty() ? "no reason given" : text;
}

std::optional<std::string> read_init_error(std::string_view framed_log) {
  constexpr std::string_view mark = "[FATAL tini ";
  log_frames frames;
  std::string text;
  (void)frames.feed(framed_log,
                    [&](log_stream, std::string_view x) { text += x; });
  auto begin = text.rfind(mark);
  auto end = begin == std::string::npos ? begin : text.find("] ", begin);
  if (end == std::string::npos)
    return std::nullopt;
  return "the command cannot be executed: "
         + error_text(std::string_view{text}.substr(end + 2));
}

failure start_failure(int status, std::string_view body) {
  auto text = error_text(body);
  if (holds(text, "port is already allocated")
      || holds(text, "address already in use")
      || holds(text, "ports are not available"))
    return {error_kind::port_in_use, "a port of the host is taken: " + text};
  // An engine that was killed in the middle of a start remembers half of it.
  if ((holds(text, "already exists") && !holds(text, "OCI runtime"))
      || holds(text, "id already in use"))
    return {error_kind::engine_away,
            "the engine still holds what is left of an earlier try: " + text};
  auto of_task = status == 400 || holds(text, "OCI runtime")
                 || holds(text, "executable file not found")
                 || holds(text, "error while creating mount")
                 || holds(text, "could not select device driver");
  if (of_task)
    return {error_kind::start_error, "the container cannot start: " + text};
  return {error_kind::engine_error,
          "the engine failed to start the container (status "
            + std::to_string(status) + "): " + text};
}

failure create_failure(int status, std::string_view body) {
  auto text = error_text(body);
  if (status == 400 || status == 404)
    return {error_kind::start_error,
            "the engine refuses the container: " + text};
  return {error_kind::engine_error,
          "the engine failed to create the container (status "
            + std::to_string(status) + "): " + text};
}

image_ref read_image(std::string_view text) {
  if (auto at = text.find('@'); at != std::string_view::npos) {
    auto name = text.substr(0, at);
    auto slash = name.rfind('/');
    auto colon = name.rfind(':');
    // A tag beside a digest has no effect.
    if (colon != std::string_view::npos
        && (slash == std::string_view::npos || colon > slash))
      name = name.substr(0, colon);
    return {std::string{name}, std::string{text.substr(at + 1)}};
  }
  auto slash = text.rfind('/');
  auto colon = text.rfind(':');
  // A colon before the last slash belongs to the registry's port.
  if (colon == std::string_view::npos
      || (slash != std::string_view::npos && colon < slash))
    return {std::string{text}, "latest"};
  return {std::string{text.substr(0, colon)},
          std::string{text.substr(colon + 1)}};
}

std::optional<api_version> read_version(std::string_view text) {
  auto dot = text.find('.');
  if (dot == std::string_view::npos)
    return std::nullopt;
  auto major = read_number<int>(text.substr(0, dot));
  auto minor = read_number<int>(text.substr(dot + 1));
  if (!major || !minor || *major < 0 || *minor < 0)
    return std::nullopt;
  return api_version{*major, *minor};
}

std::string to_string(api_version x) {
  return std::to_string(x.major) + '.' + std::to_string(x.minor);
}

expected<engine_version, std::string>
read_engine_version(std::string_view text) {
  auto root = read_json(text);
  auto newest
    = root ? read_version(text_at(*root, "ApiVersion")) : std::nullopt;
  if (!newest)
    return make_unexpected("what answers there is not a Docker engine");
  engine_version result;
  auto* platform = member(*root, "Platform");
  result.name = platform ? text_at(*platform, "Name") : std::string{};
  if (result.name.empty())
    result.name = "Docker Engine";
  result.version = text_at(*root, "Version");
  if (*newest < ours_oldest)
    return make_unexpected("Docker " + result.version + " speaks API "
                           + to_string(*newest) + ", the oldest supported is "
                           + to_string(ours_oldest));
  auto oldest = read_version(text_at(*root, "MinAPIVersion"));
  result.api = std::min(*newest, ours_newest);
  if (oldest && *oldest > result.api)
    result.api = *oldest;
  return result;
}

} // namespace troupe::runtime::docker
