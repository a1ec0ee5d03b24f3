// The JPEG half of load_picture.
#pragma once

#include "picture.h"

bool is_jpeg(const std::vector<uint8_t> &file);

// `blank` gives the picture to fill, or throws if it would be too large. Throws std::runtime_error.
Picture decode_jpeg(const std::vector<uint8_t> &file, Picture (*blank)(int64_t width, int64_t height));

// The picture as it was meant to be seen; `orientation` as in Exif, 1 to 8. Any other value leaves it as it is.
Picture upright(Picture picture, int orientation);
