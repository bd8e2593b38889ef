#include <algorithm>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/access/guard.hpp"
#include "runtime/api/routes.hpp"
#include "runtime/audit.hpp"
#include "runtime/base64.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::runtime::access;
using runtime::http::method;

namespace fs = std::filesystem;

namespace {

constexpr timestamp now{1'700'000'000'000};

/// A request as the parser gives it.
http::request asking(http::method how, const std::string& path,
                     const std::string& token = {}) {
  http::request result;
  result.method = how;
  result.path = path;
  for (size_t at = 1; at < path.size();) {
    auto end = std::min(path.find('/', at), path.size());
    result.segments.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  if (!token.empty())
    result.headers.emplace_back("Authorization", "Bearer " + token);
  return result;
}

/// 200 if it is let in.
int status_of(const guard& aut, const http::request& x) {
  auto answer = aut.admit(x, now);
  return answer ? 200 : answer.error().status;
}

struct row {
  http::method how;
  std::string path;
  /// Who may; `anybody` also without a token.
  std::string roles;
};

const std::vector<row> who_may{
  {method::post, "/v1/jobs", "admin operator submitter"},
  {method::get, "/v1/jobs", "admin operator submitter viewer"},
  {method::get, "/v1/jobs/web", "admin operator submitter viewer"},
  {method::del, "/v1/jobs/web", "admin operator submitter"},
  {method::post, "/v1/jobs/web/scale", "admin operator submitter"},
  {method::post, "/v1/jobs/web/stop", "admin operator submitter"},
  {method::post, "/v1/jobs/web/restart", "admin operator submitter"},
  {method::post, "/v1/jobs/web/rollback", "admin operator submitter"},
  {method::get, "/v1/jobs/web/why", "admin operator submitter viewer"},
  {method::get, "/v1/tasks", "admin operator submitter viewer"},
  {method::get, "/v1/tasks/web.0", "admin operator submitter viewer"},
  {method::post, "/v1/tasks/web.0/stop", "admin operator submitter"},
  {method::post, "/v1/tasks/web.0/restart", "admin operator submitter"},
  {method::get, "/v1/tasks/web.0/logs", "admin operator submitter viewer"},
  {method::post, "/v1/tasks/web.0/exec", "admin operator submitter"},
  {method::get, "/v1/tasks/web.0/why", "admin operator submitter viewer"},
  {method::get, "/v1/nodes", "admin operator submitter viewer"},
  {method::post, "/v1/nodes", "admin node"},
  {method::get, "/v1/nodes/n1", "admin operator submitter viewer"},
  {method::del, "/v1/nodes/n1", "admin operator"},
  {method::patch, "/v1/nodes/n1", "admin operator"},
  {method::get, "/v1/nodes/n1/work", "admin node"},
  {method::post, "/v1/nodes/n1/reports", "admin node"},
  {method::post, "/v1/nodes/n1/drain", "admin operator"},
  {method::post, "/v1/nodes/n1/cordon", "admin operator"},
  {method::post, "/v1/nodes/n1/uncordon", "admin operator"},
  {method::post, "/v1/nodes/n1/heartbeat", "admin node"},
  {method::get, "/v1/nodes/n1/why", "admin operator submitter viewer"},
  {method::get, "/v1/gangs", "admin operator submitter viewer"},
  {method::get, "/v1/queue", "admin operator submitter viewer"},
  {method::get, "/v1/cluster", "admin operator submitter viewer"},
  {method::get, "/v1/policies", "admin operator submitter viewer"},
  {method::get, "/v1/actors", "admin operator submitter viewer"},
  {method::get, "/v1/map", "admin operator submitter viewer"},
  {method::get, "/v1/usage", "admin operator submitter viewer"},
  {method::get, "/v1/events", "admin operator submitter viewer"},
  {method::get, "/v1/live", "admin operator submitter viewer"},
  {method::post, "/v1/plan", "admin operator submitter viewer"},
  {method::get, "/v1/cache", "admin operator submitter viewer"},
  {method::del, "/v1/cache", "admin operator submitter"},
  {method::get, "/v1/settings", "admin operator submitter viewer"},
  {method::put, "/v1/settings", "admin"},
  {method::get, "/v1/backup", "admin"},
  {method::get, "/healthz", "anybody"},
  {method::get, "/readyz", "anybody"},
  {method::get, "/metrics", "admin operator submitter viewer"},
  {method::get, "/openapi.json", "anybody"},
  {method::get, "/", "admin operator submitter viewer"},
  {method::get, "/dashboard/app.js", "admin operator submitter viewer"},
};

/// Whether `word` stands among `words`.
bool is_among(std::string_view word, const std::string& words) {
  return (' ' + words + ' ').find(' ' + std::string{word} + ' ')
         != std::string::npos;
}

struct folder {
  folder()
    : path(fs::temp_directory_path()
           / ("troupe-access-" + std::to_string(getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~folder() { fs::remove_all(path); }
  fs::path path;
};

} // namespace

TEST_CASE("every route lets in those who may, and nobody else") {
  guard aut;
  // A token of each role is called like the role.
  tokens all;
  for (auto x : all_roles)
    all.add({std::string{name_of(x)}, x, {}}, name_of(x));
  aut.set(std::move(all));
  for (auto& x : who_may) {
    CAPTURE(x.path);
    auto open = x.roles == "anybody";
    CHECK(status_of(aut, asking(x.how, x.path)) == (open ? 200 : 401));
    CHECK(status_of(aut, asking(x.how, x.path, "wrong")) == (open ? 200 : 401));
    for (auto role : all_roles) {
      CAPTURE(name_of(role));
      auto may = open || is_among(name_of(role), x.roles);
      CHECK(status_of(aut, asking(x.how, x.path, std::string{name_of(role)}))
            == (may ? 200 : 403));
    }
  }
}

TEST_CASE("no route is left out of the table of rights") {
  for (auto& x : api::routes()) {
    CAPTURE(x.pattern);
    CAPTURE(http::to_string(x.method));
    CHECK(right_of(x.method, x.pattern));
    auto tested = std::any_of(who_may.begin(), who_may.end(), [&](auto& y) {
      return y.how == x.method
             && api::pattern_of(asking(y.how, y.path)) == x.pattern;
    });
    CHECK(tested);
  }
}

TEST_CASE("a guard without tokens is an open door") {
  guard aut;
  CHECK(status_of(aut, asking(method::put, "/v1/settings")) == 200);
  CHECK(aut.name_of_caller(asking(method::put, "/v1/settings"), now)
        == "anybody");
}

TEST_CASE("a question of HEAD needs what GET needs") {
  guard aut;
  tokens all;
  all.add({"eye", role::viewer, {}}, "secret");
  aut.set(std::move(all));
  CHECK(status_of(aut, asking(method::head, "/v1/jobs")) == 401);
  CHECK(status_of(aut, asking(method::head, "/v1/jobs", "secret")) == 200);
  CHECK(status_of(aut, asking(method::head, "/healthz")) == 200);
}

TEST_CASE("paths that there are not tell nothing to strangers") {
  guard aut;
  tokens all;
  all.add({"eye", role::viewer, {}}, "secret");
  aut.set(std::move(all));
  CHECK(status_of(aut, asking(method::get, "/v1/secrets")) == 401);
  CHECK(status_of(aut, asking(method::get, "/v1/secrets", "secret")) == 200);
  // A method that a path does not take is no way around its rights.
  CHECK(status_of(aut, asking(method::put, "/v1/jobs", "secret")) == 403);
}

TEST_CASE("a node's token speaks for that node alone") {
  guard aut;
  tokens all;
  all.add({"n1", role::node, "n1"}, "one");
  all.add({"any", role::node, {}}, "all");
  aut.set(std::move(all));
  auto beat = [](const std::string& node, const std::string& token) {
    return asking(method::post, "/v1/nodes/" + node + "/heartbeat", token);
  };
  CHECK(status_of(aut, beat("n1", "one")) == 200);
  CHECK(status_of(aut, beat("n2", "one")) == 403);
  // Not by the beginning of its name either.
  CHECK(status_of(aut, beat("n11", "one")) == 403);
  CHECK(status_of(aut, beat("n2", "all")) == 200);
}

TEST_CASE("a token comes as Bearer, or as the password of a browser") {
  auto with = [](const std::string& header) {
    http::request result;
    result.headers.emplace_back("authorization", header);
    return token_of(result);
  };
  CHECK(with("Bearer abc") == "abc");
  CHECK(with("bearer   abc") == "abc");
  CHECK(with("Basic " + to_base64("me:a:b")) == "a:b");
  CHECK(with("Basic nonsense") == "");
  CHECK(with("Bearerabc") == "");
  CHECK(with("Digest abc") == "");
  CHECK(token_of(http::request{}) == "");
}

TEST_CASE("a file of tokens holds digests, roles and ends") {
  // printf %s open-sesame | sha256sum
  auto read = tokens::read(R"({
    // whoever deploys
    "tokens": [{"name": "ci", "role": "submitter",
      "sha256":
      "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7",
      "expires": "2030-01-31T00:00:00.000Z"}]})");
  REQUIRE_MESSAGE(read, read.error());
  CHECK(read->find("open-sesame", now) == holder{"ci", role::submitter, {}});
  CHECK(read->find("open-sesam", now) == std::nullopt);
  CHECK(read->find("", now) == std::nullopt);
  auto end = *read_timestamp("2030-01-31T00:00:00.000Z");
  CHECK(read->find("open-sesame", end) == std::nullopt);
}

TEST_CASE("the end of a token is a time as RFC 3339 has it") {
  for (auto* text : {"2030-01-31T00:00:00Z", "2030-01-31T00:00:00.0Z",
                     "2030-01-31T01:00:00+01:00"}) {
    CAPTURE(text);
    auto read = tokens::read(
      R"({"tokens": [{"name": "ci", "role": "viewer", "sha256":
      "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7",
      "expires": ")"
      + std::string{text} + "\"}]}");
    REQUIRE_MESSAGE(read, read.error());
    auto end = *read_timestamp("2030-01-31T00:00:00.000Z");
    CHECK(read->find("open-sesame", {end.ms - 1}));
    CHECK_FALSE(read->find("open-sesame", end));
  }
}

TEST_CASE("what is wrong with a file of tokens is said") {
  auto error = [](const std::string& text) {
    auto read = tokens::read(text);
    return read ? std::string{} : read.error();
  };
  auto one = [&](const std::string& members) {
    return error("{\"tokens\": [{" + members + "}]}");
  };
  auto hash = ", \"sha256\": \"" + std::string(64, '0') + '"';
  CHECK(one("\"name\": \"a\", \"role\": \"viewer\"" + hash) == "");
  CHECK(error("[]").find("must look like") != std::string::npos);
  CHECK(error("{").find("must look like") != std::string::npos);
  CHECK(one("\"role\": \"viewer\"" + hash).find("name") != std::string::npos);
  CHECK(one("\"name\": \"a\", \"role\": \"root\"" + hash).find("role")
        != std::string::npos);
  CHECK(one("\"name\": \"a\", \"role\": \"viewer\", \"sha256\": \"zz\"")
          .find("sha256")
        != std::string::npos);
  CHECK(one("\"name\": \"a\", \"rolle\": \"viewer\"" + hash).find("rolle")
        != std::string::npos);
  CHECK(one("\"name\": \"a\", \"role\": \"viewer\", \"node\": \"n\"" + hash)
          .find("node")
        != std::string::npos);
}

TEST_CASE("the first admin's token is made once, for its owner's eyes") {
  folder here;
  auto file = (here.path / "admin.token").string();
  auto made = find_or_make_token(file);
  REQUIRE(made);
  CHECK(made->size() == 64);
  struct stat found {};
  REQUIRE(stat(file.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK(find_or_make_token(file) == made);
  CHECK(!find_or_make_token((here.path / "no/such").string()));
}

TEST_CASE("the audit log is one JSON object for each change") {
  folder here;
  auto file = (here.path / "audit.log").string();
  auto aut = audit::open(file);
  REQUIRE(aut);
  (*aut)->note(
    {now, "ci \"x\"", "127.0.0.1:9", "POST", "/v1/jobs\n", true, 201});
  (*aut)->note(
    {now, "ci", "127.0.0.1:9", "DELETE", "/v1/jobs/web", false, 403});
  std::ifstream in{file};
  std::string first;
  std::string second;
  std::getline(in, first);
  std::getline(in, second);
  CHECK(first
        == R"({"time":"2023-11-14T22:13:20.000Z","who":"ci \"x\"","from":)"
           R"("127.0.0.1:9","method":"POST","path":"/v1/jobs\n","status":201,)"
           R"("dryRun":true})");
  CHECK(second.find(R"("status":403})") != std::string::npos);
}
