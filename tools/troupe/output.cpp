#include "tools/troupe/output.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

namespace troupe::tools {

namespace {

constexpr auto formats
  = std::to_array<std::string_view>({"table", "wide", "json", "jsonl", "name"});

// Few answers, and none that takes the controller long.
constexpr uint64_t page_size = 1'000;

void print_lines(const json_value& items, const output& how,
                 std::string_view key) {
  for (auto& x : elements(items))
    print((how.format == "name" ? inert(text(x, key)) : line_json(x)) + '\n');
}

} // namespace

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void declare(command_line& line, output& x) {
  line.choice("-o,--output", formats, x.format, "how to print [table]");
}

void declare(command_line& line, listing& x) {
  line.option("--limit", "N", x.limit, "at most so many [all]");
}

std::optional<failure> wrong_limit(const std::optional<uint64_t>& limit) {
  if (limit != 0)
    return std::nullopt;
  return failure{exit_code::bad_input,
                 "--limit must be a whole number from 1; leave it out for all"};
}

expected<json_value, failure>
fetch_list(const rest& controller, const url& target,
           std::optional<uint64_t> limit,
           const std::function<void(const json_value&)>& on_page) {
  boost::json::object result;
  boost::json::array items;
  auto left = limit.value_or(UINT64_MAX);
  std::string cursor;
  while (left > 0) {
    auto page = controller.get(
      target.with("limit", std::to_string(std::min(left, page_size)))
        .with("cursor", cursor));
    if (!page)
      return make_unexpected(page.error());
    if (!page->is_object() || !field(*page, "items").is_array())
      return make_unexpected(failure{
        exit_code::unreachable, "the answer is not a list. Is there another "
                                "program than Troupe at this address?"});
    if (result.empty())
      result = page->get_object();
    left -= std::min<uint64_t>(left, elements(field(*page, "items")).size());
    if (on_page)
      on_page(field(*page, "items"));
    else
      for (auto& x : page->get_object()["items"].get_array())
        items.push_back(std::move(x));
    auto next = field(*page, "nextCursor");
    result["nextCursor"] = next;
    // The same page again would never end.
    if (next.is_null() || plain(next).empty() || plain(next) == cursor)
      break;
    cursor = plain(next);
  }
  result["items"] = std::move(items);
  return json_value(std::move(result));
}

int print_list(const rest& controller, const listing& x, const output& how) {
  if (auto wrong = wrong_limit(x.limit))
    return report(*wrong);
  auto by_line = how.format == "jsonl" || how.format == "name";
  std::function<void(const json_value&)> on_page;
  if (by_line)
    on_page = [&](const json_value& items) { print_lines(items, how, x.key); };
  auto all = fetch_list(controller, x.target, x.limit, on_page);
  if (!all)
    return report(all.error());
  auto& items = field(*all, "items");
  if (how.format == "json") {
    print(pretty_json(*all));
  } else if (!by_line) {
    auto s = screen_of_stdout();
    s.l.wide = how.format == "wide";
    if (elements(items).empty() && !x.nothing.empty())
      fmt::print(stderr, "{}\n", x.nothing);
    else
      print(x.show(items, s));
  }
  return exit_code::done;
}

int print_one(const json_value& x, const output& how, std::string_view key,
              const std::function<std::string(const screen&)>& shown) {
  if (how.format == "json") {
    print(pretty_json(x));
  } else if (how.format == "jsonl") {
    print(line_json(x) + '\n');
  } else if (how.format == "name") {
    print(inert(text(x, key)) + '\n');
  } else {
    auto s = screen_of_stdout();
    s.l.wide = how.format == "wide";
    print(shown(s));
  }
  return exit_code::done;
}

} // namespace troupe::tools
