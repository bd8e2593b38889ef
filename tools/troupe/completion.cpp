#include "tools/troupe/completion.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace troupe::tools {

namespace {

// -- reading help ---------------------------------------------------------------

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> result;
  while (!text.empty()) {
    auto end = std::min(text.find(at), text.size());
    if (end > 0)
      result.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string_view without_blanks(std::string_view text) {
  auto from = text.find_first_not_of(' ');
  if (from == std::string_view::npos)
    return {};
  return text.substr(from, text.find_last_not_of(' ') - from + 1);
}

/// The next word, which is taken off `text`.
std::string_view next_word(std::string_view& text) {
  auto size = std::min(text.find(' '), text.size());
  auto result = text.substr(0, size);
  text.remove_prefix(size);
  return result;
}

/// Reads `-o, --output FORMAT  meaning`, as this program writes it, and
/// `-h,--help  meaning` or `--http TEXT=1 (Env:X)`, as CLI11 does.
std::optional<verb_usage::option> read_option(std::string_view line) {
  auto text = without_blanks(line);
  if (text == line || text.size() < 2 || text.front() != '-')
    return std::nullopt;
  verb_usage::option result;
  while (text.starts_with('-')) {
    auto word = next_word(text);
    auto more = word.ends_with(',');
    for (auto& name : split(word, ','))
      result.names.push_back(name);
    if (!more)
      break;
    text.remove_prefix(std::min<size_t>(1, text.size()));
  }
  // One blank stands before a value, two before the meaning.
  if (text.size() > 1 && text[0] == ' ' && text[1] != ' ' && text[1] != '(') {
    text.remove_prefix(1);
    auto value = next_word(text);
    result.value = value.substr(0, std::min(value.find('='), value.size()));
    // What is counted stands in the value itself.
    if (value.starts_with("NAME"))
      result.value = value;
  }
  if (auto at = text.find("  "); at != std::string_view::npos)
    result.meaning = without_blanks(text.substr(at));
  return result;
}

void read_words(verb_usage& to, std::string_view usage) {
  auto words = split(usage, ' ');
  // `Usage: troupe VERB ..`
  for (size_t i = 3; i < words.size(); ++i) {
    auto word = std::string_view{words[i]};
    if (word.starts_with("[OPTION"))
      continue;
    if (word.starts_with("[--"))
      break;
    to.many = word.ends_with("...");
    if (to.many)
      word.remove_suffix(3);
    if (word.starts_with('[') && word.ends_with(']'))
      word = word.substr(1, word.size() - 2);
    to.words.emplace_back(word);
  }
}

// -- words that are known -------------------------------------------------------

std::vector<offer> offers_of(std::string_view words, char at = ' ') {
  std::vector<offer> result;
  for (auto& word : split(words, at))
    result.push_back({word});
  return result;
}

struct known_words {
  std::string_view verb; // Empty: of any.
  std::string_view option;
  std::string_view words;
};

// Values of options whose help names them only in general.
constexpr auto known_values = std::to_array<known_words>({
  {"jobs", "--state", "pending running succeeded failed stopped degraded"},
  {"tasks", "--state",
   "pending placed starting running succeeded failed stopped lost cached"},
  {"nodes", "--state", "ready unhealthy removed"},
  {"", "--kind", "service batch system"},
  {"", "--driver", "docker process simulated"},
  {"", "--drivers", "docker process simulated"},
  {"", "--strategy", "binpack spread firstFit roundRobin leastLoaded"},
  {"", "--policy", "binpack spread firstFit roundRobin leastLoaded"},
  {"", "--compare", "all binpack spread firstFit roundRobin leastLoaded"},
  {"", "--order", "priority fifo sjf fair"},
  {"", "--log-level", "trace debug info warn error off"},
  {"", "--log-format", "text json"},
  {"", "--types",
   "jobSubmitted jobUpdated jobScaled jobStopped taskPlaced taskStarted "
   "taskHealthChanged taskEnded taskPreempted taskRequeued gangReserved "
   "gangCommitted gangReleased nodeJoined nodeUnhealthy nodeReady nodeRemoved "
   "nodeCordoned nodeDraining nodeDrained nodeQuarantined nodeTroubled "
   "nodeLabelled settingsChanged cacheHit cacheInvalidated leaderElected"},
});

constexpr auto file_options = std::to_array<std::string_view>(
  {"--data", "--config", "--tls-ca", "--tls-cert", "--tls-key"});

// -- completing -----------------------------------------------------------------

/// What is being written: where it stands among the words that are complete.
class command {
public:
  command(const std::vector<std::string>& words, const completion_sources& from)
    : from_{from}, verb_{words.front()}, current_{words.back()},
      usage_{read_usage(from.help(words.front()))} {
    for (size_t i = 1; i + 1 < words.size(); ++i)
      take(words[i]);
  }

  completion run() {
    if (rest_)
      return {{}, true};
    auto equals = current_.find('=');
    if (wants_value_ != nullptr)
      offer_values(*wants_value_, "");
    else if (current_.starts_with("--") && equals != std::string::npos)
      offer_after_equals(equals);
    else if (current_.starts_with('-'))
      offer_options();
    else
      offer_word();
    std::erase_if(result_.offers, [this](const offer& x) {
      return !x.word.starts_with(current_);
    });
    return std::move(result_);
  }

private:
  void take(const std::string& word) {
    if (rest_ || word == "--") {
      rest_ = true;
    } else if (wants_value_ != nullptr) {
      wants_value_ = nullptr;
    } else if (word.starts_with('-') && word.size() > 1) {
      auto* option = find(word);
      if (option != nullptr && !option->value.empty())
        wants_value_ = option;
    } else {
      given_.push_back(word);
    }
  }

  const verb_usage::option* find(const std::string& name) const {
    for (auto& x : usage_.options)
      for (auto& y : x.names)
        if (y == name)
          return &x;
    return nullptr;
  }

  void offer_options() {
    for (auto& x : usage_.options)
      // The long one is there to be read.
      result_.offers.push_back({x.names.back(), x.meaning});
  }

  void offer_after_equals(size_t equals) {
    auto* option = find(current_.substr(0, equals));
    if (option != nullptr && !option->value.empty())
      offer_values(*option, current_.substr(0, equals + 1));
  }

  /// Offers values of `option`, each behind `front`.
  void offer_values(const verb_usage::option& option, std::string front) {
    auto& name = option.names.back();
    // Of several with commas between them, the last is being written.
    if (auto comma = current_.rfind(','); comma != std::string::npos)
      front = current_.substr(0, comma + 1);
    for (auto& x : known_values)
      if (x.option == name && (x.verb.empty() || x.verb == verb_))
        return add(offers_of(x.words), front);
    result_.files = std::find(file_options.begin(), file_options.end(), name)
                    != file_options.end();
    offer_form(option.value, front);
  }

  void offer_word() {
    if (verb_ == "plan")
      return offer_plan();
    // Without a name it is a daemon, with one it shows that node.
    if (verb_ == "node")
      return add_names(named::nodes);
    if (usage_.words.empty())
      return;
    auto index = given_.size();
    if (index >= usage_.words.size()) {
      if (!usage_.many)
        return;
      index = usage_.words.size() - 1;
    }
    offer_form(usage_.words[index], "");
  }

  void offer_plan() {
    if (given_.empty()) {
      result_.files = true;
      return add({{"drain", "empty nodes"},
                  {"lose", "lose nodes at once"},
                  {"add", "add nodes"},
                  {"scale", "give jobs other counts"},
                  {"stop", "stop jobs"}});
    }
    if (given_[0] == "drain" || given_[0] == "lose")
      add_names(named::nodes);
    else if (given_[0] == "scale")
      add_names(named::jobs, "", "=");
    else if (given_[0] == "stop")
      add_names(named::jobs);
    else
      result_.files = given_[0] != "add";
  }

  /// Offers what `form` stands for in help.
  void offer_form(const std::string& form, const std::string& front) {
    if (form == "JOB" || form == "NAME")
      add_names(named::jobs, front);
    if (form == "JOB=COUNT")
      add_names(named::jobs, front, "=");
    if (form == "TASK" || form == "NAME")
      add_names(named::tasks, front);
    if (form == "NODE" || (form == "NAME" && verb_ == "why"))
      add_names(named::nodes, front);
    if (form == "FILE" || form == "DIR" || form == "SCENARIO")
      result_.files = true;
    if (form == "VERB")
      add(from_.verbs, front);
    if (form == "SHELL")
      add(offers_of("bash zsh fish"), front);
    if (form.find('|') != std::string::npos && form.find('=') == form.npos
        && std::islower(static_cast<unsigned char>(form[0])))
      add(offers_of(form, '|'), front);
  }

  void add(const std::vector<offer>& offers, const std::string& front = "") {
    for (auto& x : offers)
      result_.offers.push_back({front + x.word, x.meaning});
  }

  void add_names(named what, const std::string& front = "",
                 const std::string& end = "") {
    auto begun = current_.substr(std::min(front.size(), current_.size()));
    for (auto& x : from_.names(what, begun))
      if (std::find(given_.begin(), given_.end(), x) == given_.end())
        result_.offers.push_back({front + x + end, ""});
  }

  const completion_sources& from_;
  std::string verb_;
  std::string current_;
  verb_usage usage_;
  std::vector<std::string> given_;
  const verb_usage::option* wants_value_ = nullptr;
  bool rest_ = false;
  completion result_;
};

} // namespace

verb_usage read_usage(std::string_view help) {
  verb_usage result;
  auto meaning_missing = false;
  for (auto& line : split(help, '\n')) {
    if (line.starts_with("Usage: troupe "))
      read_words(result, line);
    auto option = read_option(line);
    if (option) {
      meaning_missing = option->meaning.empty();
      result.options.push_back(std::move(*option));
    } else if (std::exchange(meaning_missing, false)) {
      result.options.back().meaning = without_blanks(line);
    }
  }
  return result;
}

completion complete(const std::vector<std::string>& words,
                    const completion_sources& from) {
  // `--address X` and `--token X` may stand before the verb.
  size_t first = 0;
  while (first + 1 < words.size() && words[first].starts_with('-'))
    first += words[first].find('=') == std::string::npos ? 2 : 1;
  if (first >= words.size())
    return {};
  if (first + 1 < words.size())
    return command{{words.begin() + static_cast<ptrdiff_t>(first), words.end()},
                   from}
      .run();
  completion result;
  auto all = from.verbs;
  if (words.back().starts_with('-'))
    all = offers_of("--address --token --help --version");
  for (auto& x : all)
    if (x.word.starts_with(words.back()))
      result.offers.push_back(x);
  return result;
}

} // namespace troupe::tools
