#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace troupe::runtime {

/// Messages to a peer that are sent again until they are acknowledged, in order,
/// with at most so many on their way.
///
///   waiting -> sent   [take]           within the window
///   sent    -> gone   [acknowledge]
///   sent    -> waiting [lose_peer]     everything is numbered anew
///
/// `Item` has a member `sequence`.
template <class Item>
class outbox {
public:
  /// @param window  items that may be sent and not yet acknowledged.
  explicit outbox(size_t window) : window_(window) {
    // nop
  }

  /// Returns the number that `x` has from now on.
  uint64_t push(Item x) {
    x.sequence = ++last_;
    items_.push_back(std::move(x));
    return last_;
  }

  /// What may be sent now, at most `count_max` items.
  [[nodiscard]] std::vector<Item> take(size_t count_max) {
    auto count = std::min({count_max, items_.size() - sent_,
                           window_ > sent_ ? window_ - sent_ : 0});
    auto first = items_.begin() + static_cast<std::ptrdiff_t>(sent_);
    std::vector<Item> result(first, first + static_cast<std::ptrdiff_t>(count));
    sent_ += count;
    return result;
  }

  /// All that is not acknowledged, sent or not, at most `count_max` items.
  [[nodiscard]] std::vector<Item> open(size_t count_max) const {
    auto count = std::min(count_max, items_.size());
    return {items_.begin(),
            items_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  /// Drops what the peer has up to `sequence`. A number from another life of the
  /// connection is beyond what was sent, and is ignored.
  void acknowledge(uint64_t sequence) {
    if (sequence > last_)
      return;
    while (!items_.empty() && items_.front().sequence <= sequence) {
      items_.pop_front();
      sent_ -= sent_ > 0 ? 1 : 0;
    }
  }

  /// Starts over with a new peer: what is open is to be sent to it.
  void lose_peer() {
    sent_ = 0;
    last_ = 0;
    for (auto& x : items_)
      x.sequence = ++last_;
  }

  /// Forgets everything. @param last  the next item's number is one more.
  void clear(uint64_t last = 0) {
    items_.clear();
    sent_ = 0;
    last_ = last;
  }

  [[nodiscard]] size_t size() const { return items_.size(); }
  /// The number that was given last.
  [[nodiscard]] uint64_t last() const { return last_; }

private:
  size_t window_;
  std::deque<Item> items_;
  /// How many of the first are sent.
  size_t sent_ = 0;
  uint64_t last_ = 0;
};

} // namespace troupe::runtime
