#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/loop.hpp"
#include "runtime/http/transport.hpp"
#include "runtime/http/web_socket.hpp"

namespace troupe::runtime::http {

/// One client. Serves one request after the other; what a client sends ahead
/// waits in a buffer, and when that is full, in the kernel.
///
///   greeting -> head                     [TLS]
///   head -> body -> handling -> replying -> head     [next request]
///                            -> streaming -> head    [next request]
///                            -> upgraded             a WebSocket from here on
///   greeting, head, body -> replying                 refused, then closed
///   replying, streaming -> lingering -> closed       last reply
///   any -> closed                                    error, deadline, stop
///
/// While it is handling or streaming, it keeps reading, to notice that the
/// client has gone. Lives and dies on the thread of the loop.
class connection : public std::enable_shared_from_this<connection> {
public:
  connection(loop& owner, transport client, std::uint64_t number);

  /// Serves.
  void start();

  /// Says that there is no room and closes.
  void turn_away();

  void obey(command& x);

  /// Acts if a deadline has passed.
  void sweep(time_point now);

  /// Closes at once.
  void close();

private:
  enum class phase : std::uint8_t {
    greeting,
    head,
    body,
    handling,
    replying,
    streaming,
    upgraded,
    lingering,
    closed
  };

  void greet();
  void on_greeted();

  // -- reading ---------------------------------------------------------------

  void read();
  void on_read(std::size_t size);
  void on_input_end();
  void make_room();
  void advance();
  bool judge_head();
  void dispatch();
  void next_request();
  [[nodiscard]] std::string_view unread() const;

  // -- writing ---------------------------------------------------------------

  void refuse(const refusal& x, name_values headers = {});
  void begin_stream(command& x);
  void upgrade(command& x);
  void send(std::string bytes);
  void write();
  void on_written(std::size_t size);
  void on_drained();
  void linger();

  void set_deadline(std::chrono::milliseconds after);

  loop& owner_;
  transport client_;
  const std::uint64_t number_;
  std::string remote_;
  std::string local_; // As `authority::host`.

  phase phase_ = phase::head;
  parser parser_;
  bool turned_away_ = false;
  bool begun_ = false;      // Some of this request has come.
  bool judged_ = false;     // The head of this request was found good.
  bool keep_alive_ = false; // After this reply comes another request.
  bool reply_done_ = false; // All of this reply is in `out_`.
  bool input_ended_ = false;

  std::vector<char> in_; // Unread are [in_begin_, in_end_).
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  bool filled_ = false; // The last read took all the room there was.
  bool reading_ = false;

  std::string writing_; // What the kernel is given, from written_ on.
  std::size_t written_ = 0;
  std::string out_; // What comes after it.
  bool write_under_way_ = false;

  std::shared_ptr<stream_state> stream_;
  std::shared_ptr<web_socket> web_socket_;

  // One for the phase; one for the client to take what is written.
  time_point deadline_ = time_point::max();
  time_point write_deadline_ = time_point::max();
};

} // namespace troupe::runtime::http
