#include "runtime/journal/etcd_lead.hpp"

#include <boost/json/array.hpp>

#include "runtime/base64.hpp"
#include "runtime/log.hpp"

namespace troupe::runtime {

namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

json::object read_of(const std::string& key) {
  return {{"key", to_base64(key)}};
}

} // namespace

std::string etcd_leader_key(const etcd_address& address) {
  return address.prefix + "/leader";
}

expected<std::optional<etcd_lead::holder>, etcd_error>
etcd_lead::look(etcd_client& client, milliseconds patience) {
  auto answer
    = client.call("kv/range", read_of(etcd_leader_key(client.address())),
                  clock::now() + patience);
  if (!answer)
    return unexpected{answer.error()};
  auto found = etcd_pairs(*answer);
  if (found.empty())
    return std::nullopt;
  return holder{std::move(found[0].value), found[0].create_revision};
}

etcd_lead::etcd_lead(etcd_client client, etcd_lead_options options)
  : client_{std::move(client)}, options_{std::move(options)} {}

expected<std::unique_ptr<etcd_lead>, etcd_error>
etcd_lead::campaign(const etcd_address& address, etcd_lead_options options) {
  auto patience = options.patience;
  auto result = std::unique_ptr<etcd_lead>{
    new etcd_lead{etcd_client{address}, std::move(options)}};
  auto won = result->take(clock::now() + patience);
  if (!won)
    return unexpected{won.error()};
  if (!*won)
    return nullptr;
  result->keeper_ = std::thread{[x = result.get()] { x->keep(); }};
  return result;
}

/// @returns  whether the key is ours.
expected<bool, etcd_error> etcd_lead::take(clock::time_point deadline) {
  auto began = clock::now();
  auto lease = client_.call(
    "lease/grant", {{"TTL", std::to_string(options_.lease.count())}}, deadline);
  if (!lease)
    return unexpected{lease.error()};
  lease_ = etcd_number(*lease, "ID");
  auto key = to_base64(etcd_leader_key(client_.address()));
  auto answer = client_.call(
    "kv/txn",
    {{"compare", json::array{{{"target", "CREATE"},
                              {"result", "EQUAL"},
                              {"key", key},
                              {"create_revision", "0"}}}},
     {"success", json::array{{{"request_put",
                               {{"key", key},
                                {"value", to_base64(options_.says)},
                                {"lease", std::to_string(lease_)}}}}}},
     {"failure", json::array{{{"request_range", {{"key", key}}}}}}},
    deadline);
  if (!answer)
    return unexpected{answer.error()};
  if (answer->contains("succeeded")) {
    term_ = etcd_revision(*answer);
  } else {
    // Refused, unless an earlier try got through and its answer did not.
    auto found = etcd_pairs(etcd_response(*answer, 0, "response_range"));
    if (found.empty() || found[0].lease != lease_)
      return false;
    term_ = found[0].create_revision;
  }
  hold_from(began);
  // Once more, for finding a member that answers may have taken most of it.
  return renew();
}

/// A lead that began or was renewed at `began` may have to be given up a fifth
/// of the lease early, for the drift of clocks and what is under way.
void etcd_lead::hold_from(clock::time_point began) {
  until_
    = (began + milliseconds{options_.lease} * 4 / 5).time_since_epoch().count();
}

etcd_lead::clock::time_point etcd_lead::until() const {
  return clock::time_point{clock::duration{until_.load()}};
}

bool etcd_lead::holds() const {
  return !lost_ && clock::now() < until();
}

/// @returns  whether there is still something to renew.
bool etcd_lead::renew() {
  auto began = clock::now();
  auto answer = client_.call("lease/keepalive",
                             {{"ID", std::to_string(lease_)}}, until());
  // Whatever came meanwhile: what ended has ended.
  if (!holds())
    return lose("etcd did not answer in time"
                + (answer ? "" : ": " + answer.error().message)),
           false;
  if (!answer)
    return answer.error().code != etcd_ec::refused
           || (lose(answer.error().message), false);
  auto* result = answer->if_contains("result");
  if (result == nullptr || !result->is_object()
      || etcd_number(result->get_object(), "TTL") == 0)
    return lose("its lease has ended"), false;
  auto key = client_.call("kv/range",
                          read_of(etcd_leader_key(client_.address())), until());
  if (!key || !holds())
    return true;
  auto found = etcd_pairs(*key);
  if (found.empty() || found[0].create_revision != term_)
    return lose(found.empty() ? "its key is gone" : "another one leads"), false;
  hold_from(began);
  return true;
}

void etcd_lead::keep() {
  auto interval = milliseconds{options_.lease} / 5;
  auto lock = std::unique_lock{mutex_};
  while (!ending_.wait_for(lock, interval, [this] { return ended_; })) {
    lock.unlock();
    auto goes_on = renew();
    lock.lock();
    if (!goes_on)
      return;
  }
}

void etcd_lead::depose(const std::string& why) {
  lose(why);
}

void etcd_lead::lose(const std::string& why) {
  if (lost_.exchange(true))
    return;
  log::warn("the lead of term {} is lost: {}", term_, why);
  if (options_.on_lost)
    options_.on_lost(why);
}

etcd_lead::~etcd_lead() {
  {
    auto guard = std::lock_guard{mutex_};
    ended_ = true;
  }
  ending_.notify_all();
  if (keeper_.joinable())
    keeper_.join();
  // One try: if it does not arrive the lease ends by itself.
  if (lease_ != 0)
    (void)client_.call("lease/revoke", {{"ID", std::to_string(lease_)}},
                       clock::now());
}

} // namespace troupe::runtime
