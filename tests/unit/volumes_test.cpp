#include <filesystem>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/volumes.hpp"

using namespace troupe;
namespace fs = std::filesystem;

namespace {

volume_mount mount(const fs::path& host) {
  return {host.string(), "/data", false};
}

} // namespace

TEST_CASE("volumes are only taken from directories that the operator allows") {
  auto root
    = fs::temp_directory_path() / ("volumes-" + std::to_string(getpid()));
  fs::create_directories(root / "shared" / "a");
  fs::create_directories(root / "private");
  fs::create_directory_symlink(root / "private", root / "shared" / "link");
  std::vector<std::string> allowed{(root / "shared").string()};
  CHECK(runtime::check_volumes({mount(root / "shared")}, allowed));
  CHECK(runtime::check_volumes({mount(root / "shared" / "a")}, allowed));
  // A directory that is yet to be made.
  CHECK(runtime::check_volumes({mount(root / "shared" / "new")}, allowed));
  CHECK(!runtime::check_volumes({mount(root / "private")}, allowed));
  CHECK(!runtime::check_volumes({mount(root / "shared" / ".." / "private")},
                                allowed));
  // What a link hides.
  CHECK(!runtime::check_volumes({mount(root / "shared" / "link")}, allowed));
  // A name that only begins alike.
  CHECK(!runtime::check_volumes({mount(root / "shared-not")}, allowed));
  CHECK(!runtime::check_volumes({mount(root / "shared")}, {}));
  CHECK(runtime::check_volumes({}, {}));
  fs::remove_all(root);
}
