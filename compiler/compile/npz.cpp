#include "npz.h"

#include <zip.h>

#include <cstring>
#include <memory>
#include <regex>
#include <stdexcept>

namespace tconv::compiler {

namespace {

// The .npy format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
Array parse_npy(const std::string &data, const std::string &name) {
    auto fail = [&](const std::string &what) { return std::runtime_error(name + ": " + what); };
    if (data.size() < 10 || data.compare(0, 6, "\x93NUMPY") != 0) {
        throw fail("not a .npy array");
    }
    const int major = data[6];
    size_t header_bytes = static_cast<unsigned char>(data[8]) | static_cast<unsigned char>(data[9]) << 8;
    size_t at = 10;
    if (major >= 2) {
        if (data.size() < 12) {
            throw fail("cut short");
        }
        header_bytes |= static_cast<size_t>(static_cast<unsigned char>(data[10])) << 16 |
                        static_cast<size_t>(static_cast<unsigned char>(data[11])) << 24;
        at = 12;
    }
    if (data.size() < at + header_bytes) {
        throw fail("cut short");
    }
    const std::string header = data.substr(at, header_bytes);
    std::smatch descr, order, shape;
    if (!std::regex_search(header, descr, std::regex("'descr': *'([^']*)'")) ||
        !std::regex_search(header, order, std::regex("'fortran_order': *(True|False)")) ||
        !std::regex_search(header, shape, std::regex("'shape': *\\(([^)]*)\\)"))) {
        throw fail("a header that is not understood: " + header);
    }
    if (order[1] == "True") {
        throw fail("Fortran order; save it with numpy.ascontiguousarray");
    }
    Array array;
    int64_t count = 1;
    const std::string extents = shape[1];
    const std::regex digits("-?[0-9]+");
    for (std::sregex_iterator number(extents.begin(), extents.end(), digits), end; number != end; ++number) {
        array.shape.push_back(std::stoll(number->str()));
        if (array.shape.back() < 0) {
            throw fail("a negative extent in its shape (" + extents + ")");
        }
        count *= array.shape.back();
        if (count < 0 || count > (int64_t{1} << 31)) {
            throw fail("more than 2^31 elements");
        }
    }
    const size_t bytes = descr[1] == "<f4" ? 4 : descr[1] == "<f8" ? 8 : 0;
    if (bytes == 0) {
        throw fail("elements of type '" + descr[1].str() + "'; float32 or float64 is wanted");
    }
    if (data.size() != at + header_bytes + static_cast<size_t>(count) * bytes) {
        throw fail("holds " + std::to_string(data.size() - at - header_bytes) + " bytes, its shape asks for " +
                   std::to_string(static_cast<size_t>(count) * bytes));
    }
    const char *from = data.data() + at + header_bytes;
    array.values.resize(static_cast<size_t>(count));
    for (size_t i = 0; i < array.values.size(); i++) {
        if (bytes == 4) {
            float narrow;
            std::memcpy(&narrow, from + i * 4, 4);
            array.values[i] = narrow;
        } else {
            std::memcpy(&array.values[i], from + i * 8, 8);
        }
    }
    return array;
}

}  // namespace

std::map<std::string, Array> read_npz(const std::string &path) {
    int error = 0;
    std::unique_ptr<zip_t, int (*)(zip_t *)> archive(zip_open(path.c_str(), ZIP_RDONLY, &error), zip_close);
    if (archive == nullptr) {
        zip_error_t reason;
        zip_error_init_with_code(&reason, error);
        const std::string text = zip_error_strerror(&reason);
        zip_error_fini(&reason);
        throw std::runtime_error("cannot read the weights " + path + ": " + text);
    }
    std::map<std::string, Array> arrays;
    const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
    for (zip_int64_t i = 0; i < entries; i++) {
        zip_stat_t entry;
        if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &entry) != 0) {
            throw std::runtime_error(path + ": entry " + std::to_string(i) + " cannot be read");
        }
        std::string name = entry.name;
        std::unique_ptr<zip_file_t, int (*)(zip_file_t *)> file(
            zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0), zip_fclose);
        std::string data(entry.size, '\0');
        if (file == nullptr || zip_fread(file.get(), data.data(), entry.size) != static_cast<zip_int64_t>(entry.size)) {
            throw std::runtime_error(path + ": " + name + " cannot be read");
        }
        const std::string suffix = ".npy";
        if (name.size() < suffix.size() || name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
            throw std::runtime_error(path + ": " + name + " is not a .npy array");
        }
        name.resize(name.size() - suffix.size());
        arrays.emplace(name, parse_npy(data, path + ": " + name));
    }
    return arrays;
}

}  // namespace tconv::compiler
