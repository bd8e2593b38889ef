#include "messages/fact.hpp"

#include <boost/mp11/algorithm.hpp>

#include "messages/json.hpp"

namespace troupe {

namespace {

boost::json::object members_of(const fact& x) {
  boost::json::object result;
  std::visit(
    [&](const auto& y) { json::write_members(result, y, json::detail::brief); },
    x);
  return result;
}

/// Reads the fact called `type`. False if there is no such type.
bool read_fact(std::string_view type, const json::value& from, fact& to,
               expected<void, json::read_error>& result) {
  auto known = false;
  boost::mp11::mp_for_each<fact>([&]<class T>(const T&) {
    if (known || type != T::type)
      return;
    known = true;
    T read_to;
    result = json::read(from, read_to);
    to = std::move(read_to);
  });
  return known;
}

/// How a fact came about is for rehearsals alone: what a newer version says of it
/// is not known here, which is no reason to refuse the fact.
void read_steps(const json::object& from, event& to) {
  auto known = true;
  if (auto* facts = from.if_contains("facts"))
    known = json::read(*facts, to.facts).has_value();
  if (auto* steps = from.if_contains("steps"))
    known = known && json::read(*steps, to.steps).has_value();
  if (!known)
    to.steps = {step{.kind = step_kind::untold}};
}

} // namespace

std::string_view type_of(const fact& x) {
  return std::visit([](const auto& y) { return std::string_view{y.type}; }, x);
}

boost::json::object write_event(const event& x) {
  boost::json::object result{{"version", x.version},
                             {"time", to_string(x.time)},
                             {"type", type_of(x.what)}};
  std::visit(
    [&](const auto& y) {
      if constexpr (requires { y.task; })
        result["job"] = y.task.job;
      // What a reader looks for first, also where it is the default.
      if constexpr (requires { y.state; })
        result["state"] = json::name_of(y.state);
      if constexpr (requires { y.outcome; })
        result["outcome"] = json::name_of(y.outcome);
      if constexpr (requires { y.cordoned; })
        result["cordoned"] = y.cordoned;
      if constexpr (requires { y.quarantined; })
        result["quarantined"] = y.quarantined;
    },
    x.what);
  for (auto& [key, member] : members_of(x.what))
    result[key] = member;
  return result;
}

std::string write_line(const event& x) {
  boost::json::object line{{"type", type_of(x.what)}, {"ms", x.time.ms}};
  for (auto& [key, member] : members_of(x.what))
    line[key] = std::move(member);
  if (x.facts != 1)
    line["facts"] = x.facts;
  if (!x.steps.empty())
    line["steps"] = json::write(x.steps);
  return boost::json::serialize(line);
}

expected<event, std::string>
read_line(version_number version, std::string_view line) {
  boost::json::error_code error;
  auto parsed = boost::json::parse(line, error);
  if (error || !parsed.is_object())
    return make_unexpected("fact " + std::to_string(version)
                           + " is not a JSON object");
  auto& members = parsed.get_object();
  auto* type = members.if_contains("type");
  auto* ms = members.if_contains("ms");
  if (type == nullptr || !type->is_string() || ms == nullptr || !ms->is_int64())
    return make_unexpected("fact " + std::to_string(version)
                           + " lacks its type or its time");
  event result{version, {ms->get_int64()}, {}};
  expected<void, json::read_error> read;
  read_steps(members, result);
  std::string_view name{type->get_string()};
  if (!read_fact(name, parsed, result.what, read))
    return make_unexpected("fact " + std::to_string(version) + " is a "
                           + std::string{name}
                           + ", which only a newer version of troupe knows");
  if (!read)
    return make_unexpected("fact " + std::to_string(version) + ": "
                           + read.error().pointer + ": " + read.error().detail);
  return result;
}

} // namespace troupe
