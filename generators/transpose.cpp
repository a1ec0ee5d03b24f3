#include "transpose.h"

namespace tconv::generators {

using namespace Halide;

Transpose::Transpose(const Func &square, const std::vector<Var> &others, int edge)
    : square(square), edge(edge), i("i"), j("j") {
    const std::vector<Expr> rest(others.begin(), others.end());
    auto number = [&](const Func &of, Expr first, Expr second) {
        std::vector<Expr> at = {first, second};
        at.insert(at.end(), rest.begin(), rest.end());
        return of(at);
    };
    for (int step = 1; step < edge; step *= 2) {
        std::vector<Var> at = {i, j};
        at.insert(at.end(), others.begin(), others.end());
        Func shuffle("shuffle");
        if (shuffles.empty()) {
            shuffle(at) = select(i % 2 == 0, number(square, i / 2, j), number(square, i / 2, j + edge / 2));
        } else {
            const Func &before = shuffles.back();
            Expr place = j % 2 * edge + i / 2;
            shuffle(at) = select(i % 2 == 0, number(before, place, j / 2), number(before, place, j / 2 + edge / 4));
        }
        shuffles.push_back(shuffle);
    }
}

Expr transposed(const Transpose &transpose, const Expr &lane, const Expr &vector, const std::vector<Expr> &others) {
    std::vector<Expr> at = {vector % 2 * transpose.edge + lane, vector / 2};
    at.insert(at.end(), others.begin(), others.end());
    return transpose.shuffles.back()(at);
}

}  // namespace tconv::generators
