#include "runtime/http/loop.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>

#include "runtime/http/connection.hpp"
#include "runtime/http/target.hpp"

namespace troupe::runtime::http {

namespace {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;

// Clients beyond the limit that are told so; more are just closed.
constexpr auto turned_away_max = std::size_t{64};

/// A deadline is noticed at most a quarter of its length too late, and the
/// sweep over some thousand connections costs nothing once a second.
std::chrono::milliseconds interval_for(const deadlines& x) {
  auto shortest
    = std::min({x.handshake, x.header, x.body, x.write, x.idle, x.linger});
  return std::clamp(shortest / 4, std::chrono::milliseconds{5},
                    std::chrono::milliseconds{1000});
}

std::vector<std::string> hosts_of(const server_options& options) {
  auto hosts = options.allowed_hosts;
  hosts.push_back(options.host);
  return hosts;
}

expected<tcp::endpoint, error_code>
resolve(boost::asio::io_context& context, std::string host,
        std::uint16_t port) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  // What every program of this machine can reach, whatever the resolver says.
  if (host == "localhost")
    host = "127.0.0.1";
  auto ec = error_code{};
  auto address = boost::asio::ip::make_address(host, ec);
  if (!ec)
    return tcp::endpoint{address, port};
  auto found = tcp::resolver{context}.resolve(host, std::to_string(port),
                                              tcp::resolver::passive, ec);
  if (ec)
    return make_unexpected(ec);
  return found.begin()->endpoint();
}

} // namespace

loop::loop(server_options options, server::handler handle)
  : options_(std::move(options)), parsing_{.header_bytes_max
                                           = options_.header_bytes_max,
                                           .body_bytes_max
                                           = options_.body_bytes_max},
    rules_(hosts_of(options_)), handler_(std::move(handle)),
    listener_(std::make_shared<const answer_listener>(options_.on_answer)),
    sweep_interval_(interval_for(options_.deadlines)),
    mailbox_(std::make_shared<mailbox>(
      [this] { boost::asio::post(context_, [this] { drain(); }); })) {}

loop::~loop() = default;

expected<void, std::string> loop::listen() {
  auto ec = error_code{};
  auto endpoint = resolve(context_, options_.host, options_.port);
  if (!endpoint)
    ec = endpoint.error();
  if (!ec)
    acceptor_.open(endpoint->protocol(), ec);
  // A restart must not wait for connections of the last run to be forgotten.
  if (!ec)
    acceptor_.set_option(tcp::acceptor::reuse_address{true}, ec);
  if (!ec && endpoint->address().is_v6())
    acceptor_.set_option(boost::asio::ip::v6_only{false}, ec);
  if (!ec)
    acceptor_.bind(*endpoint, ec);
  if (!ec)
    acceptor_.listen(tcp::acceptor::max_listen_connections, ec);
  if (!ec)
    endpoint_ = acceptor_.local_endpoint(ec);
  if (!ec)
    return {};
  return make_unexpected("cannot listen on " + options_.host + ":"
                         + std::to_string(options_.port) + ": "
                         + lower(ec.message()));
}

void loop::run() {
  accept();
  arm_sweep();
  context_.run();
}

void loop::shut_down() {
  boost::asio::post(context_, [this] { close_all(); });
}

void loop::close_all() {
  // What was answered before goes to the kernel, as far as it has room.
  drain();
  auto ec = error_code{};
  acceptor_.close(ec);
  timer_.cancel();
  for (auto& x : mailbox_->close())
    if (x.stream)
      x.stream->close();
  auto all = std::exchange(connections_, {});
  for (auto& [number, client] : all)
    client->close();
  open_ = 0;
}

// -- accepting ---------------------------------------------------------------

void loop::accept() {
  accepting_ = true;
  acceptor_.async_accept([this](const error_code& ec, tcp::socket socket) {
    accepting_ = false;
    if (!acceptor_.is_open())
      return;
    // Out of descriptors, most likely: the sweep tries again, not this.
    if (ec && ec != boost::asio::error::connection_aborted)
      return;
    if (!ec)
      welcome(std::move(socket));
    accept();
  });
}

void loop::welcome(tcp::socket socket) {
  auto room = connections_.size() < options_.connections_max;
  if (!room
      && connections_.size() >= options_.connections_max + turned_away_max)
    return;
  auto certificates = options_.certificates ? options_.certificates() : nullptr;
  // Never in the clear instead.
  if (options_.certificates && !certificates)
    return;
  auto number = next_connection_++;
  auto client = std::make_shared<connection>(
    *this, transport{std::move(socket), certificates}, number);
  connections_.emplace(number, client);
  open_ = connections_.size();
  if (room)
    client->start();
  else
    client->turn_away();
}

void loop::forget(std::uint64_t connection) {
  connections_.erase(connection);
  open_ = connections_.size();
}

// -- deadlines ---------------------------------------------------------------

void loop::arm_sweep() {
  timer_.expires_after(sweep_interval_);
  timer_.async_wait([this](const error_code& ec) {
    if (ec || !acceptor_.is_open())
      return;
    sweep();
    if (!accepting_)
      accept();
    arm_sweep();
  });
}

void loop::sweep() {
  // A copy, because whoever closes leaves the map.
  auto all = std::vector<std::shared_ptr<connection>>{};
  all.reserve(connections_.size());
  for (const auto& [number, client] : connections_)
    all.push_back(client);
  auto now = std::chrono::steady_clock::now();
  for (const auto& client : all)
    client->sweep(now);
}

// -- commands ----------------------------------------------------------------

void loop::handle(exchange x) {
  try {
    handler_(std::move(x));
  } catch (...) {
    // The exchange went with the exception, which makes it a 500.
  }
}

void loop::drain() {
  commands_ = mailbox_->take(std::move(commands_));
  for (auto& x : commands_)
    obey(x);
  commands_.clear();
}

void loop::obey(command& x) {
  auto found = connections_.find(x.connection);
  if (found != connections_.end()) {
    auto client = found->second;
    client->obey(x);
  } else if (x.what == command::kind::begin
             || x.what == command::kind::upgrade) {
    x.stream->close();
  }
}

} // namespace troupe::runtime::http
