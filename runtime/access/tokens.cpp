#include "runtime/access/tokens.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <system_error>

#include <boost/json/parse.hpp>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime::access {

namespace {

constexpr size_t tokens_max = 10'000;

std::optional<digest> read_hex(std::string_view text) {
  digest result{};
  if (text.size() != 2 * result.size())
    return std::nullopt;
  for (size_t i = 0; i < result.size(); ++i) {
    auto* first = text.data() + 2 * i;
    auto [at, error] = std::from_chars(first, first + 2, result[i], 16);
    if (error != std::errc{} || at != first + 2)
      return std::nullopt;
  }
  return result;
}

/// The text under `key`, empty if there is none.
std::string text_of(const boost::json::object& from, const char* key) {
  auto* at = from.if_contains(key);
  auto* text = at == nullptr ? nullptr : at->if_string();
  return text == nullptr ? std::string{} : std::string{*text};
}

/// Keys that are misspelt must not widen what a token opens.
expected<void, std::string> check_keys(const boost::json::object& x) {
  for (auto& [key, value] : x) {
    auto known = key == "name" || key == "role" || key == "sha256"
                 || key == "node" || key == "expires";
    if (!known)
      return make_unexpected("there is no key \"" + std::string{key}
                             + "\"; there are name, role, sha256, node and "
                               "expires");
    if (!value.is_string())
      return make_unexpected('"' + std::string{key} + "\" must be a text");
  }
  return {};
}

} // namespace

digest sha256(std::string_view text) {
  digest result{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         result.data());
  return result;
}

expected<tokens, std::string> tokens::read(std::string_view text) {
  boost::json::error_code error;
  boost::json::parse_options lenient;
  lenient.allow_comments = true;
  lenient.allow_trailing_commas = true;
  auto parsed = boost::json::parse(text, error, {}, lenient);
  auto* top = error ? nullptr : parsed.if_object();
  auto* list = top == nullptr ? nullptr : top->if_contains("tokens");
  if (list == nullptr || !list->is_array() || top->size() != 1)
    return make_unexpected(std::string{
      "it must look like {\"tokens\": [{\"name\": \"ci\", \"role\": "
      "\"submitter\", \"sha256\": \"..\"}]}"});
  if (list->get_array().size() > tokens_max)
    return make_unexpected("there are more than " + std::to_string(tokens_max)
                           + " tokens");
  tokens result;
  for (auto& x : list->get_array()) {
    auto where = "token " + std::to_string(result.all_.size() + 1) + " in it: ";
    if (!x.is_object())
      return make_unexpected(where + "must be an object");
    auto& from = x.get_object();
    if (auto ok = check_keys(from); !ok)
      return make_unexpected(where + ok.error());
    entry made;
    made.who.name = text_of(from, "name");
    made.who.node = text_of(from, "node");
    if (made.who.name.empty())
      return make_unexpected(where
                             + "\"name\" is missing: the audit log says "
                               "it");
    auto role = role_called(text_of(from, "role"));
    if (!role)
      return make_unexpected(where
                             + "\"role\" must be admin, operator, "
                               "submitter, viewer or node");
    made.who.role = *role;
    if (!made.who.node.empty() && *role != access::role::node)
      return make_unexpected(where + "\"node\" is for the role node");
    auto hash = read_hex(text_of(from, "sha256"));
    if (!hash)
      return make_unexpected(where
                             + "\"sha256\" must be 64 hex digits: printf "
                               "%s TOKEN | sha256sum");
    made.hash = *hash;
    if (auto expires = text_of(from, "expires"); !expires.empty()) {
      made.expires = read_timestamp(expires);
      if (!made.expires)
        return make_unexpected(where
                               + "\"expires\" must be a time such as "
                                 "2030-01-31T00:00:00Z");
    }
    result.all_.push_back(std::move(made));
  }
  return result;
}

void tokens::add(holder who, std::string_view token) {
  all_.push_back({std::move(who), sha256(token), std::nullopt});
}

std::optional<holder>
tokens::find(std::string_view token, timestamp now) const {
  auto wanted = sha256(token);
  const entry* found = nullptr;
  for (auto& x : all_)
    if (CRYPTO_memcmp(x.hash.data(), wanted.data(), wanted.size()) == 0)
      found = &x;
  if (found == nullptr || (found->expires && *found->expires <= now))
    return std::nullopt;
  return found->who;
}

expected<std::string, std::string> find_or_make_token(const std::string& file) {
  std::string result;
  std::ifstream{file} >> result;
  if (!result.empty())
    return result;
  auto failed = [&] {
    return make_unexpected("cannot write the token of the first admin to "
                           + file + ": "
                           + std::generic_category().message(errno));
  };
  // 256 bits.
  result = random_cluster_id() + random_cluster_id();
  auto fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                   S_IRUSR | S_IWUSR);
  if (fd < 0)
    return failed();
  // A file that was there before may have been open to all.
  auto ok = fchmod(fd, S_IRUSR | S_IWUSR) == 0;
  auto line = result + '\n';
  ok = ok
       && ::write(fd, line.data(), line.size())
            == static_cast<ssize_t>(line.size());
  ok = fsync(fd) == 0 && ok;
  ::close(fd);
  if (!ok)
    return failed();
  return result;
}

} // namespace troupe::runtime::access
