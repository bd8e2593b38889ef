#include "runtime/views/answer.hpp"

#include "runtime/views/answers.hpp"

namespace troupe::runtime {

expected<boost::json::value, refusal>
answer(const cluster& c, const vitals& v, const query& x, timestamp now,
       const decisions* decided, std::string_view cluster_id) {
  views::present p{c, v, now, decided, cluster_id};
  return std::visit([&](const auto& y) { return views::answer_to(p, y); }, x);
}

} // namespace troupe::runtime
