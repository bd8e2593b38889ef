#include <fmt/format.h>

#include "tools/troupe/job_file.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/run_flags.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/wait.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

namespace {

struct run_options {
  std::vector<std::string> files;
  run_flags flags;
  writing how;
  output out;
  std::string key;
  bool wait = false;
};

void declare(command_line& line, run_options& x) {
  line.words("FILE", 0, x.files, "files with jobs; - is standard input");
  declare(line, x.flags);
  line.flag("--wait", x.wait,
            "until batch jobs ended, which gives the exit code, and services "
            "run");
  line.option("--idempotency-key", "KEY", x.key,
              "a second submit of the same with this key changes nothing; of "
              "something else it is refused");
  declare(line, x.out);
  declare(line, x.how);
  line.example("troupe run web.json db.json", "submits all jobs, or none");
  line.example("troupe run --image nginx:alpine -c 3 --port http=80",
               "a service with three tasks");
  line.example("troupe run --wait --name hello -- sh -c 'echo hi'",
               "runs a program on a node to its end");
}

expected<json_value, failure> read_jobs_given(const run_options& x) {
  if (x.files.empty()) {
    auto flags = x.flags;
    // Who waits for a command waits for its end, as in other shells.
    if (x.wait && flags.kind.empty() && !flags.command.empty())
      flags.kind = "batch";
    return job_of(flags);
  }
  std::vector<job_file> files;
  for (auto& path : x.files) {
    auto file = read_job_file(path);
    if (!file)
      return make_unexpected(file.error());
    files.push_back(std::move(*file));
  }
  return jobs_of(files);
}

/// `web: submitted, 3 tasks`
std::string line_for(const json_value& job, bool dry_run) {
  auto& created = field(job, "created");
  auto is_new
    = created.is_bool() ? created.get_bool() : whole(job, "version") <= 1;
  auto tasks = whole(job, "tasks");
  return fmt::format(
    "{}: {}{}, {} task{}\n", inert(text(job, "name")),
    dry_run ? "would be " : "",
    is_new ? "submitted"
           : fmt::format("updated to version {}", whole(job, "version")),
    tasks, tasks == 1 ? "" : "s");
}

void print_reply(const run_options& x, const json_value& reply) {
  auto& jobs = field(reply, "jobs");
  if (x.out.format == "json")
    print(pretty_json(reply));
  for (auto& job : elements(jobs)) {
    if (x.out.format == "jsonl")
      print(line_json(job) + '\n');
    else if (x.out.format == "name")
      print(inert(text(job, "name")) + '\n');
    else if (x.out.format != "json" && (!x.wait || x.how.dry_run))
      print(line_for(job, x.how.dry_run));
  }
  std::fflush(stdout);
}

} // namespace

int run_run(int argc, char** argv) {
  run_options x;
  command_line line{"run", "Submits jobs, from files or as flags say"};
  declare(line, x);
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (x.files.empty() && !any(x.flags))
    return finish(line.wrong("needs a FILE, --image, or a command after --"));
  if (!x.files.empty() && any(x.flags))
    return finish(line.wrong("takes a FILE, or flags that say a job, not "
                             "both; write what differs into the file"));
  auto jobs = read_jobs_given(x);
  if (!jobs)
    return report(jobs.error());
  rest controller{x.how.to};
  rest_request request{.method = "POST",
                       .target = x.how.mark(url{"/v1/jobs"}),
                       .body = line_json(*jobs)};
  if (!x.key.empty())
    request.headers.push_back("Idempotency-Key: " + x.key);
  auto reply = controller.call_with(request);
  if (!reply)
    return report(reply.error());
  print_reply(x, *reply);
  if (!x.wait || x.how.dry_run)
    return exit_code::done;
  std::vector<std::string> names;
  for (auto& job : elements(field(*reply, "jobs")))
    names.push_back(text(job, "name"));
  return wait_for_jobs(controller, names);
}

} // namespace troupe::tools
