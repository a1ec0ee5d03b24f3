// The images of a run, as many at a time as its parameters say; the last group may have fewer.
#pragma once

#include "layer_params.h"
#include "shares.h"

namespace tconv {

class ImageGroups {
public:
    ImageGroups(const LayerParams &params, int32_t batch)
        : params_(params), count_(ceil_div(batch, params.images)), left_(batch % params.images) {
        if (left_ > 0) {  // else not copied, which would cost a tiny layer a tenth of its time
            last_ = params;
            last_.images = left_;
        }
    }

    int64_t count() const { return count_; }
    int64_t first_image(int64_t group) const { return group * params_.images; }
    // As generated code reads them.
    const int32_t *params_of(int64_t group) const {
        return reinterpret_cast<const int32_t *>(left_ > 0 && group == count_ - 1 ? &last_ : &params_);
    }

private:
    const LayerParams &params_;
    int64_t count_;
    int32_t left_;
    LayerParams last_;
};

}  // namespace tconv
