#pragma once

#include "runtime/api/assets.hpp"

namespace troupe::tools {

/// The dashboard as it was bundled when this program was built.
[[nodiscard]] runtime::api::assets dashboard_files();

} // namespace troupe::tools
