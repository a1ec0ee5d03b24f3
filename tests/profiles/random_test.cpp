// Random parameters of each framework, legal and not: the profile refuses exactly what the framework refuses, and the
// output of the planned kernel is what the framework's own steps give (frameworks.h).
#include <gtest/gtest.h>

#include "random_spec.h"
#include "rank_one.h"

namespace tconv {
namespace {

using testing::AutoPad;
using testing::Lines;
using testing::Onnx;
using testing::Outputs;
using testing::Pads;
using testing::Random;
using testing::Rule;

constexpr uint64_t kCases = 3000;

int32_t narrow(int64_t value) {
    return static_cast<int32_t>(value);
}

// What a test of one framework finds out about its cases; neither kind may be rare.
class Tally {
public:
    explicit Tally(const char *framework) : framework_(framework) {}
    ~Tally() {
        EXPECT_GT(legal_, kCases / 12) << framework_;
        EXPECT_GT(refused_, kCases / 50) << framework_;
    }

    // The profile's answer for the spec of these lines against what the framework says to each axis.
    template<typename Params>
    void judge(const Lines &lines, const Params &params, int32_t weights,
               tconv_status (*profile)(tconv_spec *, const Params *, char *, size_t), const Outputs &h,
               const Outputs &w) {
        const tconv_spec before = testing::sizes_of(lines);
        tconv_spec spec = before;
        char message[300] = "untouched";
        const tconv_status status = profile(&spec, &params, message, sizeof message);
        if (h && w) {
            ++legal_;
            ASSERT_EQ(status, TCONV_OK) << message;
            EXPECT_STREQ(message, "");
            EXPECT_EQ(testing::compare_run(spec, lines, weights, *h, *w), "") << testing::text_of(spec);
        } else {
            ++refused_;
            ASSERT_TRUE(status == TCONV_INVALID_SHAPE || status == TCONV_INVALID_ARGUMENT)
                << status << ' ' << message << ' ' << testing::text_of(spec);
            EXPECT_NE(std::string(message), "");
            EXPECT_TRUE(testing::same_spec(spec, before)) << "written in part";
        }
    }

private:
    const char *framework_;
    uint64_t legal_ = 0, refused_ = 0;
};

// Draws lines, takes strides and dilations over, and hands the case to `body`.
template<typename Params, typename Body>
void each_case(Params initial, int32_t (Params::*strides)[2], int32_t (Params::*dilations)[2], const Body &body) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < kCases && !::testing::Test::HasFailure(); ++i) {
        SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i));
        Random random(testing::seed_of_case(seed, i));
        const Lines lines = testing::random_lines(random);
        Params params = initial;
        (params.*strides)[0] = narrow(lines.h.stride), (params.*strides)[1] = narrow(lines.w.stride);
        (params.*dilations)[0] = narrow(lines.h.dilation), (params.*dilations)[1] = narrow(lines.w.dilation);
        body(random, lines, params);
    }
}

// A size around the natural one.
int64_t size_near(Random &random, const testing::Line &line, int64_t cut) {
    return line.stride * (line.in() - 1) + line.extent() - cut + random.range(-line.stride - 1, line.stride + 1);
}

TEST(RandomParameters, Torch) {
    Tally tally("torch");
    tconv_torch_params initial;
    tconv_torch_params_init(&initial, sizeof initial);
    each_case(initial, &tconv_torch_params::stride, &tconv_torch_params::dilation,
              [&](Random &random, const Lines &lines, tconv_torch_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  p.has_output_size = random.chance(0.5);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      p.padding[a] = narrow(random.range(0, line[a]->extent()));
                      p.output_padding[a] = narrow(random.range(0, 3));
                      p.output_size[a] = narrow(size_near(random, *line[a], 2 * p.padding[a]));
                      out[a] =
                          testing::torch(*line[a], p.padding[a], p.output_padding[a],
                                         p.has_output_size ? std::optional<int64_t>(p.output_size[a]) : std::nullopt);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TORCH, tconv_profile_torch, out[0], out[1]);
              });
}

TEST(RandomParameters, Chainer) {
    Tally tally("chainer");
    tconv_chainer_params initial;
    tconv_chainer_params_init(&initial, sizeof initial);
    each_case(initial, &tconv_chainer_params::stride, &tconv_chainer_params::dilate,
              [&](Random &random, const Lines &lines, tconv_chainer_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  p.has_outsize = random.chance(0.7);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      p.pad[a] = narrow(random.range(0, line[a]->extent()));
                      p.outsize[a] = narrow(size_near(random, *line[a], 2 * p.pad[a]));
                      out[a] = testing::chainer(*line[a], p.pad[a],
                                                p.has_outsize ? std::optional<int64_t>(p.outsize[a]) : std::nullopt);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TORCH, tconv_profile_chainer, out[0], out[1]);
              });
}

TEST(RandomParameters, Paddle) {
    Tally tally("paddle");
    tconv_paddle_params initial;
    tconv_paddle_params_init(&initial, sizeof initial);
    each_case(initial, &tconv_paddle_params::stride, &tconv_paddle_params::dilation,
              [&](Random &random, const Lines &lines, tconv_paddle_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  const Rule rule = static_cast<Rule>(random.below(3));
                  p.padding_algorithm = static_cast<int32_t>(rule);
                  constexpr int32_t kCounts[] = {1, 2, 4};
                  p.padding_count = random.pick(kCounts);
                  for (int32_t &padding : p.padding)
                      padding = narrow(random.range(0, 3));
                  const Pads pads[2] = {
                      {p.padding[0], p.padding[p.padding_count == 4 ? 1 : 0]},
                      {p.padding[p.padding_count / 2], p.padding[p.padding_count == 4 ? 3 : p.padding_count / 2]}};
                  p.has_output_size = random.chance(0.4);
                  const bool padded = random.chance(p.has_output_size ? 0.1 : 0.5);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      testing::Line seen = *line[a];
                      seen.dilation = rule == Rule::kSame ? 1 : seen.dilation;
                      p.output_padding[a] = padded ? narrow(random.range(0, 3)) : 0;
                      p.output_size[a] =
                          narrow(size_near(random, seen, rule == Rule::kExplicit ? pads[a].first + pads[a].second : 0));
                      out[a] =
                          testing::paddle(*line[a], rule, pads[a], p.output_padding[a],
                                          p.has_output_size ? std::optional<int64_t>(p.output_size[a]) : std::nullopt);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TORCH, tconv_profile_paddle, out[0], out[1]);
              });
}

// One stride and one dilation for both axes, and dilation counts the zeros.
TEST(RandomParameters, NumpyMl) {
    Tally tally("numpy-ml");
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < kCases && !HasFailure(); ++i) {
        SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i));
        Random random(testing::seed_of_case(seed, i));
        Lines lines = testing::random_lines(random);
        lines.w.stride = lines.h.stride, lines.w.dilation = lines.h.dilation;
        tconv_numpy_ml_params p;
        tconv_numpy_ml_params_init(&p, sizeof p);
        p.stride = narrow(lines.h.stride), p.dilation = narrow(lines.h.dilation - 1);
        const bool same = random.chance(0.2);
        p.pad_rule = same ? TCONV_PADDING_SAME : TCONV_PADDING_EXPLICIT;
        p.pad_count = 4;
        for (int32_t &pad : p.pad)
            pad = narrow(random.range(0, 3));
        const Outputs h = numpy_ml(lines.h, same ? std::nullopt : std::optional<Pads>({p.pad[0], p.pad[1]}));
        const Outputs w = numpy_ml(lines.w, same ? std::nullopt : std::optional<Pads>({p.pad[2], p.pad[3]}));
        tally.judge(lines, p, TCONV_WEIGHTS_NUMPY_ML, tconv_profile_numpy_ml, h, w);
    }
}

template<typename Simulation>
void onnx_cases(const char *name, int32_t rules, Simulation simulation) {
    Tally tally(name);
    tconv_onnx_params initial;
    tconv_onnx_params_init(&initial, sizeof initial);
    initial.rules = rules;
    each_case(initial, &tconv_onnx_params::strides, &tconv_onnx_params::dilations,
              [&](Random &random, const Lines &lines, tconv_onnx_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  p.auto_pad = narrow(random.below(4));
                  p.has_output_shape = random.chance(0.4);
                  const bool numbers = p.auto_pad == TCONV_AUTO_PAD_NOTSET || random.chance(0.1);
                  const bool padded = random.chance(0.5);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      p.pads[a] = numbers ? narrow(random.range(0, 3)) : 0;
                      p.pads[a + 2] = numbers ? narrow(random.range(0, 3)) : 0;
                      p.output_padding[a] = padded ? narrow(random.range(0, 2)) : 0;
                      p.output_shape[a] = narrow(size_near(random, *line[a], 1));
                      const Onnx attributes = {
                          static_cast<AutoPad>(p.auto_pad),
                          {p.pads[a], p.pads[a + 2]},
                          p.output_padding[a],
                          p.has_output_shape ? std::optional<int64_t>(p.output_shape[a]) : std::nullopt};
                      out[a] = simulation(*line[a], attributes);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TORCH, tconv_profile_onnx, out[0], out[1]);
              });
}

TEST(RandomParameters, Onnx) {
    onnx_cases("onnx", TCONV_ONNX_SPEC, testing::onnx);
}

TEST(RandomParameters, OnnxRuntime) {
    onnx_cases("onnx runtime", TCONV_ONNX_ORT_1_31, testing::onnx_runtime);
}

TEST(RandomParameters, OpenVino) {
    Tally tally("openvino");
    tconv_openvino_params initial;
    tconv_openvino_params_init(&initial, sizeof initial);
    each_case(initial, &tconv_openvino_params::strides, &tconv_openvino_params::dilations,
              [&](Random &random, const Lines &lines, tconv_openvino_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  p.auto_pad = narrow(random.below(4));
                  p.has_output_shape = random.chance(0.4);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      p.pads_begin[a] = narrow(random.range(0, 3)), p.pads_end[a] = narrow(random.range(0, 3));
                      p.output_padding[a] = narrow(random.range(0, 2));
                      p.output_shape[a] = narrow(size_near(random, *line[a], 1));
                      const Onnx attributes = {
                          static_cast<AutoPad>(p.auto_pad),
                          {p.pads_begin[a], p.pads_end[a]},
                          p.output_padding[a],
                          p.has_output_shape ? std::optional<int64_t>(p.output_shape[a]) : std::nullopt};
                      out[a] = testing::openvino(*line[a], attributes);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TORCH, tconv_profile_openvino, out[0], out[1]);
              });
}

TEST(RandomParameters, TensorFlow) {
    Tally tally("tensorflow");
    tconv_tensorflow_params initial;
    tconv_tensorflow_params_init(&initial, sizeof initial);
    each_case(initial, &tconv_tensorflow_params::strides, &tconv_tensorflow_params::dilations,
              [&](Random &random, const Lines &lines, tconv_tensorflow_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  p.padding = narrow(random.below(3));
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      const int64_t begin = random.range(0, 3), end = random.range(0, 3);
                      p.paddings[2 * a] = narrow(begin), p.paddings[2 * a + 1] = narrow(end);
                      const bool same = p.padding == TCONV_PADDING_SAME;
                      const int64_t cut = p.padding == TCONV_PADDING_EXPLICIT ? begin + end : 0;
                      p.output_shape[a] = narrow(same ? line[a]->in() * line[a]->stride - random.range(-1, 3)
                                                      : size_near(random, *line[a], cut));
                      out[a] = tensorflow(*line[a], static_cast<Rule>(p.padding), {begin, end}, p.output_shape[a]);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TENSORFLOW, tconv_profile_tensorflow, out[0], out[1]);
              });
}

TEST(RandomParameters, TfLite) {
    Tally tally("tflite");
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < kCases && !HasFailure(); ++i) {
        SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i));
        Random random(testing::seed_of_case(seed, i));
        Lines lines = testing::random_lines(random);
        lines.h.dilation = lines.w.dilation = 1;
        tconv_tflite_params p;
        tconv_tflite_params_init(&p, sizeof p);
        p.padding = narrow(random.range(1, 2));
        p.stride[0] = narrow(lines.h.stride), p.stride[1] = narrow(lines.w.stride);
        const testing::Line *const line[2] = {&lines.h, &lines.w};
        Outputs out[2];
        for (int a = 0; a < 2; ++a) {
            p.output_shape[a] =
                narrow(p.padding == TCONV_PADDING_SAME ? line[a]->in() * line[a]->stride - random.range(-1, 3)
                                                       : size_near(random, *line[a], -1));
            out[a] = tensorflow(*line[a], static_cast<Rule>(p.padding), {0, 0}, p.output_shape[a]);
        }
        tally.judge(lines, p, TCONV_WEIGHTS_TFLITE, tconv_profile_tflite, out[0], out[1]);
    }
}

template<typename Simulation>
void keras_cases(const char *name, int32_t legacy, Simulation simulation) {
    Tally tally(name);
    tconv_keras_params initial;
    tconv_keras_params_init(&initial, sizeof initial);
    initial.torch_legacy = legacy;
    each_case(initial, &tconv_keras_params::strides, &tconv_keras_params::dilation_rate,
              [&](Random &random, const Lines &lines, tconv_keras_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  p.padding = narrow(random.range(1, 2));
                  p.has_output_padding = random.chance(0.5);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      p.output_padding[a] = narrow(random.range(0, line[a]->stride - random.chance(0.8)));
                      out[a] =
                          simulation(*line[a], static_cast<Rule>(p.padding),
                                     p.has_output_padding ? std::optional<int64_t>(p.output_padding[a]) : std::nullopt);
                  }
                  tally.judge(lines, p, TCONV_WEIGHTS_TENSORFLOW, tconv_profile_keras, out[0], out[1]);
              });
}

TEST(RandomParameters, Keras) {
    keras_cases("keras", 0, testing::keras);
}

TEST(RandomParameters, KerasOnTorchBefore2026) {
    keras_cases("keras on torch", 1, testing::keras_on_torch);
}

TEST(RandomParameters, Jax) {
    Tally tally("jax");
    tconv_jax_params initial;
    tconv_jax_params_init(&initial, sizeof initial);
    each_case(initial, &tconv_jax_params::strides, &tconv_jax_params::rhs_dilation,
              [&](Random &random, const Lines &lines, tconv_jax_params p) {
                  const testing::Line *const line[2] = {&lines.h, &lines.w};
                  const bool transpose_kernel = random.chance(0.5);
                  p.padding = narrow(random.chance(0.6) ? 0 : random.range(1, 2));
                  p.use_consistent_padding = random.chance(0.5);
                  Outputs out[2];
                  for (int a = 0; a < 2; ++a) {
                      const int64_t low = random.range(-3, 8), high = random.range(-3, 8);
                      p.pads[2 * a] = narrow(low), p.pads[2 * a + 1] = narrow(high);
                      out[a] = jax(*line[a], static_cast<Rule>(p.padding), {low, high}, p.use_consistent_padding != 0,
                                   transpose_kernel);
                  }
                  tally.judge(lines, p, transpose_kernel ? TCONV_WEIGHTS_JAX_TRANSPOSED : TCONV_WEIGHTS_JAX,
                              tconv_profile_jax, out[0], out[1]);
              });
}

}  // namespace
}  // namespace tconv
