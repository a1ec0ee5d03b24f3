#include "jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <stdexcept>

// libjpeg's headers need <cstdio> before them.
#include <jpeglib.h>

#include <jerror.h>

namespace {

struct Decoder {
    jpeg_decompress_struct info = {};
    jpeg_error_mgr errors = {};
    std::jmp_buf failed = {};
    char message[JMSG_LENGTH_MAX] = "";
    int orientation = 1;

    Decoder() {
        info.err = jpeg_std_error(&errors);
        info.client_data = this;
        errors.error_exit = [](j_common_ptr any) {
            auto *decoder = static_cast<Decoder *>(any->client_data);
            decoder->errors.format_message(any, decoder->message);
            std::longjmp(decoder->failed, 1);
        };
        // libjpeg fills what is missing of a file with grey and warns (level -1). Half a photograph is an error here; but
        // stray bytes between the blocks, which some cameras write, lose nothing.
        errors.emit_message = [](j_common_ptr any, int level) {
            if (level < 0 && any->err->msg_code != JWRN_EXTRANEOUS_DATA) {
                any->err->error_exit(any);
            }
        };
        jpeg_create_decompress(&info);
    }
    ~Decoder() { jpeg_destroy_decompress(&info); }
    Decoder(const Decoder &) = delete;
    Decoder &operator=(const Decoder &) = delete;
};

// The orientation that an Exif block asks for (entry 0x0112 of its first directory), or 1.
int exif_orientation(const jpeg_marker_struct *marker) {
    for (; marker; marker = marker->next) {
        const uint8_t *tiff = marker->data + 6;
        const uint32_t bytes = marker->data_length;
        if (marker->marker != JPEG_APP0 + 1 || bytes < 14 || std::memcmp(marker->data, "Exif\0", 6) != 0) {
            continue;
        }
        const bool little = tiff[0] == 'I';
        auto number = [&](uint32_t at, uint32_t size) -> uint32_t {  // 0 beyond the end
            uint32_t value = 0;
            const bool inside = uint64_t{at} + size <= bytes - 6;
            for (uint32_t i = 0; inside && i < size; i++) {
                value |= static_cast<uint32_t>(tiff[at + i]) << 8 * (little ? i : size - 1 - i);
            }
            return value;
        };
        const uint32_t directory = number(4, 4), entries = number(directory, 2);
        for (uint32_t i = 0; i < entries; i++) {
            const uint32_t entry = directory + 2 + 12 * i;
            if (number(entry, 2) == 0x0112) {
                return static_cast<int>(number(entry + 8, 2));
            }
        }
    }
    return 1;
}

// False if libjpeg gave up. It then jumps back to the top of this function, past the destructors of whatever was created
// in between: nothing here may have one.
bool decode(Decoder &decoder, const std::vector<uint8_t> &file, Picture (*blank)(int64_t, int64_t), Picture &picture) {
    jpeg_decompress_struct &info = decoder.info;
    if (setjmp(decoder.failed)) {
        return false;
    }
    jpeg_mem_src(&info, file.data(), file.size());
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&info, TRUE);
    decoder.orientation = exif_orientation(info.marker_list);  // jpeg_finish_decompress throws the list away
    picture = blank(info.image_width, info.image_height);
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = &picture.rgb[size_t{3} * info.output_width * info.output_scanline];
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    return true;
}

}  // namespace

bool is_jpeg(const std::vector<uint8_t> &file) {
    return file.size() >= 3 && file[0] == 0xFF && file[1] == 0xD8 && file[2] == 0xFF;
}

Picture decode_jpeg(const std::vector<uint8_t> &file, Picture (*blank)(int64_t width, int64_t height)) {
    Decoder decoder;
    Picture picture;
    if (!decode(decoder, file, blank, picture)) {
        throw std::runtime_error(std::string("not a JPEG that can be read: ") + decoder.message);
    }
    return upright(std::move(picture), decoder.orientation);
}

Picture upright(Picture picture, int orientation) {
    if (orientation < 2 || orientation > 8) {
        return picture;
    }
    const bool transposed = orientation >= 5;
    const bool mirror_columns = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool mirror_rows = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Picture result = picture;
    if (transposed) {
        std::swap(result.width, result.height);
    }
    for (int y = 0; y < result.height; y++) {
        for (int x = 0; x < result.width; x++) {
            int column = transposed ? y : x, row = transposed ? x : y;
            column = mirror_columns ? picture.width - 1 - column : column;
            row = mirror_rows ? picture.height - 1 - row : row;
            std::memcpy(&result.rgb[3 * (size_t(y) * result.width + x)],
                        &picture.rgb[3 * (size_t(row) * picture.width + column)], 3);
        }
    }
    return result;
}
