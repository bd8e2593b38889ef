#pragma once

#include <string_view>

#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/expected.hpp"
#include "messages/query.hpp"
#include "messages/timestamp.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/decisions/decisions.hpp"
#include "runtime/vitals.hpp"

namespace troupe::runtime {

/// Answers `x` about the cluster as it stands at `now`, as the JSON that REST
/// and `-o json` give. Costs what the answer is long, not what the cluster
/// holds, unless a filter leaves almost nothing over.
///
/// Lists are pages: `{"items": [..], "nextCursor": .., "version": N}`, where
/// `nextCursor` is null at the end. A page begins after the last key of the one
/// before, whatever has come or gone meanwhile.
///
/// `decided` is what `why` tells of the past; without, it tells of the present.
/// `cluster_id` is the journal's.
///
/// Errors: `not_found` with the name; `bad_input` for a limit or a cursor that
/// is none, with `/limit` or `/cursor` as pointer.
[[nodiscard]] expected<boost::json::value, refusal>
answer(const cluster& c, const vitals& v, const query& x, timestamp now,
       const decisions* decided = nullptr, std::string_view cluster_id = {});

} // namespace troupe::runtime
