#include "runtime/decisions/note.hpp"

#include <charconv>

#include <boost/describe/class.hpp>

#include "messages/json.hpp"

namespace troupe {

// Users write these otherwise: only here they stand as they are.
BOOST_DESCRIBE_STRUCT(label_requirement, (), (name, values))
BOOST_DESCRIBE_STRUCT(label_preference, (), (name, value, weight))

} // namespace troupe

namespace troupe::runtime::placement {

BOOST_DESCRIBE_STRUCT(task_class, (),
                      (request, strategy, requirements, preferences, labels,
                       avoid_colocating, colocate_with, spread_by, spread_group,
                       exclusive, host_ports, chosen_ports))

} // namespace troupe::runtime::placement

namespace troupe::runtime {

BOOST_DESCRIBE_STRUCT(decided_round, (), (policy, at, first, last))
BOOST_DESCRIBE_STRUCT(made_room::victim, (), (task, priority))
BOOST_DESCRIBE_STRUCT(made_room, (), (victims))
BOOST_DESCRIBE_STRUCT(noted_room, (), (held, room))
BOOST_DESCRIBE_STRUCT(noted_origin, (), (placed, held))
BOOST_DESCRIBE_STRUCT(noted_place, (), (task, held, gang))

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using placement::weighed_ask;
using placement::weighed_node;

// -- numbers -----------------------------------------------------------------

/// As text, since not every reader of JSON gives the same number back.
std::string number_text(double x) {
  char text[32];
  auto end = std::to_chars(std::begin(text), std::end(text), x).ptr;
  return {text, end};
}

std::optional<double> number_in(const value& x) {
  auto* text = x.if_string();
  if (text == nullptr)
    return std::nullopt;
  double result = 0;
  auto* end = text->data() + text->size();
  auto [at, error] = std::from_chars(text->data(), end, result);
  if (error != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

// -- what was thought --------------------------------------------------------

array node_json(const weighed_node& x) {
  array parts;
  for (auto& y : x.parts)
    parts.push_back(array{y.name, number_text(y.value)});
  return {x.node, x.score ? value(number_text(*x.score)) : value(),
          std::move(parts)};
}

bool read_node(const value& from, weighed_node& to) {
  auto* all = from.if_array();
  if (all == nullptr || all->size() != 3 || !json::read((*all)[0], to.node))
    return false;
  if (!(*all)[1].is_null()) {
    to.score = number_in((*all)[1]);
    if (!to.score)
      return false;
  }
  auto* parts = (*all)[2].if_array();
  for (size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
    auto* part = (*parts)[i].if_array();
    if (part == nullptr || part->size() != 2)
      return false;
    auto& read = to.parts.emplace_back();
    auto number = number_in((*part)[1]);
    if (!number || !json::read((*part)[0], read.name))
      return false;
    read.value = *number;
  }
  return parts != nullptr;
}

object ask_json(const weighed_ask& x) {
  array best;
  for (auto& y : x.best)
    best.push_back(node_json(y));
  array refused;
  for (auto& y : x.refused.nodes)
    refused.push_back(array{json::name_of(y.first), y.second});
  return {{"id", x.id},
          {"of", json::write(*x.of)},
          {"asked", x.asked},
          {"placed", x.placed},
          {"fit", x.fit},
          {"best", std::move(best)},
          {"refused", std::move(refused)}};
}

bool read_refusal(const value& from, placement::refusal& to) {
  auto* all = from.if_array();
  for (size_t i = 0; all != nullptr && i < all->size(); ++i) {
    auto* pair = (*all)[i].if_array();
    auto& read = to.nodes.emplace_back();
    if (pair == nullptr || pair->size() != 2
        || !json::read((*pair)[0], read.first)
        || !json::read((*pair)[1], read.second))
      return false;
  }
  return all != nullptr;
}

template <class T>
bool read_member(const object& from, std::string_view key, T& to) {
  auto* found = from.if_contains(key);
  return found != nullptr && json::read(*found, to).has_value();
}

weighed_ask_ptr read_ask(const value& from) {
  auto* all = from.if_object();
  if (all == nullptr)
    return nullptr;
  auto result = std::make_shared<weighed_ask>();
  placement::task_class of;
  auto* best = all->if_contains("best");
  auto* refused = all->if_contains("refused");
  auto ok = read_member(*all, "id", result->id) && read_member(*all, "of", of)
            && read_member(*all, "asked", result->asked)
            && read_member(*all, "placed", result->placed)
            && read_member(*all, "fit", result->fit) && best != nullptr
            && best->is_array() && refused != nullptr
            && read_refusal(*refused, result->refused);
  if (!ok)
    return nullptr;
  for (auto& x : best->get_array())
    if (!read_node(x, result->best.emplace_back()))
      return nullptr;
  result->of = std::make_shared<const placement::task_class>(std::move(of));
  return result;
}

// -- notes -------------------------------------------------------------------

object json_of(const noted_round& x) {
  array asks;
  for (auto& y : x.asks)
    asks.push_back(ask_json(*y));
  return {{"round", json::write(x.what)}, {"asks", std::move(asks)}};
}

object json_of(const noted_room& x) {
  return {{"room", json::write(x)}};
}

object json_of(const noted_origin& x) {
  return {{"origin", json::write(x)}};
}

object json_of(const noted_place& x) {
  return {{"place", json::write(x)}};
}

object json_of(const event& x) {
  return {{"version", x.version}, {"fact", write_line(x)}};
}

std::optional<decision_note> read_round(const object& from) {
  noted_round result;
  auto* asks = from.if_contains("asks");
  if (!read_member(from, "round", result.what) || asks == nullptr
      || !asks->is_array())
    return std::nullopt;
  for (auto& x : asks->get_array()) {
    auto ask = read_ask(x);
    if (ask == nullptr)
      return std::nullopt;
    result.asks.push_back(std::move(ask));
  }
  return result;
}

std::optional<decision_note> read_fact(const object& from) {
  version_number version = 0;
  std::string line;
  if (!read_member(from, "version", version)
      || !read_member(from, "fact", line))
    return std::nullopt;
  auto result = read_line(version, line);
  if (!result)
    return std::nullopt;
  return std::move(*result);
}

template <class Note>
std::optional<decision_note> read_one(const object& from, const char* key) {
  Note result;
  if (!read_member(from, key, result))
    return std::nullopt;
  return result;
}

} // namespace

fact_mark mark_of(const event& x) {
  return {x.version, x.time, std::string{type_of(x.what)}};
}

std::string write_note(const decision_note& x) {
  return std::visit([](auto& y) { return serialize(json_of(y)); }, x);
}

std::optional<decision_note> read_note(std::string_view text) {
  boost::json::error_code error;
  auto parsed = boost::json::parse(text, error);
  auto* all = parsed.if_object();
  if (error || all == nullptr)
    return std::nullopt;
  if (all->contains("round"))
    return read_round(*all);
  if (all->contains("room"))
    return read_one<noted_room>(*all, "room");
  if (all->contains("origin"))
    return read_one<noted_origin>(*all, "origin");
  if (all->contains("place"))
    return read_one<noted_place>(*all, "place");
  return read_fact(*all);
}

} // namespace troupe::runtime
