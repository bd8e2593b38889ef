#include "runtime/decisions/unkept.hpp"

namespace troupe::runtime {

namespace {

size_t size_of(const decision_note& x) {
  auto* round = std::get_if<noted_round>(&x);
  return round == nullptr ? 1 : round->asks.size();
}

} // namespace

void unkept_decisions::add(version_number version, decision_note x) {
  if (anew_)
    return;
  size_ += size_of(x);
  waiting_.emplace_back(version, std::move(x));
  if (size_ > most_)
    begin_anew();
}

void unkept_decisions::begin_anew() {
  waiting_.clear();
  size_ = 0;
  whole_.reset();
  anew_ = true;
}

std::optional<decision_batch>
unkept_decisions::next(const fact_mark& durable, version_number version,
                       const decisions& all) {
  if (std::exchange(anew_, false)) {
    whole_ = version;
    for (auto& x : all.notes())
      waiting_.emplace_back(version, std::move(x));
  }
  if (whole_ ? *whole_ > durable.version
             : waiting_.empty() || waiting_.front().first > durable.version)
    return std::nullopt;
  decision_batch result;
  result.until = durable;
  result.whole = whole_.has_value();
  while (!waiting_.empty() && waiting_.front().first <= durable.version) {
    result.notes.push_back(std::move(waiting_.front().second));
    waiting_.pop_front();
  }
  whole_.reset();
  size_ = 0;
  for (auto& x : waiting_)
    size_ += size_of(x.second);
  return result;
}

} // namespace troupe::runtime
