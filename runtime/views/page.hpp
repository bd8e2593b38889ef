#pragma once

/// What the pages of all lists have in common.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/expected.hpp"
#include "messages/job.hpp"
#include "messages/query.hpp"

namespace troupe::runtime::views {

/// Where a page begins: after `key`, or at the first item if there is none.
struct page_start {
  uint32_t limit = list_limit_default;
  std::optional<std::string> key;
};

/// Errors: `bad_input` for a limit out of range and a text that is no cursor.
[[nodiscard]] expected<page_start, refusal>
start_page(uint32_t limit, std::string_view cursor);

/// `key` as a cursor. Opaque to clients, safe in the query of an address.
[[nodiscard]] std::string cursor_of(std::string_view key);

[[nodiscard]] unexpected<refusal> bad_cursor();
[[nodiscard]] unexpected<refusal>
not_found(std::string_view what, std::string_view name);

/// The items of one page as they are found, and whether there are more.
class page_items {
public:
  explicit page_items(uint32_t limit) : limit_{limit} {}

  /// Whether the page is complete and it is known whether there is another.
  [[nodiscard]] bool done() const { return more_; }
  /// Whether the next item would be on this page; if not, notes that there is
  /// another page. To be asked before the item is made.
  [[nodiscard]] bool takes_one();
  /// Adds an item whose place in the list is `key`.
  void add(boost::json::value item, std::string key);

  [[nodiscard]] boost::json::value finish(version_number version) &&;

private:
  uint32_t limit_;
  bool more_ = false;
  std::string last_key_;
  boost::json::array items_;
};

/// Rules on labels, prepared for many label sets.
class label_rules {
public:
  explicit label_rules(const std::vector<label_filter>& xs);
  [[nodiscard]] bool hold_for(const label_set& labels) const;

private:
  std::vector<label_requirement> rules_;
};

/// Whether `xs` is empty or holds `x`.
template <class T>
[[nodiscard]] bool wants(const std::vector<T>& xs, const T& x) {
  for (auto& y : xs)
    if (y == x)
      return true;
  return xs.empty();
}

} // namespace troupe::runtime::views
