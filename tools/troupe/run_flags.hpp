#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/expected.hpp"

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/exit_code.hpp"

namespace troupe::tools {

/// A job as it is given on the command line. Empty is not given.
struct run_flags {
  std::string image;
  std::string name;
  std::string kind;
  std::string driver;
  std::string cpu;
  std::string memory;
  std::string cpu_limit;
  std::string memory_limit;
  std::string gpu;
  std::vector<std::string> resources; // NAME=N
  std::optional<uint64_t> count;
  std::string priority;
  std::string strategy;
  std::vector<std::string> env;       // K=V
  std::vector<std::string> labels;    // k=v
  std::vector<std::string> requires_; // k=v, k!=v, k
  std::vector<std::string> prefers;   // k=v, k=v:WEIGHT
  std::vector<std::string> avoid;     // k=v
  std::vector<std::string> colocate;  // k=v
  std::vector<std::string> spread_by;
  std::vector<std::string> ports;   // NAME=PORT, NAME=HOST:PORT
  std::vector<std::string> volumes; // HOST:PATH[:ro]
  std::vector<std::string> after;
  bool exclusive = false;
  bool gang = false;
  std::string timeout;
  std::optional<uint64_t> retries;
  std::string schedule;
  std::string workdir;
  std::string user;
  std::vector<std::string> command;
};

/// Declares a flag for each.
void declare(command_line& line, run_flags& x);

/// Whether anything at all was given.
[[nodiscard]] bool any(const run_flags& x);

/// The job that `x` says.
/// Errors: all flags that are wrong, one a line, each by its name.
[[nodiscard]] expected<boost::json::value, failure> job_of(const run_flags& x);

} // namespace troupe::tools
