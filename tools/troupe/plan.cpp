#include "tools/troupe/plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/job_file.hpp"
#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

using boost::json::object;

std::optional<uint64_t> whole_number(const std::string& text) {
  uint64_t result = 0;
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, result);
  if (text.empty() || error != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

unexpected<failure> wrong(std::string text) {
  return make_unexpected(failure{exit_code::bad_input, std::move(text)});
}

/// `cpu=4,memory=8GiB` as an object. Numbers become numbers.
expected<object, failure>
pairs_of(const std::string& option, const std::string& text) {
  object result;
  size_t from = 0;
  while (from < text.size()) {
    auto to = std::min(text.find(',', from), text.size());
    auto word = text.substr(from, to - from);
    auto pair = split_pair(word);
    if (!pair)
      return wrong(
        fmt::format("{}: \"{}\" should be NAME=VALUE", option, inert(word)));
    if (auto number = whole_number(pair->second);
        number && option == "--capacity")
      result[pair->first] = *number;
    else
      result[pair->first] = pair->second;
    from = to + 1;
  }
  return result;
}

expected<json_value, failure> added(const imagined_nodes& x) {
  object result;
  if (!x.count.empty()) {
    auto count = whole_number(x.count);
    if (!count || *count == 0)
      return wrong("--count must be a whole number from 1, not \""
                   + inert(x.count) + '"');
    result["count"] = *count;
  }
  for (auto& [key, text] :
       {std::pair{"capacity", &x.capacity}, {"labels", &x.labels}}) {
    if (text->empty())
      continue;
    auto pairs = pairs_of(std::string{"--"} + key, *text);
    if (!pairs)
      return make_unexpected(pairs.error());
    result[key] = std::move(*pairs);
  }
  if (!x.like.empty())
    result["like"] = x.like;
  return object{{"addNodes", std::move(result)}};
}

boost::json::array names_of(const std::vector<std::string>& words) {
  boost::json::array result;
  for (size_t i = 1; i < words.size(); ++i)
    result.emplace_back(words[i]);
  return result;
}

expected<json_value, failure> scaled(const std::vector<std::string>& words) {
  boost::json::array result;
  for (size_t i = 1; i < words.size(); ++i) {
    auto pair = split_pair(words[i]);
    auto count = pair ? whole_number(pair->second) : std::nullopt;
    if (!count)
      return wrong(fmt::format(
        "\"{}\" should be a job and a count, as in web=5", inert(words[i])));
    result.push_back(object{{"job", pair->first}, {"count", *count}});
  }
  return object{{"scaleJob", std::move(result)}};
}

expected<json_value, failure>
reprioritised(const std::vector<std::string>& words) {
  boost::json::array result;
  for (size_t i = 1; i < words.size(); ++i) {
    auto pair = split_pair(words[i]);
    auto negative = pair && pair->second.starts_with('-');
    auto number = pair ? whole_number(pair->second.substr(negative ? 1 : 0))
                       : std::nullopt;
    if (!number || *number > 1'000'000)
      return wrong(
        fmt::format("\"{}\" should be a job and a priority, as in web=100",
                    inert(words[i])));
    auto priority = static_cast<int64_t>(*number);
    result.push_back(object{{"job", pair->first},
                            {"priority", negative ? -priority : priority}});
  }
  return object{{"priority", std::move(result)}};
}

expected<json_value, failure> labelled(const std::vector<std::string>& words) {
  object labels;
  for (size_t i = 2; i < words.size(); ++i) {
    auto& word = words[i];
    if (auto pair = split_pair(word))
      labels[pair->first] = pair->second;
    else if (word.size() > 1 && word.ends_with('-'))
      labels[word.substr(0, word.size() - 1)] = nullptr;
    else
      return wrong(fmt::format(
        "\"{}\" should be NAME=VALUE, or NAME- to remove it", inert(word)));
  }
  if (labels.empty())
    return wrong(
      "`troupe plan label` needs a node and labels, as in n1 zone=a");
  return object{
    {"labelNode", object{{"node", words[1]}, {"labels", std::move(labels)}}}};
}

expected<json_value, failure> submitted(const std::vector<std::string>& paths) {
  std::vector<job_file> files;
  for (auto& path : paths) {
    auto file = read_job_file(path);
    if (!file) {
      auto error = file.error();
      if (error.text.find("No such file") != std::string::npos
          || error.text.find("no such file") != std::string::npos)
        error.text += ".\n  Or plan something else: drain NODE, lose NODE, "
                      "add, label NODE NAME=VALUE, scale JOB=COUNT, stop JOB, "
                      "priority JOB=N, strategy NAME, order NAME";
      return make_unexpected(error);
    }
    files.push_back(std::move(*file));
  }
  auto jobs = jobs_of(files);
  if (!jobs)
    return jobs;
  return object{{"submit", std::move(*jobs)}};
}

} // namespace

expected<json_value, failure>
change_of(const std::vector<std::string>& words, const imagined_nodes& nodes) {
  auto& first = words.front();
  if (first != "add" && nodes != imagined_nodes{})
    return wrong("--count, --capacity, --labels and --like are for `troupe "
                 "plan add`");
  if (first == "add") {
    if (words.size() > 1)
      return wrong("`troupe plan add` takes options only, such as --count 2 "
                   "--capacity cpu=8,memory=16GiB");
    return added(nodes);
  }
  static constexpr auto changes = std::to_array<std::string_view>(
    {"drain", "lose", "stop", "scale", "label", "priority", "strategy",
     "order"});
  auto known
    = std::find(changes.begin(), changes.end(), first) != changes.end();
  if (known && words.size() < 2)
    return wrong(fmt::format("`troupe plan {}` needs a name", first));
  if (first == "drain")
    return object{{"drainNode", names_of(words)}};
  if (first == "lose")
    return object{{"loseNode", names_of(words)}};
  if (first == "stop")
    return object{{"stopJob", names_of(words)}};
  if (first == "scale")
    return scaled(words);
  if (first == "label")
    return labelled(words);
  if (first == "priority")
    return reprioritised(words);
  if (first == "strategy")
    return object{{"settings", object{{"strategy", words[1]}}}};
  if (first == "order")
    return object{{"settings", object{{"queueOrder", words[1]}}}};
  return submitted(words);
}

int code_of_plan(const json_value& plan) {
  auto any
    = [&](std::string_view key) { return !elements(field(plan, key)).empty(); };
  if (any("doesNotFit"))
    return 2;
  return any("moves") || any("victims") || any("stops") ? exit_code::no
                                                        : exit_code::done;
}

} // namespace troupe::tools
