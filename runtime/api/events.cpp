// `GET /v1/events`.

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include <boost/mp11/algorithm.hpp>

#include "messages/fact.hpp"

#include "runtime/api/handlers.hpp"

namespace troupe::runtime::api {

namespace {

/// Types that may be asked for.
std::vector<std::string> event_types() {
  std::set<std::string> result;
  boost::mp11::mp_for_each<
    boost::mp11::mp_transform<boost::mp11::mp_identity, fact>>(
    [&](auto x) { result.insert(decltype(x)::type::type); });
  return {result.begin(), result.end()};
}

/// What a client has seen last, as it says itself when its stream broke off.
std::optional<version_number> read_last_event_id(reading& x) {
  auto text = x.request().header("Last-Event-ID");
  if (!text || text->empty())
    return std::nullopt;
  version_number result = 0;
  auto end = text->data() + text->size();
  auto [at, error] = std::from_chars(text->data(), end, result);
  if (error == std::errc{} && at == end)
    return result;
  x.refuse(400, "the header Last-Event-ID must be the version of an event");
  return std::nullopt;
}

} // namespace

call read_events(reading& x) {
  static const auto known = event_types();
  event_request result;
  result.since
    = x.number("since", 0, std::numeric_limits<version_number>::max())
        .value_or(0);
  // `nextCursor` of a page is the version of the last event that was looked at.
  if (!x.text("cursor").empty())
    if (auto after
        = x.number("cursor", 0, std::numeric_limits<version_number>::max()))
      result.since = *after;
  for (auto& type : x.values("types")) {
    if (std::find(known.begin(), known.end(), type) == known.end())
      x.unknown_value("types", type, known);
    result.types.push_back(std::move(type));
  }
  result.job = x.text("job");
  result.node = x.text("node");
  result.limit = x.limit();
  result.wait = x.wait();
  result.past
    = x.number("version", 0, std::numeric_limits<version_number>::max());
  auto accept = http::lower(x.request().header("Accept").value_or(""));
  result.sse = accept.find("text/event-stream") != accept.npos;
  result.last_event_id = read_last_event_id(x);
  if (result.last_event_id)
    result.since = *result.last_event_id;
  return result;
}

} // namespace troupe::runtime::api
