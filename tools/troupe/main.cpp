#include <clocale>

#include <curl/curl.h>

#include "tools/troupe/verbs.hpp"

int main(int argc, char** argv) {
  // FIRST: what must run before there is a thread, or instead of a verb (the
  // shim that watches a process), stands here.

  std::setlocale(LC_CTYPE, "C.UTF-8");
  // Not safe once there are threads.
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return troupe::tools::run_command_line(argc, argv);
}
