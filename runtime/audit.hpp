#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "messages/expected.hpp"
#include "messages/timestamp.hpp"

namespace spdlog {
class logger;
} // namespace spdlog

namespace troupe::runtime {

/// One thing that somebody asked to be changed, and what came of it.
struct audit_entry {
  timestamp at;
  std::string who;
  /// Address and port of the client.
  std::string remote;
  std::string_view method;
  std::string path;
  bool dry_run = false;
  /// Of HTTP.
  int status = 0;
};

/// Writes down who changed what, one JSON object a line, in files that follow
/// each other and never take more than 60 MiB. May be used from all threads.
class audit {
public:
  /// Errors: a sentence for the operator.
  [[nodiscard]] static expected<std::shared_ptr<audit>, std::string>
  open(const std::string& file);

  void note(const audit_entry& x);

private:
  explicit audit(std::shared_ptr<spdlog::logger> to);
  std::shared_ptr<spdlog::logger> to_;
};

} // namespace troupe::runtime
