#include "sheet.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kZoom = 4, kGap = 8, kDot = 2;  // a letter is 5 x 7 dots
constexpr int kLabelHeight = 7 * kDot + 2 * kGap;

struct Letter {
    char name;
    uint8_t columns[5];  // from the left; bit 0 is the top
};
constexpr Letter kFont[] = {
    {'0', {0x3E, 0x51, 0x49, 0x45, 0x3E}}, {'1', {0x00, 0x42, 0x7F, 0x40, 0x00}}, {'2', {0x42, 0x61, 0x51, 0x49, 0x46}},
    {'3', {0x21, 0x41, 0x45, 0x4B, 0x31}}, {'4', {0x18, 0x14, 0x12, 0x7F, 0x10}}, {'5', {0x27, 0x45, 0x45, 0x45, 0x39}},
    {'6', {0x3C, 0x4A, 0x49, 0x49, 0x30}}, {'7', {0x01, 0x71, 0x09, 0x05, 0x03}}, {'8', {0x36, 0x49, 0x49, 0x49, 0x36}},
    {'9', {0x06, 0x49, 0x49, 0x29, 0x1E}}, {'A', {0x7E, 0x11, 0x11, 0x11, 0x7E}}, {'B', {0x7F, 0x49, 0x49, 0x49, 0x36}},
    {'C', {0x3E, 0x41, 0x41, 0x41, 0x22}}, {'F', {0x7F, 0x09, 0x09, 0x09, 0x01}}, {'G', {0x3E, 0x41, 0x49, 0x49, 0x7A}},
    {'I', {0x00, 0x41, 0x7F, 0x41, 0x00}}, {'L', {0x7F, 0x40, 0x40, 0x40, 0x40}}, {'N', {0x7F, 0x04, 0x08, 0x10, 0x7F}},
    {'O', {0x3E, 0x41, 0x41, 0x41, 0x3E}}, {'R', {0x7F, 0x09, 0x19, 0x29, 0x46}}, {'S', {0x46, 0x49, 0x49, 0x49, 0x31}},
    {'U', {0x3F, 0x40, 0x40, 0x40, 0x3F}}, {'d', {0x38, 0x44, 0x44, 0x48, 0x7F}}, {'.', {0x00, 0x60, 0x60, 0x00, 0x00}},
    {'-', {0x08, 0x08, 0x08, 0x08, 0x08}}};

uint8_t *pixel(Picture &picture, int x, int y) {
    return &picture.rgb[3 * (size_t(y) * picture.width + x)];
}

// Dark dots with the upper left corner at (left, top); what does not fit is cut off at `right`.
void write(Picture &sheet, int left, int top, int right, const std::string &text) {
    for (const char name : text) {
        const auto *letter = std::find_if(std::begin(kFont), std::end(kFont), [=](auto &l) { return l.name == name; });
        if (left + 5 * kDot > right) {
            return;
        }
        for (int x = 0; letter != std::end(kFont) && x < 5 * kDot; x++) {
            for (int y = 0; y < 7 * kDot; y++) {
                if (letter->columns[x / kDot] >> (y / kDot) & 1) {
                    std::memset(pixel(sheet, left + x, top + y), 32, 3);
                }
            }
        }
        left += 6 * kDot;
    }
}

// Copies width x height pixels from (x, y) of `from` to (left, top) of the sheet, each as zoom x zoom pixels.
void paste(Picture &sheet, int left, int top, const Picture &from, int x, int y, int width, int height, int zoom) {
    for (int row = 0; row < height * zoom; row++) {
        for (int column = 0; column < width * zoom; column++) {
            const size_t source = size_t(y + row / zoom) * from.width + (x + column / zoom);
            std::memcpy(pixel(sheet, left + column, top + row), &from.rgb[3 * source], 3);
        }
    }
}

// How much neighbours in a row differ within a window: a measure of detail that favours none of the methods.
int64_t detail(const Picture &picture, int left, int top, int width, int height) {
    int64_t sum = 0;
    for (int y = top; y < top + height; y++) {
        const uint8_t *row = &picture.rgb[3 * (size_t(y) * picture.width + left)];
        for (int i = 3; i < 3 * width; i++) {
            sum += std::abs(row[i] - row[i - 3]);
        }
    }
    return sum;
}

}  // namespace

Picture comparison_sheet(std::span<const Panel> panels) {
    const Picture &first = panels.front().picture;
    const int width = first.width, height = first.height, part_width = width / kZoom, part_height = height / kZoom;

    int part_x = 0, part_y = 0;
    int64_t most = -1;
    for (int y = 0; y + part_height <= height; y += std::max(1, part_height / 4)) {
        for (int x = 0; x + part_width <= width; x += std::max(1, part_width / 4)) {
            if (const int64_t found = detail(first, x, y, part_width, part_height); found > most) {
                most = found, part_x = x, part_y = y;
            }
        }
    }

    const int count = static_cast<int>(panels.size());
    Picture sheet = {count * width + (count - 1) * kGap, kLabelHeight + height + kGap + part_height * kZoom, {}};
    sheet.rgb.assign(size_t{3} * sheet.width * sheet.height, 255);
    for (int i = 0; i < count; i++) {
        const int left = i * (width + kGap);
        write(sheet, left + kDot, kGap, left + width, panels[i].label);
        paste(sheet, left, kLabelHeight, panels[i].picture, 0, 0, width, height, 1);
        paste(sheet, left, kLabelHeight + height + kGap, panels[i].picture, part_x, part_y, part_width, part_height,
              kZoom);
    }
    return sheet;
}
