#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <zstd.h>

namespace troupe::runtime {

/// How the bytes of a block are stored. The numbers stand in files.
enum class block_format : std::uint64_t { plain = 0, zstd = 1 };

/// Text as it is stored. Views end with the next call to its codec.
struct stored_block {
  block_format format;
  std::uint64_t checksum; // xxh64 of `bytes`, seeded by where they belong.
  std::string_view bytes;
};

/// Packs text for storing. Keeps its buffers and zstd's working memory from
/// call to call, because making them anew costs more than small blocks do.
class block_codec {
public:
  /// @param level  of zstd, 1 is fastest.
  explicit block_codec(int level);

  /// @param place  what the block is stored under, so that a block that was
  ///               moved does not pass for another.
  stored_block pack(std::string_view text, std::uint64_t place);

  /// The text again, or nothing if the block is damaged or from elsewhere.
  std::optional<std::string_view>
  unpack(const stored_block& block, std::uint64_t place);

private:
  struct free_context {
    void operator()(ZSTD_CCtx* x) const { ZSTD_freeCCtx(x); }
    void operator()(ZSTD_DCtx* x) const { ZSTD_freeDCtx(x); }
  };

  std::unique_ptr<ZSTD_CCtx, free_context> compressor_;
  std::unique_ptr<ZSTD_DCtx, free_context> decompressor_;
  std::string packed_;
  std::string unpacked_;
};

} // namespace troupe::runtime
