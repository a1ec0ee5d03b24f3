// What came of an attempt to make a plan.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tconv/tconv.h"

namespace tconv::testing {

struct Attempt {
    tconv_status status;
    std::string said, kernel;
};

#define EXPECT_REFUSED(result, code, names)                                     \
    do {                                                                        \
        const Attempt refused = result;                                         \
        EXPECT_EQ(refused.status, code) << refused.said;                        \
        EXPECT_NE(refused.said.find(names), std::string::npos) << refused.said; \
    } while (false)

}  // namespace tconv::testing
