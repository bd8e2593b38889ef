#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

#include "runtime/placement/bench_trace.hpp"

namespace troupe::runtime::placement {

namespace {

constexpr int64_t mib = int64_t{1} << 20;

std::string_view cut(std::string_view& rest, char at) {
  auto end = rest.find(at);
  auto result = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return result;
}

std::string_view cut_line(std::string_view& rest) {
  auto result = cut(rest, '\n');
  if (!result.empty() && result.back() == '\r')
    result.remove_suffix(1);
  return result;
}

std::vector<std::string_view> split(std::string_view line, char at) {
  std::vector<std::string_view> result;
  while (!line.empty())
    result.push_back(cut(line, at));
  return result;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t result = 0;
  auto [end, failed]
    = std::from_chars(text.data(), text.data() + text.size(), result);
  if (failed != std::errc{} || end != text.data() + text.size() || result < 0)
    return std::nullopt;
  return result;
}

struct row {
  std::string_view name;
  std::vector<int64_t> numbers;
  std::vector<std::string_view> fields;
};

/// Rows of a name and `numbers` numbers, after a first line of titles.
expected<std::vector<row>, std::string>
read_rows(std::string_view text, size_t numbers, const std::string& what) {
  std::vector<row> result;
  cut_line(text);
  for (size_t line = 2; !text.empty(); ++line) {
    auto fields = split(cut_line(text), ',');
    if (fields.empty())
      continue;
    row x{fields[0], {}, fields};
    for (size_t i = 1; i <= numbers && i < fields.size(); ++i)
      if (auto value = number(fields[i]))
        x.numbers.push_back(*value);
    if (x.numbers.size() != numbers)
      return make_unexpected("line " + std::to_string(line) + " of the list of "
                             + what + ": needs a name and "
                             + std::to_string(numbers) + " numbers");
    result.push_back(std::move(x));
  }
  if (result.empty())
    return make_unexpected("the list of " + what + " is empty");
  return result;
}

task_class class_of(const row& x) {
  task_class result;
  result.request.cpu_millicores = x.numbers[0];
  result.request.memory_bytes = x.numbers[1] * mib;
  result.request.gpu_millis = x.numbers[2] * x.numbers[3];
  if (x.fields.size() > 5 && !x.fields[5].empty()) {
    label_requirement models{"model", {}};
    for (auto model : split(x.fields[5], '|'))
      if (!model.empty())
        models.values.emplace_back(model);
    result.requirements.push_back(std::move(models));
  }
  return result;
}

uint64_t next_random(uint64_t& state) {
  // SplitMix64.
  auto x = state += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

template <class T>
void shuffle(std::vector<T>& xs, uint64_t& state) {
  for (auto i = xs.size(); i > 1; --i)
    std::swap(xs[i - 1], xs[next_random(state) % i]);
}

} // namespace

int64_t gpu_trace::gpu_millis() const {
  return std::accumulate(
    nodes.begin(), nodes.end(), int64_t{0},
    [](int64_t sum, const node_row& x) { return sum + x.capacity.gpu_millis; });
}

expected<gpu_trace, std::string>
read_openb(std::string_view nodes, std::string_view tasks) {
  gpu_trace result;
  auto node_rows = read_rows(nodes, 3, "nodes");
  if (!node_rows)
    return make_unexpected(node_rows.error());
  for (auto& x : *node_rows) {
    node_row node;
    node.name = x.name;
    node.capacity.cpu_millicores = x.numbers[0];
    node.capacity.memory_bytes = x.numbers[1] * mib;
    node.capacity.gpu_millis = x.numbers[2] * whole_device;
    if (x.fields.size() > 4)
      node.labels = {{"model", std::string{x.fields[4]}}};
    result.nodes.push_back(std::move(node));
  }
  std::sort(result.nodes.begin(), result.nodes.end(),
            [](auto& x, auto& y) { return x.name < y.name; });
  auto task_rows = read_rows(tasks, 4, "tasks");
  if (!task_rows)
    return make_unexpected(task_rows.error());
  std::map<task_class, uint32_t> known;
  for (auto& x : *task_rows) {
    auto [at, is_new] = known.emplace(
      class_of(x), static_cast<uint32_t>(result.classes.size()));
    if (is_new)
      result.classes.push_back(std::make_shared<const task_class>(at->first));
    result.listed.emplace(x.name, at->second);
  }
  return result;
}

expected<void, std::string>
arrange(gpu_trace& x, std::string_view order, std::string_view rank) {
  x.arrivals.clear();
  for (size_t line = 1; !order.empty(); ++line) {
    auto name = cut_line(order);
    auto at = x.listed.find(name);
    if (at == x.listed.end())
      return make_unexpected("line " + std::to_string(line)
                             + " of the order: there is no task \""
                             + std::string{name} + "\" in the list");
    x.arrivals.push_back(at->second);
  }
  std::vector<node_row> ranked(x.nodes.size());
  auto places = split(cut_line(rank), ' ');
  for (size_t i = 0; i < x.nodes.size() && i < places.size(); ++i) {
    auto place = number(places[i]);
    if (!place || static_cast<size_t>(*place) >= ranked.size()
        || !ranked[static_cast<size_t>(*place)].name.empty())
      return make_unexpected("the rank of node " + std::to_string(i)
                             + " is not a place of its own");
    ranked[static_cast<size_t>(*place)] = x.nodes[i];
  }
  if (places.size() != x.nodes.size())
    return make_unexpected("there are " + std::to_string(places.size())
                           + " ranks for " + std::to_string(x.nodes.size())
                           + " nodes");
  x.nodes = std::move(ranked);
  return {};
}

void arrange_by_chance(gpu_trace& x, uint64_t seed, double asked) {
  auto most = static_cast<double>(x.gpu_millis()) * asked;
  std::vector<uint32_t> round;
  for (auto& [name, of] : x.listed)
    round.push_back(of);
  x.arrivals.clear();
  shuffle(x.nodes, seed);
  auto asks_gpu
    = [&](uint32_t of) { return x.classes[of]->request.gpu_millis != 0; };
  if (std::none_of(round.begin(), round.end(), asks_gpu))
    return;
  for (double sum = 0; sum < most;) {
    shuffle(round, seed);
    for (size_t i = 0; i < round.size() && sum < most; ++i) {
      x.arrivals.push_back(round[i]);
      sum += static_cast<double>(x.classes[round[i]]->request.gpu_millis);
    }
  }
}

gpu_wishes wishes_of(const gpu_trace& x) {
  std::map<gpu_shape, uint32_t> tasks;
  for (auto& [name, of] : x.listed)
    ++tasks[shape_of(known_class{*x.classes[of]})];
  gpu_wishes result;
  for (auto& [shape, count] : tasks)
    result.push_back({shape, count});
  return result;
}

} // namespace troupe::runtime::placement
