#include "runtime/metrics/buckets.hpp"

#include <cmath>

namespace troupe::runtime {

std::vector<double> three_a_decade(double first, double last) {
  auto power = static_cast<int>(std::lround(std::log10(first)));
  auto end = static_cast<int>(std::lround(std::log10(last)));
  std::vector<double> result;
  for (; power < end; ++power)
    for (auto step : {1.0, 2.5, 5.0})
      // Divided, since 1e-5 times 2.5 is not what `2.5e-5` reads as.
      result.push_back(power < 0 ? step / std::pow(10.0, -power)
                                 : step * std::pow(10.0, power));
  result.push_back(last);
  return result;
}

} // namespace troupe::runtime
