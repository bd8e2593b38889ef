#include "actors/scheduler.hpp"

#include <algorithm>

#include "runtime/log.hpp"
#include "runtime/metrics/figures.hpp"
#include "runtime/placement/policy.hpp"
#include "runtime/plan.hpp"
#include "runtime/views/answer.hpp"

namespace troupe {

namespace log = runtime::log;

scheduler_state::scheduler_state(scheduler_actor::pointer self)
  : self(self), wall(self->clock().now()) {
  // nop
}

timestamp scheduler_state::now() const {
  return wall.at(self->clock().now());
}

void scheduler_state::take_over(loaded_cluster& loaded) {
  core = std::move(loaded.state);
  cluster_id = loaded.cluster_id;
  if (loaded.decided)
    decided = std::move(*loaded.decided);
  durable = core->version();
  // Whatever the journal has seen lies before this leader's time.
  wall = wall_clock{std::max(now(), core->last_time()), self->clock().now()};
  std::set<std::string, std::less<>> names;
  for (auto& [name, policy] : policies)
    names.insert(name);
  core->set_policies(std::move(names));
  facts->begin(*core);
  // A first command always succeeds: it is only a fact about this process.
  static_cast<void>(
    core->decide(take_lead{options.leader, TROUPE_VERSION}, now()));
  turn();
}

/// Heartbeats are many, and troubles few.
void scheduler_state::hear_troubles(const heartbeat& x) {
  auto& known = core->find_node(x.node)->troubled;
  if (std::equal(known.begin(), known.end(), x.troubles.begin(),
                 x.troubles.end(),
                 [](auto& y, auto& z) { return y == z.driver; }))
    return;
  // Of a node that is there: it cannot be refused.
  static_cast<void>(core->decide(note_troubles{x.node, x.troubles}, now()));
  turn();
}

void scheduler_state::hold(std::function<void()> f) {
  if (core->version() <= durable)
    f();
  else
    held.emplace_back(core->version(), std::move(f));
}

/// Shows what there is. While the journal cannot be written that may be ahead of
/// it: nobody is helped by a controller that says nothing while its disk is full.
void scheduler_state::show(std::function<void()> f) {
  if (journal_trouble.empty())
    hold(std::move(f));
  else
    f();
}

/// Why `x` is not decided now. What machines tell is taken all the same: the tasks
/// that run are looked after.
std::optional<refusal> scheduler_state::refusal_of(const command& x) const {
  auto of_a_machine = std::holds_alternative<join_node>(x)
                      || std::holds_alternative<change_node_health>(x)
                      || std::holds_alternative<note_troubles>(x)
                      || std::holds_alternative<take_reports>(x)
                      || std::holds_alternative<take_lead>(x);
  if (journal_trouble.empty() || of_a_machine)
    return std::nullopt;
  return refusal{refusal_kind::no_room,
                 "the controller cannot write its journal: " + journal_trouble
                   + "; nothing was changed, and what runs goes on. Try again "
                     "once that is mended",
                 {}};
}

void scheduler_state::turn() {
  if (auto due = core->next_wake(); due && *due <= now())
    core->advance(now());
  propose();
  for (auto& x : core->take_events()) {
    if (decided.take(x) && keeper)
      unkept.add(x.version, x);
    waiting.push_back(std::move(x));
  }
  if (auto work = core->take_work(); !work.empty())
    hold([this, work = std::move(work)]() mutable {
      // In order for each node; nodes in order of their first item.
      std::map<std::string, std::vector<work_item>> by_node;
      for (auto& [node, item] : work)
        by_node[node].push_back(std::move(item));
      for (auto& [node, items] : by_node)
        if (nodes)
          self->send(nodes, assigned_work{node, std::move(items)});
    });
  append();
}

// Answers of the journal and of policies come with the priority of the question:
// they do not wait behind the reports of nodes.

void scheduler_state::append() {
  if (appending || waiting.empty())
    return;
  appending = true;
  auto batch
    = std::make_shared<const std::vector<event>>(std::exchange(waiting, {}));
  auto expected_version = batch->front().version - 1;
  auto last = batch->back().version;
  // The journal may be slow, but it answers or dies: its end is this actor's.
  self
    ->request<caf::message_priority::high>(
      journal, caf::infinite,
      append_events{expected_version, event_batch{batch}})
    .then(
      [this, batch, last](const appended& x) {
        appending = false;
        if (!x.trouble.empty()) {
          log::error("journal: {}; trying again", x.trouble);
          journal_trouble = x.trouble;
          waiting.insert(waiting.begin(), batch->begin(), batch->end());
          self->delayed_send(self, options.journal_retry, atom::flush_v);
          return;
        }
        journal_trouble.clear();
        facts->take(*batch, *core);
        self->send(watch, event_batch{batch});
        durable_mark = runtime::mark_of(batch->back());
        release(last);
        turn();
        keep_decided();
      },
      [this](caf::error& x) { self->quit(std::move(x)); });
}

void scheduler_state::release(version_number version) {
  durable = version;
  while (!held.empty() && held.front().first <= durable) {
    auto f = std::move(held.front().second);
    held.pop_front();
    f();
  }
}

void scheduler_state::propose() {
  auto batch = core->next_batch(options.batch_tasks_max);
  if (!batch)
    return;
  auto asks = std::make_shared<const std::vector<runtime::placement::ask>>(
    std::move(batch->asks));
  auto snapshot = std::make_shared<const runtime::placement::table>(
    core->nodes_for(*batch));
  propose_places question{std::move(snapshot), std::move(asks)};
  auto compared_as
    = batch->gang.empty() ? ask_shadow(batch->policy, question) : 0;
  self
    ->request<caf::message_priority::high>(policies.at(batch->policy),
                                           options.policy_timeout, question)
    .then(
      [this, compared_as, policy = batch->policy, nodes = question.snapshot,
       asks = question.asks, is_gang = !batch->gang.empty(),
       began = self->clock().now()](const proposed_places& x) {
        compare_round(compared_as, &compared_round::here, x);
        auto before = core->version();
        core->commit(*x.places, now());
        runtime::decided_round round{policy, now(), before + 1,
                                     core->version()};
        attempts->take(*x.places, is_gang);
        measure_round(began);
        turn();
        // Nobody waits for these.
        weigh_round(std::move(round), *nodes, *asks, *x.places);
        keep_decided();
      },
      [this, compared_as, policy = batch->policy](const caf::error& x) {
        log::error("scheduler: policy {} does not answer: {}", policy,
                   self->system().render(x));
        forget_round(compared_as);
        core->abandon();
        // Not at once: the policy's supervisor needs a moment.
        self->delayed_send(self, options.tick_interval, atom::flush_v);
      });
}

void scheduler_state::weigh_round(
  runtime::decided_round round, const runtime::placement::table& nodes,
  const std::vector<runtime::placement::ask>& asks,
  const runtime::placement::proposal& x) {
  auto& by = explainers[round.policy];
  if (by == nullptr)
    by = runtime::placement::make_policy(round.policy);
  // One that is not built in keeps to itself what it thinks.
  if (by == nullptr)
    return;
  runtime::noted_round noted{std::move(round), {}};
  for (auto& y : weigh(*by, nodes, asks, x))
    noted.asks.push_back(
      std::make_shared<const runtime::placement::weighed_ask>(std::move(y)));
  auto last = noted.what.last;
  if (keeper)
    unkept.add(last, noted);
  decided.note_round(std::move(noted));
}

void scheduler_state::keep_decided() {
  if (!keeper || keeping || !durable_mark || self->clock().now() < keep_after)
    return;
  auto batch = unkept.next(*durable_mark, core->version(), decided);
  if (!batch)
    return;
  keeping = true;
  self
    ->request(keeper, options.keep_timeout,
              keep_decisions{std::make_shared<const runtime::decision_batch>(
                std::move(*batch))})
    .then(
      [this](const decisions_kept& x) {
        keeping = false;
        keep_after = self->clock().now() + x.pause;
        if (x.wants_whole)
          unkept.begin_anew();
        keep_decided();
      },
      [this](const caf::error& x) {
        // The next would only wait behind it.
        log::error("scheduler: decisions are not kept any more: {}",
                   self->system().render(x));
        keeper = nullptr;
      });
}

uint64_t scheduler_state::ask_shadow(const std::string& policy,
                                     const propose_places& question) {
  auto& shadow = core->config().shadow;
  auto found = policies.find(shadow);
  if (compared || policy != core->config().strategy || found == policies.end())
    return 0;
  auto number = ++last_compared;
  compared = compared_round{number, shadow, {}, {}};
  auto same = question;
  same.compared = true;
  self->request(found->second, options.policy_timeout, std::move(same))
    .then(
      [this, number](const proposed_places& x) {
        compare_round(number, &compared_round::there, x);
      },
      [this, number](const caf::error&) { forget_round(number); });
  return number;
}

void scheduler_state::forget_round(uint64_t number) {
  if (compared && compared->number == number)
    compared.reset();
}

void scheduler_state::compare_round(uint64_t number,
                                    proposed_places compared_round::*side,
                                    const proposed_places& x) {
  if (!compared || compared->number != number)
    return;
  (*compared).*side = x;
  if (!compared->here.places || !compared->there.places)
    return;
  core->note_shadow(compared->shadow, *compared->here.places,
                    *compared->there.places, now());
  compared.reset();
}

void scheduler_state::measure_round(
  std::chrono::steady_clock::time_point began) {
  options.meters->note_decision(self->clock().now() - began);
  attempts->take_parked(core->queue().times_parked());
}

scheduler_actor::behavior_type scheduler_state::make_behavior() {
  self->delayed_send(self, options.tick_interval, atom::tick_v);
  return {
    [this](serve_policy& x) {
      policies[x.name] = x.policy;
      std::set<std::string, std::less<>> names;
      for (auto& [name, policy] : policies)
        names.insert(name);
      core->set_policies(std::move(names));
      turn();
    },
    [this](nodes_actor& x) { nodes = std::move(x); },
    [this](const run_command& x) -> caf::result<command_answer> {
      auto promise = self->make_response_promise<command_answer>();
      if (auto refused = refusal_of(x.what)) {
        promise.deliver(command_answer{{}, std::move(refused)});
        return promise;
      }
      auto decided = x.rehearse ? core->rehearse(x.what, now())
                                : core->decide(x.what, now());
      command_answer answer;
      if (decided)
        answer.done = std::move(*decided);
      else
        answer.refused = std::move(decided.error());
      hold([promise, answer = std::move(answer)]() mutable {
        promise.deliver(std::move(answer));
      });
      turn();
      return promise;
    },
    [this](const run_query& x) -> caf::result<query_answer> {
      auto promise = self->make_response_promise<query_answer>();
      query_answer answer;
      auto view
        = runtime::answer(*core, vitals, x.what, now(), &decided, cluster_id);
      if (view)
        answer.view
          = std::make_shared<const boost::json::value>(std::move(*view));
      else
        answer.refused = std::move(view.error());
      show([promise, answer = std::move(answer)]() mutable {
        promise.deliver(std::move(answer));
      });
      return promise;
    },
    [this](measure_cluster) -> caf::result<measured_cluster> {
      auto promise = self->make_response_promise<measured_cluster>();
      auto figures = std::make_shared<const runtime::cluster_figures>(
        runtime::figures_of(*core, vitals, now()));
      show([promise, figures]() mutable {
        promise.deliver(measured_cluster{std::move(figures)});
      });
      return promise;
    },
    [this](copy_cluster) {
      return cluster_copy{std::make_shared<const runtime::cluster_image>(
        runtime::image_of(*core, vitals, now()))};
    },
    [this](lend_journal x) -> caf::result<lent_journal> {
      return self->delegate(journal, x);
    },
    [this](const list_work& x) -> caf::result<work_batch> {
      auto promise = self->make_response_promise<work_batch>();
      hold([promise, work = work_batch{core->work_for(x.node)}]() mutable {
        promise.deliver(std::move(work));
      });
      return promise;
    },
    [this](list_node_names) {
      node_names result;
      for (auto& [name, node] : core->nodes())
        result.names.push_back(name);
      return result;
    },
    [this](const heartbeat& x) {
      if (core->find_node(x.node) == nullptr)
        return;
      runtime::note_heartbeat(vitals[x.node], x, now());
      for (auto& y : x.checks)
        options.meters->note_health_checks(json::name_of(y.kind),
                                           json::name_of(y.result), y.count);
      core->note_load(x.node, x.used);
      hear_troubles(x);
    },
    [this](atom::tick) {
      self->delayed_send(self, options.tick_interval, atom::tick_v);
      alive.note_mailbox(self->mailbox().size());
      turn();
      keep_decided();
    },
    [this](atom::flush) { turn(); },
  };
}

scheduler_actor::behavior_type
scheduler(scheduler_actor::stateful_pointer<scheduler_state> self,
          scheduler_options options, journal_actor journal, watch_actor watch,
          decisions_actor keeper) {
  auto& state = self->state;
  state.options = std::move(options);
  state.facts.emplace(state.options.meters);
  state.attempts.emplace(state.options.meters);
  state.journal = std::move(journal);
  state.watch = std::move(watch);
  state.keeper = std::move(keeper);
  // Nothing else is heard before the state is there.
  self->request(state.journal, caf::infinite, load_cluster{})
    .await([&state](loaded_cluster& x) { state.take_over(x); },
           [self](caf::error& x) { self->quit(std::move(x)); });
  return state.make_behavior();
}

} // namespace troupe
