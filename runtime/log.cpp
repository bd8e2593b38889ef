#include "runtime/log.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace troupe::runtime::log {

namespace {

/// Lines that wait for the writer.
constexpr size_t lines_max = 1'024;

/// The message as a JSON string.
class json_text : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    auto text
      = boost::json::serialize(boost::json::value(boost::json::string_view{
        message.payload.data(), message.payload.size()}));
    to.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_text>();
  }
};

expected<spdlog::level::level_enum, std::string>
level_called(const std::string& name) {
  auto result = spdlog::level::from_str(name);
  if (result == spdlog::level::off && name != "off")
    return make_unexpected("there is no log level \"" + name
                           + "\"; write trace, debug, info, warn, error or "
                             "off");
  return result;
}

} // namespace

expected<void, std::string> start(const options& x) {
  auto level = level_called(x.level);
  if (!level)
    return make_unexpected(level.error());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (x.format == "json")
    formatter->add_flag<json_text>('J').set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%J})");
  else if (x.format == "text")
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%e %L %v");
  else
    return make_unexpected("there is no log format \"" + x.format
                           + "\"; write text or json");
  spdlog::init_thread_pool(lines_max, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::async_logger>(
    "troupe", sink, spdlog::thread_pool(),
    spdlog::async_overflow_policy::overrun_oldest);
  logger->set_formatter(std::move(formatter));
  logger->set_level(*level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

expected<void, std::string> set_level(const std::string& name) {
  auto level = level_called(name);
  if (!level)
    return make_unexpected(level.error());
  spdlog::default_logger()->set_level(*level);
  return {};
}

std::string level() {
  auto name = spdlog::level::to_string_view(spdlog::get_level());
  auto result = std::string{name.data(), name.size()};
  // As users write it.
  return result == "warning" ? "warn" : result;
}

void flush() {
  spdlog::default_logger()->flush();
}

} // namespace troupe::runtime::log
