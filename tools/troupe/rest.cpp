#include "tools/troupe/rest.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <boost/json/parse.hpp>
#include <curl/curl.h>
#include <fmt/format.h>

#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

constexpr size_t body_max = size_t{256} << 20;

std::string base_of(const connection& x) {
  auto result = x.address;
  while (result.ends_with('/'))
    result.pop_back();
  return result.find("://") == std::string::npos ? "http://" + result : result;
}

struct easy_deleter {
  void operator()(CURL* x) const { curl_easy_cleanup(x); }
};
struct multi_deleter {
  void operator()(CURLM* x) const { curl_multi_cleanup(x); }
};
struct list_deleter {
  void operator()(curl_slist* x) const { curl_slist_free_all(x); }
};

/// One exchange: a handle, and what it needs to live as long.
class transfer {
public:
  transfer(const connection& to, const rest_request& x,
           std::function<bool(std::string_view)> on_data)
    : easy_{curl_easy_init()}, on_data_{std::move(on_data)}, body_{x.body},
      address_{base_of(to)} {
    add_header("Accept: " + x.accept);
    // Of an empty body as well: the controller takes no write without it.
    if (x.method != "GET")
      add_header("Content-Type: application/json");
    add_header("Expect:");
    for (auto& line : x.headers)
      add_header(line);
    if (!to.token.empty())
      add_header("Authorization: Bearer " + to.token);
    set(CURLOPT_URL, (address_ + x.target.text()).c_str());
    set(CURLOPT_CUSTOMREQUEST, x.method.c_str());
    if (x.method != "GET") {
      set(CURLOPT_POSTFIELDS, body_.c_str());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
    set(CURLOPT_NOSIGNAL, 1L);
    // Neither files nor mail: an address is an address.
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_CONNECTTIMEOUT_MS, 5'000L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(x.timeout.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_ERRORBUFFER, error_);
    set(CURLOPT_WRITEFUNCTION, &transfer::on_write);
    set(CURLOPT_WRITEDATA, this);
  }
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  CURL* handle() { return easy_.get(); }

  /// What became of it.
  expected<rest_reply, failure> result(CURLcode code) {
    rest_reply reply{status(), std::move(kept_)};
    if (ended_by_us_)
      return reply;
    if (code != CURLE_OK)
      return make_unexpected(no_answer(address_, clause(code)));
    if (reply.status < 200 || reply.status > 299)
      return make_unexpected(failure_of(reply));
    return reply;
  }

private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void add_header(const std::string& line) {
    auto* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer != headers_.get()) {
      (void)headers_.release();
      headers_.reset(longer);
    }
  }

  int status() {
    long result = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &result);
    return static_cast<int>(result);
  }

  std::string clause(CURLcode code) {
    long number = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && number != 0) {
      std::string text = std::strerror(static_cast<int>(number));
      text[0] = static_cast<char>(std::tolower(text[0]));
      return text;
    }
    if (code == CURLE_OPERATION_TIMEDOUT)
      return "it does not answer";
    return error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  }

  static size_t on_write(char* data, size_t, size_t size, void* self) {
    auto& x = *static_cast<transfer*>(self);
    auto ok = x.status() / 100 == 2;
    if (ok && x.on_data_) {
      x.ended_by_us_ = !x.on_data_({data, size});
      return x.ended_by_us_ ? 0 : size;
    }
    if (x.kept_.size() + size > body_max)
      return 0;
    x.kept_.append(data, size);
    return size;
  }

  std::unique_ptr<CURL, easy_deleter> easy_;
  std::unique_ptr<curl_slist, list_deleter> headers_;
  std::function<bool(std::string_view)> on_data_;
  std::string body_;
  std::string address_;
  std::string kept_;
  bool ended_by_us_ = false;
  char error_[CURL_ERROR_SIZE] = {};
};

int code_of(int status) {
  switch (status) {
  case 401:
  case 403:
    return exit_code::refused;
  case 404:
  case 410:
    return exit_code::not_found;
  case 400:
  case 413:
  case 415:
  case 422:
    return exit_code::bad_input;
  case 502:
  case 503:
  case 504:
    return exit_code::unreachable;
  default:
    return exit_code::no;
  }
}

expected<json_value, failure> json_of(const rest_reply& x) {
  if (x.body.find_first_not_of(" \r\n\t") == std::string::npos)
    return json_value{};
  boost::json::error_code error;
  auto result = boost::json::parse(x.body, error);
  if (error)
    return make_unexpected(
      failure{exit_code::unreachable,
              "the answer is not JSON. Is there another program than Troupe "
              "at this address?"});
  return result;
}

} // namespace

connection connection_of_environment() {
  connection result;
  if (auto* x = std::getenv("TROUPE_ADDRESS"); x != nullptr && *x != '\0')
    result.address = x;
  if (auto* x = std::getenv("TROUPE_TOKEN"); x != nullptr)
    result.token = x;
  return result;
}

void declare(command_line& line, connection& x) {
  x = connection_of_environment();
  line.option("--address", "URL", x.address,
              "of the controller [TROUPE_ADDRESS, http://127.0.0.1:4640]");
  line.option("--token", "TOKEN", x.token, "who asks [TROUPE_TOKEN]");
}

failure no_answer(const std::string& address, std::string_view why) {
  return {exit_code::unreachable,
          fmt::format("cannot reach the controller at {}: {}. Is it running? "
                      "Start one with `troupe up`",
                      inert(address), inert(why))};
}

failure failure_of(const rest_reply& x) {
  boost::json::error_code error;
  auto body = boost::json::parse(x.body, error);
  failure result{code_of(x.status), ""};
  if (!error)
    result.text = inert(text(body, "detail").empty() ? text(body, "title")
                                                     : text(body, "detail"));
  for (auto& each : elements(field(body, "errors"))) {
    auto pointer = inert(text(each, "pointer"));
    auto detail = inert(text(each, "detail"));
    // A single error is often the detail as well.
    if (detail == result.text && pointer.empty())
      continue;
    result.text += fmt::format("\n  {}{}{}", pointer,
                               pointer.empty() ? "" : ": ", detail);
  }
  if (result.text.empty())
    result.text = fmt::format("the controller answered {}", x.status);
  if (x.status == 401 && result.text.find("token") == std::string::npos)
    result.text += "\n  Give a token with --token or TROUPE_TOKEN.";
  return result;
}

expected<rest_reply, failure> rest::send(const rest_request& x) const {
  transfer one{connection_, x, {}};
  return one.result(curl_easy_perform(one.handle()));
}

expected<json_value, failure> rest::get(const url& target) const {
  return call_with({.target = target});
}

expected<json_value, failure>
rest::call(std::string_view method, const url& target,
           const json_value& body) const {
  rest_request request{.method = std::string{method}, .target = target};
  if (!body.is_null())
    request.body = line_json(body);
  return call_with(request);
}

expected<json_value, failure> rest::call_with(const rest_request& x) const {
  return send(x).and_then(json_of);
}

std::vector<std::optional<failure>>
rest::read(std::vector<rest_stream> streams) const {
  std::vector<std::unique_ptr<transfer>> transfers;
  std::vector<std::optional<failure>> result(streams.size());
  std::unique_ptr<CURLM, multi_deleter> multi{curl_multi_init()};
  for (auto& x : streams) {
    transfers.push_back(
      std::make_unique<transfer>(connection_, x.request, std::move(x.on_data)));
    curl_multi_add_handle(multi.get(), transfers.back()->handle());
  }
  int running = 1;
  while (running > 0) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK)
      break;
    int left = 0;
    while (auto* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      for (size_t i = 0; i < transfers.size(); ++i)
        if (transfers[i]->handle() == message->easy_handle)
          if (auto end = transfers[i]->result(message->data.result); !end)
            result[i] = end.error();
    }
    if (running > 0)
      curl_multi_poll(multi.get(), nullptr, 0, 1'000, nullptr);
  }
  for (auto& x : transfers)
    curl_multi_remove_handle(multi.get(), x->handle());
  return result;
}

} // namespace troupe::tools
