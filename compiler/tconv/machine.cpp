#include "machine.h"

#include <sys/utsname.h>

#include <fstream>
#include <map>

#include "build_commit.h"

namespace tconv::tool {

std::string cpu_name() {
    std::map<std::string, std::string> fields;
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line) && !line.empty();) {
        const size_t colon = line.find(':');
        if (colon == std::string::npos)
            continue;
        const size_t value = line.find_first_not_of(" \t", colon + 1);
        fields[line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1)] =
            value == std::string::npos ? "" : line.substr(value);
    }
    if (!fields["model name"].empty())
        return fields["model name"];
    utsname system;
    const std::string architecture = uname(&system) == 0 ? system.machine : "unknown";
    if (fields["CPU part"].empty())  // arm-64 has numbers instead of a name
        return architecture;
    return architecture + " implementer " + fields["CPU implementer"] + " part " + fields["CPU part"];
}

const char *build_commit() {
    return TCONV_BUILD_COMMIT;
}

}  // namespace tconv::tool
