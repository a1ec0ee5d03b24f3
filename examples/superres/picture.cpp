#include "picture.h"

#include <png.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "jpeg.h"

namespace {

// The enlargement and its colour planes take about 150 bytes for each pixel read: 15 GB at this limit. It also keeps a
// file of a few bytes that claims to be a million pixels wide from asking for more memory than there is.
constexpr int64_t kMostPixels = 100'000'000;

std::vector<uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(std::string("cannot be opened: ") + std::strerror(errno));
    }
    std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    if (bytes.empty()) {
        throw std::runtime_error("nothing in it");
    }
    return bytes;
}

Picture blank_picture(int64_t width, int64_t height) {
    if (width * height > kMostPixels) {
        throw std::runtime_error(std::to_string(width) + " x " + std::to_string(height) +
                                 " pixels are too many: at most " + std::to_string(kMostPixels));
    }
    return {static_cast<int>(width), static_cast<int>(height),
            std::vector<uint8_t>(static_cast<size_t>(width * height) * 3)};
}

Picture decode_png(const std::vector<uint8_t> &file) {
    struct Image : png_image {
        Image() : png_image{} { version = PNG_IMAGE_VERSION; }
        ~Image() { png_image_free(this); }
    } image;
    if (!png_image_begin_read_from_memory(&image, file.data(), file.size())) {
        throw std::runtime_error(std::string("a damaged PNG: ") + image.message);
    }
    image.format = PNG_FORMAT_RGB;
    Picture picture = blank_picture(image.width, image.height);
    const png_color white = {255, 255, 255};
    if (!png_image_finish_read(&image, &white, picture.rgb.data(), 0, nullptr)) {
        throw std::runtime_error(std::string("a damaged PNG: ") + image.message);
    }
    return picture;
}

Picture decode(const std::vector<uint8_t> &file) {
    if (file.size() >= 8 && png_sig_cmp(file.data(), 0, 8) == 0) {
        return decode_png(file);
    }
    if (is_jpeg(file)) {
        return decode_jpeg(file, blank_picture);
    }
    throw std::runtime_error("neither a PNG nor a JPEG");
}

}  // namespace

Picture load_picture(const std::string &path) {
    try {
        return decode(read_file(path));
    } catch (const std::runtime_error &error) {
        throw std::runtime_error(path + ": " + error.what());
    }
}

void save_png(const Picture &picture, const std::string &path) {
    const std::string part = path + ".part";
    std::FILE *file = std::fopen(part.c_str(), "wb");
    if (!file) {
        throw std::runtime_error(path + ": cannot be written: " + std::strerror(errno));
    }
    png_image image = {};
    image.version = PNG_IMAGE_VERSION;
    image.format = PNG_FORMAT_RGB;
    image.width = static_cast<png_uint_32>(picture.width);
    image.height = static_cast<png_uint_32>(picture.height);
    std::string failure;
    if (!png_image_write_to_stdio(&image, file, 0, picture.rgb.data(), 0, nullptr)) {
        failure = image.message;
    }
    if (std::fclose(file) != 0 && failure.empty()) {
        failure = std::strerror(errno);
    }
    if (failure.empty() && std::rename(part.c_str(), path.c_str()) != 0) {
        failure = std::strerror(errno);
    }
    if (!failure.empty()) {
        std::remove(part.c_str());
        throw std::runtime_error(path + ": cannot be written: " + failure);
    }
}
