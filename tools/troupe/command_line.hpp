#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tools {

/// How a program ends that has nothing else to do: after `--help`, or because
/// its command line is wrong.
struct ending {
  int code = 0;
  std::string out{};
  std::string err{};
};

/// Writes the texts of `x` where they belong and returns its code.
int finish(const ending& x);

/// The command line of one verb: what it takes, how that is told by `--help`,
/// and what is wrong with what was given. What is declared refers to variables,
/// which must outlive `parse`.
class command_line {
public:
  /// `summary` is a sentence without a full stop.
  command_line(std::string_view verb, std::string_view summary);

  // -- declaring -------------------------------------------------------------

  // `names` as in `-o,--output`; `value` as in `FORMAT`.

  void flag(std::string_view names, bool& to, std::string_view help);
  void option(std::string_view names, std::string_view value, std::string& to,
              std::string_view help);
  void option(std::string_view names, std::string_view value,
              std::optional<std::string>& to, std::string_view help);
  /// May be given several times; each takes one value.
  void option(std::string_view names, std::string_view value,
              std::vector<std::string>& to, std::string_view help);
  void option(std::string_view names, std::string_view value,
              std::optional<uint64_t>& to, std::string_view help);
  /// One of `words`; the value in `to` is the default.
  void choice(std::string_view names, std::span<const std::string_view> words,
              std::string& to, std::string_view help);

  /// Words without a dash, in order. One that takes `many` comes last.
  void word(std::string_view name, std::string& to, std::string_view help);
  void
  optional_word(std::string_view name, std::string& to, std::string_view help);
  void words(std::string_view name, size_t min, std::vector<std::string>& to,
             std::string_view help);
  /// What follows `--`, as it stands.
  void rest(std::string_view name, std::vector<std::string>& to,
            std::string_view help);

  /// A command that `--help` shows, and what it does.
  void example(std::string_view command, std::string_view meaning);

  // -- parsing ---------------------------------------------------------------

  /// Reads `argv`, whose first is the verb. Answers nothing if the verb can go
  /// on. Errors name the option, and the nearest one for an unknown.
  [[nodiscard]] std::optional<ending> parse(int argc, char** argv);
  [[nodiscard]] std::optional<ending> parse(std::vector<std::string> arguments);

  [[nodiscard]] std::string help() const;

  /// An ending for input that is wrong, with a hint at `--help`.
  [[nodiscard]] ending wrong(std::string_view sentence) const;

private:
  struct declared {
    std::string names;
    std::string value; // Empty: a flag.
    std::string help;
    bool many = false;
    /// Answers what is wrong with the text, or nothing.
    std::function<std::string(const std::string&)> take;
  };
  struct positional {
    std::string name;
    std::string help;
    size_t min = 1;
    bool many = false;
    std::function<void(const std::string&)> take;
  };

  std::optional<ending> take_words(const std::vector<std::string>& given) const;
  ending unknown(const std::string& given) const;
  std::string usage() const;

  std::string verb_;
  std::string summary_;
  std::vector<declared> options_;
  std::vector<positional> words_;
  std::string rest_name_;
  std::string rest_help_;
  std::vector<std::string>* rest_ = nullptr;
  std::vector<std::pair<std::string, std::string>> examples_;
};

/// The one of `known` that is the fewest edits away from `given`, or nothing if
/// none looks like it.
[[nodiscard]] std::optional<std::string>
nearest_word(std::string_view given, std::span<const std::string> known);

/// Splits `k=v`. Nothing if there is no `=` or nothing before it.
[[nodiscard]] std::optional<std::pair<std::string, std::string>>
split_pair(std::string_view text);

} // namespace troupe::tools
