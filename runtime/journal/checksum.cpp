#include "runtime/journal/checksum.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace troupe::runtime {

// The numbers are read as they lie in memory.
static_assert(std::endian::native == std::endian::little);

namespace {

constexpr auto prime1 = std::uint64_t{0x9E3779B185EBCA87};
constexpr auto prime2 = std::uint64_t{0xC2B2AE3D27D4EB4F};
constexpr auto prime3 = std::uint64_t{0x165667B19E3779F9};
constexpr auto prime4 = std::uint64_t{0x85EBCA77C2B2AE63};
constexpr auto prime5 = std::uint64_t{0x27D4EB2F165667C5};

template <class Number>
std::uint64_t take(std::string_view& bytes) {
  auto number = Number{};
  std::memcpy(&number, bytes.data(), sizeof(number));
  bytes.remove_prefix(sizeof(number));
  return number;
}

std::uint64_t mix(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

/// Takes all whole stripes of 32 bytes from `bytes`.
std::uint64_t take_stripes(std::string_view& bytes, std::uint64_t seed) {
  auto lanes
    = std::array{seed + prime1 + prime2, seed + prime2, seed, seed - prime1};
  while (bytes.size() >= 32)
    for (auto& lane : lanes)
      lane = mix(lane, take<std::uint64_t>(bytes));
  auto hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7)
              + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (auto lane : lanes)
    hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  return hash;
}

} // namespace

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed) {
  auto size = std::uint64_t{bytes.size()};
  auto hash = size >= 32 ? take_stripes(bytes, seed) : seed + prime5;
  hash += size;
  while (bytes.size() >= 8)
    hash = std::rotl(hash ^ mix(0, take<std::uint64_t>(bytes)), 27) * prime1
           + prime4;
  if (bytes.size() >= 4)
    hash = std::rotl(hash ^ (take<std::uint32_t>(bytes) * prime1), 23) * prime2
           + prime3;
  while (!bytes.empty())
    hash = std::rotl(hash ^ (take<std::uint8_t>(bytes) * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

} // namespace troupe::runtime
