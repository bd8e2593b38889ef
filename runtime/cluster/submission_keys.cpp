#include "runtime/cluster/submission_keys.hpp"

namespace troupe::runtime {

const submission_keys::answer*
submission_keys::find(const std::string& key) const {
  auto at = answers_.find(key);
  // Journals of earlier versions have keys without digests.
  if (at == answers_.end())
    at = answers_.find(key.substr(0, key.find('\n')));
  return at == answers_.end() ? nullptr : &at->second;
}

bool submission_keys::is_of_another(const std::string& key) const {
  auto chosen = key.substr(0, key.find('\n') + 1);
  auto at = answers_.lower_bound(chosen);
  return !chosen.empty() && at != answers_.end()
         && at->first.starts_with(chosen);
}

void submission_keys::remember(const std::string& key, submitted_job x) {
  if (key.empty())
    return;
  auto [at, is_new] = answers_.try_emplace(key);
  at->second.push_back(std::move(x));
  if (!is_new)
    return;
  in_order_.push_back(key);
  if (in_order_.size() > keys_max_) {
    answers_.erase(in_order_.front());
    in_order_.pop_front();
  }
}

void submission_keys::restore(const std::string& key, answer x) {
  in_order_.push_back(key);
  answers_[key] = std::move(x);
}

} // namespace troupe::runtime
