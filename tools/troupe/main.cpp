#include <clocale>
#include <cstdio>

#include <curl/curl.h>

#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/verbs.hpp"

int main(int argc, char** argv) {
  // FIRST: what must run before there is a thread, or instead of a verb (the
  // shim that watches a process), stands here.

  std::setlocale(LC_CTYPE, "C.UTF-8");
  // Not safe once there are threads.
  curl_global_init(CURL_GLOBAL_DEFAULT);
  auto result = troupe::tools::run_command_line(argc, argv);
  // A full disk must not look like an answer.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::perror("troupe: cannot write the result");
    return result == 0 ? troupe::tools::exit_code::no : result;
  }
  return result;
}
