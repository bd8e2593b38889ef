#include "runtime/audit.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace troupe::runtime {

namespace {

constexpr size_t file_bytes_max = size_t{10} << 20;
/// Beside the one that is written.
constexpr size_t files_max = 5;

} // namespace

audit::audit(std::shared_ptr<spdlog::logger> to) : to_(std::move(to)) {
  // nop
}

expected<std::shared_ptr<audit>, std::string>
audit::open(const std::string& file) {
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
      file, file_bytes_max, files_max);
    chmod(file.c_str(), S_IRUSR | S_IWUSR);
    auto logger = std::make_shared<spdlog::logger>("audit", std::move(sink));
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::info);
    logger->flush_on(spdlog::level::info);
    return std::shared_ptr<audit>{new audit{std::move(logger)}};
  } catch (const spdlog::spdlog_ex& x) {
    return make_unexpected("the audit log cannot be written: "
                           + std::string{x.what()});
  }
}

void audit::note(const audit_entry& x) {
  boost::json::object line{
    {"time", to_string(x.at)}, {"who", x.who},   {"from", x.remote},
    {"method", x.method},      {"path", x.path}, {"status", x.status},
  };
  if (x.dry_run)
    line["dryRun"] = true;
  to_->info("{}", boost::json::serialize(line));
}

} // namespace troupe::runtime
