// Packed filters as relocatable blobs: a header that says for which kernel and layer, then the numbers.
#pragma once

#include "message.h"
#include "plan.h"

namespace tconv {

// What a blob is made for.
struct PackedForm {
    const tconv_spec &spec;
    Direction direction;
    const Choice &choice;
    int64_t bytes;  // header and numbers
};

inline PackedForm packed_form(const tconv_plan &plan) {
    return {plan.spec, Direction::output, plan.choice, plan.packed_bytes};
}

// All of tconv_pack_filter but its log.
tconv_status pack(const PackedForm &form, const tconv_view *filter, void *packed, size_t packed_bytes,
                  Message &message);

// PACKED_MISMATCH with the reason if the header is not of a blob of this form. The numbers are not read.
tconv_status check_packed(const PackedForm &form, const void *packed, Message &message);

const void *packed_numbers(const void *packed);

}  // namespace tconv
