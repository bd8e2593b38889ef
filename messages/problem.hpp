#pragma once

#include <string>

#include <boost/describe/class.hpp>

namespace troupe {

/// One thing that is wrong with an input.
struct problem {
  /// RFC 6901 pointer to the offending value, empty for the whole document.
  std::string pointer;
  /// What is wrong and what to write instead, as a sentence.
  std::string detail;
  bool operator==(const problem&) const = default;
  BOOST_DESCRIBE_CLASS(problem, (), (pointer, detail), (), ())
};

} // namespace troupe
