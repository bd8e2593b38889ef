#include "runtime/views/page.hpp"

#include <boost/json/object.hpp>

#include "runtime/placement/table.hpp"

namespace troupe::runtime::views {

namespace {

constexpr std::string_view digits = "0123456789abcdef";

std::optional<std::string> key_in(std::string_view cursor) {
  if (cursor.size() % 2 != 0)
    return std::nullopt;
  std::string result;
  for (size_t i = 0; i < cursor.size(); i += 2) {
    auto high = digits.find(cursor[i]);
    auto low = digits.find(cursor[i + 1]);
    if (high == digits.npos || low == digits.npos)
      return std::nullopt;
    result += static_cast<char>(high * 16 + low);
  }
  return result;
}

} // namespace

unexpected<refusal> bad_cursor() {
  return make_unexpected(
    refusal{refusal_kind::bad_input,
            "the cursor is not one of this list",
            {{"/cursor", "take \"nextCursor\" of the page before as it is, or "
                         "leave it out for the first page"}}});
}

unexpected<refusal> not_found(std::string_view what, std::string_view name) {
  std::string text{"there is no "};
  text.append(what).append(" \"").append(name).append("\"; `troupe ");
  text.append(what).append("s` lists the ").append(what).append("s");
  return make_unexpected(refusal{refusal_kind::not_found, std::move(text), {}});
}

expected<page_start, refusal>
start_page(uint32_t limit, std::string_view cursor) {
  if (limit == 0 || limit > list_limit_max)
    return make_unexpected(
      refusal{refusal_kind::bad_input,
              "the limit of a list is wrong",
              {{"/limit", "must be a whole number from 1 to "
                            + std::to_string(list_limit_max) + ", not "
                            + std::to_string(limit)}}});
  page_start result{limit, std::nullopt};
  if (cursor.empty())
    return result;
  result.key = key_in(cursor);
  if (!result.key)
    return bad_cursor();
  return result;
}

std::string cursor_of(std::string_view key) {
  std::string result;
  result.reserve(key.size() * 2);
  for (auto c : key) {
    auto byte = static_cast<unsigned char>(c);
    result += digits[byte / 16];
    result += digits[byte % 16];
  }
  return result;
}

bool page_items::takes_one() {
  more_ = items_.size() >= limit_;
  return !more_;
}

void page_items::add(boost::json::value item, std::string key) {
  items_.push_back(std::move(item));
  last_key_ = std::move(key);
}

boost::json::value page_items::finish(version_number version) && {
  boost::json::object result;
  result["items"] = std::move(items_);
  if (more_)
    result["nextCursor"] = cursor_of(last_key_);
  else
    result["nextCursor"] = nullptr;
  result["version"] = version;
  return result;
}

label_rules::label_rules(const std::vector<label_filter>& xs) {
  for (auto& x : xs)
    rules_.push_back({x.name, {x.value}});
}

bool label_rules::hold_for(const label_set& labels) const {
  return placement::satisfies(labels, rules_);
}

} // namespace troupe::runtime::views
