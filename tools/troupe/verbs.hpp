#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe::tools {

/// One thing that the program does: `troupe NAME ..`, in `verb_<name>.cpp`.
struct verb {
  std::string_view name;
  /// What it does, for the list of verbs; a clause in lower case.
  std::string_view summary;
  /// Takes the command line from the verb on and answers the exit code.
  int (*run)(int argc, char** argv);
};

/// A heading and what belongs to it.
struct verb_group {
  std::string_view title;
  std::span<const verb> verbs;
};

/// Adds the verbs that start actors, before anything else is asked here.
void set_daemon_verbs(std::span<const verb> daemons);

/// All verbs, in the order of `troupe help`.
[[nodiscard]] std::span<const verb_group> verb_groups();

[[nodiscard]] const verb* find_verb(std::string_view name);

/// The list of verbs that `troupe help` shows.
[[nodiscard]] std::string help_text();

/// Runs the verb that `argv[1]` names, after `--address`, `--token` and
/// `--tls-ca`, which may stand before it as well.
int run_command_line(int argc, char** argv);

/// Whether `troupe node ..` is to be a node of the cluster, rather than to show
/// one: it is unless it names one.
[[nodiscard]] bool is_node_daemon(int argc, char** argv);

// -- the verbs, in the order of `troupe help` ----------------------------------

int run_run(int argc, char** argv);
int run_stop(int argc, char** argv);
int run_restart(int argc, char** argv);
int run_scale(int argc, char** argv);
int run_rollback(int argc, char** argv);
int run_delete(int argc, char** argv);
int run_jobs(int argc, char** argv);
int run_tasks(int argc, char** argv);
int run_nodes(int argc, char** argv);
int run_gangs(int argc, char** argv);
int run_queue(int argc, char** argv);
int run_events(int argc, char** argv);
int run_cluster(int argc, char** argv);
int run_console(int argc, char** argv);
int run_job(int argc, char** argv);
int run_task(int argc, char** argv);
int run_node_shown(int argc, char** argv);
int run_why(int argc, char** argv);
int run_logs(int argc, char** argv);
int run_exec(int argc, char** argv);
int run_plan(int argc, char** argv);
int run_simulate(int argc, char** argv);
int run_replay(int argc, char** argv);
int run_drain(int argc, char** argv);
int run_cordon(int argc, char** argv);
int run_uncordon(int argc, char** argv);
int run_label(int argc, char** argv);
int run_settings(int argc, char** argv);
int run_backup(int argc, char** argv);
int run_restore(int argc, char** argv);
int run_doctor(int argc, char** argv);
int run_completion(int argc, char** argv);
int run_version(int argc, char** argv);
int run_help(int argc, char** argv);

} // namespace troupe::tools
