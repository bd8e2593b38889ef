#include "runtime/placement/crew.hpp"

#include "messages/contract.hpp"

namespace troupe::runtime::placement {

crew::crew(uint32_t threads) {
  TROUPE_ASSERT(threads > 0);
  for (uint32_t i = 1; i < threads; ++i)
    helpers_.emplace_back([this] { help(); });
}

crew::~crew() {
  {
    std::lock_guard guard{mutex_};
    over_ = true;
  }
  begun_.notify_all();
  for (auto& x : helpers_)
    x.join();
}

void crew::run(size_t parts, const std::function<void(size_t)>& part) {
  {
    std::lock_guard guard{mutex_};
    part_ = &part;
    parts_ = parts;
    next_ = 0;
    busy_ = helpers_.size();
    ++round_;
  }
  begun_.notify_all();
  do_parts();
  std::unique_lock lock{mutex_};
  done_.wait(lock, [this] { return busy_ == 0; });
}

void crew::do_parts() {
  for (auto i = next_++; i < parts_; i = next_++)
    (*part_)(i);
}

void crew::help() {
  uint64_t seen = 0;
  std::unique_lock lock{mutex_};
  while (true) {
    begun_.wait(lock, [&] { return over_ || round_ != seen; });
    if (over_)
      return;
    seen = round_;
    lock.unlock();
    do_parts();
    lock.lock();
    if (--busy_ == 0)
      done_.notify_one();
  }
}

} // namespace troupe::runtime::placement
