#include "runtime/journal/block.hpp"

#include "messages/contract.hpp"

#include "runtime/journal/checksum.hpp"

namespace troupe::runtime {

namespace {

/// Below this many bytes compression saves less than a frame's header costs.
constexpr auto plain_bytes_max = std::size_t{256};

/// No block is made larger than this: what claims to be is damaged.
constexpr auto text_bytes_max = std::uint64_t{1} << 30;

} // namespace

block_codec::block_codec(int level)
  : compressor_{ZSTD_createCCtx()}, decompressor_{ZSTD_createDCtx()} {
  TROUPE_ASSERT(compressor_ != nullptr);
  TROUPE_ASSERT(decompressor_ != nullptr);
  ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_compressionLevel, level);
  // Our checksum is of the packed bytes, this one of the text in them.
  ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_checksumFlag, 1);
}

stored_block block_codec::pack(std::string_view text, std::uint64_t place) {
  if (text.size() <= plain_bytes_max)
    return {block_format::plain, xxh64(text, place), text};
  auto bound = ZSTD_compressBound(text.size());
  if (packed_.size() < bound)
    packed_.resize(bound);
  auto size = ZSTD_compress2(compressor_.get(), packed_.data(), packed_.size(),
                             text.data(), text.size());
  // With an output buffer of the bound only a lack of memory remains, and
  // plain text is as good.
  if (ZSTD_isError(size) || size >= text.size())
    return {block_format::plain, xxh64(text, place), text};
  auto bytes = std::string_view{packed_.data(), size};
  return {block_format::zstd, xxh64(bytes, place), bytes};
}

std::optional<std::string_view>
block_codec::unpack(const stored_block& block, std::uint64_t place) {
  if (xxh64(block.bytes, place) != block.checksum)
    return std::nullopt;
  if (block.format == block_format::plain)
    return block.bytes;
  if (block.format != block_format::zstd)
    return std::nullopt;
  auto size = std::uint64_t{
    ZSTD_getFrameContentSize(block.bytes.data(), block.bytes.size())};
  // The two error values are the largest numbers there are.
  if (size > text_bytes_max)
    return std::nullopt;
  if (unpacked_.size() < size)
    unpacked_.resize(size);
  auto got = ZSTD_decompressDCtx(decompressor_.get(), unpacked_.data(),
                                 unpacked_.size(), block.bytes.data(),
                                 block.bytes.size());
  if (ZSTD_isError(got) || got != size)
    return std::nullopt;
  return std::string_view{unpacked_.data(), size};
}

} // namespace troupe::runtime
