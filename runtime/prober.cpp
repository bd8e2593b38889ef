#include "runtime/prober.hpp"

#include "messages/contract.hpp"

namespace troupe::runtime {

namespace {

using http::client_failure;

/// Of replies whose body is not dropped as it comes.
constexpr size_t body_max = 65'536;

probe_answer judge(const probe_target& x, const http::client_reply& reply) {
  switch (reply.failure) {
  case client_failure::refused:
  case client_failure::cancelled:
    // Not the task's fault.
    return {check_result::unknown, reply.error};
  case client_failure::timed_out:
  case client_failure::not_sent:
  case client_failure::cut:
    return {check_result::failed, reply.error};
  case client_failure::none:
  case client_failure::too_large:
    break;
  }
  if (x.kind == check_kind::tcp)
    return {check_result::passed, "it listens"};
  auto passed = reply.status >= 200 && reply.status < 400;
  return {passed ? check_result::passed : check_result::failed,
          "status " + std::to_string(reply.status)};
}

} // namespace

void prober::look(const probe_target& x,
                  std::function<void(probe_answer)> done) {
  TROUPE_ASSERT(x.kind != check_kind::command);
  auto host
    = x.host.find(':') == std::string::npos ? x.host : '[' + x.host + ']';
  http::client_request request;
  request.url = "http://" + host + ':' + std::to_string(x.port)
                + (x.kind == check_kind::http ? x.path : std::string{});
  request.connect_only = x.kind == check_kind::tcp;
  request.headers = {"User-Agent: troupe-health"};
  request.timeout = x.timeout;
  request.connect_timeout = x.timeout;
  request.body_max = body_max;
  request.fresh_connection = true;
  request.on_data = [](std::string_view) {
    // The status says it all.
  };
  auto where = "port " + std::to_string(x.port) + ": ";
  client_.submit(std::move(request), [x, where, done = std::move(done)](
                                       const http::client_reply& reply) {
    auto answer = judge(x, reply);
    answer.message = where + answer.message;
    done(std::move(answer));
  });
}

} // namespace troupe::runtime
