#include <random>
#include <string>

#include <doctest/doctest.h>

#include "runtime/drivers/docker/log_frames.hpp"

using namespace troupe::runtime::docker;

namespace {

std::string frame(char stream, const std::string& text) {
  std::string result{stream, 0, 0, 0};
  for (auto shift : {24, 16, 8, 0})
    result += static_cast<char>(text.size() >> shift & 0xff);
  return result + text;
}

struct reader {
  log_frames aut;
  std::string out;
  std::string err;

  bool feed(std::string_view bytes) {
    return aut.feed(bytes, [this](log_stream stream, std::string_view text) {
      CHECK(!text.empty());
      (stream == log_stream::out ? out : err) += text;
    });
  }
};

} // namespace

TEST_CASE("frames are told apart by their stream") {
  reader x;
  CHECK(x.feed(frame(1, "out\n") + frame(2, "err\n") + frame(1, "more\n")));
  CHECK(x.out == "out\nmore\n");
  CHECK(x.err == "err\n");
  CHECK(x.aut.complete());
}

TEST_CASE("an empty frame says nothing") {
  reader x;
  CHECK(x.feed(frame(1, "") + frame(2, "e")));
  CHECK(x.out.empty());
  CHECK(x.err == "e");
}

TEST_CASE("the bytes of a stream may come in any pieces") {
  auto bytes = frame(1, "first") + frame(2, "second") + frame(1, "")
               + frame(1, std::string(1000, 'x'));
  for (size_t split = 0; split <= bytes.size(); ++split) {
    reader x;
    CHECK(x.feed(std::string_view{bytes}.substr(0, split)));
    CHECK(x.feed(std::string_view{bytes}.substr(split)));
    CHECK(x.out == "first" + std::string(1000, 'x'));
    CHECK(x.err == "second");
    CHECK(x.aut.complete());
  }
}

TEST_CASE("a stream that ends inside a frame is not complete") {
  auto bytes = frame(1, "text");
  for (size_t size = 1; size < bytes.size(); ++size) {
    reader x;
    CHECK(x.feed(std::string_view{bytes}.substr(0, size)));
    CHECK(!x.aut.complete());
  }
}

TEST_CASE("a frame that claims four gigabytes costs nothing") {
  reader x;
  CHECK(x.feed(std::string{"\x01\0\0\0\xff\xff\xff\xff", 8}));
  CHECK(x.feed("abc"));
  CHECK(x.out == "abc");
  CHECK(!x.aut.complete());
}

TEST_CASE("what is no frame ends the reading for good") {
  for (auto bytes : {std::string{"\x03\0\0\0\0\0\0\1x", 9},
                     std::string{"\x01\1\0\0\0\0\0\1x", 9},
                     std::string{"plain text of a terminal"}}) {
    reader x;
    CHECK(!x.feed(bytes));
    CHECK(!x.feed(frame(1, "good")));
    CHECK(x.out.empty());
    CHECK(!x.aut.complete());
  }
}

TEST_CASE("no bytes do harm") {
  std::mt19937 random{7};
  for (int round = 0; round < 2000; ++round) {
    reader x;
    for (int piece = 0; piece < 8; ++piece) {
      std::string bytes;
      for (auto size = random() % 20; size > 0; --size)
        bytes += static_cast<char>(random() % 4 == 0 ? random() % 256 : 0);
      auto sane = x.feed(bytes);
      CHECK((sane || !x.aut.complete()));
    }
  }
}
