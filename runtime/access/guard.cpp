#include "runtime/access/guard.hpp"

#include "runtime/api/routes.hpp"
#include "runtime/base64.hpp"

namespace troupe::runtime::access {

namespace {

api::problem_response not_known(bool has_token) {
  api::problem_response result;
  result.status = 401;
  result.detail
    = has_token
        ? "this token is not known here, or has expired; ask whoever runs the "
          "controller for another"
        : "a token is needed: send Authorization: Bearer TOKEN; with the "
          "command line, --token or TROUPE_TOKEN";
  // Browsers know only the second, and ask for the token as a password.
  result.headers = {{"WWW-Authenticate", "Bearer realm=\"troupe\""},
                    {"WWW-Authenticate", "Basic realm=\"troupe\""}};
  return result;
}

api::problem_response not_allowed(const holder& who, std::string detail) {
  api::problem_response result;
  result.status = 403;
  result.detail = "the token \"" + who.name + "\" of the role "
                  + std::string{name_of(who.role)} + " may not "
                  + std::move(detail);
  return result;
}

/// What follows `scheme` in an Authorization header, whose case does not matter.
std::optional<std::string_view>
after_scheme(std::string_view header, std::string_view scheme) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' '
      || !http::same_name(header.substr(0, scheme.size()), scheme))
    return std::nullopt;
  header.remove_prefix(scheme.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

/// The node that a path names, of the routes by which nodes speak.
std::string node_in(const http::request& x) {
  auto named = x.segments.size() > 2 && x.segments[0] == "v1"
               && x.segments[1] == "nodes";
  return named ? x.segments[2] : std::string{};
}

} // namespace

std::string token_of(const http::request& x) {
  auto header = x.header("Authorization");
  if (!header)
    return {};
  if (auto token = after_scheme(*header, "Bearer"))
    return std::string{*token};
  if (auto pair = after_scheme(*header, "Basic")) {
    auto text = from_base64(*pair);
    auto colon = text.find(':');
    return colon == std::string::npos ? std::string{} : text.substr(colon + 1);
  }
  return {};
}

void guard::set(tokens x) {
  auto made = std::make_shared<const tokens>(std::move(x));
  std::lock_guard lock{mutex_};
  tokens_ = std::move(made);
}

std::shared_ptr<const tokens> guard::present() const {
  std::lock_guard lock{mutex_};
  return tokens_;
}

expected<holder, api::problem_response>
guard::admit(const http::request& x, timestamp now) const {
  auto known = present();
  if (known == nullptr)
    return holder{{}, role::admin, {}};
  auto method = x.method == http::method::head ? http::method::get : x.method;
  auto needs = right_of(method, api::pattern_of(x)).value_or(right::administer);
  if (needs == right::none)
    return holder{{}, role::viewer, {}};
  auto token = token_of(x);
  auto who = known->find(token, now);
  if (!who)
    return make_unexpected(not_known(!token.empty()));
  // Paths that there are not are told as such to whoever is known.
  if (api::pattern_of(x) == "none")
    return *who;
  if (!has(who->role, needs))
    return make_unexpected(
      not_allowed(*who, std::string{http::to_string(x.method)} + " " + x.path));
  auto node = node_in(x);
  if (!who->node.empty() && !node.empty() && node != who->node)
    return make_unexpected(not_allowed(*who, "speak for node " + node));
  return *who;
}

std::string guard::name_of_caller(const http::request& x, timestamp now) const {
  auto known = present();
  if (known == nullptr)
    return "anybody";
  auto who = known->find(token_of(x), now);
  return who ? who->name : "unknown";
}

} // namespace troupe::runtime::access
