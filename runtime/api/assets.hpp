#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/message.hpp"

namespace troupe::runtime::api {

/// A file that is part of the program. It lives as long as the program does.
struct asset {
  /// Empty for the page itself. Others have a hash of what they hold in their
  /// name, so that browsers keep them for good.
  std::string_view name;
  std::string_view content_type;
  std::string_view bytes;
  /// The same, compressed.
  std::string_view gzip;
  /// A hash of `bytes`.
  std::string_view hash;
};

/// The files of the dashboard.
class assets {
public:
  explicit assets(std::vector<asset> xs) : files_{std::move(xs)} {}

  /// Answers a request for the file `name`: 304 if the client has it, compressed
  /// if the client can read that, 404 if there is no such file. Nothing but these
  /// files may run in the page, and nobody may frame it.
  [[nodiscard]] http::response
  answer(const http::request& x, std::string_view name) const;

private:
  std::vector<asset> files_;
};

} // namespace troupe::runtime::api
