#include "runtime/run_environment.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>

namespace troupe::runtime {

namespace {

std::string upper(std::string x) {
  for (auto& c : x) {
    if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
    else if (c == '-' || c == '.')
      c = '_';
  }
  return x;
}

} // namespace

environment environment_of(const work_item& item, const std::string& node) {
  environment result{
    {"TROUPE_JOB", item.task.job},
    {"TROUPE_TASK", to_string(item.task)},
    {"TROUPE_INDEX", std::to_string(item.task.index)},
    {"TROUPE_COUNT", std::to_string(item.spec->count)},
    {"TROUPE_ATTEMPT", std::to_string(item.attempt)},
    {"TROUPE_NODE", node},
  };
  for (auto& port : item.ports)
    result.emplace_back("TROUPE_PORT_" + upper(port.name),
                        std::to_string(port.host));
  if (!item.gpus.empty()) {
    std::string gpus;
    for (auto gpu : item.gpus)
      gpus += (gpus.empty() ? "" : ",") + std::to_string(gpu);
    result.emplace_back("TROUPE_GPUS", gpus);
    result.emplace_back("CUDA_VISIBLE_DEVICES", gpus);
  }
  for (auto& [name, text] : item.spec->env) {
    std::erase_if(result, [&name = name](auto& x) { return x.first == name; });
    result.emplace_back(name, text);
  }
  return result;
}

int signal_number(const std::string& name) {
  for (auto i = 1; i < NSIG; ++i)
    if (signal_name(i) == name)
      return i;
  return SIGTERM;
}

std::string signal_name(int number) {
  auto* abbreviation = sigabbrev_np(number);
  return abbreviation == nullptr ? "signal " + std::to_string(number)
                                 : "SIG" + std::string{abbreviation};
}

} // namespace troupe::runtime
