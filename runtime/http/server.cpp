#include "runtime/http/server.hpp"

#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "messages/contract.hpp"

#include "runtime/http/loop.hpp"

namespace troupe::runtime::http {

namespace {

/// OpenSSL writes to sockets in a way that ends the process if the client has
/// gone, unless the thread does not hear of it.
void ignore_broken_pipes() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

} // namespace

class server::impl {
public:
  impl(server_options options, handler handle)
    : loop(std::move(options), std::move(handle)) {}

  http::loop loop;
  std::thread thread;
  std::thread::id thread_id;
  std::once_flag stopped;
};

server::server(std::unique_ptr<impl> x) : impl_(std::move(x)) {}

server::~server() {
  stop();
}

expected<std::unique_ptr<server>, std::string>
server::start(server_options options, handler handle) {
  auto x = std::make_unique<impl>(std::move(options), std::move(handle));
  if (auto ok = x->loop.listen(); !ok)
    return make_unexpected(std::move(ok.error()));
  try {
    x->thread = std::thread{[loop = &x->loop] {
      ignore_broken_pipes();
      loop->run();
    }};
  } catch (const std::system_error& error) {
    return make_unexpected(std::string{"cannot start a thread: "}
                           + error.what());
  }
  x->thread_id = x->thread.get_id();
  return std::unique_ptr<server>{new server(std::move(x))};
}

std::uint16_t server::port() const {
  return impl_->loop.endpoint().port();
}

std::string server::address() const {
  auto endpoint = impl_->loop.endpoint();
  auto host = endpoint.address().to_string();
  if (endpoint.address().is_v6())
    host = "[" + host + "]";
  return host + ":" + std::to_string(endpoint.port());
}

std::size_t server::connections() const {
  return impl_->loop.open_connections();
}

void server::stop() {
  TROUPE_ASSERT(std::this_thread::get_id() != impl_->thread_id);
  std::call_once(impl_->stopped, [this] {
    impl_->loop.shut_down();
    impl_->thread.join();
  });
}

} // namespace troupe::runtime::http
