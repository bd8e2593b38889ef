#include "tools/troupe/transfer.hpp"

#include <cctype>
#include <cstring>

#include <boost/json/parse.hpp>
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

/// Whether somebody is there, and is not who is expected.
bool is_distrust(CURLcode code) {
  return code == CURLE_SSL_CACERT_BADFILE
         || code == CURLE_PEER_FAILED_VERIFICATION
         || code == CURLE_SSL_CONNECT_ERROR;
}

} // namespace

transfer::transfer(const connection& to, const rest_request& x,
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
  if (!to.authority.empty())
    set(CURLOPT_CAINFO, to.authority.c_str());
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

expected<rest_reply, failure> transfer::result(CURLcode code) {
  rest_reply reply{status(), std::move(kept_)};
  if (ended_by_us_)
    return reply;
  if (is_distrust(code))
    return make_unexpected(
      failure{exit_code::unreachable,
              fmt::format("cannot talk to the controller at {} by TLS: {}",
                          inert(address_), inert(clause(code)))});
  if (code != CURLE_OK)
    return make_unexpected(no_answer(address_, clause(code)));
  if (reply.status < 200 || reply.status > 299)
    return make_unexpected(failure_of(reply));
  return reply;
}

void transfer::add_header(const std::string& line) {
  auto* longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer != headers_.get()) {
    (void)headers_.release();
    headers_.reset(longer);
  }
}

int transfer::status() {
  long result = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &result);
  return static_cast<int>(result);
}

std::string transfer::clause(CURLcode code) {
  long number = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
  if (code == CURLE_COULDNT_CONNECT && number != 0) {
    std::string text = std::strerror(static_cast<int>(number));
    text[0] = static_cast<char>(std::tolower(text[0]));
    return text;
  }
  if (code == CURLE_OPERATION_TIMEDOUT)
    return "it does not answer";
  if (code == CURLE_SSL_CACERT_BADFILE)
    return "the file of --tls-ca must be there, readable and PEM";
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    return std::string{error_}
           + " (--tls-ca or TROUPE_TLS_CA names the authority to trust)";
  if (code == CURLE_SSL_CONNECT_ERROR)
    return std::string{error_} + " (does it speak https?)";
  return error_[0] != '\0' ? error_ : curl_easy_strerror(code);
}

size_t transfer::on_write(char* data, size_t, size_t size, void* self) {
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

} // namespace troupe::tools
