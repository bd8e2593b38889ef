#pragma once

#include <filesystem>
#include <system_error>

#include <stdlib.h>

namespace troupe::test {

/// A directory that goes with its owner.
struct temporary_directory {
  std::filesystem::path path;
  temporary_directory() {
    auto name
      = (std::filesystem::temp_directory_path() / "agent-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

} // namespace troupe::test
