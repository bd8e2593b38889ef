#include "messages/job_grammar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace troupe {

namespace {

constexpr size_t name_size_max = 63;
constexpr size_t stem_size_max = 50;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_alnum(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c);
}

char lowered(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Whether `text` is `edge (edge | inner)* edge` within the limit of names.
template <class Edge>
bool is_name(std::string_view text, Edge edge, std::string_view inner) {
  return !text.empty() && text.size() <= name_size_max && edge(text.front())
         && edge(text.back())
         && std::all_of(text.begin(), text.end(), [&](char c) {
              return edge(c) || inner.find(c) != std::string_view::npos;
            });
}

std::string_view after_last(std::string_view text, char separator) {
  auto at = text.rfind(separator);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

std::string stem(std::string_view text) {
  std::string result;
  for (auto c : text) {
    auto low = lowered(c);
    auto kept = is_lower(low) || is_digit(low);
    if (kept)
      result += low;
    // One sign stands for any number of them, and none at the front.
    else if (!result.empty() && is_alnum(result.back()))
      result += c == '.' ? '.' : '-';
    if (result.size() == stem_size_max)
      break;
  }
  while (!result.empty() && !is_alnum(result.back()))
    result.pop_back();
  return result.empty() ? "job" : result;
}

/// The next code point of valid UTF-8.
uint32_t take_code_point(std::string_view& text) {
  auto lead = static_cast<uint8_t>(text.front());
  size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t result = size == 1 ? lead : lead & (0x7fu >> size);
  for (size_t i = 1; i < size && i < text.size(); ++i)
    result = (result << 6) | (static_cast<uint8_t>(text[i]) & 0x3fu);
  text.remove_prefix(std::min(size, text.size()));
  return result;
}

/// Control characters of both sets, line separators, and what turns or hides
/// the direction of writing.
bool is_printable(uint32_t x) {
  return x >= 0x20 && !(x >= 0x7f && x < 0xa0) && x != 0x200e && x != 0x200f
         && !(x >= 0x2028 && x <= 0x202e) && !(x >= 0x2066 && x <= 0x2069)
         && x != 0xfeff;
}

} // namespace

bool is_job_name(std::string_view text) {
  return is_name(
    text, [](char c) { return is_lower(c) || is_digit(c); }, "-.");
}

bool is_plain_name(std::string_view text) {
  return is_name(text, is_alnum, "-_./");
}

bool is_label_name(std::string_view text) {
  return !text.empty() && text.size() <= name_size_max
         && std::all_of(text.begin(), text.end(), [](char c) {
              return c > ' ' && c < 0x7f && c != '=' && c != ',';
            });
}

bool is_label_value(std::string_view text) {
  constexpr size_t value_size_max = 255;
  if (text.size() > value_size_max)
    return false;
  while (!text.empty())
    if (!is_printable(take_code_point(text)))
      return false;
  return true;
}

bool is_image(std::string_view text) {
  constexpr size_t image_size_max = 512;
  if (text.empty() || text.size() > image_size_max || !is_alnum(text.front())
      || !is_alnum(text.back()) || text.find("//") != std::string_view::npos)
    return false;
  if (auto at = text.find('@'); at != std::string_view::npos) {
    // A digest is `algorithm:hex`.
    auto digest = text.substr(at + 1);
    auto colon = digest.find(':');
    if (colon == std::string_view::npos || colon == 0
        || !std::all_of(digest.begin(), digest.end(), [](char c) {
             return is_alnum(c)
                    || std::string_view{":+._-"}.find(c)
                         != std::string_view::npos;
           }))
      return false;
    text = text.substr(0, at);
  }
  // Capitals are for a registry's host and a tag, never for a repository.
  auto slash = text.rfind('/');
  auto path_end = text.find(':', slash == std::string_view::npos ? 0 : slash);
  if (path_end == std::string_view::npos)
    path_end = text.size();
  auto tag = text.substr(path_end);
  auto path = text.substr(0, path_end);
  auto first = path.substr(0, path.find('/'));
  if (first.size() < path.size()
      && (first.find_first_of(".:") != std::string_view::npos
          || first == "localhost")) {
    if (!std::all_of(first.begin(), first.end(), [](char c) {
          return is_alnum(c) || c == '.' || c == '-' || c == ':';
        }))
      return false;
    path.remove_prefix(first.size() + 1);
  }
  auto in_path = [](char c) {
    return is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-'
           || c == '/';
  };
  auto in_tag
    = [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; };
  return !path.empty() && is_alnum(path.front())
         && std::all_of(path.begin(), path.end(), in_path) && tag.size() != 1
         && tag.size() <= 129
         && std::all_of(tag.begin() + (tag.empty() ? 0 : 1), tag.end(), in_tag);
}

// -- signals ------------------------------------------------------------------

namespace {

constexpr std::array<std::string_view, 10> signals{
  "SIGTERM", "SIGINT",  "SIGHUP",  "SIGQUIT", "SIGKILL",
  "SIGUSR1", "SIGUSR2", "SIGABRT", "SIGALRM", "SIGWINCH"};

} // namespace

std::span<const std::string_view> known_signals() {
  return signals;
}

std::optional<std::string_view> find_signal(std::string_view text) {
  for (auto name : signals)
    if (text == name || text == name.substr(3))
      return name;
  return std::nullopt;
}

bool is_time_zone_name(std::string_view text) {
  return is_name(text, is_alnum, "_+-/");
}

// -- paths and stems ----------------------------------------------------------

bool is_mount_path(std::string_view text) {
  if (!text.starts_with('/') || text.find(':') != std::string_view::npos)
    return false;
  while (!text.empty()) {
    text.remove_prefix(1);
    if (text.substr(0, text.find('/')) == "..")
      return false;
    text.remove_prefix(std::min(text.find('/'), text.size()));
  }
  return true;
}

std::string image_stem(std::string_view image) {
  image = image.substr(0, image.find('@'));
  auto name = after_last(image, '/');
  return stem(name.substr(0, name.find(':')));
}

std::string program_stem(std::string_view path) {
  return stem(after_last(path, '/'));
}

} // namespace troupe
