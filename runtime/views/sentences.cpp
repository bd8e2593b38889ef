#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

struct node_phrase {
  const char* one;
  const char* many;
};

/// What nodes that refuse for `x` do, after their number.
node_phrase phrase_of(reason x) {
  switch (x) {
  case reason::insufficient_cpu:
    return {"lacks cpu", "lack cpu"};
  case reason::insufficient_memory:
    return {"lacks memory", "lack memory"};
  case reason::insufficient_gpu:
    return {"lacks gpus", "lack gpus"};
  case reason::insufficient_resource:
    return {"lacks a resource that it asks for",
            "lack a resource that it asks for"};
  case reason::no_matching_labels:
    return {"has not the labels or the driver that it requires",
            "have not the labels or the driver that it requires"};
  case reason::port_in_use:
    return {"has its port in use", "have its port in use"};
  case reason::colocation:
    return {"is ruled out by what runs there",
            "are ruled out by what runs there"};
  case reason::exclusive:
    return {"is not free for exclusive use", "are not free for exclusive use"};
  case reason::cordoned:
    return {"is cordoned", "are cordoned"};
  case reason::drained:
    return {"is drained", "are drained"};
  case reason::unhealthy:
    return {"is unhealthy", "are unhealthy"};
  default:
    // Not a reason that a node refuses for.
    return {"refuses it", "refuse it"};
  }
}

} // namespace

std::string count_of(uint64_t n, std::string_view noun) {
  auto result = std::to_string(n) + ' ';
  result.append(noun);
  if (n != 1)
    result += 's';
  return result;
}

std::string sentence_of(reason x) {
  switch (x) {
  case reason::none:
    return {};
  case reason::no_nodes:
    return "there are no nodes";
  case reason::no_matching_labels:
    return "no node has the labels or the driver that it requires";
  case reason::insufficient_cpu:
    return "no node has enough cpu free";
  case reason::insufficient_memory:
    return "no node has enough memory free";
  case reason::insufficient_gpu:
    return "no node has enough gpus free";
  case reason::insufficient_resource:
    return "no node has enough of a resource that it asks for";
  case reason::port_in_use:
    return "its port is in use";
  case reason::colocation:
    return "a rule about what may run together forbids it";
  case reason::exclusive:
    return "no node is free for exclusive use";
  case reason::cordoned:
    return "the node is cordoned";
  case reason::gang_incomplete:
    return "its gang is not complete";
  case reason::gang_does_not_fit:
    return "there is no room for the whole gang";
  case reason::never_fits:
    return "no node would be large enough even if it were empty";
  case reason::unknown_scheduler:
    return "no policy serves its scheduler";
  case reason::waiting_for_job:
    return "it waits for another job";
  case reason::backoff:
    return "it waits before it starts again";
  case reason::retries_exhausted:
    return "it has no more runs to try";
  case reason::quota:
    return "a quota is used up";
  case reason::preempted:
    return "a task of higher priority took its place";
  case reason::drained:
    return "its node was drained";
  case reason::node_lost:
    return "its node was lost";
  case reason::unhealthy:
    return "it failed its health checks";
  case reason::exit_code:
    return "it ended with an exit code other than 0";
  case reason::signal:
    return "a signal ended it";
  case reason::out_of_memory:
    return "it used more memory than its limit";
  case reason::timed_out:
    return "it ran longer than its timeout";
  case reason::image_not_found:
    return "its image was not found";
  case reason::driver_error:
    return "its driver could not run it";
  case reason::stopped_by_user:
    return "stopped by a user";
  case reason::waiting_for_schedule:
    return "it waits for the next tick of its schedule";
  case reason::waiting_for_result:
    return "it waits for the result of an identical task";
  }
  return {};
}

std::string sentence_of(const placement::refusal& x) {
  if (x.nodes.empty())
    return {};
  if (x.nodes.front().first == reason::no_nodes)
    return sentence_of(reason::no_nodes);
  uint64_t all = 0;
  for (auto& [why, nodes] : x.nodes)
    all += nodes;
  std::string result;
  for (auto& [why, nodes] : x.nodes) {
    auto phrase = phrase_of(why);
    if (result.empty())
      result = nodes == all && all == 1
                 ? std::string{"the only node"}
                 : std::to_string(nodes) + " of " + count_of(all, "node");
    else
      result += ", " + std::to_string(nodes);
    result += std::string{" "} + (nodes == 1 ? phrase.one : phrase.many);
  }
  return result;
}

std::string about(std::chrono::milliseconds x) {
  auto seconds = (x.count() + 999) / 1000;
  if (seconds < 120)
    return std::to_string(seconds) + " s";
  return std::to_string((seconds + 59) / 60) + " min";
}

} // namespace troupe::runtime::views
