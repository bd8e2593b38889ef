#pragma once

/// Jobs, nodes and reports for tests, one line each.

#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messages/command.hpp"
#include "messages/job.hpp"
#include "messages/work.hpp"

namespace troupe {

/// A batch job of one task that asks for 1 core and 64 MiB, unless told
/// otherwise.
class a_job {
public:
  explicit a_job(std::string name) {
    spec_.name = std::move(name);
    spec_.driver = driver_kind::simulated;
    spec_.request = {1'000, int64_t{64} << 20, 0, {}};
    spec_.restart.attempts = 0;
  }

  a_job& tasks(uint32_t n) { return set(spec_.count, n); }
  a_job& service() {
    spec_.restart.attempts = 3;
    return set(spec_.kind, job_kind::service);
  }
  a_job& on_every_node() {
    spec_.restart.attempts = 3;
    return set(spec_.kind, job_kind::system);
  }
  a_job& cpu(double cores) {
    return set(spec_.request.cpu_millicores,
               static_cast<int64_t>(std::lround(cores * 1'000)));
  }
  a_job& memory(int64_t bytes) {
    return set(spec_.request.memory_bytes, bytes);
  }
  a_job& gpu(int64_t millis) { return set(spec_.request.gpu_millis, millis); }
  a_job& priority(int32_t x) { return set(spec_.priority, x); }
  a_job& retries(uint32_t n) { return set(spec_.retries, n); }
  a_job& timeout(milliseconds x) { return set(spec_.timeout, x); }
  a_job& delay(milliseconds x) { return set(spec_.restart.delay, x); }
  a_job& window(milliseconds x) { return set(spec_.restart.window, x); }
  a_job& strategy(std::string x) { return set(spec_.strategy, std::move(x)); }
  a_job& scheduler(std::string x) { return set(spec_.scheduler, std::move(x)); }
  a_job& after(std::string job, job_outcome x = job_outcome::succeeded) {
    spec_.after.push_back({std::move(job), x});
    return *this;
  }
  /// Members of `name`, or of a gang of its own.
  a_job& gang(std::string name = {}, uint32_t min = 0, uint32_t max = 0) {
    spec_.gang = gang_request{std::move(name), min, max};
    return *this;
  }
  a_job& schedule(std::string cron, std::string zone = "UTC",
                  overlap_rule overlap = overlap_rule::skip) {
    return set(spec_.schedule,
               schedule_rule{std::move(cron), std::move(zone), overlap});
  }
  a_job& cached(milliseconds ttl = cache_rule{}.ttl) {
    return set(spec_.cache, cache_rule{ttl, {}});
  }
  a_job& exclusive() { return set(spec_.exclusive, true); }
  a_job& command(std::vector<std::string> x) {
    return set(spec_.command, std::move(x));
  }
  a_job& at_once(uint32_t n) { return set(spec_.update.max_unavailable, n); }
  a_job& surge(uint32_t n) { return set(spec_.update.max_surge, n); }
  a_job& min_healthy(milliseconds x) {
    return set(spec_.update.min_healthy, x);
  }
  a_job& no_rollback() { return set(spec_.update.rollback, false); }
  a_job& checked() {
    spec_.health.emplace().port = 80;
    return *this;
  }
  a_job& replace_after(milliseconds x) { return set(spec_.replace_after, x); }
  a_job& label_of(std::string name, std::string value) {
    spec_.labels.push_back({std::move(name), std::move(value)});
    return *this;
  }
  a_job& requires_label(std::string name, std::vector<std::string> values) {
    spec_.requirements.push_back({std::move(name), std::move(values)});
    return *this;
  }
  a_job& near(std::string name, std::string value) {
    spec_.colocate_with.push_back({std::move(name), std::move(value)});
    return *this;
  }
  a_job& away_from(std::string name, std::string value) {
    spec_.avoid_colocating.push_back({std::move(name), std::move(value)});
    return *this;
  }
  a_job& spread_by(std::string label) {
    spec_.spread_by.push_back(std::move(label));
    return *this;
  }
  /// A port of the container; on the machine, 0 leaves it to the placement.
  a_job& port(std::string name, uint16_t container, uint16_t host = 0) {
    spec_.ports.push_back({std::move(name), container, host});
    return *this;
  }

  [[nodiscard]] job_spec& spec() { return spec_; }
  // NOLINTNEXTLINE: it is a job wherever one is wanted.
  operator job_spec_ptr() const {
    return std::make_shared<const job_spec>(spec_);
  }

private:
  template <class T, class U>
  a_job& set(T& member, U&& value) {
    member = std::forward<U>(value);
    return *this;
  }

  job_spec spec_;
};

/// A machine of 4 cores and 4 GiB, unless told otherwise.
class a_node {
public:
  explicit a_node(std::string name) {
    profile_.name = std::move(name);
    profile_.capacity = {4'000, int64_t{4} << 30, 0, {}};
    profile_.version = std::string{"1"};
    profile_.drivers = {"simulated"};
  }

  a_node& cpu(double cores) {
    profile_.capacity.cpu_millicores
      = static_cast<int64_t>(std::lround(cores * 1'000));
    return *this;
  }
  a_node& memory(int64_t bytes) {
    profile_.capacity.memory_bytes = bytes;
    return *this;
  }
  a_node& gpus(int64_t n) {
    profile_.capacity.gpu_millis = n * 1'000;
    return *this;
  }
  a_node& label_of(std::string name, std::string value) {
    profile_.labels.push_back({std::move(name), std::move(value)});
    std::sort(profile_.labels.begin(), profile_.labels.end());
    return *this;
  }
  a_node& drivers(std::vector<std::string> x) {
    profile_.drivers = std::move(x);
    return *this;
  }
  a_node& protocol(uint32_t x) {
    profile_.protocol = x;
    return *this;
  }
  // NOLINTNEXTLINE: it is a profile wherever one is wanted.
  operator node_profile() const { return profile_; }

private:
  node_profile profile_;
};

/// What a machine says of `item`.
class a_report {
public:
  a_report(const work_item& item, task_state state) {
    report_.task = item.task;
    report_.attempt = item.attempt;
    report_.allocation = item.allocation;
    report_.state = state;
  }

  a_report& why(reason x) {
    report_.why = x;
    return *this;
  }
  a_report& exit_code(int32_t x) {
    report_.exit_code = x;
    return *this;
  }
  a_report& message(std::string x) {
    report_.message = std::move(x);
    return *this;
  }
  // NOLINTNEXTLINE: it is a report wherever one is wanted.
  operator task_report() const { return report_; }

private:
  task_report report_;
};

} // namespace troupe
