#include "runtime/drivers/docker/engine.hpp"

#include "runtime/drivers/docker/engine_core.hpp"

namespace troupe::runtime::docker {

engine::engine(engine_options options)
  : core_(std::make_unique<core>(std::move(options))) {}

engine::~engine() = default;

void engine::probe(reply<engine_version> done) {
  core_->post([core = core_.get(), done = std::move(done)]() mutable {
    core->probe(std::move(done));
  });
}

void engine::adopt(reply<std::vector<container_view>> done) {
  core_->post([core = core_.get(), done = std::move(done)]() mutable {
    core->adopt(std::move(done));
  });
}

void engine::start(container_spec spec, reply<start_answer> done) {
  core_->post([core = core_.get(), spec = std::move(spec),
               done = std::move(done)]() mutable {
    core->start(std::move(spec), std::move(done));
  });
}

void engine::stop(const run_id& run, std::string signal, milliseconds grace,
                  reply<void> done) {
  core_->post(
    [core = core_.get(), run, signal = std::move(signal), grace,
     done = std::move(done)] { core->stop(run, signal, grace, done); });
}

void engine::kill(const run_id& run, reply<void> done) {
  stop(run, "SIGKILL", milliseconds{0}, std::move(done));
}

void engine::remove(const run_id& run, reply<void> done) {
  core_->post([core = core_.get(), run, done = std::move(done)]() mutable {
    core->remove(run, std::move(done));
  });
}

uint64_t engine::logs(const run_id& run, log_query query,
                      log_frames::piece on_piece, reply<void> on_end) {
  auto stream = ++core_->last_stream;
  core_->post([core = core_.get(), stream, run, query,
               on_piece = std::move(on_piece),
               on_end = std::move(on_end)]() mutable {
    core->logs(stream, run, query, std::move(on_piece), std::move(on_end));
  });
  return stream;
}

void engine::cancel(uint64_t stream) {
  core_->post([core = core_.get(), stream] { core->cancel(stream); });
}

void engine::exec(const run_id& run, std::vector<std::string> command,
                  milliseconds timeout, reply<exec_answer> done) {
  core_->post([core = core_.get(), run, command = std::move(command), timeout,
               done = std::move(done)]() mutable {
    core->exec(run, command, timeout, std::move(done));
  });
}

void engine::stats(const run_id& run, reply<usage> done) {
  core_->post([core = core_.get(), run, done = std::move(done)]() mutable {
    core->stats(run, std::move(done));
  });
}

void engine::limit(const run_id& run, run_limits own, run_limits wanted,
                   reply<run_limits> done) {
  core_->post(
    [core = core_.get(), run, own, wanted, done = std::move(done)]() mutable {
      core->limit(run, own, wanted, std::move(done));
    });
}

void engine::inspect(const run_id& run, reply<container_view> done) {
  core_->post([core = core_.get(), run, done = std::move(done)]() mutable {
    core->inspect(run, std::move(done));
  });
}

} // namespace troupe::runtime::docker
