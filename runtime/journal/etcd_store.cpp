#include "runtime/journal/etcd_store.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "messages/contract.hpp"

#include "runtime/base64.hpp"
#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

namespace json = boost::json;
using std::chrono::seconds;

constexpr auto format = 1;

/// How long one question or write may take; the lead may end before.
constexpr auto patience = seconds{10};
constexpr auto one_question = seconds{2};

/// Writes after which the older half of what was overwritten is let go.
constexpr auto compact_after = std::uint64_t{5'000};

json::object object_of(const std::string& text) {
  auto error = std::error_code{};
  auto read = json::parse(text, error);
  return !error && read.is_object() ? std::move(read.get_object())
                                    : json::object{};
}

std::string text_of(const json::object& from, std::string_view key) {
  auto* text = from.if_contains(key);
  return text != nullptr && text->is_string()
           ? std::string{std::string_view{text->get_string()}}
           : std::string{};
}

json::object range_op(const std::string& key) {
  return {{"request_range", {{"key", to_base64(key)}}}};
}

/// What a transaction's `index`-th question found; empty if nothing.
etcd_key_value pair_in(const json::object& answer, std::size_t index) {
  auto pairs = etcd_pairs(etcd_response(answer, index, "response_range"));
  return pairs.empty() ? etcd_key_value{} : std::move(pairs[0]);
}

json::object compare_op(const char* target, const char* field,
                        const std::string& key, std::uint64_t value) {
  return {{"target", target},
          {"result", "EQUAL"},
          {"key", to_base64(key)},
          {field, std::to_string(value)}};
}

} // namespace

std::string etcd_digits(std::uint64_t number) {
  auto text = std::to_string(number);
  return std::string(20 - text.size(), '0') + text;
}

namespace etcd_op {

json::object put(const std::string& key, std::string_view value) {
  return {
    {"request_put", {{"key", to_base64(key)}, {"value", to_base64(value)}}}};
}

json::object remove(const std::string& key, const std::string& end) {
  return {{"request_delete_range",
           {{"key", to_base64(key)}, {"range_end", to_base64(end)}}}};
}

} // namespace etcd_op

etcd_store::etcd_store(const etcd_address& address,
                       std::shared_ptr<etcd_lead> lead)
  : client_{address}, lead_{std::move(lead)}, name_{to_string(address)} {
  TROUPE_ASSERT(lead_ != nullptr);
}

std::string etcd_store::key(std::string_view name) const {
  return client_.address().prefix + '/' + std::string{name};
}

journal_error etcd_store::deposed() {
  auto why = "another controller has taken the lead since term "
             + std::to_string(lead_->term());
  lead_->depose(why);
  return refuse(journal_ec::conflict, name_,
                why + ", so this one may not write; it must read on");
}

// -- opening --------------------------------------------------------------------

expected<etcd_store::found, journal_error>
etcd_store::open(const journal_options& options) {
  auto there = guarded({range_op(key("cluster")), range_op(key("head")),
                        range_op(key("snapshots"))},
                       guard::leader, {});
  if (!there)
    return unexpected{there.error()};
  auto pair = [&](std::size_t i) { return pair_in(*there, i); };
  auto cluster = pair(0);
  auto& wanted = options.expected_cluster;
  if (cluster.key.empty()) {
    if (wanted)
      return unexpected{refuse(journal_ec::foreign_cluster, name_,
                               "is empty, but cluster " + *wanted
                                 + " is expected; correct the address")};
    auto id = random_cluster_id();
    auto about = json::object{
      {"id", id}, {"format", format}, {"program", TROUPE_VERSION}};
    return advance({etcd_op::put(key("cluster"), json::serialize(about))}, 0, 1)
      .map([&] {
        return found{id, {}};
      });
  }
  auto about = object_of(cluster.value);
  auto id = text_of(about, "id");
  if (id.size() != 32)
    return unexpected{refuse(journal_ec::corrupt, name_,
                             "does not name its cluster; is the prefix used "
                             "for something else?")};
  if (etcd_number(about, "format") > format)
    return unexpected{refuse(journal_ec::newer_version, name_,
                             "was written by troupe "
                               + text_of(about, "program")
                               + ", which is newer; upgrade this program")};
  if (wanted && *wanted != id)
    return unexpected{refuse(journal_ec::foreign_cluster, name_,
                             "belongs to cluster " + id + ", not " + *wanted
                               + "; correct the address")};
  // Even what was sent long ago by an earlier leader can no longer be done, for
  // this one's key is another. What it left beyond the head is removed.
  return read_head(pair(1))
    .and_then([&] {
      auto first = "facts/" + etcd_digits(head_.version + 1);
      return advance({etcd_op::remove(key(first), etcd_end_of(key("facts/")))},
                     head_.version, head_.oldest);
    })
    .map([&] {
      return found{id, pair(2).value};
    });
}

expected<etcd_store::found, journal_error> etcd_store::look() {
  auto there
    = ask("kv/txn", {{"success", json::array{range_op(key("head")),
                                             range_op(key("snapshots"))}}});
  if (!there)
    return unexpected{there.error()};
  return read_head(pair_in(*there, 0)).map([&] {
    return found{{}, pair_in(*there, 1).value};
  });
}

expected<void, journal_error>
etcd_store::read_head(const etcd_key_value& pair) {
  auto head = object_of(pair.value);
  head_ = {etcd_number(head, "version"), etcd_number(head, "oldest"),
           pair.mod_revision};
  if (head_.oldest != 0 && head_.oldest <= head_.version + 1)
    return {};
  return unexpected{refuse(journal_ec::corrupt, name_,
                           "its key `head` is missing or damaged; restore a "
                           "backup of etcd")};
}

// -- writing --------------------------------------------------------------------

/// @param mark  of a head that is written, by which it is known again.
expected<json::object, journal_error>
etcd_store::guarded(json::array ops, guard what, const std::string& mark) {
  // By our own clock, whatever etcd may still believe.
  if (!lead_->holds())
    return unexpected{refuse(journal_ec::unavailable, name_,
                             "this controller does not lead any more")};
  auto leader = etcd_leader_key(client_.address());
  auto head = key("head");
  auto compare = json::array{
    compare_op("CREATE", "create_revision", leader, lead_->term())};
  if (what == guard::leader_and_head)
    compare.push_back(
      compare_op("MOD", "mod_revision", head, head_.mod_revision));
  auto body
    = json::object{{"compare", std::move(compare)},
                   {"success", std::move(ops)},
                   {"failure", json::array{range_op(leader), range_op(head)}}};
  auto limit = etcd_client::clock::now() + patience;
  auto is_full = false;
  while (true) {
    auto answer = client_.call("kv/txn", body, std::min(limit, lead_->until()));
    if (answer && answer->contains("succeeded")) {
      if (!is_full)
        return std::move(*answer);
      // That was the question whether it had been done: it had not.
      return unexpected{refuse(journal_ec::full, name_,
                               "its quota is used up; raise "
                               "--quota-backend-bytes of etcd, or compact and "
                               "defragment it, then disarm its alarm with "
                               "`etcdctl alarm disarm`")};
    }
    if (answer) {
      auto holder = etcd_pairs(etcd_response(*answer, 0, "response_range"));
      auto now = etcd_pairs(etcd_response(*answer, 1, "response_range"));
      if (holder.empty() || holder[0].create_revision != lead_->term())
        return unexpected{deposed()};
      // An earlier try got through, and its answer did not.
      if (!mark.empty() && !now.empty()
          && text_of(object_of(now[0].value), "by") == mark) {
        (*answer)["header"]
          = json::object{{"revision", std::to_string(now[0].mod_revision)}};
        return std::move(*answer);
      }
      return unexpected{deposed()};
    }
    auto& error = answer.error();
    if (error.code == etcd_ec::refused)
      return unexpected{refuse(journal_ec::unavailable, name_, error.message)};
    if (error.code == etcd_ec::full && !is_full) {
      is_full = true;
      body["success"] = json::array{};
    } else if (!lead_->holds() || etcd_client::clock::now() >= limit) {
      return unexpected{
        refuse(journal_ec::unavailable, name_,
               "etcd does not answer, or has no majority: " + error.message)};
    }
  }
}

expected<void, journal_error> etcd_store::write(json::array ops, guard what) {
  return guarded(std::move(ops), what, {}).map([](const json::object&) {});
}

expected<void, journal_error>
etcd_store::advance(json::array ops, std::uint64_t version,
                    std::uint64_t oldest) {
  auto mark = std::to_string(lead_->term()) + '.' + std::to_string(++advances_);
  auto head
    = json::object{{"version", version}, {"oldest", oldest}, {"by", mark}};
  ops.push_back(etcd_op::put(key("head"), json::serialize(head)));
  auto done = guarded(std::move(ops), guard::leader_and_head, mark);
  if (!done)
    return unexpected{done.error()};
  head_ = {version, oldest, etcd_revision(*done)};
  if (advances_ % compact_after == 0)
    compact();
  return {};
}

void etcd_store::compact() {
  // A hint: what is not let go now is let go the next time.
  if (compact_next_ != 0)
    (void)client_.call("kv/compaction",
                       {{"revision", std::to_string(compact_next_)}},
                       etcd_client::clock::now() + seconds{1});
  compact_next_ = head_.mod_revision;
}

// -- reading --------------------------------------------------------------------

expected<json::object, journal_error>
etcd_store::ask(std::string_view path, const json::object& body) {
  using clock = etcd_client::clock;
  auto limit = clock::now() + patience;
  auto answer = client_.call(path, body, clock::now() + one_question);
  // Who does not lead any more is waited for by nobody.
  while (!answer && answer.error().code == etcd_ec::silent && lead_->holds()
         && clock::now() < limit)
    answer = client_.call(path, body, clock::now() + one_question);
  if (answer)
    return std::move(*answer);
  return unexpected{
    refuse(journal_ec::unavailable, name_, answer.error().message)};
}

expected<json::object, journal_error>
etcd_store::range(const std::string& from, const std::string& end,
                  std::uint64_t limit, bool keys_only) {
  return ask("kv/range", {{"key", to_base64(from)},
                          {"range_end", to_base64(end)},
                          {"limit", std::to_string(limit)},
                          {"keys_only", keys_only}});
}

} // namespace troupe::runtime
