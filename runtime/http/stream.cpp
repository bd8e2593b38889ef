#include "runtime/http/stream.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "runtime/http/mailbox.hpp"

namespace troupe::runtime::http {

namespace {

/// Frames a chunk. Source: RFC 9112, section 7.1.
std::string frame(std::string_view chunk) {
  auto digits = std::array<char, 16>{};
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                           chunk.size(), 16)
               .ptr;
  auto result = std::string{};
  result.reserve(chunk.size() + digits.size() + 4);
  result.append(digits.data(), end);
  result += "\r\n";
  result += chunk;
  result += "\r\n";
  return result;
}

} // namespace

// -- stream_state ------------------------------------------------------------

stream_state::stream_state(std::size_t bytes_max, stream_callbacks callbacks)
  : bytes_max_(bytes_max), callbacks_(std::move(callbacks)) {}

write_result
stream_state::write(std::size_t size, const std::function<void()>& put) {
  auto guard = std::lock_guard{mutex_};
  if (over_)
    return write_result::gone;
  if (waiting_ > 0 && waiting_ + size > bytes_max_) {
    starved_ = true;
    return write_result::full;
  }
  waiting_ += size;
  put();
  return write_result::taken;
}

bool stream_state::end() {
  // Callbacks may hold a writer: they die outside the lock.
  auto callbacks = stream_callbacks{};
  auto guard = std::lock_guard{mutex_};
  std::swap(callbacks, callbacks_);
  return !std::exchange(over_, true);
}

void stream_state::sent(std::size_t size) {
  auto drained = std::function<void()>{};
  {
    auto guard = std::lock_guard{mutex_};
    waiting_ -= std::min(waiting_, size);
    // Half, so that a writer does not come back for every packet.
    if (!starved_ || waiting_ > bytes_max_ / 2)
      return;
    starved_ = false;
    drained = callbacks_.on_drain;
  }
  if (drained)
    drained();
}

void stream_state::heard(std::string text) {
  auto on_message = std::function<void(std::string)>{};
  {
    auto guard = std::lock_guard{mutex_};
    on_message = callbacks_.on_message;
  }
  if (on_message)
    on_message(std::move(text));
}

void stream_state::close() {
  auto callbacks = stream_callbacks{};
  {
    auto guard = std::lock_guard{mutex_};
    std::swap(callbacks, callbacks_);
    over_ = true;
    waiting_ = 0;
  }
  if (callbacks.on_close)
    callbacks.on_close();
}

std::size_t stream_state::waiting() const {
  auto guard = std::lock_guard{mutex_};
  return waiting_;
}

// -- stream_writer -----------------------------------------------------------

struct stream_writer::handle {
  handle(std::shared_ptr<mailbox> box, std::uint64_t connection,
         std::shared_ptr<stream_state> state, framing frames)
    : box(std::move(box)), connection(connection), state(std::move(state)),
      frames(frames) {}

  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;

  ~handle() {
    if (state->end())
      box->put({command::kind::abandon, connection, {}, state});
  }

  const std::shared_ptr<mailbox> box;
  const std::uint64_t connection;
  const std::shared_ptr<stream_state> state;
  const framing frames;
};

stream_writer::stream_writer(std::shared_ptr<mailbox> box,
                             std::uint64_t connection,
                             std::shared_ptr<stream_state> state,
                             framing frames)
  : handle_(std::make_shared<handle>(std::move(box), connection,
                                     std::move(state), frames)) {}

write_result stream_writer::write(std::string_view chunk) const {
  if (!handle_)
    return write_result::gone;
  // An empty chunk would mean the end.
  auto bytes = chunk.empty()                         ? std::string{}
               : handle_->frames == framing::chunked ? frame(chunk)
                                                     : std::string{chunk};
  return handle_->state->write(bytes.size(), [&] {
    if (!bytes.empty())
      handle_->box->put({command::kind::chunk, handle_->connection,
                         std::move(bytes), handle_->state});
  });
}

void stream_writer::end() const {
  if (handle_ && handle_->state->end())
    handle_->box->put({command::kind::end, handle_->connection,
                       handle_->frames == framing::chunked ? "0\r\n\r\n" : "",
                       handle_->state});
}

std::size_t stream_writer::waiting() const {
  return handle_ ? handle_->state->waiting() : 0;
}

} // namespace troupe::runtime::http
