#include "runtime/journal/disk.hpp"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

std::string_view hint(int error) {
  switch (error) {
  case EROFS:
    return "; mount it writable, or choose another path";
  case EACCES:
  case EPERM:
    return "; run as the owner of that folder, or choose another path";
  case ENOTDIR:
    return "; a part of the path is a file, choose another path";
  case ENOSPC:
  case EDQUOT:
    return "; free some space there";
  default:
    return "; choose another path, or look at the system's log";
  }
}

} // namespace

journal_error refuse_errno(const std::filesystem::path& journal_path,
                           std::string_view what, int error) {
  auto no_space = error == ENOSPC || error == EDQUOT;
  auto text = std::string{what} + ": " + std::generic_category().message(error);
  text += hint(error);
  return refuse(no_space ? journal_ec::full : journal_ec::unavailable,
                journal_path.string(), text);
}

expected<void, journal_error>
create_private_folder(const std::filesystem::path& journal_path,
                      const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) == 0)
    return sync_to_disk(journal_path, folder_of(folder));
  auto error = errno;
  if (error == EEXIST)
    return {};
  auto above = folder_of(folder);
  if (error != ENOENT || above == folder)
    return unexpected{refuse_errno(
      journal_path, "cannot create the folder " + folder.string(), error)};
  if (auto made = create_private_folder(journal_path, above); !made)
    return made;
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return unexpected{refuse_errno(
      journal_path, "cannot create the folder " + folder.string(), errno)};
  return sync_to_disk(journal_path, above);
}

expected<void, journal_error>
create_private_file(const std::filesystem::path& journal_path,
                    const std::filesystem::path& file) {
  unlink(file.c_str());
  auto fd = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return unexpected{
      refuse_errno(journal_path, "cannot create " + file.string(), errno)};
  close(fd);
  return {};
}

expected<void, journal_error>
sync_to_disk(const std::filesystem::path& journal_path,
             const std::filesystem::path& file_or_folder) {
  auto fd = open(file_or_folder.c_str(), O_RDONLY | O_CLOEXEC);
  auto error = fd < 0 || fsync(fd) != 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  if (error != 0)
    return unexpected{refuse_errno(
      journal_path, "cannot sync " + file_or_folder.string(), error)};
  return {};
}

expected<void, journal_error> rename_durably(const std::filesystem::path& from,
                                             const std::filesystem::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    return unexpected{
      refuse_errno(to, "cannot rename " + from.string(), errno)};
  return sync_to_disk(to, folder_of(to));
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
  auto folder = file.parent_path();
  return folder.empty() ? std::filesystem::path{"."} : folder;
}

} // namespace troupe::runtime
