// What a user of the C++ header writes first; the numbers are those of the README.
#include <tconv/tconv.hpp>
#include <vector>

int main() {
    const tconv::Spec spec("n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
    const std::vector<float> x = {1, 2, 3, 4}, filter = {1, 10, 100, 1000}, bias = {0.5f};
    std::vector<float> y(16);
    tconv::Layer(tconv::Plan(spec), filter, bias).run(x, y);
    return y[0] == 1.5f && y[3] == 20.5f && y[15] == 4000.5f ? 0 : 1;
}
