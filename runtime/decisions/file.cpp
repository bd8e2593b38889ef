#include "runtime/decisions/file.hpp"

#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "messages/contract.hpp"
#include "messages/json.hpp"

#include "runtime/decisions/lines.hpp"

namespace troupe::runtime {

namespace {

std::string trouble_with(const std::filesystem::path& path) {
  return path.string() + " cannot be written: " + std::strerror(errno);
}

} // namespace

decision_file::decision_file(std::filesystem::path path, std::string cluster_id)
  : path_(std::move(path)), cluster_id_(std::move(cluster_id)) {
  // nop
}

decision_file::~decision_file() {
  close();
}

void decision_file::close() {
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
}

expected<uint64_t, std::string> decision_file::keep(const decision_batch& x) {
  if (x.whole)
    return write_anew(whole_text(x));
  TROUPE_ASSERT(fd_ >= 0);
  std::string text;
  for (auto& y : x.notes)
    if (auto line = note_line(y); line.size() <= line_bytes_max)
      text += line;
  return write(text + mark_line(x.until));
}

/// Leaves the oldest rounds out if all of them are too much.
std::string decision_file::whole_text(const decision_batch& x) const {
  std::string head = head_line(cluster_id_);
  std::vector<std::string> rounds;
  auto bytes = uint64_t{0};
  for (auto& y : x.notes) {
    auto line = note_line(y);
    if (line.size() > line_bytes_max)
      continue;
    bytes += line.size();
    if (std::holds_alternative<noted_round>(y))
      rounds.push_back(std::move(line));
    else
      head += line;
  }
  auto first = rounds.begin();
  for (; bytes > whole_bytes_max && first != rounds.end(); ++first)
    bytes -= first->size();
  // Then there are too many kept places: without rounds they say nothing.
  if (bytes > whole_bytes_max)
    head = head_line(cluster_id_);
  for (; first != rounds.end(); ++first)
    head += *first;
  return head + mark_line(x.until);
}

expected<uint64_t, std::string>
decision_file::write_anew(const std::string& text) {
  close();
  auto made = path_;
  made += ".new";
  // Jobs may have labels that are not everybody's business.
  fd_ = ::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd_ < 0)
    return make_unexpected(trouble_with(made));
  bytes_ = 0;
  if (auto ok = write(text); !ok)
    return ok;
  if (::rename(made.c_str(), path_.c_str()) != 0) {
    auto result = make_unexpected(trouble_with(path_));
    close();
    return result;
  }
  whole_bytes_ = bytes_;
  return bytes_;
}

expected<uint64_t, std::string> decision_file::write(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    auto n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      auto result = make_unexpected(trouble_with(path_));
      close();
      return result;
    }
    done += static_cast<size_t>(n);
  }
  bytes_ += text.size();
  return text.size();
}

} // namespace troupe::runtime
