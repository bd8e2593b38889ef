#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "runtime/drivers/docker/api.hpp"
#include "runtime/drivers/docker/pull_stream.hpp"

using namespace troupe;
using namespace troupe::runtime::docker;
namespace json = boost::json;

namespace {

const owner who{"c0ffee11-2233", "node-1"};

container_spec a_spec() {
  container_spec result;
  result.allocation = {42};
  result.task = "web.0";
  result.attempt = 3;
  result.image = "nginx:alpine";
  return result;
}

json::value
body_of(const container_spec& spec, const container_defaults& defaults = {}) {
  return json::parse(create_body(who, spec, defaults));
}

const std::string labels
  = R"("Labels":{"troupe.cluster":"c0ffee11-2233","troupe.node":"node-1",)"
    R"("troupe.task":"web.0","troupe.attempt":"3","troupe.allocation":"42"})";

std::string
inspect_of(const std::string& state, const std::string& of = labels) {
  return R"({"Id":"abc","Image":"sha256:01","State":)" + state
         + R"(,"Config":{)" + of + "}}";
}

} // namespace

TEST_CASE("a container's name holds what makes it ours") {
  CHECK(container_name(who, a_spec()) == "troupe-c0ffee11-web.0-3-42");
  auto spec = a_spec();
  spec.task = "a/b c\xc3\xa9.1";
  CHECK(container_name(who, spec) == "troupe-c0ffee11-a-b-c--.1-3-42");
  spec.task.assign(500, 'x');
  CHECK(container_name(who, spec).size() < 200);
}

TEST_CASE("a plain container is closed and limited where it costs nothing") {
  auto body = body_of(a_spec());
  CHECK(body.at("Image") == "nginx:alpine");
  CHECK(!body.as_object().contains("Entrypoint"));
  CHECK(!body.as_object().contains("Cmd"));
  CHECK(!body.as_object().contains("User"));
  CHECK(body.at("Tty") == false);
  auto& host = body.at("HostConfig").as_object();
  CHECK(host.at("CapDrop") == json::parse(R"(["ALL"])"));
  CHECK(host.at("SecurityOpt") == json::parse(R"(["no-new-privileges"])"));
  CHECK(host.at("RestartPolicy") == json::parse(R"({"Name":"no"})"));
  CHECK(host.at("AutoRemove") == false);
  CHECK(host.at("Init") == true);
  CHECK(host.at("PidsLimit") == 4096);
  CHECK(host.at("LogConfig") == json::parse(R"({"Type":"json-file",
             "Config":{"max-size":"10m","max-file":"3"}})"));
  CHECK(!host.contains("Memory"));
  CHECK(!host.contains("NanoCpus"));
  CHECK(!host.contains("NetworkMode"));
  CHECK(!host.contains("Privileged"));
  CHECK(json::serialize(host.at("CapAdd")).find("NET_RAW")
        == std::string::npos);
}

TEST_CASE("what a task asks for is in the body of its container") {
  auto spec = a_spec();
  spec.command = {"sh", "-c"};
  spec.args = {"one arg"};
  spec.env = {{"A", "1"}, {"B", "x=y"}};
  spec.workdir = "/srv";
  spec.user = "1000:1000";
  spec.cpu_millicores_reserved = 500;
  spec.cpu_millicores_limit = 1500;
  spec.memory_bytes_limit = 64 << 20;
  spec.ports = {{80, 8080, ""}, {80, 8081, "127.0.0.1"}};
  spec.mounts = {{"/data", "/mnt", true}};
  spec.labels = {{"team", "a"}, {"troupe.cluster", "forged"}};
  spec.stop_signal = "SIGINT";
  spec.stop_grace = milliseconds{1500};
  spec.gpu_device_ids = {"GPU-1"};
  container_defaults defaults;
  defaults.network_mode = "host";
  auto body = body_of(spec, defaults);
  CHECK(body.at("Entrypoint") == json::parse(R"(["sh","-c"])"));
  CHECK(body.at("Cmd") == json::parse(R"(["one arg"])"));
  CHECK(body.at("Env") == json::parse(R"(["A=1","B=x=y"])"));
  CHECK(body.at("WorkingDir") == "/srv");
  CHECK(body.at("User") == "1000:1000");
  CHECK(body.at("StopSignal") == "SIGINT");
  CHECK(body.at("StopTimeout") == 2);
  CHECK(body.at("ExposedPorts") == json::parse(R"({"80/tcp":{}})"));
  CHECK(body.at("Labels")
        == json::parse(R"({"team":"a","troupe.cluster":"c0ffee11-2233",
             "troupe.node":"node-1","troupe.task":"web.0",
             "troupe.attempt":"3","troupe.allocation":"42"})"));
  auto& host = body.at("HostConfig").as_object();
  CHECK(host.at("CpuShares") == 512);
  CHECK(host.at("NanoCpus") == 1'500'000'000);
  CHECK(host.at("Memory") == 64 << 20);
  CHECK(host.at("MemorySwap") == 64 << 20);
  CHECK(host.at("NetworkMode") == "host");
  CHECK(host.at("PortBindings")
        == json::parse(R"({"80/tcp":[{"HostIp":"","HostPort":"8080"},
             {"HostIp":"127.0.0.1","HostPort":"8081"}]})"));
  CHECK(host.at("Mounts")
        == json::parse(R"([{"Type":"bind","Source":"/data","Target":"/mnt",
             "ReadOnly":true}])"));
  CHECK(
    host.at("DeviceRequests")
    == json::parse(R"([{"DeviceIDs":["GPU-1"],"Capabilities":[["gpu"]]}])"));
}

TEST_CASE("limits beyond all measure do not wrap around") {
  auto spec = a_spec();
  spec.cpu_millicores_reserved = INT64_MAX;
  spec.cpu_millicores_limit = INT64_MAX;
  auto body = body_of(spec);
  auto& host = body.at("HostConfig").as_object();
  CHECK(host.at("CpuShares") == 262'144);
  CHECK(host.at("NanoCpus").as_int64() > 0);
}

TEST_CASE("filters name the cluster, the node, and the run") {
  CHECK(json::parse(list_filters(who, run_id{{42}, 3}))
        == json::parse(R"({"label":["troupe.cluster=c0ffee11-2233",
             "troupe.node=node-1","troupe.allocation=42","troupe.attempt=3"]})"));
  CHECK(json::parse(event_filters(who)).at("event")
        == json::parse(R"(["die","destroy"])"));
}

TEST_CASE("an inspection tells how a container ended") {
  struct row {
    const char* state;
    int32_t code;
    bool oom;
    int32_t signal;
  };
  for (auto& x : {row{R"({"Status":"exited","ExitCode":0,"OOMKilled":false})",
                      0, false, 0},
                  row{R"({"Status":"exited","ExitCode":7,"OOMKilled":false})",
                      7, false, 0},
                  // Killed, and not for its memory.
                  row{R"({"Status":"exited","ExitCode":137})", 137, false, 9},
                  row{R"({"Status":"exited","ExitCode":137,"OOMKilled":true})",
                      137, true, 9},
                  // Only a child was killed.
                  row{R"({"Status":"exited","ExitCode":0,"OOMKilled":true})", 0,
                      false, 0},
                  // 255 is not 128 plus a signal.
                  row{R"({"Status":"dead","ExitCode":255})", 255, false, 0},
                  // Without a code nothing is known, least of all success.
                  row{R"({"Status":"exited"})", -1, false, 0},
                  row{R"({"Status":"exited","ExitCode":"0"})", -1, false, 0}}) {
    auto found = read_inspect(who, inspect_of(x.state));
    REQUIRE(found);
    CHECK(found->id == "abc");
    CHECK(found->allocation == allocation_id{42});
    CHECK(found->task == "web.0");
    CHECK(found->attempt == 3);
    CHECK(found->state == container_state::exited);
    CHECK(found->exit.code == x.code);
    CHECK(found->exit.oom == x.oom);
    CHECK(found->exit.signal == x.signal);
    CHECK(found->exit.image == "sha256:01");
  }
}

TEST_CASE("a container with a process has not ended") {
  for (auto status : {"running", "paused", "restarting"}) {
    auto found = read_inspect(
      who, inspect_of(R"({"Status":")" + std::string{status} + "\"}"));
    REQUIRE(found);
    CHECK(found->state == container_state::running);
  }
  auto found = read_inspect(
    who,
    inspect_of(R"({"Status":"created","StartedAt":"0001-01-01T00:00:00Z"})"));
  REQUIRE(found);
  CHECK(found->state == container_state::created);
}

TEST_CASE("a container of anybody else is not read") {
  auto state = R"({"Status":"running"})";
  CHECK(!read_inspect(who, inspect_of(state, R"("Labels":null)")));
  CHECK(!read_inspect(who, inspect_of(state, R"("Labels":{"a":"b"})")));
  CHECK(!read_inspect({"other", "node-1"}, inspect_of(state)));
  CHECK(!read_inspect({"c0ffee11-2233", "node-2"}, inspect_of(state)));
  auto list = R"([{"Id":"x","State":"running","Labels":{}},{"Id":"abc",)"
              R"("State":"running",)"
              + labels + "}]";
  auto found = read_list(who, list);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().id == "abc");
}

TEST_CASE("answers that are cut or wrong are no answers") {
  for (auto text : {"", "{", "[]", "null", "\"x\"", "{\"State\":{}}", "\xff"}) {
    CHECK(!read_inspect(who, text));
    CHECK(!read_id(text));
    CHECK(!read_wait(text));
    CHECK(!read_exec(text));
    CHECK(!read_stats(text));
    CHECK(!read_engine_version(text));
  }
  CHECK(!read_list(who, "{}"));
  CHECK(!read_wait(R"({"StatusCode":-1})"));
  CHECK(!read_wait(R"({"StatusCode":)"));
  CHECK(read_wait(R"({"Error":null,"StatusCode":7})") == 7);
  CHECK(!read_exec(R"({"Running":true,"ExitCode":null})"));
  CHECK(read_exec(R"({"Running":false,"ExitCode":3})") == 3);
}

TEST_CASE("deeply nested answers are refused") {
  CHECK(!read_id(std::string(100'000, '[')));
}

TEST_CASE("limits move in the way in which a container was given them") {
  CHECK(
    update_body({0, 64}, {250, 32})
    == R"({"CpuPeriod":100000,"CpuQuota":25000,"Memory":32,"MemorySwap":32})");
  CHECK(update_body({0, 64}, {0, 64})
        == R"({"CpuPeriod":100000,"CpuQuota":-1,"Memory":64,"MemorySwap":64})");
  CHECK(update_body({500, 0}, {250, 0}) == R"({"NanoCpus":250000000})");
  CHECK(update_body({500, 0}, {}) == R"({"NanoCpus":500000000})");
  CHECK(kills_at_limit(R"({"CgroupVersion":"2"})"));
  CHECK_FALSE(kills_at_limit(R"({"CgroupVersion":"1"})"));
  CHECK_FALSE(kills_at_limit("no"));
}

TEST_CASE("page cache does not count as memory in use") {
  auto v1 = read_stats(R"({"cpu_stats":{"cpu_usage":{"total_usage":2500000000}},
    "memory_stats":{"usage":1000,"stats":{"total_inactive_file":300,
    "inactive_file":1}}})");
  REQUIRE(v1);
  CHECK(v1->cpu_seconds == doctest::Approx(2.5));
  CHECK(v1->memory_bytes == 700);
  auto v2 = read_stats(R"({"cpu_stats":{"cpu_usage":{"total_usage":0}},
    "memory_stats":{"usage":1000,"stats":{"inactive_file":1200}}})");
  REQUIRE(v2);
  CHECK(v2->memory_bytes == 0);
  CHECK(!read_stats(R"({"cpu_stats":{"cpu_usage":{}},"memory_stats":{}})"));
}

TEST_CASE("what the engine says to a start decides what is done about it") {
  struct row {
    int status;
    const char* message;
    error_kind kind;
  };
  for (auto& x :
       {row{400, "OCI runtime create failed: exec: \\\"x\\\": not found",
            error_kind::start_error},
        row{500,
            "driver failed programming external connectivity: Bind for "
            "0.0.0.0:80 failed: port is already allocated",
            error_kind::port_in_use},
        row{500, "listen tcp4 0.0.0.0:80: bind: address already in use",
            error_kind::port_in_use},
        row{500, "OCI runtime create failed: runc", error_kind::start_error},
        row{500, "no space left on device", error_kind::engine_error},
        row{500, "task cbd0: already exists: unknown", error_kind::engine_away},
        row{500, "id already in use", error_kind::engine_away},
        row{404, "No such container: x", error_kind::engine_error}}) {
    auto found = start_failure(x.status, std::string{R"({"message":")"}
                                           + x.message + "\"}");
    CHECK(found.kind == x.kind);
    CHECK(!found.text.empty());
  }
  CHECK(create_failure(400, "{}").kind == error_kind::start_error);
  CHECK(create_failure(500, "").kind == error_kind::engine_error);
}

TEST_CASE("an error is one short line without control bytes") {
  CHECK(error_text(R"({"message":"a\nb\u001b[31m\n"})") == "a b [31m");
  CHECK(error_text("plain") == "plain");
  CHECK(error_text("") == "no reason given");
  CHECK(error_text(std::string(5'000, 'x')).size() <= 400);
}

TEST_CASE("an image always has a tag") {
  struct row {
    const char* text;
    image_ref ref;
  };
  for (auto& x : {row{"nginx", {"nginx", "latest"}},
                  row{"nginx:alpine", {"nginx", "alpine"}},
                  row{"host:5000/a/b", {"host:5000/a/b", "latest"}},
                  row{"host:5000/a/b:1", {"host:5000/a/b", "1"}},
                  row{"a@sha256:12", {"a", "sha256:12"}},
                  row{"h:1/a:2@sha256:12", {"h:1/a", "sha256:12"}}})
    CHECK(read_image(x.text) == x.ref);
}

TEST_CASE("the lower version of the API is spoken") {
  auto read = [](const std::string& newest, const std::string& oldest) {
    return read_engine_version(R"({"Version":"20.10.24","ApiVersion":")"
                               + newest + R"(","MinAPIVersion":")" + oldest
                               + "\"}");
  };
  CHECK(read("1.41", "1.12")->api == api_version{1, 41});
  CHECK(read("1.43", "1.12")->api == api_version{1, 43});
  CHECK(read("1.50", "1.24")->api == api_version{1, 43});
  CHECK(read("1.52", "1.44")->api == api_version{1, 44});
  CHECK(read("1.41", "1.12")->version == "20.10.24");
  CHECK(!read("1.40", "1.12"));
  CHECK(!read("x", "1.12"));
  CHECK(to_string(api_version{1, 41}) == "1.41");
  CHECK(!read_version("1."));
  CHECK(!read_version("-1.4"));
}

TEST_CASE("events name the run and the time") {
  auto found = read_event(R"({"Type":"container","Action":"die",
    "Actor":{"ID":"x","Attributes":{"exitCode":"7","troupe.allocation":"42",
    "troupe.attempt":"3"}},"time":1,"timeNano":1000000001})");
  REQUIRE(found);
  CHECK(found->action == "die");
  CHECK(found->run == run_id{{42}, 3});
  CHECK(found->time_nanoseconds == 1'000'000'001);
  CHECK(!read_event("{"));
  CHECK(!read_event(R"({"Action":"die"})")->run);
}

TEST_CASE("a pull tells how far it is and why it failed") {
  pull_stream aut;
  CHECK(!aut.percent());
  aut.feed(
    "{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"curr");
  CHECK(!aut.percent());
  aut.feed("ent\":50,\"total\":100}}\r\n");
  CHECK(aut.percent() == 50);
  aut.feed("{\"status\":\"Downloading\",\"id\":\"b\",\"progressDetail\":"
           "{\"current\":0,\"total\":100}}\nnonsense\n");
  CHECK(aut.percent() == 25);
  aut.feed("{\"status\":\"Download complete\",\"id\":\"a\"}\n");
  CHECK(aut.percent() == 50);
  aut.feed("{\"status\":\"Extracting\",\"id\":\"a\",\"progressDetail\":"
           "{\"current\":1,\"total\":100}}\n");
  CHECK(aut.percent() == 50);
  CHECK(aut.error().empty());
  aut.feed("{\"errorDetail\":{\"message\":\"m\"},\"error\":\"not found\"}\n");
  CHECK(aut.error() == "not found");
}

TEST_CASE("a pull without line ends costs no memory") {
  pull_stream aut;
  for (int i = 0; i < 100; ++i)
    aut.feed(std::string(100'000, 'x'));
  aut.feed("\n{\"error\":\"late\"}\n");
  CHECK(aut.error() == "late");
}

TEST_CASE("a command that was not found is told from a code of its own") {
  auto frame = [](const std::string& text) {
    std::string head{"\x02\0\0\0\0\0\0", 7};
    return head + static_cast<char>(text.size()) + text;
  };
  auto found = read_init_error(
    frame("[FATAL tini (7)] exec /x failed: No such file or directory\n"));
  REQUIRE(found);
  CHECK(*found
        == "the command cannot be executed: exec /x failed: No such file or "
           "directory");
  CHECK(!read_init_error(frame("sh: x: not found\n")));
  CHECK(!read_init_error(""));
}
