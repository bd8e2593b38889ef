#include "runtime/http/client.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <map>
#include <mutex>
#include <thread>

#include <curl/curl.h>
#include <sys/socket.h>

#include "messages/contract.hpp"

namespace troupe::runtime::http {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct easy_deleter {
  void operator()(CURL* x) const noexcept { curl_easy_cleanup(x); }
};
struct list_deleter {
  void operator()(curl_slist* x) const noexcept { curl_slist_free_all(x); }
};
struct multi_deleter {
  void operator()(CURLM* x) const noexcept { curl_multi_cleanup(x); }
};

/// One request and what has come back for it so far.
struct transfer {
  uint64_t id = 0;
  client_request request;
  client::done on_done;
  client_reply reply;
  std::unique_ptr<curl_slist, list_deleter> header_lines;
  std::unique_ptr<CURL, easy_deleter> easy;
  char error_text[CURL_ERROR_SIZE] = {};
  bool headers_complete = false;
  bool cancelled = false;
};

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr auto blank = " \t\r\n";
  auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// Gets one header line at a time. A status line begins anew, because interim
// replies (1xx) have headers of their own.
size_t on_header_line(char* bytes, size_t size, size_t count, void* context) {
  auto& x = *static_cast<transfer*>(context);
  std::string_view line{bytes, size * count};
  if (line.starts_with("HTTP/")) {
    x.reply.headers.clear();
    return line.size();
  }
  auto text = trimmed(line);
  if (auto colon = text.find(':'); colon != std::string_view::npos)
    x.reply.headers.emplace_back(lower(trimmed(text.substr(0, colon))),
                                 trimmed(text.substr(colon + 1)));
  if (!text.empty())
    return line.size();
  long status = 0;
  curl_easy_getinfo(x.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  x.reply.status = static_cast<int>(status);
  if (status >= 200 && !x.headers_complete) {
    x.headers_complete = true;
    if (x.request.on_header && !x.cancelled)
      x.request.on_header(x.reply.status, x.reply.headers);
  }
  return line.size();
}

// Returning less than it was given makes libcurl end the transfer.
size_t on_body(char* bytes, size_t size, size_t count, void* context) {
  auto& x = *static_cast<transfer*>(context);
  std::string_view piece{bytes, size * count};
  if (x.cancelled)
    return 0;
  if (x.request.on_data && x.reply.status / 100 == 2) {
    x.request.on_data(piece);
    return piece.size();
  }
  if (x.reply.body.size() + piece.size() > x.request.body_max) {
    x.reply.failure = client_failure::too_large;
    return 0;
  }
  x.reply.body.append(piece);
  return piece.size();
}

// Tasks are started by fork: they must not inherit our connections.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}

client_failure failure_of(CURLcode code) {
  switch (code) {
  case CURLE_OK:
    return client_failure::none;
  case CURLE_OPERATION_TIMEDOUT:
    return client_failure::timed_out;
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_URL_MALFORMAT:
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_FAILED_INIT:
    return client_failure::not_sent;
  default:
    return client_failure::cut;
  }
}

void configure(transfer& x) {
  auto& request = x.request;
  auto set = [easy = x.easy.get()](CURLoption option, auto value) {
    curl_easy_setopt(easy, option, value);
  };
  set(CURLOPT_PRIVATE, &x);
  set(CURLOPT_ERRORBUFFER, x.error_text);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(CURLOPT_URL, request.url.c_str());
  if (!request.unix_socket.empty())
    set(CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  if (!request.ca_file.empty())
    set(CURLOPT_CAINFO, request.ca_file.c_str());
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(request.connect_timeout.count()));
  if (request.fresh_connection) {
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
  }
  if (request.connect_only)
    set(CURLOPT_CONNECT_ONLY, 1L);
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (!request.body.empty() || request.method == "POST"
             || request.method == "PUT") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE,
        static_cast<curl_off_t>(request.body.size()));
  }
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  auto add_line = [&x](const char* line) {
    x.header_lines.reset(curl_slist_append(x.header_lines.release(), line));
  };
  add_line("Expect:");
  for (auto& line : request.headers)
    add_line(line.c_str());
  set(CURLOPT_HTTPHEADER, x.header_lines.get());
  set(CURLOPT_HEADERFUNCTION, &on_header_line);
  set(CURLOPT_HEADERDATA, &x);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &x);
}

} // namespace

/// What the client's thread runs. Everything below `inbox_` belongs to it alone.
class client::loop {
public:
  explicit loop(client_options options) : options_(options) {
    static const auto global = curl_global_init(CURL_GLOBAL_DEFAULT);
    TROUPE_ASSERT(global == CURLE_OK);
    multi_.reset(curl_multi_init());
    TROUPE_ASSERT(multi_ != nullptr);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 16L);
    thread_ = std::thread{[this] { run(); }};
  }

  ~loop() {
    TROUPE_ASSERT(!on_own_thread());
    post([this] { stopping_ = true; });
    thread_.join();
  }

  uint64_t submit(client_request request, done on_done) {
    auto x = std::make_shared<transfer>();
    x->id = ++last_id_;
    x->request = std::move(request);
    x->on_done = std::move(on_done);
    auto refused = open_.fetch_add(1) >= options_.open_max;
    auto id = x->id;
    post([this, x = std::move(x), refused]() mutable {
      begin(std::move(x), refused);
    });
    return id;
  }

  void cancel(uint64_t id) {
    // Nothing may reach the caller any more once it has cancelled here.
    if (on_own_thread())
      if (auto at = transfers_.find(id); at != transfers_.end())
        at->second->cancelled = true;
    post([this, id] {
      finish(id, client_failure::cancelled, "the request was cancelled");
    });
  }

  void post(std::function<void()> f) {
    {
      std::lock_guard lock{mutex_};
      if (closed_)
        return;
      inbox_.push_back(std::move(f));
    }
    if (!on_own_thread())
      curl_multi_wakeup(multi_.get());
  }

  void after(milliseconds delay, std::function<void()> f) {
    // Clocks overflow at what users may write as a delay.
    constexpr milliseconds longest = std::chrono::hours{24 * 365};
    auto due = steady_clock::now() + std::min(delay, longest);
    post([this, due, f = std::move(f)]() mutable {
      timers_.emplace(due, std::move(f));
    });
  }

  [[nodiscard]] bool on_own_thread() const noexcept {
    return std::this_thread::get_id() == thread_id_.load();
  }

private:
  void run() {
    thread_id_ = std::this_thread::get_id();
    while (!stopping_) {
      run_inbox();
      run_timers();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      finish_done();
      curl_multi_poll(multi_.get(), nullptr, 0, poll_ms(), nullptr);
    }
    while (!transfers_.empty() || run_inbox())
      if (!transfers_.empty())
        finish(transfers_.begin()->first, client_failure::cancelled,
               "the client was closed");
  }

  // Returns false, and takes no more, when it is stopping and nothing waits.
  bool run_inbox() {
    std::vector<std::function<void()>> ready;
    {
      std::lock_guard lock{mutex_};
      ready.swap(inbox_);
      closed_ = stopping_ && ready.empty();
    }
    for (auto& f : ready)
      f();
    return !ready.empty();
  }

  void run_timers() {
    auto now = steady_clock::now();
    while (!timers_.empty() && timers_.begin()->first <= now) {
      auto f = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      f();
    }
  }

  int poll_ms() {
    if (stopping_)
      return 0;
    {
      std::lock_guard lock{mutex_};
      if (!inbox_.empty())
        return 0;
    }
    // libcurl shortens this to its own next deadline.
    constexpr int64_t longest = 60'000;
    if (timers_.empty())
      return longest;
    auto left = std::chrono::ceil<milliseconds>(timers_.begin()->first
                                                - steady_clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, longest));
  }

  void begin(std::shared_ptr<transfer> x, bool refused) {
    auto id = x->id;
    transfers_.emplace(id, x);
    if (refused)
      return finish(id, client_failure::refused,
                    "more than " + std::to_string(options_.open_max)
                      + " requests are open");
    if (stopping_)
      return finish(id, client_failure::cancelled, "the client was closed");
    x->easy.reset(curl_easy_init());
    if (!x->easy)
      return finish(id, client_failure::not_sent, "out of memory");
    configure(*x);
    if (auto limit = x->request.header_timeout; limit.count() > 0)
      timers_.emplace(steady_clock::now() + limit, [this, id] {
        auto at = transfers_.find(id);
        if (at != transfers_.end() && !at->second->headers_complete)
          finish(id, client_failure::timed_out, "no reply came in time");
      });
    curl_multi_add_handle(multi_.get(), x->easy.get());
  }

  void finish_done() {
    int left = 0;
    while (auto* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      transfer* x = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
      auto code = message->data.result;
      if (x->cancelled)
        finish(x->id, client_failure::cancelled, "the request was cancelled");
      else if (x->reply.failure == client_failure::too_large)
        finish(x->id, client_failure::too_large,
               "the reply is longer than " + std::to_string(x->request.body_max)
                 + " bytes");
      else
        finish(x->id, code_failure(*x, code), error_of(*x, code));
    }
  }

  static client_failure code_failure(const transfer& x, CURLcode code) {
    auto result = failure_of(code);
    // A connect that takes too long is reported as a timeout too.
    curl_off_t connected = 0;
    curl_easy_getinfo(x.easy.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (result == client_failure::timed_out && connected == 0)
      return client_failure::not_sent;
    return result;
  }

  static std::string error_of(const transfer& x, CURLcode code) {
    if (code == CURLE_OK)
      return {};
    return x.error_text[0] != '\0' ? x.error_text : curl_easy_strerror(code);
  }

  // Ends a transfer and answers it; `failure` may be none.
  void finish(uint64_t id, client_failure failure, std::string error) {
    auto at = transfers_.find(id);
    if (at == transfers_.end())
      return;
    auto x = std::move(at->second);
    transfers_.erase(at);
    open_.fetch_sub(1);
    x->reply.failure = failure;
    x->reply.error = std::move(error);
    if (x->easy)
      curl_multi_remove_handle(multi_.get(), x->easy.get());
    x->on_done(std::move(x->reply));
  }

  client_options options_;
  std::unique_ptr<CURLM, multi_deleter> multi_;
  std::atomic<uint64_t> last_id_{0};
  std::atomic<size_t> open_{0};
  std::atomic<std::thread::id> thread_id_{};
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::function<void()>> inbox_;
  std::map<uint64_t, std::shared_ptr<transfer>> transfers_;
  std::multimap<steady_clock::time_point, std::function<void()>> timers_;
  bool stopping_ = false;
  std::thread thread_;
};

std::string_view client_reply::header(std::string_view name) const {
  for (auto& [key, value] : headers)
    if (key == name)
      return value;
  return {};
}

client::client(client_options options)
  : loop_(std::make_unique<loop>(options)) {}

client::~client() = default;

uint64_t client::submit(client_request request, done on_done) {
  return loop_->submit(std::move(request), std::move(on_done));
}

void client::cancel(uint64_t id) {
  loop_->cancel(id);
}

void client::post(std::function<void()> f) {
  loop_->post(std::move(f));
}

void client::after(milliseconds delay, std::function<void()> f) {
  loop_->after(delay, std::move(f));
}

bool client::on_own_thread() const noexcept {
  return loop_->on_own_thread();
}

std::string url_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view unreserved = "-._~";
  std::string result;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || unreserved.find(c) != std::string_view::npos)
      result += c;
    else
      result += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return result;
}

} // namespace troupe::runtime::http
