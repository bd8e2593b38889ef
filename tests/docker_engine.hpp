#pragma once

#include <string>

#include <sys/types.h>

namespace troupe::test {

/// A Docker engine of its own in a temporary directory, with the image
/// `busybox:test` and neither a bridge nor a registry. Gone when this is.
class docker_engine {
public:
  /// Returns why no engine can be run here, or an empty text.
  [[nodiscard]] static std::string unavailable();

  /// Starts the engine and waits until it answers. Throws `std::runtime_error`
  /// with the end of its log if it does not within 60 s.
  docker_engine();
  docker_engine(const docker_engine&) = delete;
  docker_engine& operator=(const docker_engine&) = delete;
  ~docker_engine();

  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }

  /// Ends the engine as a crash would; its containers go on. `start` brings it
  /// back.
  void kill();
  void start();

  /// Makes it hang, and go on.
  void pause() const;
  void resume() const;

  /// Sends a request. Returns the body. Throws unless it is answered by 2xx.
  std::string ask(const std::string& method, const std::string& path,
                  const std::string& body = {},
                  const std::string& type = "application/json") const;

private:
  void end();
  void import_image() const;
  void end_process(const std::string& pid_file) const;
  void unmount_all() const;
  [[nodiscard]] bool answers() const;
  [[nodiscard]] std::string log_end() const;

  std::string directory_;
  std::string socket_;
  pid_t pid_ = 0;
};

} // namespace troupe::test
