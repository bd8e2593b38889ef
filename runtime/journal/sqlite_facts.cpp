#include "runtime/journal/sqlite_facts.hpp"

#include <algorithm>
#include <utility>

#include "messages/contract.hpp"

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

// A row ends at whichever comes first, so that reading from the middle of a
// large batch does not unpack all of it. A single fact may be larger.
constexpr auto row_bytes_max = std::size_t{1} << 20;
constexpr auto row_facts_max = std::size_t{8192};

// Rows that go at once. An append adds at least one, so the oldest go faster
// than new ones come, and a row takes some milliseconds at worst.
constexpr auto rows_released_by_append = std::uint64_t{4};
constexpr auto rows_released_by_snapshot = std::uint64_t{256};

/// A row is not only found under its version but belongs there.
std::uint64_t place_of(std::uint64_t first_version, std::uint64_t count) {
  return first_version * 0x9E3779B97F4A7C15 + count;
}

unexpected<journal_error>
corrupt(const sqlite_connection& connection, std::string_view what) {
  return unexpected{refuse(journal_ec::corrupt, connection.name(),
                           std::string{what} + "; restore a backup")};
}

unexpected<journal_error> gap(const sqlite_connection& connection,
                              std::uint64_t expected, std::uint64_t found) {
  return corrupt(connection, "after fact " + std::to_string(expected - 1)
                               + " comes fact " + std::to_string(found));
}

std::string range(std::uint64_t first, std::uint64_t count) {
  return "facts " + std::to_string(first) + " to "
         + std::to_string(first + count - 1);
}

} // namespace

expected<sqlite_facts, journal_error>
sqlite_facts::load(const sqlite_connection& connection, bool check) {
  auto facts = sqlite_facts{};
  auto prepare = [&](sqlite_statement& statement, const char* sql) {
    return connection.prepare(sql).map(
      [&](sqlite_statement made) { statement = std::move(made); });
  };
  auto ready
    = prepare(facts.insert_, "INSERT INTO batches VALUES(?, ?, ?, ?, ?)")
        .and_then([&] {
          return prepare(facts.select_,
                         "SELECT first_version, count, format, checksum, body "
                         "FROM batches WHERE first_version >= "
                         "(SELECT coalesce(max(first_version), 0) FROM batches "
                         "WHERE first_version <= ?) ORDER BY first_version");
        })
        .and_then([&] {
          // The first condition is implied and ends the search early.
          return prepare(facts.remove_,
                         "DELETE FROM batches WHERE first_version IN (SELECT "
                         "first_version FROM batches WHERE first_version <= ?1 "
                         "AND first_version + count - 1 <= ?1 "
                         "ORDER BY first_version LIMIT ?2)");
        })
        .and_then([&] {
          return prepare(facts.first_, "SELECT min(first_version) "
                                       "FROM batches");
        });
  if (!ready)
    return unexpected{ready.error()};
  auto ends = facts.find_ends(connection);
  if (ends && check)
    ends = facts.check_rows(connection);
  if (!ends)
    return unexpected{ends.error()};
  return facts;
}

expected<void, journal_error>
sqlite_facts::find_ends(const sqlite_connection& connection) {
  auto last
    = connection.prepare("SELECT first_version + count - 1 FROM batches "
                         "ORDER BY first_version DESC LIMIT 1");
  if (!last)
    return unexpected{last.error()};
  auto run = sqlite_run{*last};
  if (run.step())
    head_ = run.number(0);
  else if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading it")};
  return find_oldest(connection).map([&](std::uint64_t x) { oldest_ = x; });
}

expected<std::uint64_t, journal_error>
sqlite_facts::find_oldest(const sqlite_connection& connection) {
  auto run = sqlite_run{first_};
  if (!run.step())
    return unexpected{connection.error(run.result(), "reading it")};
  return std::max<std::uint64_t>(run.number(0), 1);
}

expected<void, journal_error>
sqlite_facts::check_rows(const sqlite_connection& connection) {
  auto rows = connection.prepare("SELECT first_version, count FROM batches "
                                 "ORDER BY first_version");
  if (!rows)
    return unexpected{rows.error()};
  auto run = sqlite_run{*rows};
  auto next = oldest_;
  while (run.step()) {
    if (run.number(0) != next)
      return gap(connection, next, run.number(0));
    next += run.number(1);
  }
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading it")};
  return {};
}

// -- writing ------------------------------------------------------------------

void sqlite_facts::begin_with(std::uint64_t first) {
  TROUPE_ASSERT(head_ == 0);
  TROUPE_ASSERT(first > 0);
  head_ = first - 1;
  oldest_ = first;
}

expected<void, journal_error>
sqlite_facts::append(const sqlite_connection& connection,
                     std::span<const std::string> facts,
                     std::uint64_t release_until) {
  auto transaction = sqlite_transaction{connection};
  auto oldest = oldest_;
  auto done
    = transaction.begin()
        .and_then([&] { return insert(connection, facts); })
        .and_then([&] {
          return remove_rows(connection, release_until, rows_released_by_append)
            .map([&](std::uint64_t x) { oldest = x; });
        })
        .and_then([&] { return transaction.commit(); });
  if (!done)
    return done;
  head_ += facts.size();
  oldest_ = oldest;
  return {};
}

expected<void, journal_error>
sqlite_facts::release(const sqlite_connection& connection,
                      std::uint64_t release_until) {
  auto transaction = sqlite_transaction{connection};
  auto oldest = oldest_;
  auto done = transaction.begin()
                .and_then([&] {
                  return remove_rows(connection, release_until,
                                     rows_released_by_snapshot)
                    .map([&](std::uint64_t x) { oldest = x; });
                })
                .and_then([&] { return transaction.commit(); });
  if (done)
    oldest_ = oldest;
  return done;
}

expected<void, journal_error>
sqlite_facts::insert(const sqlite_connection& connection,
                     std::span<const std::string> facts) {
  auto first = head_ + 1;
  while (!facts.empty()) {
    auto count = std::uint64_t{0};
    lines_.clear();
    for (; count < facts.size() && count < row_facts_max; ++count) {
      const auto& fact = facts[count];
      TROUPE_ASSERT(fact.find('\n') == std::string::npos);
      if (count > 0 && lines_.size() + fact.size() >= row_bytes_max)
        break;
      lines_ += fact;
      lines_ += '\n';
    }
    auto block = codec_.pack(lines_, place_of(first, count));
    auto run = sqlite_run{insert_};
    run.with(first).with(count).with(static_cast<std::uint64_t>(block.format));
    run.with(block.checksum).with_blob(block.bytes).step();
    // Whoever wrote meanwhile has used the version after our head.
    if ((run.result() & 0xff) == SQLITE_CONSTRAINT)
      return unexpected{
        refuse(journal_ec::conflict, connection.name(),
               "fact " + std::to_string(first)
                 + " is there already, so another program wrote; stop it and "
                   "open the journal again")};
    if (run.result() != SQLITE_DONE)
      return unexpected{connection.error(run.result(), "appending")};
    first += count;
    facts = facts.subspan(count);
  }
  return {};
}

expected<std::uint64_t, journal_error>
sqlite_facts::remove_rows(const sqlite_connection& connection,
                          std::uint64_t release_until, std::uint64_t rows_max) {
  if (release_until < oldest_)
    return oldest_;
  // The head must be known from the last row.
  TROUPE_ASSERT(release_until < head_);
  {
    auto run = sqlite_run{remove_};
    run.with(release_until).with(rows_max).step();
    if (run.result() != SQLITE_DONE)
      return unexpected{connection.error(run.result(), "removing old facts")};
  }
  return find_oldest(connection);
}

// -- reading ------------------------------------------------------------------

expected<void, journal_error>
sqlite_facts::read(const sqlite_connection& connection, std::uint64_t from,
                   const journal::reader& read_fact) {
  TROUPE_ASSERT(from >= oldest_);
  auto run = sqlite_run{select_};
  run.with(from);
  auto next = std::uint64_t{0}; // 0 before the first row.
  while (run.step()) {
    auto first = run.number(0);
    auto count = run.number(1);
    if (next != 0 ? first != next : first > from)
      return gap(connection, next != 0 ? next : from, first);
    auto block
      = stored_block{block_format{run.number(2)}, run.number(3), run.bytes(4)};
    auto lines = codec_.unpack(block, place_of(first, count));
    if (!lines)
      return corrupt(connection,
                     range(first, count) + " do not match their checksum");
    for (next = first; !lines->empty(); ++next) {
      auto end = lines->find('\n');
      auto fact = lines->substr(0, end);
      lines->remove_prefix(std::min(fact.size() + 1, lines->size()));
      if (next >= from && !read_fact(next, fact))
        return {};
    }
    if (next != first + count)
      return corrupt(connection, range(first, count) + " are not complete");
  }
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading it")};
  if (next != 0 && next <= head_)
    return gap(connection, next, head_);
  return {};
}

} // namespace troupe::runtime
