#include "runtime/journal/etcd_snapshots.hpp"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "messages/contract.hpp"

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

namespace json = boost::json;

std::uint64_t place_of(std::string_view id, std::uint64_t part) {
  auto seed = std::uint64_t{0xcbf29ce484222325};
  for (auto c : id)
    seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return seed + part;
}

std::string folder_of(const etcd_store& store, const std::string& id) {
  return store.key("snapshot/" + id + '/');
}

std::string write_list(const std::vector<etcd_snapshots::entry>& entries) {
  auto result = json::array{};
  for (auto& x : entries)
    result.push_back(json::object{{"id", x.id},
                                  {"version", x.version},
                                  {"parts", x.parts},
                                  {"bytes", x.bytes}});
  return json::serialize(result);
}

} // namespace

expected<etcd_snapshots, journal_error>
etcd_snapshots::load(const etcd_store& store, const std::string& listed) {
  auto result = etcd_snapshots{};
  if (listed.empty())
    return result;
  auto error = std::error_code{};
  auto read = json::parse(listed, error);
  if (error || !read.is_array())
    return unexpected{refuse(journal_ec::corrupt, store.name(),
                             "its key `snapshots` is damaged; restore a "
                             "backup of etcd")};
  for (auto& x : read.get_array())
    if (auto* one = x.if_object()) {
      auto* id = one->if_contains("id");
      result.entries_.push_back(
        {id != nullptr && id->is_string()
           ? std::string{std::string_view{id->get_string()}}
           : std::string{},
         etcd_number(*one, "version"), etcd_number(*one, "parts"),
         etcd_number(*one, "bytes")});
    }
  return result;
}

std::uint64_t etcd_snapshots::newest() const {
  return entries_.empty() ? 0 : entries_.back().version;
}

std::uint64_t etcd_snapshots::previous() const {
  return entries_.size() < 2 ? 0 : entries_.front().version;
}

// -- saving ---------------------------------------------------------------------

expected<void, journal_error>
etcd_snapshots::save(etcd_store& store, std::uint64_t version,
                     std::string_view state) {
  TROUPE_ASSERT(version >= newest());
  auto made = entry{random_cluster_id(), version, 0, state.size()};
  do {
    auto block = codec_.pack(state.substr(0, etcd_store::piece_bytes_max),
                             place_of(made.id, made.parts));
    auto value = fmt::format("{:d}{:020d}", static_cast<int>(block.format),
                             block.checksum);
    value += block.bytes;
    auto key = folder_of(store, made.id) + etcd_digits(made.parts);
    if (auto ok
        = store.write({etcd_op::put(key, value)}, etcd_store::guard::leader);
        !ok)
      return ok;
    state.remove_prefix(std::min(state.size(), etcd_store::piece_bytes_max));
    ++made.parts;
  } while (!state.empty());
  auto kept = entries_;
  std::erase_if(kept, [&](const entry& x) {
    return x.version == version || std::ranges::count(damaged_, x.id) != 0;
  });
  kept.push_back(made);
  if (kept.size() > 2)
    kept.erase(kept.begin());
  auto done
    = store.write({etcd_op::put(store.key("snapshots"), write_list(kept))},
                  etcd_store::guard::leader);
  if (!done)
    return done;
  entries_ = std::move(kept);
  damaged_.clear();
  return remove_leftovers(store);
}

expected<void, journal_error>
etcd_snapshots::remove_leftovers(etcd_store& store) {
  auto at = store.key("snapshot/");
  auto end = etcd_end_of(at);
  // Each step passes over one snapshot: a few, however many parts they have.
  while (true) {
    auto page = store.range(at, end, 1, true);
    if (!page)
      return unexpected{page.error()};
    auto keys = etcd_pairs(*page);
    if (keys.empty())
      return {};
    auto root = store.key("snapshot/").size();
    auto id = keys[0].key.substr(root, keys[0].key.find('/', root) - root);
    auto folder = folder_of(store, id);
    if (std::ranges::count(entries_, id, &entry::id) == 0)
      if (auto ok = store.write({etcd_op::remove(folder, etcd_end_of(folder))},
                                etcd_store::guard::leader);
          !ok)
        return ok;
    at = etcd_end_of(folder);
  }
}

// -- reading --------------------------------------------------------------------

expected<std::optional<journal_snapshot>, journal_error>
etcd_snapshots::latest(etcd_store& store) {
  damaged_.clear();
  auto warning = std::string{};
  for (auto x = entries_.rbegin(); x != entries_.rend(); ++x) {
    auto state = read_parts(store, *x);
    if (!state)
      return unexpected{state.error()};
    if (*state)
      return journal_snapshot{x->version, std::move(**state),
                              std::move(warning)};
    damaged_.push_back(x->id);
    warning = refuse(journal_ec::corrupt, store.name(),
                     "the snapshot of version " + std::to_string(x->version)
                       + " is damaged, an older one stands in for it; make a "
                         "backup")
                .message;
  }
  if (!warning.empty())
    return unexpected{refuse(journal_ec::corrupt, store.name(),
                             "no snapshot is intact; restore a backup")};
  return std::nullopt;
}

/// Nothing if a part is damaged or missing.
expected<std::optional<std::string>, journal_error>
etcd_snapshots::read_parts(etcd_store& store, const entry& from) {
  constexpr auto front_size = std::size_t{21};
  auto state = std::string{};
  for (auto part = std::uint64_t{0}; part < from.parts; ++part) {
    auto key = folder_of(store, from.id) + etcd_digits(part);
    auto page = store.range(key, key + '\0', 1);
    if (!page)
      return unexpected{page.error()};
    auto pairs = etcd_pairs(*page);
    if (pairs.empty() || pairs[0].value.size() < front_size)
      return std::nullopt;
    auto value = std::string_view{pairs[0].value};
    auto format = static_cast<std::uint64_t>(value[0] - '0');
    auto checksum
      = std::strtoull(std::string{value.substr(1, 20)}.c_str(), nullptr, 10);
    auto text = codec_.unpack(
      {block_format{format}, checksum, value.substr(front_size)},
      place_of(from.id, part));
    if (!text)
      return std::nullopt;
    state += *text;
  }
  if (state.size() != from.bytes)
    return std::nullopt;
  return state;
}

} // namespace troupe::runtime
