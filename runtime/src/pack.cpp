#include "pack.h"

#include <bit>
#include <cstring>

#include "bind.h"
#include "geometry.h"
#include "tensor_checks.h"
#include "views.h"

namespace tconv {

namespace {

constexpr char kMagic[8] = {'t', 'c', 'o', 'n', 'v', 'p', 'k', '1'};
constexpr uint32_t kByteOrder = 0x01020304;

// FNV-1a over 8-byte words: enough to notice damage.
class Hash {
public:
    void add(uint64_t word) { value_ = (value_ ^ word) * 0x100000001b3ull; }
    uint64_t value() const { return value_; }

private:
    uint64_t value_ = 0xcbf29ce484222325ull;
};

// Four independent lanes keep the multiplications from waiting for one another.
uint64_t checksum(const void *data, size_t bytes) {
    Hash lanes[4];
    const auto *at = static_cast<const unsigned char *>(data);
    size_t done = 0;
    for (; done + 32 <= bytes; done += 32) {
        uint64_t words[4];
        std::memcpy(words, at + done, sizeof words);
        for (int i = 0; i < 4; i++)
            lanes[i].add(words[i]);
    }
    Hash all;
    for (; done < bytes; done++)
        all.add(at[done]);
    for (const Hash &lane : lanes)
        all.add(lane.value());
    return all.value();
}

// Everything that the order of the packed numbers depends on, besides the kernel.
uint64_t layer_hash(const PackedForm &form) {
    const LayerParams &p = form.choice.blocking.params;
    // By phases, of which layers of another stride have others.
    const bool tiles = outputs_of_tile(form.choice.kernel->family) > 0;
    Hash hash;
    for (int32_t value : {p.channels, p.outputs, p.groups, p.kernel_h, p.kernel_w, p.merged_h, p.merged_w,
                          p.merged_h > 1 ? p.dilation_h : 0, p.merged_w > 1 ? p.dilation_w : 0, tiles ? p.stride_h : 0,
                          tiles ? p.stride_w : 0, static_cast<int32_t>(form.direction)}) {
        hash.add(static_cast<uint64_t>(static_cast<uint32_t>(value)));
    }
    return hash.value();
}

}  // namespace

const void *packed_numbers(const void *packed) {
    return static_cast<const char *>(packed) + sizeof(PackedHeader);
}

tconv_status check_packed(const PackedForm &form, const void *packed, Message &message) {
    PackedHeader header;
    std::memcpy(&header, packed, sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) {
        return message.fail(TCONV_PACKED_MISMATCH, "packed_filter is foreign: not a packed filter of this format");
    }
    if (header.byte_order != kByteOrder) {
        return message.fail(TCONV_PACKED_MISMATCH, "packed_filter is foreign: written with the other byte order");
    }
    header.kernel[sizeof header.kernel - 1] = '\0';
    if (std::strcmp(header.kernel, form.choice.kernel->name) != 0) {
        return message.fail(TCONV_PACKED_MISMATCH, "packed_filter is foreign: made for kernel %s, the plan runs %s",
                            header.kernel, form.choice.kernel->name);
    }
    if (header.library != tconv_version()) {
        return message.fail(TCONV_PACKED_MISMATCH, "packed_filter is foreign: made by version %u, this is %u",
                            header.library, tconv_version());
    }
    if (header.layer != layer_hash(form) || header.bytes != static_cast<uint64_t>(form.choice.blocking.packed_bytes)) {
        return message.fail(TCONV_PACKED_MISMATCH, "packed_filter is foreign: made for a layer of other sizes");
    }
    return TCONV_OK;
}

// The header first, so that a foreign blob is not taken for a truncated or damaged one of this plan.
tconv_status check_whole(const PackedForm &form, const void *packed, size_t packed_bytes, Message &message) {
    if (packed == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "packed is NULL");
    if (packed_bytes < sizeof(PackedHeader)) {
        return message.fail(TCONV_PACKED_MISMATCH,
                            "packed_filter is truncated: packed_bytes = %zu, less than its header of %zu", packed_bytes,
                            sizeof(PackedHeader));
    }
    if (tconv_status status = check_packed(form, packed, message); status != TCONV_OK)
        return status;
    if (packed_bytes < static_cast<size_t>(form.bytes)) {
        return message.fail(TCONV_PACKED_MISMATCH, "packed_filter is truncated: packed_bytes = %zu of %lld",
                            packed_bytes, static_cast<long long>(form.bytes));
    }
    PackedHeader header;
    std::memcpy(&header, packed, sizeof header);
    if (const uint64_t found = checksum(packed_numbers(packed), header.bytes); found != header.checksum) {
        return message.fail(TCONV_PACKED_MISMATCH,
                            "packed_filter is damaged: its numbers have the checksum %016llx, its header says %016llx",
                            static_cast<unsigned long long>(found), static_cast<unsigned long long>(header.checksum));
    }
    return TCONV_OK;
}

tconv_status pack(const PackedForm &form, const tconv_view *filter, void *packed, size_t packed_bytes,
                  Message &message) {
    const Needs needs = {static_cast<size_t>(form.bytes), 0, kAlignment};
    if (tconv_status status = check_packing(form.spec, needs, filter, packed, packed_bytes, message); status != TCONV_OK)
        return status;

    const LayerParams params = bind_filter(form.spec, form.direction, form.choice, *filter);
    PackedHeader header = {};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.byte_order = kByteOrder;
    header.library = tconv_version();
    std::strncpy(header.kernel, form.choice.kernel->name, sizeof header.kernel - 1);
    header.layer = layer_hash(form);
    header.bytes = static_cast<uint64_t>(form.choice.blocking.packed_bytes);
    auto *numbers = static_cast<char *>(packed) + sizeof header;
    form.choice.kernel->pack(reinterpret_cast<const int32_t *>(&params), filter->data, numbers);
    header.checksum = checksum(numbers, header.bytes);
    std::memcpy(packed, &header, sizeof header);
    return TCONV_OK;
}

}  // namespace tconv

tconv_status tconv_pack_filter(const tconv_plan *plan, const tconv_view *filter, void *packed, size_t packed_bytes) {
    using namespace tconv;
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    const tconv_status status = pack(packed_form(*plan), filter, packed, packed_bytes, message);
    if (status != TCONV_OK)
        plan->hooks.log(plan->hooks.user, status, text);
    return status;
}

tconv_status tconv_packed_check(const tconv_plan *plan, const void *packed, size_t packed_bytes) {
    using namespace tconv;
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    const tconv_status status = check_whole(packed_form(*plan), packed, packed_bytes, message);
    if (status != TCONV_OK)
        plan->hooks.log(plan->hooks.user, status, text);
    return status;
}
