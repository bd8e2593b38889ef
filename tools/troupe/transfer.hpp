#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "tools/troupe/rest.hpp"

namespace troupe::tools {

struct easy_deleter {
  void operator()(CURL* x) const { curl_easy_cleanup(x); }
};
struct multi_deleter {
  void operator()(CURLM* x) const { curl_multi_cleanup(x); }
};
struct list_deleter {
  void operator()(curl_slist* x) const { curl_slist_free_all(x); }
};

/// One exchange with the controller: a handle for curl, and what must live as
/// long as it.
class transfer {
public:
  /// With `on_data`, the pieces of a 2xx body go there; false ends the transfer.
  /// Without, or otherwise, the body is kept, at most 256 MiB.
  transfer(const connection& to, const rest_request& x,
           std::function<bool(std::string_view)> on_data);
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  [[nodiscard]] CURL* handle() { return easy_.get(); }

  /// What became of it, once curl has said that it is over.
  [[nodiscard]] expected<rest_reply, failure> result(CURLcode code);

private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void add_header(const std::string& line);
  int status();
  std::string clause(CURLcode code);
  static size_t on_write(char* data, size_t, size_t size, void* self);

  std::unique_ptr<CURL, easy_deleter> easy_;
  std::unique_ptr<curl_slist, list_deleter> headers_;
  std::function<bool(std::string_view)> on_data_;
  std::string body_;
  std::string address_;
  std::string kept_;
  bool ended_by_us_ = false;
  char error_[CURL_ERROR_SIZE] = {};
};

/// The body of a reply as JSON; null if it is empty.
[[nodiscard]] expected<json_value, failure> json_of(const rest_reply& x);

} // namespace troupe::tools
