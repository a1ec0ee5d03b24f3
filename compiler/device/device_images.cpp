#include "device_images.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>

#include "images.h"
#include "split_pairs.h"
#include "tensor_cores.h"

namespace tconv::compiler {

using namespace Halide;

namespace {

// The buffer of a module that holds its device code. (The functions refer to it by name.)
Buffer<> &code_buffer(const Module &module) {
    for (const Buffer<> &buffer : module.buffers()) {
        if (buffer.name().find("gpu_source_kernels") != std::string::npos)
            return const_cast<Buffer<> &>(buffer);
    }
    throw std::logic_error("Halide put no device code into " + module.name());
}

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string device_code_of(const Module &module, int threads) {
    const std::string ptx =
        with_pairs_split(with_tensor_core_instructions(static_cast<const char *>(code_buffer(module).data())));
    // Two blocks on a multiprocessor: without a number ptxas aims at more and spills a few registers for them (28 bytes of
    // the 128 x 4 x 4 tile on sm_80), and where nobody says how large a block is, a driver may stop at 64.
    const std::string bound = ")\n.maxntid " + std::to_string(threads) + ", 1, 1\n.minnctapersm 2\n{\n";
    std::string bounded;
    size_t entries = 0, from = 0;
    for (size_t at; (at = ptx.find(")\n{\n", from)) != std::string::npos; from = at + 4, entries++)
        bounded += ptx.substr(from, at - from) + bound;
    bounded += ptx.substr(from);
    if (entries == 0 || ptx.find(".extern .func") != std::string::npos)
        throw std::logic_error("the PTX of " + module.name() + " has no entry, or calls what it does not define");
    return bounded;
}

std::string image_bytes(const std::vector<DeviceImage> &images) {
    ImagesHeader header = {};
    std::memcpy(header.magic, kImagesMagic, sizeof header.magic);
    header.count = static_cast<uint32_t>(images.size());
    std::string bytes(sizeof header + images.size() * sizeof(ImageEntry), '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    for (size_t i = 0; i < images.size(); i++) {
        bytes.resize((bytes.size() + kImageAlignment - 1) / kImageAlignment * kImageAlignment);
        const ImageEntry entry = {static_cast<uint32_t>(images[i].arch), 0, bytes.size(), images[i].code.size() + 1};
        std::memcpy(bytes.data() + sizeof header + i * sizeof entry, &entry, sizeof entry);
        bytes += images[i].code + '\0';  // PTX is a string to the driver
    }
    return bytes;
}

void replace_device_code(Module &module, const std::vector<DeviceImage> &images) {
    const std::string bytes = image_bytes(images);
    Buffer<> &code = code_buffer(module);
    Buffer<uint8_t> image(static_cast<int>(bytes.size()), code.name());
    std::memcpy(image.data(), bytes.data(), bytes.size());
    code = image;
}

std::vector<DeviceImage> images_of(const std::string &ptx, const std::string &ptx_file, const std::string &ptxas,
                                   const std::vector<int> &archs) {
    std::ofstream(ptx_file) << ptx;
    std::vector<DeviceImage> images;
    for (int arch : archs)
        images.push_back({arch, assemble(ptxas, ptx_file, arch)});
    images.push_back({0, ptx});
    return images;
}

std::string assemble(const std::string &ptxas, const std::string &ptx_file, int arch) {
    const std::string cubin = ptx_file.substr(0, ptx_file.rfind('.')) + ".sm_" + std::to_string(arch) + ".cubin";
    const std::string command = "'" + ptxas + "' -v -arch=sm_" + std::to_string(arch) + " '" + ptx_file + "' -o '" + cubin +
                                "' 2>&1";
    FILE *const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr)
        throw std::runtime_error("cannot run " + ptxas);
    std::string text;
    std::array<char, 4096> part;
    for (size_t got; (got = fread(part.data(), 1, part.size(), pipe)) > 0;)
        text.append(part.data(), got);
    if (pclose(pipe) != 0)
        throw std::runtime_error(command + ":\n" + text);
    if (!std::regex_search(text, std::regex("\\b0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads")) ||
        std::regex_search(text, std::regex("[1-9][0-9]* bytes (stack frame|spill)")))
        throw std::runtime_error(ptx_file + " keeps registers or arrays in memory on sm_" + std::to_string(arch) + ":\n" +
                                 text);
    return read_file(cubin);
}

}  // namespace tconv::compiler
