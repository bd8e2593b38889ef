#pragma once

#include <optional>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace troupe::runtime {

/// What turns the answer `before` into `now`, for a page that shows `before`:
///
///   `{"all": now}`   the whole answer
///   `{"members": {..}, "items": [..], "keys": [..]}`
///
/// The second for lists: members of the answer that changed; items that are new or
/// have changed; and the keys of all items in their order, if that is another one.
/// The key of an item is its `id` or `name`; in the queue its `job`, with ` late`
/// for the part that may not be placed yet.
///
/// Nothing if a page would look the same: the version of the journal alone, or a
/// heartbeat that has grown older, is no change.
[[nodiscard]] std::optional<boost::json::object>
changes(const boost::json::value* before, const boost::json::value& now);

} // namespace troupe::runtime
