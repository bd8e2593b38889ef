#include "runtime/machine.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include <unistd.h>

namespace troupe::runtime {

namespace {

/// Reads `MemTotal` and the like from /proc/meminfo, in bytes. Source: proc(5).
int64_t meminfo(const std::string& wanted) {
  std::ifstream in{"/proc/meminfo"};
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields{line};
    std::string name;
    int64_t kibibytes = 0;
    if (fields >> name >> kibibytes && name == wanted + ':')
      return kibibytes * 1'024;
  }
  return 0;
}

/// Number of GPUs, as the vendor's tool lists them, one a line.
int64_t count_gpus() {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe{
    popen("nvidia-smi -L 2>/dev/null", "r"), pclose};
  if (!pipe)
    return 0;
  auto count = int64_t{0};
  std::array<char, 512> line;
  while (fgets(line.data(), static_cast<int>(line.size()), pipe.get())
         != nullptr)
    count += std::string_view{line.data()}.starts_with("GPU ") ? 1 : 0;
  return count;
}

} // namespace

resources machine_capacity() {
  resources result;
  // Honours the affinity mask, unlike the number of processors.
  result.cpu_millicores
    = int64_t{std::max(std::thread::hardware_concurrency(), 1U)} * 1'000;
  result.memory_bytes = meminfo("MemTotal");
  result.gpu_millis = count_gpus() * 1'000;
  return result;
}

std::string machine_name() {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0)
    return "node";
  std::string result;
  for (auto c : std::string_view{buffer.data()}) {
    if (c == '.')
      break;
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    auto usable = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    result += usable ? c : '-';
  }
  return result.empty() ? "node" : result;
}

std::optional<machine_meter::times> machine_meter::read_times() {
  std::ifstream in{"/proc/stat"};
  std::string cpu;
  times result;
  if (!(in >> cpu) || cpu != "cpu")
    return std::nullopt;
  // user nice system idle iowait irq softirq steal. Source: proc(5).
  for (auto i = 0; i < 8; ++i) {
    int64_t ticks = 0;
    if (!(in >> ticks))
      return std::nullopt;
    result.all += ticks;
    if (i != 3 && i != 4)
      result.busy += ticks;
  }
  return result;
}

resources machine_meter::measure() {
  resources result;
  result.memory_bytes = meminfo("MemTotal") - meminfo("MemAvailable");
  auto now = read_times();
  if (now && last_ && now->all > last_->all)
    result.cpu_millicores
      = (now->busy - last_->busy) * 1'000
        * int64_t{std::max(std::thread::hardware_concurrency(), 1U)}
        / (now->all - last_->all);
  last_ = now;
  return result;
}

std::optional<resources> machine_meter::measure_free() {
  auto is_first = !last_;
  auto used = measure();
  if (is_first || !last_)
    return std::nullopt;
  auto cores = int64_t{std::max(std::thread::hardware_concurrency(), 1U)};
  resources result;
  result.cpu_millicores
    = std::max<int64_t>(cores * 1'000 - used.cpu_millicores, 0);
  result.memory_bytes = meminfo("MemAvailable");
  return result;
}

} // namespace troupe::runtime
