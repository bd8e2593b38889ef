#include "tools/troupe/job_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "messages/job.hpp"
#include "messages/job_text.hpp"

#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace json = boost::json;

namespace {

/// Walks over a text that is known to be JSON with comments.
class walker {
public:
  explicit walker(std::string_view text) : text_{text} {}

  /// Goes to the value at `tokens`, as far as it is there.
  size_t find(std::span<const std::string> tokens) {
    auto best = next();
    for (auto& token : tokens) {
      auto found = peek() == '{'   ? find_member(token)
                   : peek() == '[' ? find_element(token)
                                   : std::nullopt;
      if (!found)
        break;
      best = *found;
    }
    return best;
  }

private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  /// Passes over blanks and comments to what stands next.
  size_t next() {
    for (;;) {
      if (peek() != '\0' && std::strchr(" \t\r\n", peek()) != nullptr)
        ++at_;
      else if (text_.substr(at_, 2) == "//")
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (text_.substr(at_, 2) == "/*")
        at_ = std::min(text_.find("*/", at_ + 2), text_.size() - 2) + 2;
      else if (text_.substr(at_, 3) == "\xef\xbb\xbf")
        at_ += 3;
      else
        return at_;
    }
  }

  std::string string() {
    auto from = at_;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\')
        ++at_;
    at_ = std::min(at_ + 1, text_.size());
    json::error_code error;
    auto parsed = json::parse(text_.substr(from, at_ - from), error);
    auto* result = error ? nullptr : parsed.if_string();
    return result != nullptr ? std::string{result->data(), result->size()} : "";
  }

  void skip_value() {
    size_t depth = 0;
    do {
      next();
      auto c = peek();
      if (c == '"') {
        (void)string();
        continue;
      }
      if (c == '{' || c == '[')
        ++depth;
      else if (c == '}' || c == ']')
        --depth;
      else if (c != ',' && c != ':') {
        while (at_ < text_.size()
               && std::strchr(",:{}[]\" \t\r\n/", peek()) == nullptr)
          ++at_;
        continue;
      }
      ++at_;
    } while (depth > 0 && at_ < text_.size());
  }

  /// Steps over a comma. False at the end of the array or object.
  bool more(char end) {
    next();
    if (peek() == ',') {
      ++at_;
      next();
    }
    return peek() != end && peek() != '\0';
  }

  std::optional<size_t> find_member(const std::string& key) {
    ++at_;
    while (more('}')) {
      auto start = at_;
      auto name = string();
      next();
      ++at_; // The colon.
      next();
      if (name == key)
        return start;
      skip_value();
    }
    return std::nullopt;
  }

  std::optional<size_t> find_element(const std::string& token) {
    size_t index = 0;
    auto end = token.data() + token.size();
    if (std::from_chars(token.data(), end, index).ptr != end)
      return std::nullopt;
    ++at_;
    while (more(']')) {
      if (index-- == 0)
        return at_;
      skip_value();
    }
    return std::nullopt;
  }

  std::string_view text_;
  size_t at_ = 0;
};

/// Source: RFC 6901, sec. 4.
std::vector<std::string> tokens_of(std::string_view pointer) {
  std::vector<std::string> result;
  for (size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/')
      result.emplace_back();
    else if (result.empty())
      return {};
    else if (pointer[i] == '~' && i + 1 < pointer.size())
      result.back() += pointer[++i] == '1' ? '/' : '~';
    else
      result.back() += pointer[i];
  }
  return result;
}

/// `web.json:3: /cpu: must be ..`
std::string line_for(const job_file& file, const problem& x, bool is_syntax) {
  // A syntax error says itself where it is.
  if (is_syntax)
    return fmt::format("{}:{}", inert(file.name), inert(x.detail));
  return fmt::format("{}:{}: {}{}{}", inert(file.name),
                     line_of(file.text, x.pointer), inert(x.pointer),
                     x.pointer.empty() ? "" : ": ", inert(x.detail));
}

struct origin {
  size_t file = 0;
  std::string pointer;
};

/// What is gathered from all files.
struct collection {
  json::array jobs;
  std::vector<origin> origins; // Same order as `jobs`.
  std::vector<std::string> faults;
};

void add_jobs(collection& to, size_t file, const json::value& document) {
  auto* items = document.if_array();
  std::string at;
  if (auto* object = document.if_object();
      object && !object->contains("name") && object->contains("jobs")) {
    items = object->at("jobs").if_array();
    at = "/jobs";
  }
  if (items == nullptr) {
    to.jobs.push_back(document);
    to.origins.push_back({file, ""});
    return;
  }
  for (size_t i = 0; i < items->size(); ++i) {
    to.jobs.push_back((*items)[i]);
    to.origins.push_back({file, at + '/' + std::to_string(i)});
  }
}

/// Finds what is wrong only because the files stand together.
void check_together(collection& to, std::span<const job_file> files) {
  auto read = read_jobs(to.jobs);
  if (read)
    return;
  for (auto& x : read.error()) {
    auto tokens = tokens_of(x.pointer);
    size_t index = 0;
    if (!tokens.empty())
      std::from_chars(tokens[0].data(), tokens[0].data() + tokens[0].size(),
                      index);
    auto& from = to.origins[std::min(index, to.origins.size() - 1)];
    auto rest = x.pointer.find('/', 1);
    auto pointer = from.pointer
                   + (rest == std::string::npos ? "" : x.pointer.substr(rest));
    to.faults.push_back(line_for(files[from.file], {pointer, x.detail}, false));
  }
}

} // namespace

size_t line_of(std::string_view text, std::string_view pointer) {
  auto tokens = tokens_of(pointer);
  auto at = walker{text}.find(tokens);
  auto before = text.substr(0, at);
  return 1
         + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

expected<job_file, failure> read_job_file(const std::string& path) {
  job_file result{path == "-" ? "standard input" : path, ""};
  auto fail = [&](std::string_view why) {
    return make_unexpected(
      failure{exit_code::bad_input,
              fmt::format("cannot read {}: {}", inert(result.name), why)});
  };
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file)
      return fail(std::strerror(errno));
  }
  std::istream& from = path == "-" ? std::cin : file;
  // One byte more than is taken tells that there are too many.
  result.text.resize(json_text_size_max + 1);
  from.read(result.text.data(),
            static_cast<std::streamsize>(result.text.size()));
  if (from.bad() || (from.gcount() == 0 && !from.eof()))
    return fail("it is no file with text");
  result.text.resize(static_cast<size_t>(from.gcount()));
  if (result.text.size() > json_text_size_max)
    return fail("it is larger than 16 MiB");
  return result;
}

std::vector<std::string>
fault_lines(const job_file& file, std::span<const problem> xs) {
  std::vector<std::string> result;
  // A syntax error is alone, and has no pointer.
  auto is_syntax = xs.size() == 1 && xs[0].pointer.empty()
                   && !read_json_text(file.text, json_dialect::file);
  for (auto& x : xs)
    result.push_back(line_for(file, x, is_syntax));
  return result;
}

expected<json::value, failure> jobs_of(std::span<const job_file> files) {
  collection all;
  std::optional<json::value> single;
  for (size_t i = 0; i < files.size(); ++i) {
    auto document = read_json_text(files[i].text, json_dialect::file);
    if (!document) {
      for (auto& x : document.error())
        all.faults.push_back(line_for(files[i], x, x.pointer.empty()));
      continue;
    }
    if (auto read = read_jobs(*document); !read)
      for (auto& x : read.error())
        all.faults.push_back(line_for(files[i], x, false));
    else
      add_jobs(all, i, *document);
    single = std::move(*document);
  }
  if (all.faults.empty() && files.size() > 1)
    check_together(all, files);
  if (!all.faults.empty())
    return make_unexpected(failure{
      exit_code::bad_input, fmt::format("nothing was submitted, because:\n  {}",
                                        fmt::join(all.faults, "\n  "))});
  // One file goes as it is, so that the controller's pointers are the file's.
  if (files.size() == 1)
    return *single;
  return json::value(std::move(all.jobs));
}

} // namespace troupe::tools
