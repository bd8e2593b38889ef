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

void engine::stop(allocation_id allocation, std::string signal,
                  milliseconds grace, reply<void> done) {
  core_->post(
    [core = core_.get(), allocation, signal = std::move(signal), grace,
     done = std::move(done)] { core->stop(allocation, signal, grace, done); });
}

void engine::kill(allocation_id allocation, reply<void> done) {
  stop(allocation, "SIGKILL", milliseconds{0}, std::move(done));
}

void engine::remove(allocation_id allocation, reply<void> done) {
  core_->post(
    [core = core_.get(), allocation, done = std::move(done)]() mutable {
      core->remove(allocation, std::move(done));
    });
}

uint64_t engine::logs(allocation_id allocation, log_query query,
                      log_frames::piece on_piece, reply<void> on_end) {
  auto stream = ++core_->last_stream;
  core_->post([core = core_.get(), stream, allocation, query,
               on_piece = std::move(on_piece),
               on_end = std::move(on_end)]() mutable {
    core->logs(stream, allocation, query, std::move(on_piece),
               std::move(on_end));
  });
  return stream;
}

void engine::cancel(uint64_t stream) {
  core_->post([core = core_.get(), stream] { core->cancel(stream); });
}

void engine::exec(allocation_id allocation, std::vector<std::string> command,
                  milliseconds timeout, reply<exec_answer> done) {
  core_->post([core = core_.get(), allocation, command = std::move(command),
               timeout, done = std::move(done)]() mutable {
    core->exec(allocation, command, timeout, std::move(done));
  });
}

void engine::stats(allocation_id allocation, reply<usage> done) {
  core_->post(
    [core = core_.get(), allocation, done = std::move(done)]() mutable {
      core->stats(allocation, std::move(done));
    });
}

} // namespace troupe::runtime::docker
