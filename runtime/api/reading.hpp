#pragma once

/// One reading of one request: what it gives, and where its problems go.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/json.hpp"
#include "messages/json_cursor.hpp"

#include "runtime/api/call.hpp"
#include "runtime/api/problem.hpp"
#include "runtime/http/message.hpp"

namespace troupe::runtime::api {

/// The longest that a request may wait for something new.
constexpr milliseconds wait_max{600'000};

/// The readers answer what was asked for, or report a problem and answer a
/// default, so that one reading finds all problems.
class reading {
public:
  /// @param names  what stands in the request for the names of the pattern.
  reading(const http::request& x, std::vector<std::string> names,
          uint64_t chance);

  [[nodiscard]] const http::request& request() const { return request_; }
  [[nodiscard]] uint64_t chance() const { return chance_; }

  // -- names in the path: what cannot exist is not found ----------------------

  [[nodiscard]] std::string job();
  [[nodiscard]] std::string node();
  [[nodiscard]] task_ref task();
  [[nodiscard]] std::string file() const { return name(); }

  // -- parameters of the query ------------------------------------------------

  /// Empty if it is not there.
  [[nodiscard]] std::string text(std::string_view parameter);
  [[nodiscard]] bool flag(std::string_view parameter);
  [[nodiscard]] bool dry_run() { return flag("dryRun"); }
  [[nodiscard]] std::optional<uint64_t>
  number(std::string_view parameter, uint64_t min, uint64_t max);
  [[nodiscard]] uint32_t limit();
  [[nodiscard]] milliseconds wait();
  /// Values of the parameter, which may be repeated or hold commas.
  [[nodiscard]] std::vector<std::string> values(std::string_view parameter);
  /// `label=zone=us-east`, `label=gpu`, `label=zone!=us-east`.
  [[nodiscard]] std::vector<label_filter> labels();

  template <json::described_enum E>
  [[nodiscard]] std::vector<E> enums(std::string_view parameter) {
    std::vector<E> result;
    for (auto& x : values(parameter)) {
      if (auto found = json::enum_called<E>(x))
        result.push_back(*found);
      else
        unknown_value(parameter, x, json::names_of<E>());
    }
    return result;
  }

  // -- the body ---------------------------------------------------------------

  /// The body as JSON; nothing if there is a problem with it.
  [[nodiscard]] const boost::json::value* body();
  /// The same for a route that has nothing to be told: a body may be absent or
  /// `{}`.
  void no_body();
  /// Takes over the problems of a body.
  void add(std::vector<problem> xs);

  // -- problems ---------------------------------------------------------------

  void wrong(std::string_view parameter, std::string detail);
  void unknown_value(std::string_view parameter, std::string_view value,
                     const std::vector<std::string>& known);
  /// Ends the reading with a status of its own.
  void refuse(int status, std::string detail);

  /// What is wrong with the request, if anything.
  [[nodiscard]] std::optional<problem_response> finish() &&;

private:
  [[nodiscard]] std::string name() const;

  const http::request& request_;
  std::vector<std::string> names_;
  uint64_t chance_;
  std::optional<boost::json::value> body_;
  std::vector<problem> problems_;
  std::optional<problem_response> refused_;
};

/// The name of a machine: `[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?`, at most 63.
[[nodiscard]] bool is_node_name(std::string_view x);

} // namespace troupe::runtime::api
