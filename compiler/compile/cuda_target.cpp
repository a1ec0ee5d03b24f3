#include "cuda_target.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace tconv::compiler {

namespace {

// Multiprocessors of the largest device of each.
constexpr struct {
    int arch;
    int32_t processors;
} kArchs[] = {{80, 108}, {86, 84}, {87, 16}, {89, 142}, {90, 132}, {100, 148}, {103, 160}, {120, 188}, {121, 48}};
constexpr int kUsual[] = {80, 86, 89, 90};
constexpr const char *kHint = "it is in the CUDA toolkit and in pip's nvidia-cuda-nvcc-cu12; --ptxas names it";

std::string usable(const std::string &file) {
    return access(file.c_str(), X_OK) == 0 ? file : "";
}

std::string find_ptxas() {
    std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
    for (std::string folder; std::getline(path, folder, ':');) {
        if (const std::string found = usable(folder + "/ptxas"); !folder.empty() && !found.empty())
            return found;
    }
    for (const char *variable : {"CUDA_PATH", "CUDA_HOME"}) {
        if (const char *const toolkit = std::getenv(variable); toolkit != nullptr) {
            if (const std::string found = usable(std::string(toolkit) + "/bin/ptxas"); !found.empty())
                return found;
        }
    }
    const std::string found = usable("/usr/local/cuda/bin/ptxas");
    return !found.empty() ? found : usable(TCONV_PTXAS);  // which the build found
}

std::string known_archs() {
    std::string list;
    for (const auto &known : kArchs)
        list += (list.empty() ? "sm_" : ", sm_") + std::to_string(known.arch);
    return list;
}

}  // namespace

std::string CudaTarget::text() const {
    std::string text = "cuda";
    for (int arch : archs)
        text += "-sm_" + std::to_string(arch);
    return text;
}

int32_t CudaTarget::processors() const {
    const int newest = archs.empty() ? 90 : archs.back();
    for (const auto &known : kArchs) {
        if (known.arch == newest)
            return known.processors;
    }
    return 0;
}

bool names_cuda(const std::string &target) {
    return target == "cuda" || target.rfind("cuda-", 0) == 0;
}

CudaTarget parse_cuda_target(const std::string &target, const std::string &ptxas, std::string &note) {
    CudaTarget parsed;
    for (size_t at = target.find('-'); at != std::string::npos;) {
        const size_t end = target.find('-', at + 1);
        const std::string part = target.substr(at + 1, end == std::string::npos ? end : end - at - 1);
        at = end;
        const auto known = std::find_if(std::begin(kArchs), std::end(kArchs),
                                        [&](const auto &of) { return part == "sm_" + std::to_string(of.arch); });
        if (known == std::end(kArchs))
            throw std::runtime_error("--target '" + target + "': '" + part + "' is none of " + known_archs());
        parsed.archs.push_back(known->arch);
    }
    const bool named = !parsed.archs.empty();
    const bool unwanted = ptxas == "none";
    parsed.ptxas = unwanted ? "" : ptxas.empty() ? find_ptxas() : usable(ptxas);
    if (parsed.ptxas.empty() && !ptxas.empty() && !unwanted)
        throw std::runtime_error("--ptxas '" + ptxas + "' is no program");
    if (parsed.ptxas.empty() && named)
        throw std::runtime_error("--target '" + target + "': machine code needs ptxas: " + kHint);
    if (parsed.ptxas.empty())
        note = std::string("no ptxas, so PTX only, which the driver translates when the layer is loaded: ") + kHint;
    if (!named && !parsed.ptxas.empty())
        parsed.archs.assign(std::begin(kUsual), std::end(kUsual));
    std::sort(parsed.archs.begin(), parsed.archs.end());
    parsed.archs.erase(std::unique(parsed.archs.begin(), parsed.archs.end()), parsed.archs.end());
    return parsed;
}

}  // namespace tconv::compiler
