#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/work.hpp"

#include "runtime/api/call.hpp"
#include "runtime/api/problem.hpp"
#include "runtime/http/message.hpp"

namespace troupe::runtime::api {

/// Writes JSON as `boost::json::serialize` does, but numbers as people write
/// them: `4` and `0.5` instead of `4E0` and `5E-1`. Numbers that are not finite
/// become null.
[[nodiscard]] std::string json_text(const boost::json::value& x);

/// The answer to a question.
[[nodiscard]] http::response render(const boost::json::value& x);

/// The answer to a command that was accepted.
[[nodiscard]] http::response render(const command_call& x, const outcome& y);

/// The settings among what the cluster says of itself, and what this process
/// logs.
[[nodiscard]] http::response
render_settings(const boost::json::object& cluster, std::string log_level);

/// Work for a machine, for a worker in any language: what there is not is null.
[[nodiscard]] http::response render(const std::vector<work_item>& xs);

/// The answer to whatever was refused.
[[nodiscard]] http::response render(const refusal& x);

} // namespace troupe::runtime::api
