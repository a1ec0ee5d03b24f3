// Photographs: 8-bit RGB, read from PNG and JPEG files and written as PNG.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Picture {
    int width = 0, height = 0;
    std::vector<uint8_t> rgb;  // [height][width][3]
};

// Reads a PNG or a JPEG, whatever its name says. Grey becomes RGB, transparent parts become white, 16 bits become 8, and
// a JPEG is turned upright as its Exif block asks. Throws std::runtime_error naming the file and what is wrong with it,
// also where a part of the picture is missing.
Picture load_picture(const std::string &path);

// Writes beside `path` first and renames, so that `path` is never half a picture. Throws as load_picture does.
void save_png(const Picture &picture, const std::string &path);
