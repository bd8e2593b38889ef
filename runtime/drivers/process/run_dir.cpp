#include "runtime/drivers/process/run_dir.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages/contract.hpp"

#include "runtime/drivers/process/lenient_json.hpp"

namespace troupe::runtime::process {

namespace json = boost::json;

namespace {

unexpected<std::string>
failure(std::string_view verb, const std::string& path) {
  auto reason = std::strerror(errno);
  return make_unexpected(std::string{"cannot "} + std::string{verb} + " " + path
                         + ": " + reason);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

json::object to_object(const process_identity& x) {
  return {{"pid", x.pid}, {"startTicks", x.start_ticks}, {"boot", x.boot_id}};
}

process_identity identity_from(const json::object& from) {
  return {number_or<pid_t>(from, "pid", 0),
          number_or<uint64_t>(from, "startTicks", 0),
          text_or(from, "boot", "")};
}

process_identity identity_at(const json::object& from, const char* key) {
  if (auto* x = from.if_contains(key); x && x->is_object())
    return identity_from(x->get_object());
  return {};
}

} // namespace

std::optional<std::string> read_file(const std::string& path) {
  auto fd = unique_fd{
    ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!fd)
    return std::nullopt;
  auto result = std::string{};
  char buffer[4096];
  for (;;) {
    auto n = ::read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return std::nullopt;
    if (n == 0)
      return result;
    result.append(buffer, static_cast<size_t>(n));
  }
}

expected<void, std::string>
write_file(const std::string& path, std::string_view bytes, durability wanted) {
  auto temporary = path + ".tmp";
  auto fd = unique_fd{
    ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!fd)
    return failure("create", temporary);
  if (!write_all(fd.get(), bytes))
    return failure("write", temporary);
  if (wanted == durability::power_cut && ::fdatasync(fd.get()) != 0)
    return failure("sync", temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return failure("rename", temporary);
  return {};
}

run_dir::run_dir(std::string path) : path_{std::move(path)} {
  TROUPE_ASSERT(path_.starts_with('/'));
}

std::string run_dir::file(std::string_view name) const {
  auto result = path_;
  result += '/';
  result += name;
  return result;
}

std::string run_dir::log(log_stream stream) const {
  return file(stream == log_stream::out ? "stdout.log" : "stderr.log");
}

expected<void, std::string> run_dir::write_spec(const run_spec& spec) const {
  return write_file(file("run.json"), to_json(spec), durability::process);
}

expected<void, std::string> run_dir::write_state(const run_state& state) const {
  auto text = json::serialize(json::object{
    {"runner", to_object(state.runner)},
    {"child", to_object(state.child)},
    {"startedAt", state.started_at.time_since_epoch().count()},
  });
  return write_file(file("state"), text, durability::process);
}

expected<void, std::string>
run_dir::write_exit(const run_exit& exit, durability wanted) const {
  return write_file(file("exit"), to_json(exit), wanted);
}

expected<void, std::string> run_dir::write_acknowledged() const {
  return write_file(file("acknowledged"), "", durability::process);
}

expected<std::optional<unique_fd>, std::string>
run_dir::claim(const process_identity& owner) const {
  // The claim is made whole and locked under another name; link(2) then puts
  // it in place, or fails if there is one. The thread's id keeps two claimants
  // apart. What a crash left under that name may be a link to the claim itself:
  // it must be unlinked, never overwritten.
  auto temporary = file("claim.") + std::to_string(::gettid());
  ::unlink(temporary.c_str());
  auto fd = unique_fd{
    ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!fd)
    return failure("create", temporary);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return failure("lock", temporary);
  if (!write_all(fd.get(), json::serialize(to_object(owner))))
    return failure("write", temporary);
  auto linked = ::link(temporary.c_str(), file("claim").c_str()) == 0;
  auto error = errno;
  ::unlink(temporary.c_str());
  if (linked)
    return std::optional<unique_fd>{std::move(fd)};
  if (error == EEXIST)
    return std::optional<unique_fd>{};
  errno = error;
  return failure("claim", path_);
}

expected<run_spec, std::string> run_dir::spec() const {
  auto text = read_file(file("run.json"));
  if (!text)
    return make_unexpected(std::string{"there is no run.json"});
  return run_spec_from_json(*text);
}

std::optional<process_identity> run_dir::claimed_by() const {
  auto text = read_file(file("claim"));
  if (!text)
    return std::nullopt;
  auto from = parse_object(*text);
  return from ? identity_from(*from) : process_identity{};
}

std::optional<run_state> run_dir::state() const {
  auto text = read_file(file("state"));
  if (!text)
    return std::nullopt;
  auto from = parse_object(*text);
  if (!from)
    return std::nullopt;
  auto started_at = number_or<int64_t>(*from, "startedAt", 0);
  return run_state{identity_at(*from, "runner"), identity_at(*from, "child"),
                   wall_time{std::chrono::milliseconds{started_at}}};
}

std::optional<run_exit> run_dir::exit() const {
  auto text = read_file(file("exit"));
  if (!text)
    return std::nullopt;
  auto exit = run_exit_from_json(*text);
  if (exit)
    return *exit;
  return run_exit{.ending = run_ending::lost,
                  .message = "the record of its ending is damaged"};
}

bool run_dir::has_claim() const {
  return exists(file("claim"));
}

bool run_dir::has_exit() const {
  return exists(file("exit"));
}

bool run_dir::is_acknowledged() const {
  return exists(file("acknowledged"));
}

bool run_dir::claim_is_held() const {
  auto fd = unique_fd{::open(file("claim").c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd)
    return false;
  return ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

} // namespace troupe::runtime::process
