#include "tools/troupe/rest.hpp"

#include <cstdlib>
#include <memory>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "tools/troupe/table.hpp"
#include "tools/troupe/transfer.hpp"

namespace troupe::tools {

namespace {

int code_of(int status) {
  switch (status) {
  case 401:
  case 403:
    return exit_code::refused;
  case 404:
  case 410:
    return exit_code::not_found;
  case 400:
  case 413:
  case 415:
  case 422:
    return exit_code::bad_input;
  case 502:
  case 503:
  case 504:
  case 507:
    return exit_code::unreachable;
  default:
    return exit_code::no;
  }
}

} // namespace

connection connection_of_environment() {
  connection result;
  if (auto* x = std::getenv("TROUPE_ADDRESS"); x != nullptr && *x != '\0')
    result.address = x;
  if (auto* x = std::getenv("TROUPE_TOKEN"); x != nullptr)
    result.token = x;
  if (auto* x = std::getenv("TROUPE_TLS_CA"); x != nullptr)
    result.authority = x;
  return result;
}

void declare(command_line& line, connection& x) {
  x = connection_of_environment();
  line.option("--address", "URL", x.address,
              "of the controller [TROUPE_ADDRESS, http://127.0.0.1:4640]");
  line.option("--token", "TOKEN", x.token, "who asks [TROUPE_TOKEN]");
  line.option("--tls-ca", "FILE", x.authority,
              "authority to trust for https, PEM [TROUPE_TLS_CA]");
}

failure no_answer(const std::string& address, std::string_view why) {
  return {exit_code::unreachable,
          fmt::format("cannot reach the controller at {}: {}. Is it running? "
                      "Start one with `troupe up`",
                      inert(address), inert(why))};
}

failure failure_of(const rest_reply& x) {
  boost::json::error_code error;
  auto body = boost::json::parse(x.body, error);
  failure result{code_of(x.status), ""};
  if (!error)
    result.text = inert(text(body, "detail").empty() ? text(body, "title")
                                                     : text(body, "detail"));
  auto errors = elements(field(body, "errors"));
  for (auto& each : errors) {
    auto pointer = inert(text(each, "pointer"));
    auto detail = inert(text(each, "detail"));
    // A single error is often the detail as well, with its place or without.
    if (errors.size() == 1 && result.text.ends_with(detail))
      continue;
    result.text += fmt::format("\n  {}{}{}", pointer,
                               pointer.empty() ? "" : ": ", detail);
  }
  if (result.text.empty())
    result.text = fmt::format("the controller answered {}", x.status);
  if (x.status == 401 && result.text.find("token") == std::string::npos)
    result.text += "\n  Give a token with --token or TROUPE_TOKEN.";
  return result;
}

expected<rest_reply, failure> rest::send(const rest_request& x) const {
  transfer one{connection_, x, {}};
  return one.result(curl_easy_perform(one.handle()));
}

expected<json_value, failure> rest::get(const url& target) const {
  return call_with({.target = target});
}

expected<json_value, failure>
rest::call(std::string_view method, const url& target,
           const json_value& body) const {
  rest_request request{.method = std::string{method}, .target = target};
  if (!body.is_null())
    request.body = line_json(body);
  return call_with(request);
}

expected<json_value, failure> rest::call_with(const rest_request& x) const {
  return send(x).and_then(json_of);
}

std::vector<std::optional<failure>>
rest::read(std::vector<rest_stream> streams) const {
  std::vector<std::unique_ptr<transfer>> transfers;
  std::vector<std::optional<failure>> result(streams.size());
  std::unique_ptr<CURLM, multi_deleter> multi{curl_multi_init()};
  for (auto& x : streams) {
    transfers.push_back(
      std::make_unique<transfer>(connection_, x.request, std::move(x.on_data)));
    curl_multi_add_handle(multi.get(), transfers.back()->handle());
  }
  int running = 1;
  while (running > 0) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK)
      break;
    int left = 0;
    while (auto* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      for (size_t i = 0; i < transfers.size(); ++i)
        if (transfers[i]->handle() == message->easy_handle)
          if (auto end = transfers[i]->result(message->data.result); !end)
            result[i] = end.error();
    }
    if (running > 0)
      curl_multi_poll(multi.get(), nullptr, 0, 1'000, nullptr);
  }
  for (auto& x : transfers)
    curl_multi_remove_handle(multi.get(), x->handle());
  return result;
}

} // namespace troupe::tools
