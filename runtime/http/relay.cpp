#include "runtime/http/relay.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <optional>

namespace troupe::runtime::http {

namespace {

/// A reply of known length up to this is passed on in one piece.
constexpr auto whole_bytes_max = size_t{1} << 20;

/// What waits for a slow client; then it is cut off. A backup passes here.
constexpr auto waiting_bytes_max = size_t{256} << 20;

/// Of one connection, or of what only this server can have checked.
constexpr auto not_passed_on
  = std::array<std::string_view, 15>{"connection",
                                     "keep-alive",
                                     "proxy-authenticate",
                                     "te",
                                     "proxy-authorization",
                                     "trailer",
                                     "upgrade",
                                     "transfer-encoding",
                                     "content-length",
                                     "host",
                                     "expect",
                                     "origin",
                                     "referer",
                                     "proxy-connection",
                                     "date"};

bool is_passed_on(std::string_view name) {
  auto lowered = lower(name);
  return std::ranges::find(not_passed_on, lowered) == not_passed_on.end()
         && !lowered.starts_with("sec-");
}

std::optional<size_t> length_in(const client_headers& headers) {
  for (auto& [name, value] : headers)
    if (auto result = size_t{0}; name == "content-length") {
      auto [end, error]
        = std::from_chars(value.data(), value.data() + value.size(), result);
      if (error == std::errc{})
        return result;
    }
  return std::nullopt;
}

response head_of(int status, const client_headers& headers) {
  response result;
  result.status = status;
  result.content_type.clear();
  for (auto& [name, value] : headers)
    if (name == "content-type")
      result.content_type = value;
    else if (is_passed_on(name))
      result.headers.emplace_back(name, value);
  return result;
}

} // namespace

std::string target_of(const request& x) {
  std::string result;
  for (auto& segment : x.segments)
    result += '/' + url_encode(segment);
  if (result.empty())
    result = "/";
  auto separator = '?';
  for (auto& [name, value] : x.query) {
    result += separator + url_encode(name) + '=' + url_encode(value);
    separator = '&';
  }
  return result;
}

/// One request on its way, from its two threads: the client's, which hears the
/// reply, and the server's, which hears that there is room again.
struct relay::passage : std::enable_shared_from_this<relay::passage> {
  explicit passage(const exchange& x) : from{x} {}

  void begin(int status, const client_headers& headers) {
    head = head_of(status, headers);
    auto length = length_in(headers);
    streams = status / 100 == 2 && (!length || *length > whole_bytes_max)
              && from.request().method != method::head;
    if (!streams)
      return;
    std::weak_ptr<passage> me = shared_from_this();
    writer = from.stream(head, {.on_drain =
                                  [me] {
                                    if (auto x = me.lock())
                                      x->flush();
                                  },
                                .on_close =
                                  [me] {
                                    if (auto x = me.lock())
                                      x->leave();
                                  }});
  }

  void take(std::string_view piece) {
    if (!streams) {
      head.body += piece;
      return;
    }
    {
      std::lock_guard guard{mutex};
      waiting += piece;
    }
    flush();
  }

  /// Writes what waits, and ends the stream if that was all.
  void flush() {
    std::lock_guard guard{mutex};
    constexpr auto at_once = size_t{64} << 10;
    auto written = size_t{0};
    auto result = write_result::taken;
    while (written < waiting.size() && result == write_result::taken) {
      result = writer.write(std::string_view{waiting}.substr(written, at_once));
      if (result == write_result::taken)
        written = std::min(waiting.size(), written + at_once);
    }
    waiting.erase(0, written);
    if (result == write_result::gone || waiting.size() > waiting_bytes_max)
      return leave();
    if (complete && waiting.empty())
      writer.end();
  }

  void finish() {
    {
      std::lock_guard guard{mutex};
      complete = true;
    }
    flush();
  }

  /// The client is gone.
  void leave() {
    if (cancel)
      cancel();
  }

  exchange from;
  response head;
  bool streams = false;
  stream_writer writer;
  std::mutex mutex;
  std::string waiting;
  bool complete = false;
  std::function<void()> cancel;
};

relay::relay(std::string ca_file) : ca_file_{std::move(ca_file)} {}

relay::~relay() {
  cut_all();
}

void relay::cut_all() {
  std::set<uint64_t> open;
  {
    std::lock_guard guard{mutex_};
    open.swap(open_);
  }
  for (auto id : open)
    client_.cancel(id);
}

void relay::pass(const exchange& x, const std::string& url) {
  auto& asked = x.request();
  client_request request;
  request.method = to_string(asked.method);
  request.url = url + target_of(asked);
  for (auto& [name, value] : asked.headers)
    if (is_passed_on(name))
      request.headers.push_back(name + ": " + value);
  request.headers.push_back(std::string{mark} + ": 1");
  request.body = asked.body;
  // Questions that wait and streams last for as long as their client likes.
  request.timeout = std::chrono::milliseconds{0};
  request.fresh_connection = is_write(asked.method);
  request.ca_file = ca_file_;
  auto way = std::make_shared<passage>(x);
  auto id = std::make_shared<std::atomic<uint64_t>>(0);
  way->cancel = [this, id] {
    if (auto known = id->load())
      client_.cancel(known);
  };
  request.on_header = [way](int status, const client_headers& headers) {
    way->begin(status, headers);
  };
  request.on_data = [way](std::string_view piece) { way->take(piece); };
  std::lock_guard guard{mutex_};
  *id = client_.submit(std::move(request), [this, way, id](client_reply reply) {
    {
      std::lock_guard here{mutex_};
      open_.erase(*id);
    }
    if (way->streams) {
      // Without an end the client sees that something is missing.
      if (reply.failure == client_failure::none)
        way->finish();
      return;
    }
    if (reply.failure != client_failure::none) {
      auto may_have_happened = reply.failure != client_failure::not_sent
                               && reply.failure != client_failure::refused;
      auto answer = problem(
        may_have_happened ? 502 : 503,
        may_have_happened
          ? "the connection to the controller that leads was lost, so this may "
            "or may not have been done; look, or ask again with the same "
            "Idempotency-Key"
          : "the controller that leads cannot be reached; try again");
      answer.headers.emplace_back("Retry-After", "1");
      return way->from.answer(answer);
    }
    way->head.status = reply.status;
    if (way->head.body.empty())
      way->head.body = std::move(reply.body);
    way->from.answer(way->head);
  });
  open_.insert(*id);
}

} // namespace troupe::runtime::http
