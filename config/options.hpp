#pragma once

/// Everything a daemon can be told, composed from the options of those who use
/// it. Precedence: flag, `TROUPE_..` environment variable, `--config FILE`.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "messages/expected.hpp"
#include "messages/resources.hpp"

#include "runtime/journal/etcd_address.hpp"

#include "actors/controller.hpp"
#include "actors/node_host.hpp"
#include "actors/system.hpp"

namespace troupe::config {

/// Which daemon is configured: their options overlap.
enum class daemon { up, controller, node };

/// What was written, not yet looked at.
struct daemon_options {
  std::string config_file;
  std::string http = "127.0.0.1:4640";
  std::string listen = "127.0.0.1:4641";
  std::string data;
  std::string journal;
  std::string etcd_ca;
  std::string etcd_cert;
  std::string etcd_key;
  std::string lease = "5s";
  std::string advertise;
  std::string strategy;
  /// As text, so that what is wrong with it is said in our words.
  std::string batch_size;
  std::string placement_threads = "1";
  std::string heartbeat = "10s";
  std::string unhealthy_after = "30s";
  std::string removed_after = "5m";
  std::string log_level = "info";
  std::string log_format = "text";
  std::vector<std::string> allowed_hosts;
  std::string tokens;
  uint32_t nodes = 1;
  bool keep_tasks = false;
  std::string name;
  std::string labels;
  std::string capacity;
  std::string docker = "unix:///var/run/docker.sock";
  std::string docker_network;
  std::string drivers;
  std::string volumes;
  std::string metrics = "127.0.0.1:4642";
  std::string controller;
  std::string stop_tasks_after;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
};

/// Declares the flags of `which` on `app`, with their environment variables.
void declare(CLI::App& app, daemon which, daemon_options& to);

/// Reads `to.config_file`, if one is named: a JSON object whose keys are flags,
/// `"unhealthy-after"` or `"unhealthyAfter"`. What `app` was given stays.
/// Errors: sentences that name the file and the key.
[[nodiscard]] expected<void, std::string>
read_config_file(CLI::App& app, daemon_options& to);

/// `HOST:PORT`, with brackets around an IPv6 address.
struct host_port {
  std::string host;
  uint16_t port = 0;
};
[[nodiscard]] expected<host_port, std::string>
read_host_port(const std::string& flag, const std::string& text);

/// Where HTTP is served, and with which certificates, if by TLS:
/// `[http://|https://]HOST:PORT`. Who does not say gets HTTP on loopback and HTTPS
/// beyond. Errors: among others, that there is no certificate for that.
[[nodiscard]] expected<runtime::http::server_options, std::string>
read_http(const std::string& flag, const std::string& text,
          const tls_files& tls);

/// `cpu=4,memory=8GiB,gpu=2,license-x=1`; what is not named is `found`.
[[nodiscard]] expected<resources, std::string>
read_capacity(const std::string& text, resources found);

[[nodiscard]] expected<label_set, std::string>
read_labels(const std::string& text);

/// Where data is kept if nobody says: `/var/lib/troupe` for root, else
/// `~/.local/share/troupe`.
[[nodiscard]] std::string default_data_dir();

// -- composed and checked ----------------------------------------------------

[[nodiscard]] expected<tls_files, std::string> tls_of(const daemon_options& x);

/// Refuses to listen for machines beyond this one without TLS.
[[nodiscard]] expected<controller_options, std::string>
controller_of(const daemon_options& x);

/// Reads the tokens that open REST into `to`: those of `--tokens`, or, if it is
/// served beyond this machine without any, one that is made. Later calls read
/// them anew. REQUIRES: the data directory is there.
[[nodiscard]] expected<void, std::string>
read_tokens(const daemon_options& x, runtime::access::guard& to);

[[nodiscard]] std::string journal_address(const daemon_options& x);

/// Of `--journal etcd://..` and what belongs to it.
struct etcd_options {
  runtime::etcd_address address;
  std::chrono::seconds lease{5};
  /// `HOST:PORT` of REST for the other controllers; empty: where it listens.
  std::string advertise;
};

/// Nothing if the journal is not in etcd. Errors: a sentence that names the flag.
[[nodiscard]] expected<std::optional<etcd_options>, std::string>
etcd_of(const daemon_options& x);

/// @param index  of the node among those of `up`; names are numbered from 1.
[[nodiscard]] expected<node_host_options, std::string>
node_of(const daemon_options& x, daemon which, uint32_t index);

} // namespace troupe::config
