#include "npz.h"

#include <zip.h>

#include <cstring>
#include <stdexcept>

namespace tconv::testing {

std::string npy_of(const std::string &header, const std::string &values) {
    // Version 1 has two bytes for the header's length, version 2 four.
    const bool longer = header.size() > 0xffff;
    std::string bytes("\x93NUMPY", 6);
    bytes += {longer ? '\2' : '\1', '\0'};
    for (int i = 0; i < (longer ? 4 : 2); ++i)
        bytes += static_cast<char>(header.size() >> 8 * i & 255);
    return bytes + header + values;
}

std::string npy_of(const NpyArray &array) {
    std::string shape;
    for (const int64_t extent : array.shape)
        shape += std::to_string(extent) + ", ";
    if (array.shape.size() > 1)
        shape.resize(shape.size() - 2);  // Python writes (2, 3) but (2,)
    else if (array.shape.size() == 1)
        shape.resize(shape.size() - 1);
    std::string header = "{'descr': '" + array.type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
    header += '\n';
    std::string bytes;
    for (const double value : array.values) {
        const float narrow = static_cast<float>(value);
        if (array.type == "<f8")
            bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
        else
            bytes.append(reinterpret_cast<const char *>(&narrow), sizeof narrow);
    }
    return npy_of(header, bytes);
}

void write_zip(const std::string &path, const std::vector<std::pair<std::string, std::string>> &entries) {
    int error = 0;
    zip_t *const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (archive == nullptr)
        throw std::runtime_error("cannot write " + path);
    bool good = true;
    for (const auto &[name, bytes] : entries) {
        zip_source_t *const source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
        good = good && source != nullptr && zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) >= 0;
    }
    if (zip_close(archive) != 0 || !good)
        throw std::runtime_error("cannot write " + path);
}

void write_npz(const std::string &path, const std::vector<NpyArray> &arrays) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (const NpyArray &array : arrays)
        entries.emplace_back(array.name + ".npy", npy_of(array));
    write_zip(path, entries);
}

}  // namespace tconv::testing
