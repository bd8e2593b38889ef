// Reads jobs. Every key of a job is a row of `keys`, in the order of the
// reference; what concerns several keys is checked once all are read.

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>

#include "messages/job.hpp"
#include "messages/job_grammar.hpp"
#include "messages/job_parts.hpp"
#include "messages/json_cursor.hpp"
#include "messages/json_enum.hpp"

namespace troupe {

namespace json = boost::json;

namespace {

constexpr size_t command_bytes_max = 128 << 10;
constexpr size_t text_size_max = 4'096;
constexpr size_t user_size_max = 255;
constexpr int64_t count_max = 1'000'000;
constexpr int64_t priority_max = 1'000'000;
// A million cores or devices: no machine has them, and products stay small.
constexpr int64_t millis_max = 1'000'000'000;
// Every whole number up to here is exact in JSON, whoever reads it.
constexpr int64_t memory_max = int64_t{1} << 53;
// Container engines refuse less.
constexpr int64_t container_memory_min = 6 << 20;

template <class T, class U>
void set(T& target, std::optional<U> x) {
  if (x)
    target = static_cast<T>(std::move(*x));
}

// -- single keys --------------------------------------------------------------

void read_name(const json_cursor& x, job_spec& spec) {
  auto text = x.text(text_size_max);
  if (text && !is_job_name(*text))
    x.forbid(job_name_rule);
  set(spec.name, text);
}

void read_kind(const json_cursor& x, job_spec& spec) {
  set(spec.kind, read_enum<job_kind>(x));
}

void read_driver(const json_cursor& x, job_spec& spec) {
  set(spec.driver, read_enum<driver_kind>(x));
}

void read_image(const json_cursor& x, job_spec& spec) {
  auto text = x.text(text_size_max);
  if (text && !is_image(*text))
    x.forbid("must be an image such as \"nginx:alpine\" or "
             "\"registry:5000/team/app@sha256:..\": no spaces, and no capitals "
             "but in a tag");
  set(spec.image, text);
}

void read_command(const json_cursor& x, job_spec& spec) {
  if (x.value().is_string()) {
    x.wrong_type("must be an array of strings such as [\"sh\", \"-c\", \"echo "
                 "hi\"]");
    return;
  }
  set(spec.command, x.texts(command_bytes_max));
  if (x.value().is_array()
      && (x.value().get_array().empty()
          || (!spec.command.empty() && spec.command.front().empty())))
    x.wrong("must begin with the program to run");
}

void read_args(const json_cursor& x, job_spec& spec) {
  set(spec.args, x.texts(command_bytes_max));
}

void read_workdir(const json_cursor& x, job_spec& spec) {
  auto text = x.text(text_size_max);
  if (text && text->front() != '/')
    x.forbid("must be an absolute path such as \"/srv\"");
  set(spec.workdir, text);
}

void read_user(const json_cursor& x, job_spec& spec) {
  auto text = x.text(user_size_max);
  if (text && !is_label_name(*text))
    x.forbid("must be a user such as \"nobody\" or \"1000:1000\"");
  set(spec.user, text);
}

void read_cpu(const json_cursor& x, job_spec& spec) {
  set(spec.request.cpu_millicores, x.millis(millis_max));
}

void read_memory(const json_cursor& x, job_spec& spec) {
  set(spec.request.memory_bytes, x.bytes(memory_max));
}

void read_cpu_limit(const json_cursor& x, job_spec& spec) {
  set(spec.cpu_limit_millicores, x.millis(millis_max));
}

void read_memory_limit(const json_cursor& x, job_spec& spec) {
  set(spec.memory_limit_bytes, x.bytes(memory_max));
}

void read_gpu(const json_cursor& x, job_spec& spec) {
  auto amount = x.millis(millis_max);
  if (amount && *amount > 1000 && *amount % 1000 != 0)
    x.forbid("must be whole devices, such as 1 or 2, or a share of one device, "
             "such as \"250m\"");
  set(spec.request.gpu_millis, amount);
}

void read_job_count(const json_cursor& x, job_spec& spec) {
  set(spec.count, x.integer(1, count_max));
}

void read_priority(const json_cursor& x, job_spec& spec) {
  if (auto* text = x.value().if_string()) {
    int32_t number = 0;
    auto end = text->data() + text->size();
    auto [at, error] = std::from_chars(text->data(), end, number);
    if (error == std::errc{} && at == end && number >= -priority_max
        && number <= priority_max)
      spec.priority = number;
    else
      x.wrong_type(
        "must be a whole number from -1000000 to 1000000, such as 100 "
        "or \"100\"");
    return;
  }
  set(spec.priority, x.integer(-priority_max, priority_max));
}

/// Reads the name of something that the cluster knows by it.
template <std::string job_spec::*Field>
void read_plain_name(const json_cursor& x, job_spec& spec) {
  auto text = x.text(text_size_max);
  if (text && !is_plain_name(*text))
    x.forbid(plain_name_rule);
  set(spec.*Field, text);
}

template <label_set job_spec::*Field>
void read_label_set(const json_cursor& x, job_spec& spec) {
  spec.*Field = read_labels(x);
}

template <milliseconds job_spec::*Field>
void read_time(const json_cursor& x, job_spec& spec) {
  set(spec.*Field, x.duration());
}

void read_exclusive(const json_cursor& x, job_spec& spec) {
  set(spec.exclusive, x.boolean());
}

void read_retries(const json_cursor& x, job_spec& spec) {
  set(spec.retries, x.integer(0, count_max));
}

void read_stop_signal(const json_cursor& x, job_spec& spec) {
  auto* text = x.value().if_string();
  auto signal = text ? find_signal({text->data(), text->size()}) : std::nullopt;
  if (!signal)
    x.wrong_type("must be " + one_of(known_signals()));
  set(spec.stop_signal, signal);
}

// -- the reference ------------------------------------------------------------

struct key_reader {
  std::string_view key;
  void (*read)(const json_cursor&, job_spec&);
};

constexpr auto keys = std::to_array<key_reader>({
  {"name", read_name},
  {"kind", read_kind},
  {"driver", read_driver},
  {"image", read_image},
  {"command", read_command},
  {"args", read_args},
  {"env", read_env},
  {"workdir", read_workdir},
  {"user", read_user},
  {"cpu", read_cpu},
  {"memory", read_memory},
  {"cpuLimit", read_cpu_limit},
  {"memoryLimit", read_memory_limit},
  {"gpu", read_gpu},
  {"resources", read_resources},
  {"count", read_job_count},
  {"priority", read_priority},
  {"strategy", read_plain_name<&job_spec::strategy>},
  {"labels", read_label_set<&job_spec::labels>},
  {"requires", read_requires},
  {"prefers", read_prefers},
  {"avoidColocating", read_label_set<&job_spec::avoid_colocating>},
  {"colocateWith", read_label_set<&job_spec::colocate_with>},
  {"spreadBy", read_spread_by},
  {"exclusive", read_exclusive},
  {"gang", read_gang},
  {"health", read_health},
  {"restart", read_restart},
  {"retries", read_retries},
  {"timeout", read_time<&job_spec::timeout>},
  {"expectedRuntime", read_time<&job_spec::expected_runtime>},
  {"stopSignal", read_stop_signal},
  {"stopGrace", read_time<&job_spec::stop_grace>},
  {"onNodeLoss", read_on_node_loss},
  {"after", read_after},
  {"schedule", read_schedule},
  {"cache", read_cache},
  {"ports", read_ports},
  {"volumes", read_volumes},
  {"update", read_update},
  {"scheduler", read_plain_name<&job_spec::scheduler>},
  {"priorityClass", read_plain_name<&job_spec::priority_class>},
  {"simulate", read_simulate},
});

constexpr auto key_names = [] {
  std::array<std::string_view, keys.size()> result{};
  for (size_t i = 0; i < keys.size(); ++i)
    result[i] = keys[i].key;
  return result;
}();

constexpr size_t row_of(std::string_view key) {
  size_t row = 0;
  while (key_names[row] != key)
    ++row;
  return row;
}

// -- one job ------------------------------------------------------------------

/// One job on its way from a document to a spec.
class job_reader {
public:
  explicit job_reader(const json_cursor& at)
    : at_{at}, fields_{at, key_names} {}

  job_spec read() {
    if (fields_) {
      set_defaults();
      for (size_t row = 0; row < keys.size(); ++row)
        read_row(row);
      if (at_.strict())
        check_all();
      // A priority of its own wins, also if it is 0.
      if (at_.strict() && fields_.has("priority") && spec_.priority == 0)
        spec_.priority_class.clear();
      if (!fields_.has("name"))
        spec_.name = stem();
    }
    return std::move(spec_);
  }

private:
  /// What depends on other keys. `kind` comes first, `restart` follows it.
  void set_defaults() {
    auto image = fields_.has("image");
    spec_.kind = image ? job_kind::service : job_kind::batch;
    spec_.driver = image ? driver_kind::docker : driver_kind::process;
  }

  void read_row(size_t row) {
    if (row == row_of("restart"))
      spec_.restart = default_restart(spec_.kind);
    auto value = fields_.get(keys[row].key);
    if (!value)
      return;
    auto before = at_.reading().problems.size();
    keys[row].read(*value, spec_);
    bad_[row] = at_.reading().problems.size() != before;
  }

  /// Whether none of these keys is wrong by itself, so that it can be compared.
  template <class... Keys>
  bool sound(Keys... key) const {
    return (!bad_[row_of(key)] && ...);
  }

  void check_all() {
    check_program();
    check_amounts();
    check_members();
    check_rest();
  }

  void check_program();
  void check_amounts();
  void check_members();
  void check_rest();

  std::string stem() const {
    if (!spec_.image.empty())
      return image_stem(spec_.image);
    return program_stem(spec_.command.empty() ? "" : spec_.command.front());
  }

  const json_cursor& at_;
  json_fields fields_;
  job_spec spec_;
  std::bitset<keys.size()> bad_; // Same order as `keys`.
};

/// What runs, and that its driver can run it.
void job_reader::check_program() {
  auto image = fields_.has("image");
  auto command = fields_.has("command");
  if (!image && !command && !fields_.has("driver"))
    at_.wrong("needs \"image\" (a container) or \"command\" (a process)");
  else if (sound("driver") && spec_.driver == driver_kind::docker && !image)
    at_.wrong("needs \"image\", because its driver is \"docker\"");
  else if (sound("driver") && spec_.driver == driver_kind::process && !command)
    at_.wrong("needs \"command\", because its driver is \"process\"");
  if (image && sound("driver") && spec_.driver == driver_kind::process)
    fields_.get("image")->wrong("is for containers; leave it out, or write "
                                "\"driver\": \"docker\"");
  size_t bytes = 0;
  for (auto* words : {&spec_.command, &spec_.args})
    for (auto& word : *words)
      bytes += word.size() + 1;
  if (bytes > command_bytes_max)
    fields_.get(command ? "command" : "args")
      ->wrong("takes " + std::to_string(bytes)
              + " bytes together with its arguments; a program can be given at "
                "most "
              + std::to_string(command_bytes_max));
}

void job_reader::check_amounts() {
  auto& request = spec_.request;
  if (auto limit = fields_.get("cpuLimit");
      limit && sound("cpu", "cpuLimit")
      && spec_.cpu_limit_millicores
           < std::max<int64_t>(request.cpu_millicores, 1))
    limit->wrong_type("must be at least \"cpu\"");
  if (auto limit = fields_.get("memoryLimit");
      limit && sound("memory", "memoryLimit")
      && spec_.memory_limit_bytes < std::max<int64_t>(request.memory_bytes, 1))
    limit->wrong_type("must be at least \"memory\"");
  if (auto memory = fields_.get("memory");
      memory && sound("memory", "driver") && spec_.driver == driver_kind::docker
      && request.memory_bytes < container_memory_min)
    memory->wrong_type("must be at least \"6MiB\" for a container");
}

void job_reader::check_members() {
  if (auto count = fields_.get("count"); count && sound("count", "kind")
                                         && spec_.kind == job_kind::system
                                         && spec_.count != 1)
    count->wrong("must be left out for kind \"system\", which runs one task on "
                 "each eligible node");
  auto gang = fields_.get("gang");
  if (!gang || !spec_.gang || !sound("gang", "kind"))
    return;
  if (spec_.kind == job_kind::system)
    gang->wrong(
      "must be left out for kind \"system\", whose number of tasks is "
      "that of the nodes");
  // A shared gang has members in other jobs.
  auto wanted = std::max(spec_.gang->min, spec_.gang->max);
  if (sound("count") && spec_.gang->name.empty() && wanted > spec_.count)
    gang->wrong("wants " + std::to_string(wanted) + " tasks, but \"count\" is "
                + std::to_string(spec_.count));
}

void job_reader::check_rest() {
  if (auto after = fields_.get("after"); after && fields_.has("name"))
    for (auto& [job, outcome] : spec_.after)
      if (job == spec_.name)
        after->wrong("must not name the job itself");
  if (auto schedule = fields_.get("schedule"); schedule && spec_.schedule
                                               && sound("kind", "schedule")
                                               && spec_.kind != job_kind::batch)
    schedule->wrong("is for jobs that end; one of kind \""
                    + std::string{enum_name(spec_.kind)}
                    + "\" is kept running: write \"kind\": \"batch\"");
  if (auto cache = fields_.get("cache");
      cache && spec_.cache && sound("kind") && spec_.kind != job_kind::batch)
    cache->wrong("is for kind \"batch\"; a job of kind \""
                 + std::string{enum_name(spec_.kind)} + "\" has no result");
}

job_spec read_one(const json::value& x, json_reading& reading) {
  json_cursor at{x, reading, "the job"};
  return job_reader{at}.read();
}

} // namespace

expected<job_spec, std::vector<problem>>
read_job(const json::value& x, std::string_view at) {
  json_reading reading{json_rigour::strict, std::string{at}, {}};
  auto result = read_one(x, reading);
  if (!reading.problems.empty())
    return make_unexpected(std::move(reading.problems));
  return result;
}

expected<job_spec, std::string> read_stored_job(const json::value& x) {
  json_reading reading{json_rigour::stored, {}, {}};
  auto result = read_one(x, reading);
  if (!reading.problems.empty()) {
    auto& first = reading.problems.front();
    return make_unexpected(first.pointer + ": " + first.detail);
  }
  return result;
}

} // namespace troupe
