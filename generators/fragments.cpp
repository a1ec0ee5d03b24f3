#include "fragments.h"

#include "dense_place.h"
#include "finish.h"

namespace tconv::generators {

using namespace Halide;

namespace {

// Stored numbers side by side as a word, the first in the low bits; and back, as they are multiplied.
Expr word_of(const FragmentForm &form, const std::function<Expr(int)> &number) {
    Expr word = cast<uint32_t>(0);
    for (int i = 0; i < form.numbers; i++) {
        Expr one = number(i);
        if (one.type() == Float(32))
            return reinterpret<uint32_t>(one);
        Expr bits = one.type() == Float(16) ? reinterpret<uint16_t>(one) : one;
        word = word | (cast<uint32_t>(bits) << (16 * i));
    }
    return word;
}

Expr number_of(Element element, const FragmentForm &form, const Expr &word, const Expr &i) {
    if (form.numbers == 1)
        return reinterpret<float>(word);
    Expr bits = cast<uint16_t>(word >> cast<uint32_t>(16 * i));
    return computed(element, stored_type(element) == Float(16) ? reinterpret(Float(16), bits) : bits);
}

// Eleven bits of a float32, to nearest, ties away from zero; infinities and NaNs as they are.
Expr rounded_to_tf32(const Expr &word) {
    return select((word & 0x7f800000) == 0x7f800000, word, (word + 0x1000) >> 13 << 13);
}

Expr call(const Type &type, const std::string &name, const std::vector<Expr> &arguments) {
    return Internal::Call::make(type, name, arguments, Internal::Call::PureExtern);
}

const Type kSums = UInt(128);

}  // namespace

FragmentForm::FragmentForm(Element element)
    : numbers(element == Element::f32 ? 1 : 2), step_channels(quads * words * numbers) {}

std::string FragmentCalls::multiply_of(Element element) {
    return std::string(multiply) + (element == Element::f32 ? "tf32" : element == Element::bf16 ? "bf16" : "f16");
}

void DensePhases::define_fragments(Element element, Products products) {
    const FragmentForm form(element);
    constexpr int words = FragmentForm::words, quads = FragmentForm::quads;
    const bool instructions = products == Products::called;
    // pixel(word, share, ..., step, t, s), where `share` counts the quads of all blocks: lanes with the same outputs.
    // (Digits of it as indices of their own would be ranges to Halide, which takes registers for all.) Channels past the last
    // repeat ones before it, for weights of zero.
    Var word("word"), share("share"), step("step"), t("t"), s("s");
    Expr quad = share % quads;
    auto read = [&](const Expr &column, const Expr &row, const Expr &n) {
        if (input.type() == UInt(32)) {
            Expr first = min(step * quads + quad, input.dim(0).extent() / words - 1) * words;
            return Expr(input(first + word, column, row, n, g));
        }
        Expr first = ((step * quads + quad) * words + word) * form.numbers;
        return word_of(form, [&](int i) { return Expr(input(min(first + i, channels - 1), column, row, n, g)); });
    };
    Expr read_word = at_tap(read, t, s, 1);
    if (element == Element::f32)
        read_word = instructions ? call(UInt(32), FragmentCalls::round, {read_word}) : rounded_to_tf32(read_word);
    // weights(word, fragment, ...) of lane 4 * l + quad.
    Var f("f");
    const Tap tap = tap_of(t, s);
    Expr weight =
        packed(((f * FragmentForm::groups + l) * quads + quad) * words + word, step, tap.kx, tap.ky, share / quads, g);
    // Whether a tile has a tap. All that a step does depends on this one number; called, reads too, which are Funcs then.
    const Place at(*this, place);
    has_tap(t, s, place) = select(Reaches(*this, at, t, s).any, 1, 0);
    if (instructions) {
        RDom once = once_if(has_tap(t, s, place) == 1);
        pixel(word, share, mx, my, l, place, g, step, t, s) = undef<uint32_t>();
        weights(word, f, share, l, step, t, s, place, g) = undef<uint32_t>();
        Expr nothing = cast<uint32_t>(once.x);
        read_word = read_word + nothing, weight = weight + nothing;
    }
    pixel(word, share, mx, my, l, place, g, step, t, s) = read_word;
    weights(word, f, share, l, step, t, s, place, g) = weight;

    // A lane's fragments have two of its positions each, side by side along a row, or along a column where it has one of a row.
    const int lane_a = tile.a / tile.lanes_a;
    const bool along_x = tile.x % 2 == 0;
    auto of_pair = [&](const Expr &m, bool paired) { return paired ? m / 2 : m; };
    Expr steps = (channels + form.step_channels - 1) / form.step_channels;
    if (!instructions) {
        // Products of lanes' words: [number of the word, w, quad of the depth, i] of the note in fragments.h.
        taps = RDom({{0, form.numbers}, {0, 2}, {0, quads}, {0, 2}, {0, steps}, {0, taps_x}, {0, taps_y}}, "taps");
        taps.where(has_tap(taps[5], taps[6], place) == 1);
        Expr column = 2 * (a / lane_a % quads) + a % 2, here = 2 * taps[3] + taps[1];
        Expr left = pixel(here, taps[2], mx, my, l, place, g, taps[4], taps[5], taps[6]);
        Expr right = weights(here, a % lane_a / 2, a / tile.a * quads + taps[2], column, taps[4], taps[5], taps[6], place, g);
        sums(a, mx, my, l, place, g) = 0.0f;
        sums(a, mx, my, l, place, g) += number_of(element, form, left, taps[0]) * number_of(element, form, right, taps[0]);
        return;
    }
    taps = RDom({{0, steps}, {0, taps_x}, {0, taps_y}}, "taps");
    taps.where(has_tap(taps[1], taps[2], place) == 1);
    fragments(f, share, mx, my, l, place, g) = call(kSums, FragmentCalls::zero, {l * quads + quad});
    Expr total = fragments(f, share, mx, my, l, place, g);
    for (int i = 0; i < 2; i++) {
        std::vector<Expr> operands;
        for (int w = 0; w < 2; w++) {
            for (int r = 0; r < 2; r++) {
                operands.push_back(pixel(2 * i + w, share, along_x ? 2 * mx + r : Expr(mx), along_x ? Expr(my) : 2 * my + r, l,
                                         place, g, taps[0], taps[1], taps[2]));
            }
        }
        for (int w = 0; w < 2; w++)
            operands.push_back(weights(2 * i + w, f, share, l, taps[0], taps[1], taps[2], place, g));
        operands.push_back(total);
        // Not pure, or LLVM might move it under the condition of the only store that needs it.
        total = Internal::Call::make(kSums, FragmentCalls::multiply_of(element), operands, Internal::Call::Extern);
    }
    fragments(f, share, mx, my, l, place, g) = total;
    Expr of_fragment = fragments(a % lane_a / 2, a / lane_a, of_pair(mx, along_x), of_pair(my, !along_x), l, place, g);
    sums(a, mx, my, l, place, g) =
        call(Float(32), FragmentCalls::sum, {of_fragment, 2 * ((along_x ? mx : my) % 2) + a % 2});
}

DevicePack pack_fragments(Element element, int tile_a) {
    const DeviceFilter from(element);
    Var word("word"), step("step"), kx("kx"), ky("ky"), block("block"), g("g");
    Func packed("packed");
    const FragmentForm form(element);
    constexpr int words = FragmentForm::words, quads = FragmentForm::quads, groups = FragmentForm::groups;
    Expr f = word / (words * quads * groups), column = word / (words * quads) % groups, quad = word / words % quads;
    Expr co = block * tile_a + column / 2 * (tile_a / quads) + 2 * f + column % 2;
    Expr first = ((step * quads + quad) * words + word % words) * form.numbers;
    Expr value = word_of(form, [&](int i) { return from.at(co, first + i, kx, ky, g); });
    packed(word, step, kx, ky, block, g) = element == Element::f32 ? rounded_to_tf32(value) : value;
    return {from, packed, FragmentForm::step_words(tile_a)};
}

}  // namespace tconv::generators
