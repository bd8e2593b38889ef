#include <charconv>

#include <fmt/format.h>

#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

namespace {

struct wish {
  std::string job;
  uint64_t count = 0;
};

std::optional<wish> read_wish(const std::string& word) {
  auto pair = split_pair(word);
  if (!pair)
    return std::nullopt;
  wish result{pair->first, 0};
  auto& digits = pair->second;
  auto end = digits.data() + digits.size();
  auto [at, error] = std::from_chars(digits.data(), end, result.count);
  if (digits.empty() || error != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

} // namespace

int run_scale(int argc, char** argv) {
  writing x;
  std::vector<std::string> words;
  command_line line{"scale", "Changes how many tasks jobs have"};
  line.words("JOB=COUNT", 1, words, "name of a job and its new count");
  declare(line, x);
  line.example("troupe scale web=5", "makes it five tasks");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  std::vector<wish> wishes;
  for (auto& word : words) {
    auto read = read_wish(word);
    if (!read)
      return finish(line.wrong(fmt::format(
        "\"{}\" should be a job and a count, as in web=5", inert(word))));
    wishes.push_back(*read);
  }
  rest controller{x.to};
  int result = exit_code::done;
  for (auto& [job, count] : wishes) {
    auto answer
      = controller.call("POST", x.mark(url{"/v1/jobs"} / job / "scale"),
                        boost::json::object{{"count", count}});
    if (answer)
      x.tell(fmt::format("job {}: scaled to {}", job, count));
    else if (auto code = report(answer.error()); result == exit_code::done)
      result = code;
  }
  return result;
}

} // namespace troupe::tools
