#include "runtime/volumes.hpp"

#include <algorithm>
#include <filesystem>

namespace troupe::runtime {

namespace fs = std::filesystem;

namespace {

/// Whether `path` is `root` or stands below it. Both without links.
bool is_below(const fs::path& path, const fs::path& root) {
  auto [end, ignored]
    = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

} // namespace

expected<void, std::string>
check_volumes(const std::vector<volume_mount>& wanted,
              const std::vector<std::string>& allowed) {
  for (auto& x : wanted) {
    std::error_code error;
    auto path = fs::weakly_canonical(x.host, error);
    auto ok = !error
              && std::any_of(allowed.begin(), allowed.end(),
                             [&](const std::string& y) {
                               std::error_code unknown;
                               auto root = fs::weakly_canonical(y, unknown);
                               return !unknown && is_below(path, root);
                             });
    if (!ok)
      return make_unexpected("volume " + x.host
                             + " is not below a directory that this node "
                               "allows; its operator can name some with "
                               "--volumes");
  }
  return {};
}

} // namespace troupe::runtime
