#include "runtime/drivers/process/exec_session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/drivers/process/control_group.hpp"
#include "runtime/drivers/process/launch.hpp"
#include "runtime/drivers/process/lenient_json.hpp"
#include "runtime/drivers/process/supervision.hpp"

namespace troupe::runtime::process {

namespace json = boost::json;

namespace {

exec_result refused(std::string why) {
  auto result = exec_result{};
  result.error = std::move(why);
  return result;
}

void append(exec_result& to, std::string_view bytes) {
  auto room = exec_output_bytes_max - to.output.size();
  to.truncated = to.truncated || bytes.size() > room;
  to.output.append(bytes.substr(0, room));
}

exec_result execute(const exec_request& request) {
  auto dir = run_dir{request.run};
  auto spec = dir.spec();
  auto state = dir.state();
  if (!spec || !state || request.argv.empty())
    return refused("the task does not run");
  auto runner = open_process(state->runner);
  if (!runner || dir.has_exit())
    return refused("the task does not run any more");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return refused(std::string{"cannot make a pipe: "} + std::strerror(errno));
  auto out = unique_fd{ends[0]};
  auto writer = unique_fd{ends[1]};
  auto place = launch_place{writer.get(), writer.get(), {}};
  if (!spec->control_group.empty())
    place.doors = control_groups::detect().doors(spec->control_group);
  auto child = launch(dir, *spec, request.argv, place);
  if (!child) {
    auto result = refused(child.error());
    result.bad_command = true;
    return result;
  }
  writer.reset();
  auto result = exec_result{};
  auto watch = supervision{{
    .child = *child,
    .out = std::move(out),
    .err = {},
    .on_bytes = [&](int, std::string_view bytes) { append(result, bytes); },
    .stop_signal = SIGTERM,
    .stop_grace = {},
    .watched_fd = runner->get(),
    .timeout = request.timeout,
  }};
  auto status = watch.run().wait_status;
  result.exit_code
    = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result.timed_out = watch.timed_out();
  return result;
}

} // namespace

std::string to_json(const exec_request& x) {
  auto argv = json::array{};
  for (auto& word : x.argv)
    argv.emplace_back(word);
  return json::serialize(json::object{
    {"run", x.run},
    {"argv", std::move(argv)},
    {"timeoutMs", x.timeout.count()},
  });
}

expected<exec_request, std::string>
exec_request_from_json(std::string_view text) {
  auto from = parse_object(text);
  if (!from)
    return make_unexpected(from.error());
  auto x = exec_request{};
  x.run = text_or(*from, "run", "");
  if (auto* argv = from->if_contains("argv"); argv && argv->is_array())
    for (auto& word : argv->get_array())
      if (word.is_string())
        x.argv.emplace_back(word.get_string().data(), word.get_string().size());
  x.timeout = std::chrono::milliseconds{
    number_or<int64_t>(*from, "timeoutMs", x.timeout.count())};
  return x;
}

std::string to_bytes(const exec_result& x) {
  auto result = json::serialize(json::object{
    {"exitCode", x.exit_code},
    {"timedOut", x.timed_out},
    {"truncated", x.truncated},
    {"error", x.error},
    {"badCommand", x.bad_command},
  });
  return result + "\n" + x.output;
}

exec_result exec_result_from_bytes(std::string_view bytes) {
  auto line_end = bytes.find('\n');
  if (line_end == std::string_view::npos)
    return refused("the command's watcher died");
  auto from = parse_object(bytes.substr(0, line_end));
  if (!from)
    return refused("the command's answer is damaged");
  auto x = exec_result{};
  x.exit_code = number_or(*from, "exitCode", 0);
  x.timed_out = flag_or(*from, "timedOut", false);
  x.truncated = flag_or(*from, "truncated", false);
  x.error = text_or(*from, "error", "");
  x.bad_command = flag_or(*from, "badCommand", false);
  x.output = bytes.substr(line_end + 1);
  return x;
}

void run_exec(const exec_request& request, unique_fd answer) {
  ::prctl(PR_SET_NAME, "troupe-exec");
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  auto bytes = to_bytes(execute(request));
  auto rest = std::string_view{bytes};
  while (!rest.empty()) {
    auto n = ::write(answer.get(), rest.data(), rest.size());
    if (n < 0 && errno != EINTR)
      return;
    if (n > 0)
      rest.remove_prefix(static_cast<size_t>(n));
  }
}

} // namespace troupe::runtime::process
