#include "runtime/decisions/lines.hpp"

#include <charconv>

#include <boost/describe/class.hpp>

#include "messages/json.hpp"

#include "runtime/journal/checksum.hpp"

namespace troupe::runtime {

BOOST_DESCRIBE_STRUCT(fact_mark, (), (version, time, type))

namespace {

/// Files of another form are not read, and written anew.
constexpr uint32_t form = 1;
/// Of a checksum, in hex.
constexpr size_t digits = 16;

struct head {
  uint32_t decisions = 0;
  std::string cluster;
};

struct tail {
  fact_mark until;
};

BOOST_DESCRIBE_STRUCT(head, (), (decisions, cluster))
BOOST_DESCRIBE_STRUCT(tail, (), (until))

std::string checksum_of(std::string_view text) {
  char hex[digits];
  auto sum = xxh64(text, form);
  auto end = std::to_chars(std::begin(hex), std::end(hex), sum, 16).ptr;
  auto used = static_cast<size_t>(end - hex);
  return std::string(digits - used, '0') + std::string(hex, used);
}

std::string line_of(const std::string& text) {
  return checksum_of(text) + ' ' + text + '\n';
}

/// The text of a line, empty if it is damaged.
std::string_view text_in(std::string_view line) {
  if (line.size() < digits + 1 || line[digits] != ' ')
    return {};
  auto text = line.substr(digits + 1);
  return line.substr(0, digits) == checksum_of(text) ? text
                                                     : std::string_view{};
}

bool take_line(decision_lines& to, std::string_view text) {
  if (text.empty())
    return false;
  if (to.cluster_id.empty()) {
    auto read = json::parse<head>(text);
    if (!read || read->decisions != form)
      return false;
    to.cluster_id = std::move(read->cluster);
    return !to.cluster_id.empty();
  }
  if (text.starts_with("{\"until\"")) {
    auto read = json::parse<tail>(text);
    if (!read
        || (!to.marks.empty()
            && read->until.version < to.marks.back().until.version))
      return false;
    to.marks.push_back({std::move(read->until), to.notes.size()});
    return true;
  }
  auto note = read_note(text);
  if (!note)
    return false;
  to.notes.push_back(std::move(*note));
  return true;
}

} // namespace

std::string head_line(std::string_view cluster_id) {
  return line_of(json::text_of(head{form, std::string{cluster_id}}));
}

std::string note_line(const decision_note& x) {
  return line_of(write_note(x));
}

std::string mark_line(const fact_mark& x) {
  return line_of(json::text_of(tail{x}));
}

decision_lines read_lines(std::string_view text) {
  decision_lines result;
  for (size_t line = 1; !text.empty(); ++line) {
    auto end = text.find('\n');
    if (end == std::string_view::npos
        || !take_line(result, text_in(text.substr(0, end)))) {
      result.damaged = line;
      break;
    }
    text.remove_prefix(end + 1);
  }
  return result;
}

} // namespace troupe::runtime
