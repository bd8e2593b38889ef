#include <chrono>
#include <thread>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/sse.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

// Past a change of leader or a restart; whoever is away longer is down.
constexpr std::chrono::seconds away_max{60};

struct events_options {
  connection to;
  output how;
  std::optional<uint64_t> since;
  std::optional<uint64_t> limit;
  std::vector<std::string> types;
  std::string job;
  std::string node;
  bool follow = false;

  [[nodiscard]] url target() const {
    auto result = url{"/v1/events"};
    if (since)
      result = result.with("since", std::to_string(*since));
    for (auto& x : types)
      result = result.with("types", x);
    return result.with("job", job).with("node", node);
  }
};

void print_event(const json_value& event, const output& how, const screen& s) {
  if (how.format == "json" || how.format == "jsonl")
    print(line_json(event) + '\n');
  else if (how.format == "name")
    print(std::to_string(whole(event, "version")) + '\n');
  else
    print(show_event(event, s));
}

/// Asks for one page after another; each begins after the last version of the
/// one before.
int list_events(events_options x) {
  if (auto wrong = wrong_limit(x.limit))
    return report(*wrong);
  constexpr uint64_t page_size = 1'000;
  rest controller{x.to};
  auto s = screen_of_stdout();
  boost::json::array all;
  json_value last;
  auto left = x.limit.value_or(UINT64_MAX);
  auto titles = x.how.format == "table" || x.how.format == "wide";
  while (left > 0) {
    auto page = controller.get(
      x.target().with("limit", std::to_string(std::min(left, page_size))));
    if (!page)
      return report(page.error());
    auto& items = elements(field(*page, "items"));
    if (std::exchange(titles, false) && !items.empty())
      print(event_titles(s));
    for (auto& event : items) {
      if (x.how.format == "json")
        all.push_back(event);
      else
        print_event(event, x.how, s);
    }
    left -= std::min<uint64_t>(left, items.size());
    auto since = items.empty() ? 0 : whole(items.back(), "version");
    last = std::move(*page);
    if (since <= static_cast<int64_t>(x.since.value_or(0)))
      break;
    x.since = static_cast<uint64_t>(since);
  }
  if (x.how.format == "json")
    print(
      pretty_json(boost::json::object{{"items", std::move(all)},
                                      {"nextCursor", nullptr},
                                      {"version", field(last, "version")}}));
  return exit_code::done;
}

/// Follows the stream; after a break goes on where it was.
int follow_events(events_options x) {
  using clock = std::chrono::steady_clock;
  auto s = screen_of_stdout();
  rest controller{x.to};
  if (!x.since) {
    auto cluster = controller.get(url{"/v1/cluster"});
    if (!cluster)
      return report(cluster.error());
    x.since = static_cast<uint64_t>(whole(*cluster, "version"));
  }
  sse_reader reader;
  auto left = x.limit.value_or(UINT64_MAX);
  auto heard = std::optional<clock::time_point>{};
  auto told = false;
  if (x.how.format == "table" || x.how.format == "wide")
    print(event_titles(s));
  std::fflush(stdout);
  for (;;) {
    rest_request request{.target = x.target(),
                         .accept = "text/event-stream",
                         .timeout = std::chrono::milliseconds{0}};
    if (!reader.last_id().empty())
      request.headers.push_back("Last-Event-ID: " + reader.last_id());
    auto take = [&](const sse_message& message) {
      boost::json::error_code error;
      auto event = boost::json::parse(message.data, error);
      // Anything else is not an event, such as a greeting.
      if (error || left == 0 || !has(event, "version"))
        return;
      print_event(event, x.how, s);
      --left;
    };
    auto ends = controller.read({{request, [&](std::string_view piece) {
                                    heard = clock::now();
                                    told = false;
                                    reader.feed(piece, take);
                                    std::fflush(stdout);
                                    return left > 0;
                                  }}});
    if (left == 0)
      return exit_code::done;
    auto& end = ends.front();
    auto lost = !end || end->code == exit_code::unreachable;
    if (!heard && end)
      return report(*end);
    if (!heard)
      heard = clock::now();
    if (!lost || clock::now() - *heard > away_max)
      return report(
        end.value_or(no_answer(x.to.address, "it ends the stream at once")));
    if (!std::exchange(told, true))
      fmt::print(stderr, "The stream broke; trying to go on...\n");
    reader.reset();
    std::this_thread::sleep_for(std::chrono::seconds{1});
  }
}

} // namespace

int run_events(int argc, char** argv) {
  events_options x;
  command_line line{"events", "Lists what happened, or follows what happens"};
  line.flag("-f,--follow", x.follow, "go on with what happens from now");
  line.option("--since", "VERSION", x.since, "only what came after");
  line.option("--types", "TYPE,TYPE", x.types,
              "only these, such as taskEnded; may be repeated");
  line.option("--job", "JOB", x.job, "only of this job");
  line.option("--node", "NODE", x.node, "only of this node");
  line.option("--limit", "N", x.limit, "at most so many [all]");
  declare(line, x.how);
  declare(line, x.to);
  line.example("troupe events -f --job web", "watches a job");
  line.example("troupe events --types nodeUnhealthy,nodeRemoved -o jsonl",
               "nodes that were lost, for programs");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return x.follow ? follow_events(x) : list_events(x);
}

} // namespace troupe::tools
