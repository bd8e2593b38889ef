#pragma once

#include <vector>

namespace troupe::runtime {

/// Upper bounds in seconds, three a decade: 1, 2.5 and 5 times each power of ten
/// from `first` up to `last`, which are such powers.
[[nodiscard]] std::vector<double> three_a_decade(double first, double last);

} // namespace troupe::runtime
