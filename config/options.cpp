#include "config/options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json/parse.hpp>
#include <unistd.h>

#include "messages/json.hpp"
#include "messages/json_cursor.hpp"
#include "messages/quantity.hpp"

#include "runtime/api/reading.hpp"
#include "runtime/log.hpp"
#include "runtime/machine.hpp"

namespace troupe::config {

namespace fs = std::filesystem;

namespace {

/// Output of past tasks that is kept if nothing is kept on disk.
constexpr uint64_t memory_output_bytes_max = uint64_t{32} << 20;

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> result;
  std::istringstream in{text};
  std::string part;
  while (std::getline(in, part, at))
    if (!part.empty())
      result.push_back(part);
  return result;
}

std::string environment_name(const std::string& flag) {
  std::string result = "TROUPE_";
  for (auto c : flag)
    result += c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return result;
}

template <class T>
void add(CLI::App& app, const std::string& flag, T& to,
         const std::string& about) {
  app.add_option("--" + flag, to, about)
    ->envname(environment_name(flag))
    ->capture_default_str();
}

/// `unhealthyAfter` for the flag `unhealthy-after`.
std::string flag_of_key(const std::string& key) {
  std::string result;
  for (auto c : key) {
    if (c >= 'A' && c <= 'Z') {
      result += '-';
      result += static_cast<char>(c - 'A' + 'a');
    } else {
      result += c;
    }
  }
  return result;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// Splits `https://HOST:PORT`; the scheme may be absent.
std::pair<std::string, std::string> split_scheme(const std::string& text) {
  auto end = text.find("://");
  if (end == std::string::npos)
    return {"", text};
  return {text.substr(0, end), text.substr(end + 3)};
}

expected<milliseconds, std::string>
duration(const std::string& flag, const std::string& text) {
  auto result = read_duration(text);
  if (!result)
    return make_unexpected("--" + flag + ": " + result.error());
  if (result->count() <= 0)
    return make_unexpected("--" + flag + " must be more than nothing");
  return *result;
}

/// What a server shows to clients: always the newest files that are of use.
std::function<runtime::http::tls_context()>
certificates_of(const std::string& flag, const tls_files& tls) {
  keep_certificates(tls);
  auto now = kept_certificates(tls.certificate);
  if (now && !names_hosts(now))
    runtime::log::warn(
      "{} names no host (subjectAltName), so clients of --{} will hardly trust "
      "it; README.md tells how to make one that does",
      tls.certificate, flag);
  return [name = tls.certificate] { return kept_certificates(name); };
}

} // namespace

void declare(CLI::App& app, daemon which, daemon_options& to) {
  auto has_controller = which != daemon::node;
  auto has_nodes = which != daemon::controller;
  app.add_option("--config", to.config_file, "A file of options, in JSON")
    ->envname("TROUPE_CONFIG");
  add(app, "data", to.data, "Directory for everything that is kept");
  if (has_controller) {
    add(app, "http", to.http,
        "Address of REST and the dashboard; HTTPS beyond loopback, or if it "
        "begins with https://");
    add(app, "listen", to.listen, "Address where nodes join");
    add(app, "journal", to.journal,
        "memory, sqlite:PATH, or etcd://HOST:PORT,HOST:PORT/prefix for several "
        "controllers; default: journal.db in the data directory");
    add(app, "etcd-ca", to.etcd_ca,
        "Authority of etcd's certificates, PEM; etcd is then asked by TLS");
    add(app, "etcd-cert", to.etcd_cert,
        "Certificate that is shown to etcd, PEM");
    add(app, "etcd-key", to.etcd_key, "Key of that certificate, PEM");
    add(app, "lease", to.lease,
        "With etcd: another controller leads so long after this one was heard "
        "last");
    add(
      app, "advertise", to.advertise,
      "With etcd: HOST:PORT by which other controllers reach this one's REST; "
      "default: --http");
    add(app, "strategy", to.strategy,
        "Default placement: binpack, spread, firstFit, roundRobin, "
        "leastLoaded, fgd, mostFreeCpu");
    add(app, "batch-size", to.batch_size,
        "Tasks that are placed in one turn, 1 to 1024");
    add(
      app, "placement-threads", to.placement_threads,
      "Threads that look for places in big batches of different tasks, 1 to 4");
    add(app, "heartbeat", to.heartbeat, "How often nodes say that they live");
    add(app, "unhealthy-after", to.unhealthy_after,
        "Silence that makes a node unhealthy");
    add(app, "removed-after", to.removed_after,
        "Time as unhealthy that removes a node");
    app
      .add_option("--allowed-host", to.allowed_hosts,
                  "Further names that clients may call this server by")
      ->envname("TROUPE_ALLOWED_HOST");
    add(app, "tokens", to.tokens,
        "File of the tokens that REST wants, as config/README.md says; read "
        "again on SIGHUP");
  }
  if (which == daemon::up) {
    add(app, "nodes", to.nodes, "How many nodes to run in this process");
    app
      .add_flag("--keep-tasks", to.keep_tasks,
                "Leave tasks running when this process ends")
      ->envname("TROUPE_KEEP_TASKS");
  }
  if (has_nodes) {
    add(app, "name", to.name, "Name of the node; default: the machine's");
    add(app, "labels", to.labels, "k=v,k=v");
    add(app, "capacity", to.capacity,
        "cpu=4,memory=8GiB,gpu=2,license-x=1; default: what the machine has");
    add(app, "docker", to.docker, "Socket of the Docker engine");
    add(app, "docker-network", to.docker_network,
        "Network of containers: bridge, host, none or a name");
    add(app, "drivers", to.drivers,
        "docker,process,simulated; default: what works here");
    add(app, "volumes", to.volumes, "Directories that jobs may mount");
    // In one process, the controller tells them as well.
    if (has_controller)
      to.metrics.clear();
    add(app, "metrics", to.metrics,
        has_controller
          ? "Address of the nodes' metrics alone; default: only with the rest"
          : "Address of the node's own metrics; HTTPS beyond loopback");
  }
  if (which == daemon::node) {
    add(app, "controller", to.controller, "HOST:PORT[,HOST:PORT] to join");
    add(app, "stop-tasks-after", to.stop_tasks_after,
        "Time without a controller that stops this node's tasks; default: they "
        "run on");
  }
  add(app, "tls-ca", to.tls_ca, "Certificate of the authority, PEM");
  add(app, "tls-cert", to.tls_cert, "Certificate of this process, PEM");
  add(app, "tls-key", to.tls_key, "Key of that certificate, PEM");
  add(app, "log-level", to.log_level, "trace, debug, info, warn, error, off");
  add(app, "log-format", to.log_format, "text or json");
}

/// The option whose name is most like `key`, as it is written on a command line.
std::string nearest_option(const CLI::App& app, const std::string& key) {
  std::vector<std::string> names;
  for (auto* option : app.get_options())
    if (!option->get_lnames().empty() && option->get_lnames()[0] != "help")
      names.push_back(option->get_lnames()[0]);
  std::vector<std::string_view> words{names.begin(), names.end()};
  return std::string{nearest_key(flag_of_key(key), words)};
}

expected<void, std::string>
read_config_file(CLI::App& app, daemon_options& to) {
  if (to.config_file.empty())
    return {};
  std::ifstream in{to.config_file};
  std::stringstream text;
  text << in.rdbuf();
  if (!in)
    return make_unexpected("cannot read " + to.config_file);
  boost::json::error_code error;
  boost::json::parse_options lenient;
  lenient.allow_comments = true;
  lenient.allow_trailing_commas = true;
  auto parsed = boost::json::parse(text.str(), error, {}, lenient);
  if (error || !parsed.is_object())
    return make_unexpected(to.config_file
                           + " is not a JSON object: " + error.message());
  for (auto& [key, value] : parsed.get_object()) {
    auto* option
      = app.get_option_no_throw("--" + flag_of_key(std::string{key}));
    if (option == nullptr)
      return make_unexpected(to.config_file + ": there is no option \""
                             + std::string{key} + "\"; the nearest is \""
                             + nearest_option(app, std::string{key}) + '"');
    // A flag or an environment variable has the last word.
    if (option->count() > 0)
      continue;
    auto written = value.is_string() ? std::string{value.get_string()}
                                     : boost::json::serialize(value);
    try {
      option->add_result(written);
      option->run_callback();
    } catch (const CLI::Error& x) {
      return make_unexpected(to.config_file + ": " + std::string{key} + ": "
                             + x.what());
    }
  }
  return {};
}

expected<host_port, std::string>
read_host_port(const std::string& flag, const std::string& text) {
  auto colon = text.rfind(':');
  host_port result;
  auto* end = text.data() + text.size();
  auto ok = colon != std::string::npos && colon > 0;
  if (ok) {
    result.host = text.substr(0, colon);
    auto [at, error]
      = std::from_chars(text.data() + colon + 1, end, result.port);
    ok = error == std::errc{} && at == end && colon + 1 < text.size();
  }
  if (!ok)
    return make_unexpected("--" + flag
                           + " wants HOST:PORT, such as "
                             "127.0.0.1:4640, not \""
                           + text + '"');
  if (result.host.starts_with('[') && result.host.ends_with(']'))
    result.host = result.host.substr(1, result.host.size() - 2);
  return result;
}

expected<runtime::http::server_options, std::string>
read_http(const std::string& flag, const std::string& text,
          const tls_files& tls) {
  auto [scheme, address] = split_scheme(text);
  auto at = read_host_port(flag, address);
  if (!at)
    return make_unexpected(at.error());
  if (scheme != "" && scheme != "http" && scheme != "https")
    return make_unexpected("--" + flag + " " + text
                           + ": there is only http:// and https://");
  auto here = is_loopback(at->host);
  auto by_tls = scheme == "https" || (scheme == "" && !here);
  if (by_tls && !tls.complete())
    return make_unexpected(
      "--" + flag + " " + text
      + (here
           ? " wants a certificate"
           : " is reached by other machines, and nothing may travel there in "
             "the clear")
      + ": give --tls-ca, --tls-cert and --tls-key as well"
      + (here ? ""
              : ", or serve on 127.0.0.1. Behind something that ends TLS write "
                "--"
                  + flag + " http://" + address));
  runtime::http::server_options result;
  result.host = at->host;
  result.port = at->port;
  if (by_tls)
    result.certificates = certificates_of(flag, tls);
  else if (!here)
    runtime::log::warn("--{} {} is in the clear, tokens among it: nobody but "
                       "what ends TLS for it should reach it",
                       flag, text);
  return result;
}

expected<resources, std::string>
read_capacity(const std::string& text, resources found) {
  for (auto& part : split(text, ',')) {
    auto equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      return make_unexpected("--capacity wants name=amount, not \"" + part
                             + '"');
    auto name = part.substr(0, equals);
    auto written = part.substr(equals + 1);
    auto amount = name == "memory" ? read_bytes(written) : read_millis(written);
    if (!amount)
      return make_unexpected("--capacity " + name + ": " + amount.error());
    if (name == "cpu")
      found.cpu_millicores = *amount;
    else if (name == "memory")
      found.memory_bytes = *amount;
    else if (*amount % 1'000 != 0)
      return make_unexpected("--capacity " + name + " wants a whole number");
    else if (name == "gpu")
      found.gpu_millis = *amount;
    else
      found.add(name, *amount / 1'000 - found.amount_of(name));
  }
  return found;
}

expected<label_set, std::string> read_labels(const std::string& text) {
  label_set result;
  for (auto& part : split(text, ',')) {
    auto equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      return make_unexpected("--labels wants k=v,k=v, not \"" + part + '"');
    auto name = part.substr(0, equals);
    std::erase_if(result, [&](const label& x) { return x.name == name; });
    result.push_back({name, part.substr(equals + 1)});
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::string default_data_dir() {
  if (geteuid() == 0)
    return "/var/lib/troupe";
  auto* home = std::getenv("HOME");
  return (fs::path{home == nullptr ? "." : home} / ".local/share/troupe")
    .string();
}

// -- composed and checked ----------------------------------------------------

expected<tls_files, std::string> tls_of(const daemon_options& x) {
  tls_files result{x.tls_ca, x.tls_cert, x.tls_key};
  if (auto ok = check(result); !ok)
    return make_unexpected(ok.error());
  return result;
}

expected<void, std::string>
read_tokens(const daemon_options& x, runtime::access::guard& to) {
  namespace access = runtime::access;
  auto http = read_host_port("http", split_scheme(x.http).second);
  if (!http)
    return make_unexpected(http.error());
  if (!x.tokens.empty()) {
    std::ifstream in{x.tokens};
    std::stringstream text;
    text << in.rdbuf();
    if (!in)
      return make_unexpected("--tokens: cannot read " + x.tokens);
    auto read = access::tokens::read(text.str());
    if (!read)
      return make_unexpected("--tokens " + x.tokens + ": " + read.error());
    to.set(std::move(*read));
  } else if (!is_loopback(http->host)) {
    auto file = (fs::path{x.data} / "admin.token").string();
    auto token = access::find_or_make_token(file);
    if (!token)
      return make_unexpected(token.error());
    access::tokens first;
    first.add({"first admin", access::role::admin, {}}, *token);
    to.set(std::move(first));
    runtime::log::info("whoever uses --http {} needs the token in {}", x.http,
                       file);
  }
  return {};
}

std::string journal_address(const daemon_options& x) {
  if (!x.journal.empty())
    return x.journal;
  return "sqlite:" + (fs::path{x.data} / "journal.db").string();
}

expected<uint32_t, std::string>
whole_number(const std::string& flag, const std::string& text, uint32_t most,
             const std::string& about) {
  uint32_t result = 0;
  auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, result);
  if (error != std::errc{} || at != end || result < 1 || result > most)
    return make_unexpected("--" + flag + ", " + about
                           + ", wants a whole number from 1 to "
                           + std::to_string(most) + ", not \"" + text + '"');
  return result;
}

expected<std::optional<etcd_options>, std::string>
etcd_of(const daemon_options& x) {
  if (!runtime::is_etcd_address(x.journal)) {
    for (auto& [flag, value] :
         {std::pair{"etcd-ca", x.etcd_ca}, std::pair{"etcd-cert", x.etcd_cert},
          std::pair{"etcd-key", x.etcd_key},
          std::pair{"advertise", x.advertise}})
      if (!value.empty())
        return make_unexpected("--" + std::string{flag}
                               + " goes with --journal etcd://HOST:PORT/prefix "
                                 "alone");
    return std::nullopt;
  }
  auto address = runtime::read_etcd_address(x.journal);
  if (!address)
    return make_unexpected("--journal " + address.error());
  if (x.etcd_cert.empty() != x.etcd_key.empty()
      || (x.etcd_ca.empty() && !x.etcd_cert.empty()))
    return make_unexpected("--etcd-cert and --etcd-key belong together, and "
                           "with --etcd-ca");
  for (auto& file : {x.etcd_ca, x.etcd_cert, x.etcd_key})
    if (!file.empty() && !std::ifstream{file})
      return make_unexpected("cannot read " + file);
  address->tls = {x.etcd_ca, x.etcd_cert, x.etcd_key};
  auto lease = duration("lease", x.lease);
  if (!lease)
    return make_unexpected(lease.error());
  using std::chrono::seconds;
  auto whole = std::chrono::duration_cast<seconds>(*lease);
  if (whole != *lease || whole < seconds{2} || whole > seconds{60})
    return make_unexpected("--lease " + x.lease
                           + " must be whole seconds, from 2s to 60s");
  auto http = read_host_port("http", split_scheme(x.http).second);
  if (!http)
    return make_unexpected(http.error());
  auto is_anywhere = http->host == "0.0.0.0" || http->host == "[::]"
                     || http->host == "::" || http->host == "*";
  if (x.advertise.empty() && is_anywhere)
    return make_unexpected("--http " + x.http
                           + " does not say where other controllers reach "
                             "this one: give --advertise HOST:PORT");
  if (!x.advertise.empty())
    if (auto at = read_host_port("advertise", x.advertise); !at)
      return make_unexpected(at.error());
  if (!is_loopback(http->host) && x.tokens.empty())
    return make_unexpected("--http " + x.http
                           + " wants --tokens FILE, the same for all "
                             "controllers, since each passes on to the one "
                             "that leads");
  return etcd_options{std::move(*address), whole, x.advertise};
}

expected<controller_options, std::string>
controller_of(const daemon_options& x) {
  auto listen = read_host_port("listen", x.listen);
  if (!listen)
    return make_unexpected(listen.error());
  auto tls = tls_of(x);
  if (!tls)
    return make_unexpected(tls.error());
  auto http = read_http("http", x.http, *tls);
  if (!http)
    return make_unexpected(http.error());
  if (!is_loopback(listen->host) && !tls->complete())
    return make_unexpected(
      "--listen " + x.listen
      + " lets other machines in, and whoever reaches that port without a "
        "certificate could run anything here: give --tls-ca, --tls-cert and "
        "--tls-key as well, or listen on 127.0.0.1");
  auto guard = std::make_shared<runtime::access::guard>();
  if (auto ok = read_tokens(x, *guard); !ok)
    return make_unexpected(ok.error());
  auto audit = runtime::audit::open((fs::path{x.data} / "audit.log").string());
  if (!audit)
    return make_unexpected(audit.error());
  auto heartbeat = duration("heartbeat", x.heartbeat);
  auto unhealthy = duration("unhealthy-after", x.unhealthy_after);
  auto removed = duration("removed-after", x.removed_after);
  for (auto* y : {&heartbeat, &unhealthy, &removed})
    if (!*y)
      return make_unexpected(y->error());
  if (*unhealthy <= *heartbeat)
    return make_unexpected("--unhealthy-after must be longer than --heartbeat, "
                           "or every node would be unhealthy");
  auto batch_size
    = whole_number("batch-size", x.batch_size.empty() ? "1" : x.batch_size,
                   1'024, "the tasks that are placed in one turn");
  if (!batch_size)
    return make_unexpected(batch_size.error());
  auto threads
    = whole_number("placement-threads", x.placement_threads, 4,
                   "the threads that look for places in big batches");
  if (!threads)
    return make_unexpected(threads.error());
  controller_options result;
  if (x.journal == "memory") {
    result.black_box.store.bytes_max = memory_output_bytes_max;
  } else {
    result.black_box.store.file = fs::path{x.data} / "output.db";
    result.decisions.file = fs::path{x.data} / "decisions.log";
  }
  result.guard = guard;
  result.audit = *audit;
  result.http = std::move(*http);
  result.http.allowed_hosts = x.allowed_hosts;
  if (auto at = read_host_port("advertise", x.advertise);
      at && !x.advertise.empty())
    result.http.allowed_hosts.push_back(at->host);
  result.listen_host = listen->host;
  result.listen_port = listen->port;
  result.tls = tls->complete();
  result.strategy = x.strategy;
  // As it was, if nothing was said.
  if (!x.batch_size.empty())
    result.batch_size = *batch_size;
  result.placement_threads = *threads;
  result.scheduler.leader
    = runtime::machine_name() + ':' + std::to_string(getpid());
  result.node.heartbeat_interval = *heartbeat;
  result.node.health.unhealthy_after = *unhealthy;
  result.node.health.removed_after = *removed;
  result.node.tick_interval
    = std::min(result.node.tick_interval, *heartbeat / 2);
  return result;
}

expected<node_host_options, std::string>
node_of(const daemon_options& x, daemon which, uint32_t index) {
  node_host_options result;
  auto& profile = result.profile;
  profile.version = TROUPE_VERSION;
  profile.name = x.name.empty() ? runtime::machine_name() : x.name;
  if (which == daemon::up)
    profile.name
      = (x.name.empty() ? "n" : x.name + "-") + std::to_string(index + 1);
  if (!runtime::api::is_node_name(profile.name))
    return make_unexpected(
      "--name: a node is named by 1 to 63 letters, digits, "
      "\"-\", \"_\" and \".\", beginning and ending with "
      "a letter or digit, and not \""
      + profile.name + '"');
  auto labels = read_labels(x.labels);
  if (!labels)
    return make_unexpected(labels.error());
  profile.labels = *labels;
  auto capacity = read_capacity(x.capacity, runtime::machine_capacity());
  if (!capacity)
    return make_unexpected(capacity.error());
  profile.capacity = *capacity;
  for (auto& name : split(x.drivers, ',')) {
    auto kind = json::enum_called<driver_kind>(name);
    if (!kind)
      return make_unexpected("--drivers: there is no driver \"" + name
                             + "\"; there are docker, process and simulated");
    result.drivers.push_back(*kind);
  }
  if (!x.stop_tasks_after.empty()) {
    auto limit = duration("stop-tasks-after", x.stop_tasks_after);
    if (!limit)
      return make_unexpected(limit.error());
    result.stop_tasks_after = *limit;
  }
  result.docker_socket
    = x.docker.starts_with("unix://") ? x.docker.substr(7) : x.docker;
  result.docker_defaults.network_mode = x.docker_network;
  for (auto& directory : split(x.volumes, ',')) {
    if (!directory.starts_with('/'))
      return make_unexpected("--volumes wants absolute directories, not \""
                             + directory + '"');
    result.volumes.push_back(directory);
  }
  result.data_dir = fs::absolute(which == daemon::up
                                   ? fs::path{x.data} / "nodes" / profile.name
                                   : fs::path{x.data} / "node")
                      .string();
  for (auto& part : split(x.controller, ',')) {
    auto address = read_host_port("controller", part);
    if (!address)
      return make_unexpected(address.error());
    result.join.controllers.push_back({address->host, address->port});
  }
  if (result.join.controllers.size() > 1) {
    // One of them leads, and which one changes.
    result.join.connect_timeout = std::chrono::seconds{3};
    result.join.redial_max = std::chrono::seconds{2};
  }
  if (which == daemon::node && result.join.controllers.empty())
    return make_unexpected("--controller HOST:PORT is needed: where is the "
                           "controller? It prints listen=HOST:PORT when it "
                           "starts");
  auto tls = tls_of(x);
  if (!tls)
    return make_unexpected(tls.error());
  result.join.tls = tls->complete();
  for (auto& address : result.join.controllers)
    if (!is_loopback(address.host) && !result.join.tls)
      return make_unexpected("--controller " + address.host
                             + " is another machine: give --tls-ca, "
                               "--tls-cert and --tls-key as well");
  return result;
}

} // namespace troupe::config
