// tconv.hpp, as C++17 and as C++20: owners, both forms of failing, arrays of any kind, and a run that is right.
#include "tconv/tconv.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <type_traits>
#include <vector>

namespace {

constexpr const char *kText = "n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw";
const std::array<float, 4> kInput = {1, 2, 3, 4}, kFilter = {1, 10, 100, 1000};
const std::vector<float> kBias = {0.5f};
const std::vector<float> kOutput = {1.5f, 10.5f, 2.5f, 20.5f, 100.5f, 1000.5f, 200.5f, 2000.5f,
                                    3.5f, 30.5f, 4.5f, 40.5f, 300.5f, 3000.5f, 400.5f, 4000.5f};

template<typename Call>
void expect_error(const Call &call, tconv_status status, const std::string &message) {
    try {
        call();
        ADD_FAILURE() << "did not throw: " << message;
    } catch (const tconv::Error &error) {
        EXPECT_EQ(error.status(), status);
        EXPECT_EQ(error.what(), message);
    }
}

TEST(CppHeader, ALayerFromATextToItsOutput) {
    tconv::Spec spec(kText);
    EXPECT_EQ(spec.text(), kText);
    EXPECT_EQ(spec.output_size().h, 4);
    tconv::Layer layer(tconv::Plan(spec), kFilter, kBias);
    std::vector<float> y(16);
    layer.run(kInput, y);
    EXPECT_EQ(y, kOutput);
    // Spans, and a layer that has moved.
    tconv::Layer moved = std::move(layer);
    std::vector<float> again(16);
    moved.run(tconv::Span<const float>(kInput.data(), 4), tconv::Span<float>(again.data(), 16));
    EXPECT_EQ(again, kOutput);
    EXPECT_NE(moved.plan().explain().find(moved.plan().kernel()), std::string::npos);
}

TEST(CppHeader, StatusesInsteadOfExceptions) {
    tconv::Spec spec;
    std::string message = "untouched";
    EXPECT_EQ(spec.try_parse("n1_c0", &message), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(message.find("in_h"), std::string::npos) << message;
    ASSERT_EQ(spec.try_parse(kText, &message), TCONV_OK);
    EXPECT_EQ(message, "");
    tconv::Pool pool;
    ASSERT_EQ(tconv::Pool::try_create(2, &pool), TCONV_OK);
    const tconv::Hooks hooks = pool.hooks();
    tconv::Plan plan;
    ASSERT_EQ(tconv::Plan::try_create(spec, &plan, &message, &hooks), TCONV_OK) << message;
    tconv::Layer layer;
    ASSERT_EQ(tconv::Layer::try_create(std::move(plan), kFilter, kBias, &layer, &message), TCONV_OK) << message;
    std::vector<float> y(16);
    ASSERT_EQ(layer.try_run(kInput, y, &message), TCONV_OK) << message;
    EXPECT_EQ(y, kOutput);

    std::vector<float> small(15);
    EXPECT_EQ(layer.try_run(kInput, small, &message), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(message, "output has 15 elements; allowed: 16");
    EXPECT_EQ(layer.try_run(kBias, y), TCONV_INVALID_ARGUMENT) << "without a message too";
    const std::vector<int32_t> integers(4);
    EXPECT_EQ(layer.try_run(integers, y, &message), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(message, "input has elements of 4 bytes of a type that dtype 1 does not name");
    EXPECT_EQ(tconv::Plan::try_create(spec, &plan, &message, nullptr, "no_such_kernel"), TCONV_UNSUPPORTED);
    EXPECT_EQ(message, tconv_status_string(TCONV_UNSUPPORTED));
    EXPECT_EQ(tconv::Pool::try_create(0, &pool), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(pool.hooks().parallel_for, nullptr) << "the pool that was there stays";
}

TEST(CppHeader, ExceptionsCarryStatusAndMessage) {
    expect_error([] { tconv::Spec("nonsense").validate(); }, TCONV_INVALID_ARGUMENT,
                 [] {
                     std::string message;
                     tconv::Spec().try_parse("nonsense", &message);
                     return message;
                 }());
    tconv::Spec spec(kText);
    tconv::Layer layer(tconv::Plan(spec), kFilter, kBias);
    std::vector<float> small(3);
    expect_error([&] { layer.run(kInput, small); }, TCONV_INVALID_ARGUMENT, "output has 3 elements; allowed: 16");
    expect_error([&] { tconv::Layer(tconv::Plan(spec), kBias, kBias); }, TCONV_INVALID_ARGUMENT,
                 "filter has 1 elements; allowed: 4");
    expect_error([&] { tconv::Layer(tconv::Plan(spec), kFilter, kFilter); }, TCONV_INVALID_ARGUMENT,
                 "bias has 4 elements; allowed: 1");
    expect_error([] { tconv::Pool(0); }, TCONV_INVALID_ARGUMENT, tconv_status_string(TCONV_INVALID_ARGUMENT));
    spec.kernel_h = 0;
    expect_error([&] { spec.output_size(); }, TCONV_INVALID_ARGUMENT, "kernel_h is 0; allowed: 1 to 2147483647");
    expect_error([&] { tconv::Plan plan(spec); }, TCONV_INVALID_ARGUMENT, "kernel_h is 0; allowed: 1 to 2147483647");
}

template<typename Params>
int32_t height(Params params) {
    tconv::Spec spec(kText);
    return spec.set(params).output_size().h;
}

TEST(CppHeader, ParametersOfEachFramework) {
    EXPECT_EQ(height(tconv::Torch()), 3);
    EXPECT_EQ(height(tconv::Chainer()), 3);
    EXPECT_EQ(height(tconv::Paddle()), 3);
    EXPECT_EQ(height(tconv::NumpyMl()), 3);
    EXPECT_EQ(height(tconv::Onnx()), 3);
    EXPECT_EQ(height(tconv::Keras()), 3);
    EXPECT_EQ(height(tconv::Jax()), 1);
    EXPECT_EQ(height(tconv::OpenVino()), 3);
    tconv::TensorFlow tensorflow;
    tensorflow.output_shape[0] = tensorflow.output_shape[1] = 2;
    EXPECT_EQ(height(tensorflow), 2);
    tconv::TfLite tflite;
    tflite.output_shape[0] = tflite.output_shape[1] = 2;
    EXPECT_EQ(height(tflite), 2);
    tconv::Torch torch;
    torch.padding[1] = -1;
    expect_error([&] { height(torch); }, TCONV_INVALID_ARGUMENT, "padding[1] is -1; allowed: 0 or more");
}

TEST(CppHeader, WeightsInAnotherOrder) {
    const tconv::Spec spec(kText);
    const std::array<float, 4> turned = {1000, 100, 10, 1};
    tconv::Layer layer(tconv::Plan(spec), turned, kBias, TCONV_WEIGHTS_JAX);
    std::vector<float> y(16);
    layer.run(kInput, y);
    EXPECT_EQ(y, kOutput);
}

TEST(CppHeader, PlansServeManyWorkspaces) {
    const tconv::Plan plan(tconv::Spec(std::string(kText) + "_nobias"));
    tconv::Tensors tensors;
    tconv_view filter;
    std::vector<float> y(16);
    tconv::Buffer packed, workspace;
    ASSERT_EQ(plan.try_filter(kFilter, &filter), TCONV_OK);
    ASSERT_EQ(plan.try_pack(filter, &packed), TCONV_OK);
    ASSERT_EQ(plan.try_workspace(&workspace), TCONV_OK);
    ASSERT_EQ(plan.try_input(kInput, &tensors.input), TCONV_OK);
    ASSERT_EQ(plan.try_output(y, &tensors.output), TCONV_OK);
    tensors.packed_filter = packed.data();
    expect_error([&] { plan.run(tensors); }, TCONV_INVALID_ARGUMENT, tconv_status_string(TCONV_INVALID_ARGUMENT));
    tensors.workspace = workspace.data();
    tensors.workspace_bytes = workspace.size();
    plan.run(tensors);
    for (size_t i = 0; i < y.size(); ++i)
        EXPECT_EQ(y[i], kOutput[i] - 0.5f);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(packed.data()) % plan.requirements().alignment, 0u);
}

TEST(CppHeader, OwnersMoveAndDoNotCopy) {
    static_assert(!std::is_copy_constructible_v<tconv::Plan> && std::is_nothrow_move_constructible_v<tconv::Plan>);
    static_assert(!std::is_copy_constructible_v<tconv::Pool> && std::is_nothrow_move_constructible_v<tconv::Pool>);
    static_assert(!std::is_copy_constructible_v<tconv::Buffer> && std::is_nothrow_move_assignable_v<tconv::Buffer>);
    tconv::Buffer buffer;
    EXPECT_EQ(buffer.data(), nullptr);
    EXPECT_EQ(buffer.size(), 0u);
    ASSERT_EQ(tconv::Buffer::try_allocate(100, 64, &buffer), TCONV_OK);
    const void *const data = buffer.data();
    tconv::Buffer other = std::move(buffer);
    EXPECT_EQ(other.data(), data);
    EXPECT_EQ(other.size(), 100u);
    EXPECT_EQ(buffer.size(), 0u);
    EXPECT_EQ(tconv::Buffer::try_allocate(SIZE_MAX / 2, 64, &other), TCONV_OUT_OF_MEMORY);
    EXPECT_EQ(other.data(), data) << "kept on failure";
}

TEST(CppHeader, SpansOfAnyArray) {
    int numbers[3] = {1, 2, 3};
    const tconv::Span<int> span(numbers);
    const tconv::Span<const int> constant(numbers, 2);
    EXPECT_TRUE(span.size() == 3 && span.data() == numbers && span[2] == 3 && !span.empty());
    EXPECT_TRUE(constant.size() == 2 && *constant.begin() == 1 && *(constant.end() - 1) == 2);
    EXPECT_TRUE(tconv::Span<int>().empty());
}

}  // namespace
