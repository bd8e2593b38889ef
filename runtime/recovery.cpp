#include "runtime/recovery.hpp"

#include "runtime/log.hpp"

namespace troupe::runtime {

namespace {

expected<void, std::string> restore(cluster& to, std::string_view text) {
  return to.restore([&text](std::string_view& line) {
    if (text.empty())
      return false;
    auto end = std::min(text.find('\n'), text.size());
    line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return true;
  });
}

} // namespace

expected<recovered, std::string> recover(const journal& from) {
  recovered result{std::make_shared<cluster>(), 0};
  auto snapshot = from.latest_snapshot();
  if (!snapshot)
    return make_unexpected(snapshot.error().message);
  if (*snapshot) {
    if (!(*snapshot)->warning.empty())
      log::warn("journal: {}", (*snapshot)->warning);
    if (auto ok = restore(*result.state, (*snapshot)->state); !ok)
      return make_unexpected(ok.error());
    result.snapshot_version = (*snapshot)->version;
  }
  std::string trouble;
  auto read = from.read(result.state->version() + 1,
                        [&](uint64_t version, std::string_view line) {
                          auto x = read_line(version, line);
                          if (!x) {
                            trouble = x.error();
                            return false;
                          }
                          result.state->apply(*x);
                          return true;
                        });
  if (!read)
    return make_unexpected(read.error().message);
  if (!trouble.empty())
    return make_unexpected(trouble);
  return result;
}

expected<void, journal_error> save_snapshot(const cluster& from, journal& to) {
  std::string text;
  from.save([&](std::string_view line) {
    text += line;
    text += '\n';
  });
  return to.save_snapshot(from.version(), text);
}

} // namespace troupe::runtime
