#include "tools/troupe/console/feed.hpp"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "tools/troupe/line_prefix.hpp"

namespace troupe::tools::console {

namespace {

using namespace std::chrono_literals;

// Fast enough to look live, slow enough that nobody else waits for us.
constexpr auto refresh_min = 300ms;
// What is measured comes with heartbeats and is no event.
constexpr auto refresh_max = 3'000ms;
constexpr auto retry = 1'000ms;
// Of a list. More nobody scrolls through; a filter by job or node is better.
constexpr size_t items_max = 5'000;
constexpr std::string_view page_size = "1000";
// Events from before the console was opened.
constexpr int64_t history = 200;
constexpr std::string_view log_tail = "500";
// Each is a connection.
constexpr size_t logs_max = 20;

} // namespace

feed::feed(connection to, model& screen)
  : to_{std::move(to)}, screen_{screen}, multi_{curl_multi_init()} {}

feed::~feed() {
  for (auto& x : open_)
    curl_multi_remove_handle(multi_.get(), x.exchange->handle());
}

// -- exchanges ------------------------------------------------------------------

void feed::start(rest_request x, std::function<bool(std::string_view)> on_data,
                 std::function<void(expected<rest_reply, failure>)> done,
                 uint64_t pane) {
  auto& place = open_.emplace_back();
  place.exchange = std::make_unique<transfer>(to_, x, std::move(on_data));
  place.done = std::move(done);
  place.pane = pane;
  curl_multi_add_handle(multi_.get(), place.exchange->handle());
}

void feed::get(const url& target,
               std::function<void(expected<json_value, failure>)> done,
               uint64_t pane) {
  start(
    {.target = target, .timeout = 10s}, {},
    [done = std::move(done)](expected<rest_reply, failure> reply) {
      done(reply.and_then(json_of));
    },
    pane);
}

void feed::wait(int input, std::chrono::milliseconds patience) {
  int running = 0;
  curl_multi_perform(multi_.get(), &running);
  collect();
  curl_waitfd stdin_fd{input, CURL_WAIT_POLLIN, 0};
  curl_multi_poll(multi_.get(), &stdin_fd, 1,
                  static_cast<int>(patience.count()), nullptr);
  curl_multi_perform(multi_.get(), &running);
  collect();
}

void feed::collect() {
  int left = 0;
  while (auto* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE)
      continue;
    auto* handle = message->easy_handle;
    auto code = message->data.result;
    auto at = std::find_if(open_.begin(), open_.end(), [&](running& x) {
      return x.exchange->handle() == handle;
    });
    curl_multi_remove_handle(multi_.get(), handle);
    if (at == open_.end())
      continue;
    // What is done now may begin something else.
    auto over = std::move(*at);
    open_.erase(at);
    over.done(over.exchange->result(code));
  }
}

void feed::hear() {
  lost_ = false;
  screen_.set_link(link::live);
}

void feed::lose(const failure& x) {
  lost_ = true;
  dirty_ = true;
  screen_.set_link(link::lost, x.text.substr(0, x.text.find('\n')));
}

// -- events ---------------------------------------------------------------------

void feed::take_event(const sse_message& x) {
  boost::json::error_code error;
  auto event = boost::json::parse(x.data, error);
  // Anything else is not an event, such as a greeting.
  if (error || !has(event, "version"))
    return;
  screen_.add_event(std::move(event));
  dirty_ = true;
}

void feed::follow_events(clock::time_point now) {
  // Where to begin is known once the controller has answered.
  if (following_ || since_.empty() || now < follow_again_)
    return;
  following_ = true;
  follow_again_ = now + retry;
  rest_request request{.target = url{"/v1/events"}.with("since", since_),
                       .accept = "text/event-stream",
                       .timeout = 0ms};
  if (!reader_.last_id().empty())
    request.headers.push_back("Last-Event-ID: " + reader_.last_id());
  start(
    std::move(request),
    [this](std::string_view piece) {
      reader_.feed(piece, [this](const sse_message& x) { take_event(x); });
      return true;
    },
    [this](const expected<rest_reply, failure>&) {
      // Whether it is lost, the next question for a list will tell.
      following_ = false;
      dirty_ = true;
      reader_.reset();
    });
}

// -- lists ----------------------------------------------------------------------

void feed::turn(clock::time_point now) {
  follow_events(now);
  if (screen_.pane_serial() != pane_) {
    drop_pane();
    pane_ = screen_.pane_serial();
    ask_pane();
    follow_logs();
  }
  refresh(now);
}

void feed::refresh(clock::time_point now) {
  auto wanted = screen_.wanted_list();
  auto target = wanted ? wanted->target.text() : std::string{};
  auto other = target != list_asked_;
  if (unanswered_ > 0 && !other)
    return;
  // At most a quarter of the time, however long the controller takes.
  auto pause
    = std::max<clock::duration>(lost_ ? retry : refresh_min, 3 * took_);
  auto due = other || (dirty_ && now >= asked_ + pause)
             || now >= asked_ + std::max<clock::duration>(refresh_max, pause);
  if (!due)
    return;
  dirty_ = false;
  asked_ = now;
  list_asked_ = target;
  ++unanswered_;
  get(url{"/v1/cluster"}, [this](expected<json_value, failure> x) {
    if (!x) {
      lose(x.error());
    } else {
      hear();
      if (since_.empty())
        since_ = std::to_string(
          std::max<int64_t>(0, whole(*x, "version") - history));
      screen_.set_cluster(std::move(*x));
    }
    answered();
  });
  if (wanted)
    ask_page(*wanted, "", std::make_shared<boost::json::array>());
  ask_pane();
}

void feed::answered() {
  --unanswered_;
  took_ = clock::now() - asked_;
}

void feed::ask_page(list_source what, std::string cursor,
                    std::shared_ptr<boost::json::array> items) {
  ++unanswered_;
  auto target = what.target.with("limit", page_size).with("cursor", cursor);
  get(target, [this, what, items](expected<json_value, failure> page) {
    // Somebody has gone to another list meanwhile.
    auto late = what.target.text() != list_asked_;
    if (page && !late) {
      for (auto& x : elements(field(*page, "items")))
        items->push_back(x);
      auto next = text(*page, "nextCursor");
      if (!next.empty() && items->size() < items_max)
        ask_page(what, next, items);
      else
        screen_.set_list(what.what, std::move(*items), !next.empty());
    } else if (!page && page.error().code != exit_code::unreachable) {
      screen_.say(page.error().text, tone::bad);
    }
    answered();
  });
}

// -- what is open over the list -------------------------------------------------

void feed::drop_pane() {
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->pane == 0) {
      ++at;
      continue;
    }
    curl_multi_remove_handle(multi_.get(), at->exchange->handle());
    at = open_.erase(at);
  }
  logs_open_ = 0;
  pane_asked_ = 0;
}

void feed::ask_pane() {
  auto* pane = screen_.open_pane();
  if (pane == nullptr)
    return;
  // One question at a time, however long it takes.
  if (pane_asked_ > 0)
    return;
  auto sources = pane->sources();
  pane_asked_ = sources.size();
  for (size_t i = 0; i < sources.size(); ++i)
    get(
      sources[i],
      [this, i](expected<json_value, failure> x) {
        --pane_asked_;
        auto* to = screen_.open_pane();
        if (x)
          to->take(i, std::move(*x));
        else if (x.error().code != exit_code::unreachable)
          to->fail(x.error().text);
      },
      pane_);
}

void feed::follow_logs() {
  auto* pane = screen_.open_pane();
  if (pane == nullptr || pane->kind() != pane_kind::logs)
    return;
  if (pane->about().kind == thing_kind::task)
    return follow_task(pane->about().name, false);
  get(
    url{"/v1/tasks"}.with("job", pane->about().name).with("limit", page_size),
    [this](expected<json_value, failure> page) {
      auto* to = screen_.open_pane();
      if (!page)
        return to->fail(page.error().text);
      std::vector<std::string> names;
      for (auto& x : elements(field(*page, "items")))
        // One that was never placed has written nothing.
        if (whole(x, "attempt") > 0)
          names.push_back(text(x, "id"));
      if (names.size() > logs_max)
        to->add_log(
          fmt::format("Of {} tasks, the first {}.\n", names.size(), logs_max));
      names.resize(std::min(names.size(), logs_max));
      if (names.empty())
        to->fail("No task has started yet. Esc, then w, says why.");
      for (auto& x : names)
        follow_task(x, names.size() > 1);
    },
    pane_);
}

void feed::follow_task(const std::string& task, bool named) {
  ++logs_open_;
  auto target = (url{"/v1/tasks"} / task / "logs")
                  .with("follow", "true")
                  .with("tail", log_tail);
  // Lines of several tasks are told apart, and do not mix.
  auto prefix = std::make_shared<line_prefix>(named ? task + " | " : "");
  start(
    {.target = target, .accept = "text/plain", .timeout = 0ms},
    [this, prefix](std::string_view piece) {
      screen_.open_pane()->add_log(prefix->feed(piece));
      return true;
    },
    [this, prefix, task](const expected<rest_reply, failure>& x) {
      auto* to = screen_.open_pane();
      to->add_log(prefix->end());
      if (!x)
        to->end_log(x.error().text);
      else if (--logs_open_ == 0)
        to->end_log("The end.");
    },
    pane_);
}

// -- actions --------------------------------------------------------------------

void feed::act(action x) {
  rest_request request{.method = x.method, .target = x.target, .timeout = 30s};
  if (!x.body.is_null())
    request.body = line_json(x.body);
  screen_.say("asking the controller...", tone::plain);
  start(std::move(request), {},
        [this, said = x.said](const expected<rest_reply, failure>& reply) {
          if (reply)
            screen_.say(said, tone::good);
          else
            screen_.say(
              reply.error().text.substr(0, reply.error().text.find('\n')),
              tone::bad);
          dirty_ = true;
        });
}

} // namespace troupe::tools::console
