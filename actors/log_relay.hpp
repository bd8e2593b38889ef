#pragma once

#include <deque>
#include <optional>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/api/call.hpp"
#include "runtime/http/stream.hpp"

#include "actors/census.hpp"

namespace troupe {

/// LOG RELAY: carries the output of one task to one client, piece by piece: a
/// piece is fetched from the machine when the client has taken the one before.
using log_relay_actor = caf::typed_actor<
  // INTERNAL: lets time pass, or the client has room again.
  caf::reacts_to<atom::tick>>;

struct log_relay_options {
  /// Between two looks for more output.
  std::chrono::milliseconds poll_interval{200};
  /// Between two looks for another attempt.
  std::chrono::milliseconds look_interval{500};
  std::chrono::milliseconds request_timeout{10'000};
};

/// State of LOG RELAY.
struct log_relay_state {
  static inline const char* name = "log_relay";
  census alive{name};

  explicit log_relay_state(log_relay_actor::pointer self) : self(self) {}

  log_relay_actor::behavior_type make_behavior();
  void find_allocation();
  void use_view(const boost::json::object& view);
  void open_stream();
  void open_sources();
  /// Looks for the attempt after the one that has ended.
  void look_further();
  void use_next(const boost::json::object& view);
  void step();
  void take(size_t source, const log_chunk& x);
  /// Goes on with what is kept, if the node has told nothing yet.
  void use_kept(const std::string& why_not);
  void give_kept(const kept_output& x);
  [[nodiscard]] std::string_view tail_of(std::string_view text) const;
  void again(std::chrono::milliseconds delay);
  void finish();

  log_relay_actor::pointer self;
  log_relay_options options;
  http_call call;
  runtime::api::log_request what;
  scheduler_actor scheduler;
  nodes_actor nodes;
  black_box_actor black_box;
  allocation_id allocation;
  uint32_t attempt = 0;
  std::string node;
  std::optional<runtime::http::stream_writer> writer;
  struct source {
    const char* stream;
    uint64_t reader;
    bool ended = false;
  };
  std::vector<source> sources;
  size_t next = 0;
  /// Sources in a row that had nothing.
  size_t idle = 0;
  /// Whether the node has told anything.
  bool has_told = false;
  /// Whether the black box was asked.
  bool has_asked = false;
  /// Taken from the machine and not yet by the client.
  std::string unsent;
  bool ticking = false;
  /// Whether somebody is asked: nobody else is until the answer is there, or
  /// what it brings would be written over.
  bool asking = false;
  /// Whether the attempt has told all, and a follower waits for the next one.
  bool between = false;
};

/// Answers `call` with the log that `what` asks for, and ends.
log_relay_actor::behavior_type
log_relay(log_relay_actor::stateful_pointer<log_relay_state> self,
          http_call call, runtime::api::log_request what,
          scheduler_actor scheduler, nodes_actor nodes,
          black_box_actor black_box);

} // namespace troupe
