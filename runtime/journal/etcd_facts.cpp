#include "runtime/journal/etcd_facts.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "messages/contract.hpp"

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

namespace json = boost::json;

// A record ends at whichever comes first. A single fact may be larger.
constexpr auto record_bytes_max = std::size_t{1} << 20;
constexpr auto record_facts_max = std::size_t{4'096};

/// Keys that are looked at in one step of letting go.
constexpr auto slice_keys = std::uint64_t{1'000};

/// A page grows while it is small and shrinks when it is large: one record may
/// be a thousand times another.
constexpr auto page_keys_first = std::uint64_t{8};
constexpr auto page_keys_max = std::uint64_t{2'000};
constexpr auto page_bytes_wanted = std::size_t{1} << 20;

/// A record is not only found under its version but belongs there.
std::uint64_t place_of(std::uint64_t first_version, std::uint64_t count) {
  return first_version * 0x9E3779B97F4A7C15 + count;
}

/// Before all parts of the record that begins with `version`.
std::string before(const etcd_store& store, std::uint64_t version) {
  return store.key("facts/" + etcd_digits(version));
}

std::string
part_key(const etcd_store& store, std::uint64_t version, std::size_t part) {
  return before(store, version) + fmt::format(".{:06}", part);
}

/// Version and part that a key stands for.
struct place {
  std::uint64_t first = 0;
  std::uint64_t part = 0;
};

place place_in(const etcd_store& store, std::string_view key) {
  auto result = place{};
  auto text = key.substr(std::min(key.size(), store.key("facts/").size()));
  auto* end = text.data() + text.size();
  auto [next, error] = std::from_chars(text.data(), end, result.first);
  if (error == std::errc{} && next != end)
    std::from_chars(next + 1, end, result.part);
  return result;
}

unexpected<journal_error>
corrupt(const etcd_store& store, std::uint64_t first, std::string_view what) {
  return unexpected{refuse(journal_ec::corrupt, store.name(),
                           fmt::format("the record of facts from {} on {}; "
                                       "restore a backup of etcd",
                                       first, what))};
}

} // namespace

/// What the first line of a record says, and its bytes so far.
struct etcd_facts::record {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::uint64_t parts = 0;
  std::uint64_t format = 0;
  std::uint64_t checksum = 0;
  std::uint64_t parts_read = 0;
  std::string bytes;

  [[nodiscard]] std::string front() const {
    return fmt::format("{} {} {} {}\n", count, parts, format, checksum);
  }

  bool begin(std::uint64_t version, std::string_view value) {
    *this = {};
    first = version;
    auto line = value.substr(0, value.find('\n'));
    auto* at = line.data();
    auto* end = at + line.size();
    for (auto* number : {&count, &parts, &format, &checksum}) {
      while (at != end && *at == ' ')
        ++at;
      auto [next, error] = std::from_chars(at, end, *number);
      if (error != std::errc{})
        return false;
      at = next;
    }
    if (line.size() == value.size() || count == 0 || parts == 0)
      return false;
    bytes = value.substr(line.size() + 1);
    parts_read = 1;
    return true;
  }

  [[nodiscard]] bool complete() const { return parts_read == parts; }
};

// -- appending ------------------------------------------------------------------

expected<void, journal_error>
etcd_facts::append(etcd_store& store, std::span<const std::string> facts) {
  if (has_unfinished_)
    if (auto ok = remove_unfinished(store); !ok)
      return ok;
  auto version = store.head().version;
  auto ops = json::array{};
  auto bytes = std::size_t{0};
  // What does not fit into the transaction that moves the head goes before it.
  auto add = [&](const std::string& key, std::string_view value) {
    expected<void, journal_error> result;
    if (!ops.empty()
        && (bytes + value.size() > etcd_store::piece_bytes_max
            || ops.size() >= etcd_store::ops_max)) {
      has_unfinished_ = true;
      result = store.write(std::exchange(ops, {}),
                           etcd_store::guard::leader_and_head);
      bytes = 0;
    }
    bytes += value.size();
    ops.push_back(etcd_op::put(key, value));
    return result;
  };
  while (!facts.empty()) {
    lines_.clear();
    auto count = std::size_t{0};
    while (count < facts.size() && count < record_facts_max
           && (count == 0
               || lines_.size() + facts[count].size() < record_bytes_max)) {
      TROUPE_ASSERT(facts[count].find('\n') == std::string::npos);
      lines_ += facts[count++];
      lines_ += '\n';
    }
    facts = facts.subspan(count);
    auto first = version + 1;
    auto packed = codec_.pack(lines_, place_of(first, count));
    auto about = record{};
    about.count = count;
    about.parts = std::max<std::size_t>(
      1, (packed.bytes.size() + etcd_store::piece_bytes_max - 1)
           / etcd_store::piece_bytes_max);
    about.format = static_cast<std::uint64_t>(packed.format);
    about.checksum = packed.checksum;
    for (auto part = std::size_t{0}; part < about.parts; ++part) {
      auto piece = packed.bytes.substr(part * etcd_store::piece_bytes_max,
                                       etcd_store::piece_bytes_max);
      auto value = part == 0 ? about.front() : std::string{};
      value += piece;
      if (auto ok = add(part_key(store, first, part), value); !ok)
        return ok;
    }
    version += count;
  }
  auto done = store.advance(std::move(ops), version, store.head().oldest);
  has_unfinished_ = has_unfinished_ && !done;
  return done;
}

/// Moves the head's revision too, so that nothing that is still under way can be
/// written afterwards.
expected<void, journal_error> etcd_facts::remove_unfinished(etcd_store& store) {
  auto ops = json::array{etcd_op::remove(
    before(store, store.head().version + 1), etcd_end_of(store.key("facts/")))};
  auto done
    = store.advance(std::move(ops), store.head().version, store.head().oldest);
  if (done)
    has_unfinished_ = false;
  return done;
}

// -- reading --------------------------------------------------------------------

expected<std::uint64_t, journal_error>
etcd_facts::find(etcd_store& store, std::uint64_t version) {
  if (version == store.head().oldest)
    return version;
  auto earliest = version < record_facts_max ? std::uint64_t{1}
                                             : version - record_facts_max + 1;
  auto from = before(store, std::max(earliest, store.head().oldest));
  auto end = before(store, version + 1);
  auto found = std::uint64_t{0};
  while (true) {
    auto page = store.range(from, end, slice_keys, true);
    if (!page)
      return unexpected{page.error()};
    auto keys = etcd_pairs(*page);
    if (!keys.empty())
      found = place_in(store, keys.back().key).first;
    if (keys.size() < slice_keys)
      break;
    from = keys.back().key + '\0';
  }
  if (found == 0)
    return corrupt(store, version, "is missing");
  return found;
}

expected<void, journal_error>
etcd_facts::read(etcd_store& store, std::uint64_t from,
                 const journal::reader& read_fact) {
  auto first = find(store, from);
  if (!first)
    return unexpected{first.error()};
  auto next = *first; // Of the record that is expected.
  auto at = before(store, next);
  auto end = before(store, store.head().version + 1);
  auto limit = page_keys_first;
  auto now = record{};
  while (next <= store.head().version) {
    auto page = store.range(at, end, limit);
    // One answer may be more than its members let each other say.
    if (!page && limit > 1) {
      limit = std::max<std::uint64_t>(1, limit / 16);
      page = store.range(at, end, limit);
    }
    if (!page)
      return unexpected{page.error()};
    auto pairs = etcd_pairs(*page);
    auto bytes = std::size_t{0};
    for (auto& x : pairs) {
      bytes += x.value.size();
      auto where = place_in(store, x.key);
      if (where.first != next)
        return corrupt(store, next, "is missing");
      if (where.part == 0 && now.first == next)
        return corrupt(store, next, "is damaged");
      if (where.part == 0 ? !now.begin(next, x.value)
                          : now.first != next || where.part != now.parts_read)
        return corrupt(store, next, "is damaged");
      if (where.part != 0) {
        now.bytes += x.value;
        ++now.parts_read;
      }
      if (!now.complete())
        continue;
      auto text
        = codec_.unpack({block_format{now.format}, now.checksum, now.bytes},
                        place_of(now.first, now.count));
      if (!text)
        return corrupt(store, next, "is damaged");
      auto lines = *text;
      for (auto version = next; version < next + now.count; ++version) {
        auto line = lines.substr(0, lines.find('\n'));
        if (line.size() == lines.size())
          return corrupt(store, next, "is damaged");
        lines.remove_prefix(line.size() + 1);
        if (version >= from && !read_fact(version, line))
          return {};
      }
      next += now.count;
    }
    if (next > store.head().version)
      break;
    if (pairs.empty())
      return corrupt(store, next, "is missing");
    at = pairs.back().key + '\0';
    if (bytes < page_bytes_wanted / 2)
      limit = std::min(limit * 4, page_keys_max);
    else if (bytes > page_bytes_wanted)
      limit = std::max<std::uint64_t>(1, limit / 4);
  }
  return {};
}

// -- letting go -----------------------------------------------------------------

expected<void, journal_error>
etcd_facts::release(etcd_store& store, std::uint64_t until,
                    std::size_t slices_max) {
  TROUPE_ASSERT(until == 0 || until < store.head().version);
  auto has_removed = false;
  for (auto slice = std::size_t{0};
       slice < slices_max && store.head().oldest <= until; ++slice) {
    auto from = before(store, store.head().oldest);
    auto page = store.range(from, before(store, until + 2), slice_keys, true);
    if (!page)
      return unexpected{page.error()};
    auto keys = etcd_pairs(*page);
    if (keys.empty())
      break;
    // All before the last one seen are whole, and end before it.
    auto oldest = place_in(store, keys.back().key).first;
    if (oldest <= store.head().oldest)
      break;
    auto ops = json::array{etcd_op::remove(from, before(store, oldest))};
    if (auto ok = store.advance(std::move(ops), store.head().version, oldest);
        !ok)
      return ok;
    has_removed = true;
  }
  if (has_removed)
    store.compact();
  return {};
}

} // namespace troupe::runtime
