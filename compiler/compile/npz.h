// Reads NumPy's .npz: a zip archive of .npy arrays.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tconv::compiler {

struct Array {
    std::vector<int64_t> shape;
    std::vector<double> values;  // C order
};

// Arrays by name, without the .npy. Throws std::runtime_error naming the file and the entry.
std::map<std::string, Array> read_npz(const std::string &path);

}  // namespace tconv::compiler
