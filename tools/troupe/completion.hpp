#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tools {

/// A word that could stand where the cursor is, and what it means.
struct offer {
  std::string word;
  std::string meaning{};
  bool operator==(const offer&) const = default;
};

/// Things that only the controller can name.
enum class named : uint8_t { jobs, tasks, nodes };

/// Where offers come from. Both may answer nothing.
struct completion_sources {
  std::vector<offer> verbs;
  /// What `troupe VERB --help` prints.
  std::function<std::string(const std::string& verb)> help;
  /// Names that begin with `front`, and perhaps others.
  std::function<std::vector<std::string>(named, const std::string& front)>
    names;
};

struct completion {
  std::vector<offer> offers;
  /// Names of files will do as well.
  bool files = false;
};

/// What can stand in place of the last of `words`, which follow `troupe` on a
/// command line that is being written. A verb takes what its help says it takes.
/// REQUIRES: `words` is not empty; the last may be.
[[nodiscard]] completion
complete(const std::vector<std::string>& words, const completion_sources& from);

/// What the help of a verb says that it takes.
struct verb_usage {
  struct option {
    std::vector<std::string> names;
    std::string value; // Empty: a flag.
    std::string meaning;
  };
  std::vector<option> options;
  std::vector<std::string> words;
  /// Whether the last of `words` may be repeated.
  bool many = false;
};

[[nodiscard]] verb_usage read_usage(std::string_view help);

/// The script for `shell`, or nothing if it is none of bash, zsh and fish. It
/// asks this program what to offer.
[[nodiscard]] std::string_view completion_script(std::string_view shell);

} // namespace troupe::tools
