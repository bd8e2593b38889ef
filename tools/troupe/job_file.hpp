#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "messages/expected.hpp"
#include "messages/problem.hpp"

#include "tools/troupe/exit_code.hpp"

namespace troupe::tools {

/// A text that holds jobs, and what to call it.
struct job_file {
  std::string name;
  std::string text;
};

/// Reads the file `path`, or standard input for `-`.
/// Errors: a file that cannot be read, or is larger than the controller takes.
[[nodiscard]] expected<job_file, failure>
read_job_file(const std::string& path);

/// The line, from 1, on which the value at the RFC 6901 `pointer` of `text`
/// begins, or the nearest value around it that is there. Comments and trailing
/// commas are passed over.
/// REQUIRES: `text` is what `read_json_text` takes as a file.
[[nodiscard]] size_t line_of(std::string_view text, std::string_view pointer);

/// What is wrong with `file`, one line each, with the file, the line and the
/// pointer. `xs` is what `read_json_text` or a reader of its value found.
[[nodiscard]] std::vector<std::string>
fault_lines(const job_file& file, std::span<const problem> xs);

/// All jobs of `files` as what `POST /v1/jobs` takes.
/// Errors: everything that is wrong with any of the files, one a line, with the
/// file, the line and the pointer.
[[nodiscard]] expected<boost::json::value, failure>
jobs_of(std::span<const job_file> files);

} // namespace troupe::tools
