// What a figure was measured on, and by which build.
#pragma once

#include <string>

namespace tconv::tool {

std::string cpu_name();      // as the system names it, or its architecture
const char *build_commit();  // abbreviated hash of the sources, "-dirty" if they were changed; "unknown" without git

}  // namespace tconv::tool
