#include "runtime/access/role.hpp"

#include <algorithm>

namespace troupe::runtime::access {

namespace {

using http::method;

struct rule {
  http::method method;
  std::string_view pattern;
  right needs;
};

// In the order of the reference. A test fails for a route that is not here.
constexpr auto rules = std::to_array<rule>({
  {method::post, "/v1/jobs", right::submit},
  {method::get, "/v1/jobs", right::view},
  {method::get, "/v1/jobs/{job}", right::view},
  {method::del, "/v1/jobs/{job}", right::submit},
  {method::post, "/v1/jobs/{job}/scale", right::submit},
  {method::post, "/v1/jobs/{job}/stop", right::submit},
  {method::post, "/v1/jobs/{job}/restart", right::submit},
  {method::post, "/v1/jobs/{job}/rollback", right::submit},
  {method::get, "/v1/jobs/{job}/why", right::view},
  {method::get, "/v1/tasks", right::view},
  {method::get, "/v1/tasks/{task}", right::view},
  {method::post, "/v1/tasks/{task}/stop", right::submit},
  {method::post, "/v1/tasks/{task}/restart", right::submit},
  {method::get, "/v1/tasks/{task}/logs", right::view},
  {method::post, "/v1/tasks/{task}/exec", right::submit},
  {method::get, "/v1/tasks/{task}/why", right::view},
  {method::get, "/v1/nodes", right::view},
  {method::post, "/v1/nodes", right::serve},
  {method::get, "/v1/nodes/{node}", right::view},
  {method::del, "/v1/nodes/{node}", right::operate},
  {method::patch, "/v1/nodes/{node}", right::operate},
  {method::get, "/v1/nodes/{node}/work", right::serve},
  {method::post, "/v1/nodes/{node}/reports", right::serve},
  {method::post, "/v1/nodes/{node}/drain", right::operate},
  {method::post, "/v1/nodes/{node}/cordon", right::operate},
  {method::post, "/v1/nodes/{node}/uncordon", right::operate},
  {method::post, "/v1/nodes/{node}/heartbeat", right::serve},
  {method::get, "/v1/nodes/{node}/why", right::view},
  {method::get, "/v1/gangs", right::view},
  {method::get, "/v1/queue", right::view},
  {method::get, "/v1/cluster", right::view},
  {method::get, "/v1/policies", right::view},
  {method::get, "/v1/actors", right::view},
  {method::get, "/v1/map", right::view},
  {method::get, "/v1/usage", right::view},
  {method::get, "/v1/events", right::view},
  {method::get, "/v1/live", right::view},
  {method::post, "/v1/plan", right::view},
  {method::get, "/v1/cache", right::view},
  {method::del, "/v1/cache", right::submit},
  {method::get, "/v1/settings", right::view},
  {method::put, "/v1/settings", right::administer},
  // Everything there is, in one file.
  {method::get, "/v1/backup", right::administer},
  {method::get, "/healthz", right::none},
  {method::get, "/readyz", right::none},
  {method::get, "/metrics", right::view},
  {method::get, "/openapi.json", right::none},
  // Not open, so that a browser asks for the token before its pages do.
  {method::get, "/", right::view},
  {method::get, "/dashboard/{file}", right::view},
});

} // namespace

std::string_view name_of(role x) {
  switch (x) {
  case role::admin:
    return "admin";
  case role::operator_:
    return "operator";
  case role::submitter:
    return "submitter";
  case role::viewer:
    return "viewer";
  case role::node:
    return "node";
  }
  return {};
}

std::optional<role> role_called(std::string_view name) {
  for (auto x : all_roles)
    if (name_of(x) == name)
      return x;
  return std::nullopt;
}

bool has(role who, right what) {
  switch (what) {
  case right::none:
    return true;
  case right::view:
    return who != role::node;
  case right::submit:
    return who == role::admin || who == role::operator_
           || who == role::submitter;
  case right::operate:
    return who == role::admin || who == role::operator_;
  case right::administer:
    return who == role::admin;
  case right::serve:
    return who == role::admin || who == role::node;
  }
  return false;
}

std::optional<right> right_of(http::method method, std::string_view pattern) {
  auto at = std::find_if(rules.begin(), rules.end(), [&](auto& x) {
    return x.method == method && x.pattern == pattern;
  });
  return at == rules.end() ? std::nullopt : std::optional{at->needs};
}

} // namespace troupe::runtime::access
