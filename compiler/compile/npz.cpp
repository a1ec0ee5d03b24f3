#include "npz.h"

#include <zip.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace tconv::compiler {

namespace {

// numpy.load reads no longer ones either. A header of three fields has about 100 characters.
constexpr size_t kMostHeader = 10000;
constexpr int64_t kMostElements = int64_t{1} << 31;

// From the value of 'key': on; empty where there is none.
std::string_view behind(std::string_view header, const std::string &key) {
    const std::string quoted = "'" + key + "':";
    const size_t found = header.find(quoted);
    const size_t begin = found == header.npos ? found : header.find_first_not_of(' ', found + quoted.size());
    return begin == header.npos ? std::string_view() : header.substr(begin);
}

// What stands between the first character, which must be `open`, and the next `close`.
std::optional<std::string_view> enclosed(std::string_view text, char open, char close) {
    const size_t end = text.find(close, 1);
    if (text.empty() || text[0] != open || end == text.npos) {
        return std::nullopt;
    }
    return text.substr(1, end - 1);
}

// As much of it as fits into a message of one line.
std::string excerpt(std::string_view text) {
    constexpr size_t kMost = 100;
    std::string line(text.substr(0, kMost));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
    return line + (text.size() > kMost ? "..." : "");
}

// Of "2, 3" or "2," or nothing; the number of elements. `fail` makes the exception.
template<typename Fail>
int64_t parse_shape(std::string_view text, const Fail &fail, std::vector<int64_t> &shape) {
    const std::string where = " in its shape (" + excerpt(text) + ")";
    int64_t count = 1;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find(',', at), text.size());
        std::string_view number = text.substr(at, end - at);
        at = end + 1;
        number.remove_prefix(std::min(number.find_first_not_of(' '), number.size()));
        number = number.substr(0, number.find_last_not_of(" L") + 1);  // Python 2 wrote 3L
        if (number.empty() && end == text.size()) {
            break;  // behind the last comma
        }
        int64_t extent = 0;
        const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), extent);
        if (error == std::errc::invalid_argument || stop != number.data() + number.size()) {
            throw fail("'" + excerpt(number) + "' is no extent" + where);
        }
        if (number[0] == '-') {
            throw fail("a negative extent, " + excerpt(number) + "," + where);
        }
        if (error != std::errc() || extent > kMostElements || count * extent > kMostElements) {
            throw fail("more than 2^31 elements, with " + excerpt(number) + where);
        }
        count *= extent;
        shape.push_back(extent);
    }
    return count;
}

// The .npy format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
template<typename Fail>
std::string_view header_of(std::string_view data, const Fail &fail) {
    if (data.size() < 10 || data.compare(0, 6, "\x93NUMPY") != 0) {
        throw fail("not a .npy array");
    }
    const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(data[at])); };
    const size_t begin = byte(6) >= 2 ? 12 : 10;  // by version 2 the length has four bytes
    if (data.size() < begin) {
        throw fail("cut short");
    }
    const size_t length = byte(8) | byte(9) << 8 | (begin == 12 ? byte(10) << 16 | byte(11) << 24 : 0);
    if (length > kMostHeader) {
        throw fail("a header of " + std::to_string(length) + " bytes; at most " + std::to_string(kMostHeader) + " are read");
    }
    if (data.size() < begin + length) {
        throw fail("cut short");
    }
    return data.substr(begin, length);
}

Array parse_npy(const std::string &data, const std::string &name) {
    auto fail = [&](const std::string &what) { return std::runtime_error(name + ": " + what); };
    const std::string_view header = header_of(data, fail);
    const auto type = enclosed(behind(header, "descr"), '\'', '\''), shape = enclosed(behind(header, "shape"), '(', ')');
    const std::string_view fortran = behind(header, "fortran_order");
    if (!type || !shape || !(fortran.starts_with("True") || fortran.starts_with("False"))) {
        throw fail("a header that is not understood: " + excerpt(header));
    }
    if (fortran.starts_with("True")) {
        throw fail("Fortran order; save it with numpy.ascontiguousarray");
    }
    Array array;
    const auto count = static_cast<size_t>(parse_shape(*shape, fail, array.shape));
    const size_t bytes = *type == "<f4" ? 4 : *type == "<f8" ? 8 : 0;
    if (bytes == 0) {
        throw fail("elements of type '" + excerpt(*type) + "'; float32 or float64 is wanted");
    }
    const char *from = header.data() + header.size();
    const auto held = static_cast<size_t>(data.data() + data.size() - from);
    if (held != count * bytes) {
        throw fail("holds " + std::to_string(held) + " bytes, its shape asks for " + std::to_string(count * bytes));
    }
    array.values.resize(count);
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
        constexpr zip_uint64_t kMostBytes = kMostElements * 8 + kMostHeader + 12;
        if (entry.size > kMostBytes) {
            throw std::runtime_error(path + ": " + name + " claims " + std::to_string(entry.size) + " bytes; an array has at most " +
                                     std::to_string(kMostBytes));
        }
        if (file == nullptr) {
            throw std::runtime_error(path + ": " + name + " cannot be read: " + zip_strerror(archive.get()));
        }
        // One byte more than there is: libzip compares the checksum where it meets the end.
        char beyond;
        // By pieces: what the directory claims may be more than there is, or than memory holds.
        constexpr size_t kPiece = 1 << 20;
        std::string data;
        zip_int64_t got = 1;
        while (data.size() < entry.size && got > 0) {
            const size_t had = data.size();
            data.resize(had + std::min<size_t>(kPiece, entry.size - had));
            got = zip_fread(file.get(), data.data() + had, data.size() - had);
            data.resize(had + static_cast<size_t>(std::max<zip_int64_t>(got, 0)));
        }
        if (got == 0) {
            throw std::runtime_error(path + ": " + name + " is cut short: " + std::to_string(data.size()) + " of " +
                                     std::to_string(entry.size) + " bytes");
        }
        if (got < 0 || zip_fread(file.get(), &beyond, 1) != 0) {
            throw std::runtime_error(path + ": " + name + " cannot be read: " + zip_file_strerror(file.get()));
        }
        const std::string suffix = ".npy";
        if (name.size() < suffix.size() || name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
            throw std::runtime_error(path + ": " + name + " is not a .npy array");
        }
        name.resize(name.size() - suffix.size());
        if (!arrays.emplace(name, parse_npy(data, path + ": " + name)).second) {
            throw std::runtime_error(path + ": two arrays are called " + name);
        }
    }
    return arrays;
}

}  // namespace tconv::compiler
