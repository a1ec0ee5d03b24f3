// How the caller's hooks are completed with defaults, and TCONV_VERBOSE.
#include "hooks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace tconv {
namespace {

tconv_hooks fresh() {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    return hooks;
}

class HooksTest : public ::testing::Test {
protected:
    void SetUp() override { unsetenv("TCONV_VERBOSE"); }
    void TearDown() override { unsetenv("TCONV_VERBOSE"); }
    tconv_status resolve(const tconv_hooks *hooks) { return resolve_hooks(hooks, &resolved, message); }

    char text[200] = "";
    Message message{text, sizeof text};
    Hooks resolved;
};

TEST_F(HooksTest, DefaultsAreCompleteAndSerial) {
    const tconv_hooks empty = fresh();
    EXPECT_EQ(empty.concurrency, 1);
    for (const tconv_hooks *hooks : {static_cast<const tconv_hooks *>(nullptr), &empty}) {
        ASSERT_EQ(resolve(hooks), TCONV_OK);
        EXPECT_EQ(resolved.concurrency, 1);
        EXPECT_FALSE(resolved.verbose);
        for (const size_t alignment : {size_t{1}, size_t{8}, size_t{64}, size_t{4096}}) {
            void *const block = resolved.allocate(resolved.user, alignment, 100);
            ASSERT_NE(block, nullptr);
            EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
            resolved.release(resolved.user, block);
        }
        std::vector<int32_t> order;
        const auto task = [](void *arg, int32_t i) {
            static_cast<std::vector<int32_t> *>(arg)->push_back(i);
            return i == 3 ? 9 : 0;
        };
        EXPECT_EQ(resolved.parallel_for(resolved.user, 3, task, &order), 0);
        EXPECT_EQ(resolved.parallel_for(resolved.user, 10, task, &order), 9);
        EXPECT_EQ(order, (std::vector<int32_t>{0, 1, 2, 0, 1, 2, 3}));
        resolved.log(resolved.user, TCONV_OK, "silent");
    }
}

TEST_F(HooksTest, ImpossibleAllocationsGiveNull) {
    ASSERT_EQ(resolve(nullptr), TCONV_OK);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_EQ(resolved.allocate(nullptr, 64, SIZE_MAX / 2), nullptr);
#endif
}

TEST_F(HooksTest, MembersAreTakenOver) {
    tconv_hooks hooks = fresh();
    int mine = 0;
    hooks.user = &mine;
    hooks.allocate = [](void *, size_t, size_t) -> void * { return nullptr; };
    hooks.release = [](void *, void *) {};
    hooks.parallel_for = [](void *, int32_t, int (*)(void *, int32_t), void *) { return 5; };
    hooks.log = [](void *user, tconv_status status, const char *) { *static_cast<int *>(user) = status; };
    hooks.concurrency = 12;
    ASSERT_EQ(resolve(&hooks), TCONV_OK);
    EXPECT_EQ(resolved.user, &mine);
    EXPECT_EQ(resolved.allocate, hooks.allocate);
    EXPECT_EQ(resolved.release, hooks.release);
    EXPECT_EQ(resolved.parallel_for, hooks.parallel_for);
    EXPECT_EQ(resolved.concurrency, 12);
    resolved.log(resolved.user, TCONV_INTERNAL, "");
    EXPECT_EQ(mine, TCONV_INTERNAL);

    hooks.concurrency = 0;
    ASSERT_EQ(resolve(&hooks), TCONV_OK);
    EXPECT_EQ(resolved.concurrency, 1);
    hooks.concurrency = 12;
    hooks.parallel_for = nullptr;
    ASSERT_EQ(resolve(&hooks), TCONV_OK);
    EXPECT_EQ(resolved.concurrency, 1) << "the serial loop runs one task at a time, whatever the caller says";
}

TEST_F(HooksTest, Refusals) {
    tconv_hooks hooks = fresh();
    hooks.struct_size = 24;
    EXPECT_EQ(resolve(&hooks), TCONV_INVALID_STRUCT);
    EXPECT_NE(std::string(text).find("hooks.struct_size is 24"), std::string::npos) << text;
    hooks = fresh();
    hooks.allocate = [](void *, size_t, size_t) -> void * { return nullptr; };
    EXPECT_EQ(resolve(&hooks), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(std::string(text).find("hooks.release is NULL"), std::string::npos) << text;
    hooks = fresh();
    hooks.release = [](void *, void *) {};
    EXPECT_EQ(resolve(&hooks), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(std::string(text).find("hooks.allocate is NULL"), std::string::npos) << text;
    EXPECT_NE(resolved.log, nullptr) << "usable for reporting the failure";
    hooks = fresh();
    hooks.concurrency = -2;
    EXPECT_EQ(resolve(&hooks), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(std::string(text).find("hooks.concurrency is -2"), std::string::npos) << text;
}

TEST_F(HooksTest, Verbose) {
    for (const char *quiet : {"", "0"}) {
        setenv("TCONV_VERBOSE", quiet, 1);
        ASSERT_EQ(resolve(nullptr), TCONV_OK);
        EXPECT_FALSE(resolved.verbose);
    }
    setenv("TCONV_VERBOSE", "1", 1);
    ASSERT_EQ(resolve(nullptr), TCONV_OK);
    EXPECT_TRUE(resolved.verbose);
    ::testing::internal::CaptureStderr();
    resolved.log(resolved.user, TCONV_OK, "hello");
    resolved.log(resolved.user, TCONV_UNSUPPORTED, "sorry");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "tconv: hello\ntconv: error 20: sorry\n");
    for (const char *unknown : {"yes", "2", "true", " 1"}) {
        setenv("TCONV_VERBOSE", unknown, 1);
        EXPECT_EQ(resolve(nullptr), TCONV_INVALID_ARGUMENT) << unknown;
        EXPECT_NE(std::string(text).find("allowed: 0 or 1"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace tconv
