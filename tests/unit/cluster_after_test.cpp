// Jobs that wait for other jobs.

#include "runtime/views/answer.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// What is wrong with `x`, one line for each: pointer and sentence.
std::string faults(cluster_fixture& c, std::vector<job_spec_ptr> x) {
  auto result = c.ask(submit_jobs{std::move(x), {}});
  if (result)
    return {};
  CHECK(result.error().kind == refusal_kind::bad_input);
  std::string text;
  for (auto& y : result.error().problems)
    text += y.pointer + ": " + y.detail + '\n';
  return text;
}

boost::json::object ask_why(const cluster_fixture& c, const std::string& job) {
  auto found = runtime::answer(c.core, {}, get_why{.job = job}, c.now);
  REQUIRE(found.has_value());
  return found->get_object();
}

std::string message_of(const cluster_fixture& c, const std::string& job) {
  auto why = ask_why(c, job);
  CHECK(why.at("reason") == "waitingForJob");
  return std::string{why.at("message").get_string()};
}

std::set<std::string, std::less<>>
awaited_by(const cluster_fixture& c, const std::string& job) {
  return c.core.find_job(job)->awaited;
}

/// A cluster with room for 4 tasks, where `extract` runs and `load` waits for it.
struct two_jobs {
  explicit two_jobs(uint32_t extract_tasks = 1) {
    c.join(a_node("n1"));
    c.submit(a_job("extract").tasks(extract_tasks).delay(1s));
    c.submit(a_job("load").after("extract"));
    c.place();
    c.forget_said();
  }
  cluster_fixture c;
};

} // namespace

TEST_CASE("a job that waits for another starts with the fact that ends it") {
  two_jobs x{2};
  auto& c = x.c;
  CHECK(c.core.find_task({"load", 0}) == nullptr);
  c.started({"extract", 0});
  c.started({"extract", 1});
  c.ended({"extract", 0});
  CHECK(c.place() == 0);
  c.forget_said();
  c.ended({"extract", 1});
  c.place();
  CHECK(
    c.said()
    == R"(taskEnded {"state":"succeeded","task":"extract.1","attempt":1,"node":"n1","exitCode":0}
jobDependencyMet {"job":"load","awaited":"extract"}
taskPlaced {"task":"load.0","attempt":1,"node":"n1"}
)");
  c.check_copies();
}

TEST_CASE("a job that waits for another costs placement nothing") {
  two_jobs x;
  auto standing = 0;
  x.c.core.queue().each([&](auto&, auto&) { return ++standing > 0; });
  CHECK(standing == 0);
  CHECK(!x.c.core.next_batch(10));
  CHECK(!x.c.core.next_wake());
}

TEST_CASE("what a job waits for is told wherever somebody asks") {
  two_jobs x{2};
  auto& c = x.c;
  c.started({"extract", 0});
  c.ended({"extract", 0});
  CHECK(message_of(c, "load")
        == "waits for extract to succeed, of which 1 of 2 tasks have ended");
  auto queue = runtime::answer(c.core, {}, list_queue{}, c.now);
  REQUIRE(queue.has_value());
  auto& entry = queue->at("items").at(0);
  CHECK(entry.at("job") == "load");
  CHECK(entry.at("tasks") == 1);
  CHECK(entry.at("reason") == "waitingForJob");
  auto job = runtime::answer(c.core, {}, get_job{"load"}, c.now);
  REQUIRE(job.has_value());
  CHECK(job->at("state") == "pending");
  CHECK(job->at("reasons").at("waitingForJob") == 1);
  auto task = runtime::answer(c.core, {}, get_task{{"load", 0}}, c.now);
  REQUIRE(task.has_value());
  CHECK(task->at("state") == "pending");
  CHECK(task->at("reason") == "waitingForJob");
}

TEST_CASE("a job goes on once another that failed has succeeded after all") {
  two_jobs x;
  auto& c = x.c;
  c.started({"extract", 0});
  c.ended({"extract", 0}, 3);
  CHECK(c.place() == 0);
  CHECK(
    message_of(c, "load")
    == "extract failed: extract.0: it ended with exit code 3; submit extract "
       "again or stop this job");
  auto why = ask_why(c, "load");
  CHECK(why.at("suggestions").at(0).at("change") == "submit extract");
  c.submit(a_job("extract"));
  CHECK(message_of(c, "load") == "waits for extract to succeed");
  c.place();
  c.started({"extract", 0});
  c.ended({"extract", 0});
  c.place();
  CHECK(c.state_of({"load", 0}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("a failed task that has further runs ends no wait") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("extract").retries(1).delay(1s));
  c.submit(a_job("either").after("extract", job_outcome::finished));
  c.place();
  c.started({"extract", 0});
  c.ended({"extract", 0}, 1);
  CHECK(awaited_by(c, "either").contains("extract"));
  c.pass(1s);
  c.place();
  c.started({"extract", 0});
  c.ended({"extract", 0}, 1);
  CHECK(awaited_by(c, "either").empty());
}

TEST_CASE("a machine that is lost ends no wait") {
  two_jobs x;
  x.c.started({"extract", 0});
  x.c.done(remove_node{"n1", {}});
  CHECK(awaited_by(x.c, "load").contains("extract"));
}

TEST_CASE("\"finished\" is also a job that was stopped, \"succeeded\" is not") {
  two_jobs x;
  auto& c = x.c;
  c.submit(a_job("either").after("extract", job_outcome::finished));
  c.done(stop_job{"extract"});
  CHECK(awaited_by(c, "either").contains("extract"));
  c.stopped({"extract", 0});
  CHECK(awaited_by(c, "either").empty());
  CHECK(message_of(c, "load")
        == "extract was stopped and has not succeeded; submit extract again or "
           "stop this job");
  c.done(stop_job{"extract", true});
  CHECK(c.core.find_job("extract") == nullptr);
  CHECK(message_of(c, "load")
        == "extract is not there any more; submit extract again or stop this "
           "job");
}

TEST_CASE("who waits for what has succeeded already does not wait") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("extract"));
  c.place();
  c.started({"extract", 0});
  c.ended({"extract", 0});
  c.submit(a_job("load").after("extract"));
  c.place();
  CHECK(c.state_of({"load", 0}) == task_state::placed);
}

TEST_CASE("jobs of one document wait for each other as they are submitted") {
  cluster_fixture c;
  c.join(a_node("n1"));
  // Of yesterday.
  c.submit(a_job("extract"));
  c.place();
  c.started({"extract", 0});
  c.ended({"extract", 0});
  auto answer = c.done(
    submit_jobs{{a_job("report").after("load"), a_job("load").after("extract"),
                 a_job("extract").tasks(2)},
                {}});
  REQUIRE(answer.jobs.size() == 3);
  CHECK(answer.jobs[0].name == "report");
  CHECK(answer.jobs[2].tasks == 2);
  c.place();
  CHECK(awaited_by(c, "load").contains("extract"));
  CHECK(awaited_by(c, "report").contains("load"));
  CHECK(c.state_of({"extract", 1}) == task_state::placed);
  CHECK(c.core.find_task({"load", 0}) == nullptr);
}

TEST_CASE("several jobs are awaited until the last of them has ended") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("a"));
  c.submit(a_job("b"));
  c.submit(a_job("load").after("a").after("b"));
  c.place();
  c.started({"b", 0});
  c.ended({"b", 0});
  CHECK(awaited_by(c, "load").size() == 1);
  // What was met stays so.
  c.submit(a_job("b"));
  c.started({"a", 0});
  c.ended({"a", 0});
  CHECK(awaited_by(c, "load").empty());
}

TEST_CASE("waiting for nobody, for a service or in a circle is refused") {
  cluster_fixture c;
  CHECK(
    faults(c, {a_job("x").after("nope")})
    == "/after/0: there is no job \"nope\" to wait for: submit it first, or "
       "both in one document\n");
  CHECK(faults(c, {a_job("x").after("nope", job_outcome::finished)})
          .starts_with("/after/nope: "));
  CHECK(faults(c, {a_job("fine"), a_job("x").after("nope")})
          .starts_with("/1/after/0: "));
  c.submit(a_job("web").service());
  CHECK(
    faults(c, {a_job("x").after("web")})
    == "/after/0: \"web\" is a service job, which is kept running and never "
       "succeeds: write {\"web\": \"finished\"} to wait until it is "
       "stopped\n");
  CHECK(faults(c, {a_job("x").after("web", job_outcome::finished)}) == "");
  CHECK(faults(c, {a_job("y").after("y")})
        == "/after: after makes a circle that never starts: y waits for y\n");
  CHECK(faults(c, {a_job("a"), a_job("b").after("a"), a_job("c").after("b")})
        == "");
  CHECK(
    faults(c, {a_job("a").after("c")})
    == "/after: after makes a circle that never starts: a waits for c waits "
       "for b waits for a\n");
  CHECK(c.core.find_job("a")->job_version == 1);
}

TEST_CASE("a rehearsal refuses what a submission would refuse") {
  cluster_fixture c;
  auto no = c.core.rehearse(submit_jobs{{a_job("x").after("nope")}, {}}, c.now);
  REQUIRE_FALSE(no);
  CHECK(no.error().problems.at(0).pointer == "/after/0");
  CHECK(c.core.rehearse(submit_jobs{{a_job("x").after("a"), a_job("a")}, {}},
                        c.now));
  CHECK(c.core.version() == 0);
}

TEST_CASE("a long chain of jobs is no deep recursion") {
  cluster_fixture c;
  c.check = false;
  std::vector<job_spec_ptr> all;
  for (int i = 0; i < 20'000; ++i) {
    a_job x{"j" + std::to_string(i)};
    if (i > 0)
      x.after("j" + std::to_string(i - 1));
    all.push_back(x);
  }
  std::reverse(all.begin(), all.end());
  c.done(submit_jobs{all, {}});
  CHECK(faults(c, {a_job("j0").after("j19999")}).ends_with("waits for ..\n"));
  CHECK(c.core.check_invariants() == "");
}

TEST_CASE("a failed job that others await is not forgotten") {
  cluster_fixture c{{.finished_jobs_max = 1}};
  c.join(a_node("n1"));
  c.submit(a_job("extract"));
  c.submit(a_job("load").after("extract"));
  c.place();
  c.started({"extract", 0});
  c.ended({"extract", 0}, 1);
  for (auto name : {"a", "b", "c"}) {
    c.submit(a_job(name));
    c.place();
    c.started({name, 0});
    c.ended({name, 0});
  }
  CHECK(c.core.find_job("b") == nullptr);
  REQUIRE(c.core.find_job("extract") != nullptr);
  c.check_copies();
  // It is once nobody does any more.
  c.done(stop_job{"load"});
  CHECK(c.core.find_job("extract") == nullptr);
  c.check_copies();
}

TEST_CASE("a stopped job waits for nobody") {
  two_jobs x;
  auto& c = x.c;
  c.done(stop_job{"load"});
  CHECK(c.is_over("load"));
  c.started({"extract", 0});
  c.ended({"extract", 0});
  CHECK(c.place() == 0);
}

TEST_CASE("an update waits for what is new in it, and not again for the rest") {
  two_jobs x;
  auto& c = x.c;
  c.submit(a_job("other"));
  c.started({"extract", 0});
  c.ended({"extract", 0});
  c.submit(a_job("extract"));
  c.submit(a_job("load").after("extract").after("other"));
  CHECK(awaited_by(c, "load") == std::set<std::string, std::less<>>{"other"});
  c.submit(a_job("load"));
  CHECK(awaited_by(c, "load").empty());
  c.place();
  CHECK(c.state_of({"load", 0}) == task_state::placed);
}

TEST_CASE("a new leader finishes what an earlier one left undone") {
  two_jobs x;
  auto& c = x.c;
  c.started({"extract", 0});
  c.ended({"extract", 0});
  // Its last fact did not reach the journal.
  runtime::cluster copy;
  for (auto& event : c.events)
    if (!std::holds_alternative<job_dependency_met>(event.what))
      copy.apply(event);
  CHECK(copy.find_job("load")->awaited.contains("extract"));
  CHECK(copy.decide(take_lead{"b", "1"}, c.now));
  CHECK(copy.find_job("load")->awaited.empty());
  CHECK(copy.check_invariants() == "");
}

} // namespace troupe
