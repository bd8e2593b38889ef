#include <random>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "tools/troupe/table.hpp"

using namespace troupe::tools;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    result.push_back(line);
  return result;
}

} // namespace

TEST_CASE("columns are aligned and lines end without blanks") {
  table aut{{{"TASK"}, {"CPU", side::right}, {"NODE"}}};
  aut.add({"web.0", "0.5", "n1"});
  aut.add({"longer-name.12", "16", ""});
  CHECK(aut.rows() == 2);
  CHECK(aut.render()
        == "TASK            CPU  NODE\n"
           "web.0           0.5  n1\n"
           "longer-name.12   16\n");
}

TEST_CASE("a table without rows is its titles") {
  CHECK(table{{{"A"}, {"B"}}}.render() == "A  B\n");
  CHECK(table{{}}.render(80) == "\n");
}

TEST_CASE("wide characters take two columns and marks none") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("caf\xc3\xa9") == 4);
  CHECK(display_width("cafe\xcc\x81") == 4);
  CHECK(display_width("\xe6\x9d\xb1\xe4\xba\xac") == 4);
  CHECK(display_width("\xf0\x9f\x8e\xad") == 2);
  CHECK(display_width("\xe2\x80\xa6") == 1);
  table aut{{{"A"}, {"B"}}};
  aut.add({"\xe6\x9d\xb1", "x"});
  aut.add({"e\xcc\x81", "x"});
  CHECK(aut.render() == "A   B\n\xe6\x9d\xb1  x\ne\xcc\x81   x\n");
}

TEST_CASE("control characters are shown and not obeyed") {
  CHECK(inert("a\tb\r\n\x1b[31mred\x07\x7f")
        == "a\\tb\\r\\n\\x1b[31mred\\x07\\x7f");
  CHECK(inert(std::string("\0", 1)) == "\\x00");
  // The one-character form of escape and bracket, U+009B.
  CHECK(inert("\xc2\x9b") == "\\x9b");
  CHECK(inert("\xe2\x80\xae"
              "a\xef\xbb\xbf\xe2\x80\x8b")
        == "\\u202ea\\ufeff\\u200b");
  CHECK(inert("\xf3\xa0\x81\x81") == "\\U000e0041");
  CHECK(inert("caf\xc3\xa9") == "caf\xc3\xa9");
}

TEST_CASE("invalid bytes are replaced one by one") {
  CHECK(inert("a\xff\x80z") == "a\xef\xbf\xbd\xef\xbf\xbdz");
  CHECK(inert("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(inert("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(inert("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a text is cut in columns, never inside a character") {
  CHECK(cut("abcdef", 6) == "abcdef");
  CHECK(cut("abcdef", 4) == "abc\xe2\x80\xa6");
  CHECK(cut("abcdef", 1) == "\xe2\x80\xa6");
  CHECK(cut("abcdef", 0).empty());
  // Half of a wide character does not fit before the ellipsis.
  CHECK(cut("\xe6\x9d\xb1\xe4\xba\xac", 3) == "\xe6\x9d\xb1\xe2\x80\xa6");
  CHECK(cut("\xe6\x9d\xb1\xe4\xba\xac", 2) == "\xe2\x80\xa6");
  // A mark stays with what it stands on.
  CHECK(cut("e\xcc\x81xyz", 2) == "e\xcc\x81\xe2\x80\xa6");
}

TEST_CASE("the widest columns give way to the terminal") {
  table aut{{{"NAME"}, {"STATE"}, {"MESSAGE"}}};
  aut.add({"web.0", "running", std::string(100, 'x')});
  CHECK(aut.render(30)
        == "NAME   STATE    MESSAGE\n"
           "web.0  running  "
             + std::string(13, 'x') + "\xe2\x80\xa6\n");
}

TEST_CASE("no line is wider than asked, down to the narrowest terminal") {
  table aut{{{"A"}, {"B", side::right}, {"C"}, {"D"}}};
  aut.add({std::string(50, 'a'), std::string(50, 'b'), "c", "\xe6\x9d\xb1"});
  aut.add({"x", "y", std::string(10'000, 'z'), ""});
  for (size_t width = 1; width < 200; ++width)
    for (auto& line : lines_of(aut.render(width)))
      CHECK(display_width(line) <= width);
}

TEST_CASE("no cell can break out of its row") {
  std::mt19937_64 random{11};
  for (int i = 0; i < 2'000; ++i) {
    table aut{{{"A"}, {"B", side::right}}};
    std::string cell;
    for (auto n = random() % 40; n > 0; --n)
      cell += static_cast<char>(random() & 0xff);
    aut.add({cell, "end"});
    auto text = aut.render(random() % 60);
    CHECK(lines_of(text).size() == 2);
    for (auto c : text)
      CHECK((c == '\n' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f)));
    CHECK(inert(inert(cell)) == inert(cell));
  }
}
