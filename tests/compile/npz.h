// Writes .npz files, as numpy.savez does, good and bad ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tconv::testing {

struct NpyArray {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<double> values;
    std::string type = "<f4";  // or <f8
};

// A .npy file with this header and these bytes after it.
std::string npy_of(const std::string &header, const std::string &values);
// The bytes of NAME.npy. A shape that does not fit the values is written as given.
std::string npy_of(const NpyArray &array);

void write_npz(const std::string &path, const std::vector<NpyArray> &arrays);
// Entries as given, names with their suffix.
void write_zip(const std::string &path, const std::vector<std::pair<std::string, std::string>> &entries);

}  // namespace tconv::testing
