#include "runtime/journal/etcd_client.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <thread>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <curl/curl.h>
#include <sys/socket.h>

#include "messages/contract.hpp"

#include "runtime/base64.hpp"

namespace troupe::runtime {

namespace {

using std::chrono::milliseconds;
namespace json = boost::json;

/// A member that is cut off answers after 7 s: the next one is sooner.
constexpr auto one_try_max = milliseconds{1'500};
constexpr auto connect_max = milliseconds{500};
/// As long as there is another to ask, one is not given all of the time.
constexpr auto one_try_min = milliseconds{250};
/// Between rounds in which nobody answered.
constexpr auto pause = milliseconds{50};
/// No answer is longer: pages are asked for in much smaller pieces.
constexpr auto answer_bytes_max = std::size_t{256} << 20;

/// gRPC's numbers. Source: grpc/statuscodes.
constexpr auto resource_exhausted = 8;

size_t take(char* bytes, size_t size, size_t count, void* to) {
  auto& text = *static_cast<std::string*>(to);
  if (text.size() + size * count > answer_bytes_max)
    return 0;
  text.append(bytes, size * count);
  return size * count;
}

// Tasks are started by fork: they must not inherit our connections.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}

/// Which member of each etcd answered last, for all clients of this process: to
/// find out that one hangs takes as long as some leads last.
class answering_members {
public:
  std::size_t find(const etcd_address& etcd) {
    auto guard = std::lock_guard{mutex_};
    return which_[to_string(etcd)];
  }

  void note(const etcd_address& etcd, std::size_t which) {
    auto guard = std::lock_guard{mutex_};
    which_[to_string(etcd)] = which;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::size_t> which_; // [etcd] Index of the member.
};

answering_members& the_answering() {
  static answering_members members;
  return members;
}

/// Errors come in two shapes, and as plain text from elsewhere.
std::string message_of(const json::value& body, const std::string& text) {
  auto* object = body.if_object();
  if (object == nullptr)
    return text.substr(0, 200);
  auto* error = object->if_contains("error");
  if (error != nullptr && error->is_object())
    object = &error->get_object();
  for (auto key : {"message", "error"})
    if (auto* x = object->if_contains(key); x != nullptr && x->is_string())
      return std::string{std::string_view{x->get_string()}};
  return text.substr(0, 200);
}

} // namespace

struct etcd_client::connection {
  struct free_easy {
    void operator()(CURL* x) const { curl_easy_cleanup(x); }
  };
  struct free_list {
    void operator()(curl_slist* x) const { curl_slist_free_all(x); }
  };
  std::unique_ptr<CURL, free_easy> easy;
  std::unique_ptr<curl_slist, free_list> headers;
  char error[CURL_ERROR_SIZE] = {};
};

struct etcd_client::reply {
  long status = 0;
  std::string body;
  std::string error;
};

etcd_client::etcd_client(etcd_address address)
  : address_{std::move(address)}, which_{the_answering().find(address_)},
    connection_{std::make_unique<connection>()} {
  TROUPE_ASSERT(!address_.endpoints.empty());
  static const auto global = curl_global_init(CURL_GLOBAL_DEFAULT);
  TROUPE_ASSERT(global == CURLE_OK);
  auto& x = *connection_;
  x.easy.reset(curl_easy_init());
  TROUPE_ASSERT(x.easy != nullptr);
  // A body beyond 1 KiB would otherwise wait for leave to be sent.
  x.headers.reset(curl_slist_append(nullptr, "Expect:"));
  x.headers.reset(
    curl_slist_append(x.headers.release(), "Content-Type: application/json"));
  auto* easy = x.easy.get();
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x.headers.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x.error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  if (!address_.tls.wanted())
    return;
  curl_easy_setopt(easy, CURLOPT_CAINFO, address_.tls.ca.c_str());
  if (!address_.tls.cert.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, address_.tls.cert.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, address_.tls.key.c_str());
  }
}

etcd_client::etcd_client(etcd_client&&) noexcept = default;
etcd_client& etcd_client::operator=(etcd_client&&) noexcept = default;
etcd_client::~etcd_client() = default;

etcd_client::reply
etcd_client::send(const std::string& url, const std::string& body,
                  milliseconds timeout) {
  auto result = reply{};
  auto* easy = connection_->easy.get();
  connection_->error[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &result.body);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::min(timeout, connect_max).count()));
  auto code = curl_easy_perform(easy);
  // A status beside a reply that broke off is no reply.
  if (code == CURLE_OK)
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result.status);
  else
    result.error = connection_->error[0] != '\0' ? connection_->error
                                                 : curl_easy_strerror(code);
  return result;
}

expected<json::object, etcd_error>
etcd_client::call(std::string_view path, const json::object& body,
                  clock::time_point deadline) {
  auto text = json::serialize(body);
  auto scheme = std::string{address_.tls.wanted() ? "https://" : "http://"};
  auto tries = std::size_t{0};
  auto last = std::string{};
  do {
    if (tries > 0 && tries % address_.endpoints.size() == 0)
      std::this_thread::sleep_for(pause);
    ++tries;
    auto& endpoint = address_.endpoints[which_ % address_.endpoints.size()];
    auto left
      = std::chrono::duration_cast<milliseconds>(deadline - clock::now());
    // A large body takes its time even to a member that is well.
    auto longest = one_try_max + milliseconds{text.size() / 1'000};
    if (address_.endpoints.size() > 1)
      longest = std::min(longest, std::max(left / 2, one_try_min));
    auto got = send(scheme + endpoint + "/v3/" + std::string{path}, text,
                    std::clamp(left, milliseconds{100}, longest));
    auto error = std::error_code{};
    auto read = json::parse(got.body, error);
    if (got.status == 200 && !error && read.is_object()) {
      if (tries > 1)
        the_answering().note(address_, which_ % address_.endpoints.size());
      return std::move(read.get_object());
    }
    last = endpoint + ": "
           + (got.status == 0 ? got.error
                              : std::to_string(got.status) + ' '
                                  + (error ? got.body.substr(0, 200)
                                           : message_of(read, got.body)));
    auto* object = error ? nullptr : read.if_object();
    auto* number = object != nullptr ? object->if_contains("code") : nullptr;
    auto is_exhausted = number != nullptr && number->is_int64()
                        && number->get_int64() == resource_exhausted;
    if (is_exhausted && last.find("space exceeded") != std::string::npos)
      return make_unexpected(etcd_error{etcd_ec::full, last});
    if (is_exhausted && last.find("larger than max") != std::string::npos)
      return make_unexpected(etcd_error{etcd_ec::refused, last});
    // What is too much now, or too late for a member that is ill, may pass.
    if (got.status >= 400 && got.status < 500 && got.status != 429
        && got.status != 408)
      return make_unexpected(etcd_error{etcd_ec::refused, last});
    ++which_;
  } while (clock::now() < deadline);
  return make_unexpected(etcd_error{etcd_ec::silent, last});
}

// -- what is written in its JSON ------------------------------------------------

std::uint64_t etcd_number(const json::object& from, std::string_view key) {
  auto* x = from.if_contains(key);
  if (x == nullptr)
    return 0;
  if (auto* number = x->if_int64())
    return static_cast<std::uint64_t>(*number);
  auto result = std::uint64_t{0};
  if (auto* text = x->if_string())
    std::from_chars(text->data(), text->data() + text->size(), result);
  return result;
}

std::uint64_t etcd_revision(const json::object& answer) {
  auto* header = answer.if_contains("header");
  return header != nullptr && header->is_object()
           ? etcd_number(header->get_object(), "revision")
           : 0;
}

std::vector<etcd_key_value> etcd_pairs(const json::object& range) {
  auto result = std::vector<etcd_key_value>{};
  auto* pairs = range.if_contains("kvs");
  if (pairs == nullptr || !pairs->is_array())
    return result;
  auto bytes = [](const json::object& x, std::string_view key) {
    auto* text = x.if_contains(key);
    return text != nullptr && text->is_string()
             ? from_base64(std::string_view{text->get_string()})
             : std::string{};
  };
  result.reserve(pairs->get_array().size());
  for (auto& x : pairs->get_array())
    if (auto* pair = x.if_object())
      result.push_back({bytes(*pair, "key"), bytes(*pair, "value"),
                        etcd_number(*pair, "create_revision"),
                        etcd_number(*pair, "mod_revision"),
                        etcd_number(*pair, "lease")});
  return result;
}

json::object etcd_response(const json::object& answer, std::size_t index,
                           std::string_view name) {
  auto* all = answer.if_contains("responses");
  if (all == nullptr || !all->is_array() || index >= all->get_array().size())
    return {};
  auto* one = all->get_array()[index].if_object();
  auto* found = one != nullptr ? one->if_contains(name) : nullptr;
  return found != nullptr && found->is_object() ? found->get_object()
                                                : json::object{};
}

std::string etcd_end_of(std::string prefix) {
  TROUPE_ASSERT(!prefix.empty());
  // No key of ours ends with the highest byte.
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

} // namespace troupe::runtime
