#pragma once

/// Results of batch tasks, which are kept so that identical tasks need not run.

#include <cstdint>
#include <string>

#include <boost/describe/class.hpp>

#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/timestamp.hpp"

namespace troupe {

/// A run that ended well, and who it was.
struct task_result {
  task_ref task;
  uint32_t attempt = 0;
  allocation_id allocation;
  std::string node;
  /// When it ended, and how long it ran.
  timestamp at;
  milliseconds took{0};
  bool operator==(const task_result&) const = default;
  BOOST_DESCRIBE_CLASS(task_result, (),
                       (task, attempt, allocation, node, at, took), (), ())
};

/// Which kept results are meant: those for which all holds that is given, so all
/// of them if nothing is.
struct result_filter {
  /// 64 hexadecimal digits.
  std::string key = {};
  /// Whose task it was.
  std::string job = {};
  /// What that job's name begins with, or, from four digits on, the key.
  std::string prefix = {};
  bool operator==(const result_filter&) const = default;
  BOOST_DESCRIBE_CLASS(result_filter, (), (key, job, prefix), (), ())
};

} // namespace troupe
