#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/rest.hpp"

namespace troupe::tools {

/// What verbs that change something have in common.
struct writing {
  connection to{};
  bool dry_run = false;

  /// Adds `dryRun=true` if nothing is to happen.
  [[nodiscard]] url mark(const url& x) const {
    return x.with("dryRun", dry_run ? "true" : "");
  }
  /// Says on stderr what has been done, or would have been.
  void tell(std::string_view what) const;
};

/// Declares `--dry-run`, `--address` and `--token`.
void declare(command_line& line, writing& x);

/// Does `path/NAME/action` to each of `names`, where a name is a job or else a
/// task. Goes on after a failure. Answers the code of the first failure.
int act_on_jobs_or_tasks(const writing& x,
                         const std::vector<std::string>& names,
                         std::string_view action, std::string_view past);

/// The same for nodes.
int act_on_nodes(const writing& x, const std::vector<std::string>& names,
                 std::string_view action, std::string_view past);

/// What a name stands for.
enum class thing_kind : uint8_t { job, task, node };

struct thing {
  thing_kind kind = thing_kind::job;
  json_value view{};
};

/// Finds a job, or else a task, or else (`with_nodes`) a node called `name`.
/// Errors: `not_found` that says what was looked for.
enum class search : uint8_t { jobs_and_tasks, nodes_as_well };
[[nodiscard]] expected<thing, failure>
find_thing(const rest& controller, const std::string& name, search where);

} // namespace troupe::tools
