#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/rest.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

/// How something is printed: `-o table|wide|json|jsonl|name`.
struct output {
  std::string format = "table";
};

/// Declares `-o, --output`.
void declare(command_line& line, output& x);

/// What a verb that lists something asks for.
struct listing {
  url target;
  /// The key that `-o name` prints.
  std::string key = "name";
  /// Items at most; absent for all there are.
  std::optional<uint64_t> limit{};
  std::string (*show)(const json_value& items, const screen& s) = show_jobs;
  /// What to say on stderr if there is nothing.
  std::string nothing{};
};

/// Declares `--limit`.
void declare(command_line& line, listing& x);

/// What is wrong with `--limit`: none at all is nothing to ask for.
[[nodiscard]] std::optional<failure>
wrong_limit(const std::optional<uint64_t>& limit);

/// Asks for one page after another and prints them. Answers the exit code.
int print_list(const rest& controller, const listing& x, const output& how);

/// All items of a list, at most `limit`, with the version of the first page.
/// Calls `on_page` with each page as it comes, if there is one.
[[nodiscard]] expected<json_value, failure>
fetch_list(const rest& controller, const url& target,
           std::optional<uint64_t> limit,
           const std::function<void(const json_value&)>& on_page = {});

/// Prints one thing: as JSON, by name, or as `shown`.
int print_one(const json_value& x, const output& how, std::string_view key,
              const std::function<std::string(const screen&)>& shown);

/// Writes to stdout. A reader that has gone away ends the program.
void print(std::string_view text);

} // namespace troupe::tools
