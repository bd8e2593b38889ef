#include "actors/node_host.hpp"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include <caf/all.hpp>
#include <unistd.h>

#include "messages/json.hpp"

#include "runtime/drivers/docker/engine.hpp"
#include "runtime/journal/journal.hpp"
#include "runtime/log.hpp"

#include "actors/drivers/docker.hpp"
#include "actors/drivers/process.hpp"
#include "actors/drivers/simulated.hpp"
#include "actors/supervisor.hpp"

namespace troupe {

namespace {

namespace docker = runtime::docker;
namespace fs = std::filesystem;
namespace log = runtime::log;

constexpr auto stop_timeout = std::chrono::seconds{10};
/// Longer than the usual grace of a task.
constexpr auto end_timeout = std::chrono::seconds{15};
constexpr auto probe_timeout = std::chrono::seconds{3};

/// The present handles, as the supervisor last made them.
struct handles {
  std::mutex mutex;
  std::map<driver_kind, driver_actor> drivers;
  agent_actor agent;
};

/// Whether a Docker engine answers at `socket`; why not, otherwise.
expected<void, std::string> probe(const std::string& socket) {
  docker::engine_options options;
  options.socket = socket;
  docker::engine engine{std::move(options)};
  using answer = expected<docker::engine_version, docker::failure>;
  auto told = std::make_shared<std::promise<answer>>();
  auto result = told->get_future();
  engine.probe([told](answer x) { told->set_value(std::move(x)); });
  if (result.wait_for(probe_timeout) != std::future_status::ready)
    return make_unexpected("the Docker engine at " + socket
                           + " does not answer");
  auto found = result.get();
  if (!found)
    return make_unexpected(found.error().text);
  return {};
}

/// Whether an earlier life of this node has left containers to look after.
bool has_containers(const std::optional<runtime::agent_store>& store) {
  std::vector<std::string> damaged;
  auto entries
    = store ? store->load(damaged) : std::vector<runtime::agent_store::entry>{};
  return std::any_of(entries.begin(), entries.end(), [](auto& x) {
    return x.item.spec->driver == driver_kind::docker;
  });
}

/// Drivers that were asked for, or that work here. An engine that is away is
/// waited for if there are tasks to find again on it.
expected<std::vector<driver_kind>, std::string>
choose_drivers(const node_host_options& options,
               const std::optional<runtime::agent_store>& store) {
  auto result = options.drivers;
  auto asked = !result.empty();
  if (!asked)
    result = {driver_kind::docker, driver_kind::process};
  auto at = std::find(result.begin(), result.end(), driver_kind::docker);
  if (at != result.end()) {
    if (auto ok = probe(options.docker_socket); !ok && has_containers(store)) {
      log::warn("driver docker: {}; it is waited for, since this node has "
                "containers there",
                ok.error());
    } else if (!ok) {
      if (asked)
        return make_unexpected("driver docker: " + ok.error());
      log::info("no containers on this node: {}", ok.error());
      result.erase(at);
    }
  }
  return result;
}

/// A random name for what this data directory starts, kept in it: containers of
/// other directories and clusters are never touched.
expected<std::string, std::string> identity_of(const fs::path& data_dir) {
  auto file = data_dir / "identity";
  std::string result;
  std::ifstream{file} >> result;
  if (!result.empty())
    return result;
  result = runtime::random_cluster_id();
  std::ofstream out{file};
  out << result << '\n';
  out.close();
  if (!out)
    return make_unexpected("cannot write " + file.string()
                           + ": is the disk full?");
  return result;
}

/// For people who look for the machine that has a name.
std::string place_of(const std::string& data_dir) {
  char host[HOST_NAME_MAX + 1] = {};
  if (::gethostname(host, HOST_NAME_MAX) != 0)
    return data_dir;
  return std::string{host} + ':' + data_dir;
}

child_spec
driver_child(driver_kind kind, const std::shared_ptr<handles>& h,
             const node_host_options& options, const std::string& identity) {
  return {"driver " + json::name_of(kind), [=](caf::event_based_actor* self) {
            driver_actor made;
            switch (kind) {
            case driver_kind::docker: {
              docker_driver_options wanted;
              wanted.node = options.profile.name;
              wanted.cluster_id = identity;
              wanted.socket = options.docker_socket;
              wanted.defaults = options.docker_defaults;
              wanted.volumes = options.volumes;
              made = self->spawn(docker_driver, std::move(wanted));
              break;
            }
            case driver_kind::process: {
              process_driver_options wanted;
              wanted.node = options.profile.name;
              wanted.data_dir = options.data_dir;
              made = self->spawn(process_driver, std::move(wanted),
                                 options.spawner);
              break;
            }
            case driver_kind::simulated:
              made = self->spawn(simulated_driver);
              break;
            }
            std::lock_guard guard{h->mutex};
            h->drivers[kind] = made;
            return caf::actor_cast<caf::actor>(made);
          }};
}

} // namespace

node_host::node_host(caf::actor_system& system) : system_(system) {
  // nop
}

expected<std::unique_ptr<node_host>, std::string>
node_host::start(caf::actor_system& system, node_host_options options) {
  std::unique_ptr<node_host> result{new node_host{system}};
  result->name_ = options.profile.name;
  result->agents_ = options.agents;
  result->prober_ = std::make_shared<runtime::prober>();
  std::string identity;
  std::optional<runtime::agent_store> store;
  if (options.durable) {
    auto opened
      = runtime::agent_store::open(fs::path{options.data_dir} / "allocations");
    if (!opened)
      return make_unexpected(opened.error());
    store = std::move(*opened);
    auto known = identity_of(options.data_dir);
    if (!known)
      return make_unexpected(known.error());
    identity = *known;
  }
  auto drivers = choose_drivers(options, store);
  if (!drivers)
    return make_unexpected(drivers.error());
  for (auto kind : *drivers)
    options.profile.drivers.push_back(json::name_of(kind));
  options.join.profile = options.profile;
  options.join.identity = identity;
  options.join.place = place_of(options.data_dir);
  auto h = std::make_shared<handles>();
  auto look
    = [prober = result->prober_](const runtime::probe_target& x, auto done) {
        prober->look(x, std::move(done));
      };
  std::vector<child_spec> children;
  for (auto kind : *drivers)
    children.push_back(driver_child(kind, h, options, identity));
  children.push_back({"agent", [=](caf::event_based_actor* self) {
                        agent_options wanted;
                        wanted.node = options.profile.name;
                        wanted.meters = options.meters;
                        wanted.stop_tasks_after = options.stop_tasks_after;
                        wanted.checks = {look, options.check_counts};
                        wanted.capacity = options.profile.capacity;
                        auto meter = std::make_shared<runtime::machine_meter>();
                        wanted.measure_free
                          = [meter] { return meter->measure_free(); };
                        {
                          std::lock_guard guard{h->mutex};
                          wanted.drivers = h->drivers;
                        }
                        auto made = self->spawn(agent, wanted, store);
                        options.agents->put(options.profile.name, made);
                        std::lock_guard guard{h->mutex};
                        h->agent = made;
                        return caf::actor_cast<caf::actor>(made);
                      }});
  children.push_back({"join", [=](caf::event_based_actor* self) {
                        std::lock_guard guard{h->mutex};
                        return caf::actor_cast<caf::actor>(
                          self->spawn(join, options.join, h->agent));
                      }});
  supervisor_options root{"node " + result->name_,
                          restart_strategy::rest_for_one};
  result->root_ = system.spawn(supervisor, root, std::move(children));
  result->root_->attach_functor(
    [&system, failed = options.on_failure](const caf::error& why) {
      if (why && why != caf::exit_reason::user_shutdown && failed)
        failed(system.render(why));
    });
  return result;
}

void node_host::end_tasks() {
  auto agent = agents_->find(name_);
  if (!agent)
    return;
  caf::scoped_actor self{system_};
  self->request(agent, end_timeout, end_all_tasks{})
    .receive([](const all_tasks_ended&) {},
             [this](const caf::error&) {
               log::warn("node {}: some tasks did not end in time", name_);
             });
}

void node_host::stop() {
  if (!root_)
    return;
  agents_->remove(name_);
  caf::scoped_actor self{system_};
  self->monitor(root_);
  self->send_exit(root_, caf::exit_reason::user_shutdown);
  self->receive([](const caf::down_msg&) {},
                caf::after(stop_timeout) >>
                  [this] { log::error("node {}: it does not stop", name_); });
  root_ = nullptr;
}

node_host::~node_host() {
  stop();
}

} // namespace troupe
