#include "runtime/backup.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "runtime/journal/file_lock.hpp"
#include "runtime/journal/open.hpp"
#include "runtime/recovery.hpp"

namespace troupe::runtime {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view seal_front = "\ntroupe backup sha256:";
constexpr size_t digest_size = 64;
constexpr size_t seal_size = seal_front.size() + digest_size + 1;

std::string sha256_of(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  constexpr std::string_view hex = "0123456789abcdef";
  std::string result;
  for (unsigned int i = 0; i < size; ++i) {
    result += hex[digest[i] >> 4];
    result += hex[digest[i] & 15];
  }
  return result;
}

unexpected<std::string> trouble(const fs::path& path, const char* what) {
  return make_unexpected("cannot " + std::string{what} + ' ' + path.string()
                         + ": " + std::strerror(errno));
}

/// A folder of our own that goes with us.
class scratch {
public:
  scratch() {
    std::error_code error;
    auto pattern
      = (fs::temp_directory_path(error) / "troupe-backup-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr)
      path_ = pattern;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code error;
    if (!path_.empty())
      fs::remove_all(path_, error);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

expected<void, std::string>
write_durably(std::string_view bytes, const fs::path& path) {
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return trouble(path, "make");
  while (!bytes.empty()) {
    auto size = ::write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR)
      continue;
    if (size <= 0)
      break;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  auto ok = bytes.empty() && ::fsync(fd) == 0;
  auto error = errno;
  ::close(fd);
  errno = error;
  if (!ok)
    return trouble(path, "write");
  return {};
}

void sync_folder(const fs::path& path) {
  auto fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  ::fsync(fd);
  ::close(fd);
}

expected<backup_content, std::string> content_of(const fs::path& path) {
  auto opened = open_journal("sqlite:" + path.string(), {});
  if (!opened)
    return make_unexpected(opened.error().message);
  auto read = recover(**opened);
  if (!read)
    return make_unexpected(read.error());
  auto& state = *read->state;
  return backup_content{state.version(), state.digest(), state.jobs().size(),
                        state.nodes().size()};
}

} // namespace

std::string sealed(std::string bytes) {
  auto digest = sha256_of(bytes);
  bytes += seal_front;
  bytes += digest;
  bytes += '\n';
  return bytes;
}

expected<std::string_view, std::string> unsealed(std::string_view backup) {
  if (backup.size() < seal_size
      || !backup.substr(backup.size() - seal_size).starts_with(seal_front))
    return make_unexpected(
      std::string{"is no backup of troupe, or its end is missing"});
  auto bytes = backup.substr(0, backup.size() - seal_size);
  auto digest = backup.substr(backup.size() - digest_size - 1, digest_size);
  if (digest != sha256_of(bytes))
    return make_unexpected(
      std::string{"is damaged: its digest is not that of what it holds"});
  return bytes;
}

expected<std::string, std::string> backup_of(const journal& from) {
  scratch folder;
  if (folder.path().empty())
    return trouble(fs::temp_directory_path(), "make a folder in");
  auto path = folder.path() / "journal.db";
  if (auto ok = from.backup(path); !ok)
    return make_unexpected(ok.error().message);
  std::ifstream file{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  if (!file || bytes.empty())
    return trouble(path, "read");
  return sealed(std::move(bytes));
}

expected<backup_content, std::string>
restore_backup(std::string_view backup, const fs::path& path) {
  auto bytes = unsealed(backup);
  if (!bytes)
    return make_unexpected("the backup " + bytes.error());
  std::error_code error;
  if (fs::exists(path, error))
    return make_unexpected("there is a journal already: " + path.string()
                           + ". Restore into an empty directory");
  // Beside its place first: a journal is there as a whole or not at all.
  auto beside = path;
  beside += ".restoring";
  fs::remove(beside, error);
  if (auto ok = write_durably(*bytes, beside); !ok)
    return make_unexpected(ok.error());
  auto content = content_of(beside);
  if (content)
    fs::rename(beside, path, error);
  for (auto end : {"", "-wal", "-shm", "-lock", ".lock"}) {
    std::error_code ignored;
    fs::remove(beside.string() + end, ignored);
  }
  if (content && error)
    return make_unexpected("cannot make " + path.string() + ": "
                           + error.message());
  sync_folder(path.parent_path());
  return content;
}

// -- to look at ------------------------------------------------------------------

namespace {

expected<std::shared_ptr<const scratch>, std::string> make_scratch() {
  auto result = std::make_shared<const scratch>();
  if (result->path().empty())
    return trouble(fs::temp_directory_path(), "make a folder in");
  return result;
}

expected<journal_copy, std::string>
open_in(std::shared_ptr<const scratch> folder) {
  auto opened
    = open_journal("sqlite:" + (folder->path() / "journal.db").string(), {});
  if (!opened)
    return make_unexpected(opened.error().message);
  return journal_copy{std::move(folder), std::move(*opened)};
}

} // namespace

expected<journal_copy, std::string>
open_copy_of_backup(std::string_view backup) {
  auto bytes = unsealed(backup);
  if (!bytes)
    return make_unexpected(bytes.error());
  auto folder = make_scratch();
  if (!folder)
    return make_unexpected(folder.error());
  if (auto ok = write_durably(*bytes, (*folder)->path() / "journal.db"); !ok)
    return make_unexpected(ok.error());
  return open_in(std::move(*folder));
}

expected<journal_copy, std::string> open_copy_of(const fs::path& path) {
  auto lock = file_lock::keep_free(path);
  if (!lock)
    return make_unexpected(lock.error().message);
  std::error_code error;
  auto folder = make_scratch();
  if (!folder)
    return make_unexpected(folder.error());
  // What was written last may only be in the log.
  for (auto end : {"", "-wal"}) {
    auto from = path.string() + end;
    if (*end != '\0' && !fs::exists(from, error))
      continue;
    fs::copy_file(from, (*folder)->path() / (std::string{"journal.db"} + end),
                  error);
    if (error)
      return make_unexpected("cannot copy " + from + ": " + error.message());
  }
  return open_in(std::move(*folder));
}

} // namespace troupe::runtime
