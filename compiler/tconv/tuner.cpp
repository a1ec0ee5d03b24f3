#include "tuner.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "failure.h"
#include "plan.h"

namespace tconv::tool {

namespace {

constexpr double kTurnNs = 2e5;         // of timed runs in one turn, at least one run
constexpr size_t kFewKernels = 6;       // that start whatever their estimates
constexpr double kFarEstimate = 3;      // others only with an estimate of no more than so many times the best
constexpr double kSlowKernel = 1.5, kSlowCut = 1.15;  // dropped after two turns: so much slower than the best
constexpr size_t kBestKernels = 3;      // whose blockings compete
constexpr double kKernelShare = 0.4;    // of the time
constexpr double kWorthwhile = 0.98;    // of the time of what plans take now, to replace it

bool same_form(const Blocking &a, const Blocking &b) {
    const LayerParams &p = a.params, &q = b.params;
    return p.block_h == q.block_h && p.block_w == q.block_w && p.unit_blocks == q.unit_blocks &&
           p.kept_units == q.kept_units;
}

double nanoseconds(Tuner::Clock::duration duration) {
    return std::chrono::duration<double, std::nano>(duration).count();
}

// Had its turn, or was found to be wrong.
bool is_measured(const Contestant &contestant) {
    return contestant.turns > 0 || !contestant.miss.empty();
}

}  // namespace

Tuner::Side::Side(const tconv_spec &spec, Sums sums)
    : data(spec, sums), answer(spec, data, kFlopsBeforeTiming), tensors(spec, data) {}

Tuner::Tuner(const tconv_spec &spec, std::span<const Kernel *const> kernels, const std::optional<Choice> &taken,
             const Threads &threads, Now now)
    : spec_(spec),
      kernels_(kernels.begin(), kernels.end()),
      choice_taken_(taken),
      threads_(threads),
      now_(std::move(now)) {}

Contestant *Tuner::of_form(const Kernel &kernel, const Blocking &blocking) const {
    for (const auto &other : all_) {
        if (other->choice.kernel == &kernel && same_form(other->choice.blocking, blocking))
            return other.get();
    }
    return nullptr;
}

// NULL where the kernel cannot compute the layer so, its packed filter would be too large, or that form competes already.
Contestant *Tuner::enter(const Kernel &kernel, const Cut &cut) {
    auto contestant = std::make_unique<Contestant>();
    contestant->cut = cut;
    Choice &choice = contestant->choice;
    choice.kernel = &kernel;
    Message ignored(nullptr, 0);
    if (block_layer(spec_, Direction::output, kernel, &choice.blocking, ignored, cut) != TCONV_OK ||
        packed_bytes_of(choice.blocking) > packed_limit_of(spec_) || of_form(kernel, choice.blocking) != nullptr)
        return nullptr;
    choice.cost = cost_of(spec_, kernel, choice.blocking, fmas_per_dot());
    all_.push_back(std::move(contestant));
    return all_.back().get();
}

// Blocks half and twice as high and wide, units half and twice as large.
Tuner::Field Tuner::neighbours(const Contestant &of) {
    const LayerParams &p = of.choice.blocking.params;
    const int32_t tile = std::max(1, outputs_of_tile(of.choice.kernel->family));
    const bool winograd = outputs_of_tile(of.choice.kernel->family) > 0;
    const int32_t count_h = p.end_h - p.first_h, count_w = p.end_w - p.first_w;
    auto scaled = [&](int32_t block, double by, int32_t count) {
        const double tiles = std::max(1.0, std::round(block * by / tile));
        return static_cast<int32_t>(std::min<double>(tiles * tile, count));
    };
    const int32_t units = winograd ? p.kept_units : p.unit_blocks;
    const int32_t most_units = winograd ? p.units : p.lane_blocks;
    Field field;
    auto add = [&](double by_h, double by_w, double by_units) {
        const Cut cut = {scaled(p.block_h, by_h, count_h), scaled(p.block_w, by_w, count_w),
                         by_units == 1 ? of.cut.units : std::clamp(static_cast<int32_t>(units * by_units), 1, most_units)};
        if (Contestant *const contestant = enter(*of.choice.kernel, cut))
            field.push_back(contestant);
    };
    for (const auto &[by_h, by_w] :
         {std::pair{0.5, 1.0}, {2.0, 1.0}, {1.0, 0.5}, {1.0, 2.0}, {2.0, 0.5}, {0.5, 2.0}, {0.5, 0.5}, {2.0, 2.0}})
        add(by_h, by_w, 1);
    add(1, 1, 0.5);
    add(1, 1, 2);
    return field;
}

// Packs, runs and compares. False, with the reason in `miss`, for wrong results.
bool Tuner::prepare(Contestant &contestant) {
    if (contestant.trial != nullptr || !contestant.miss.empty())
        return contestant.miss.empty();
    const Sums sums = sums_of(*contestant.choice.kernel);
    Side &side = sides_.try_emplace(sums, spec_, sums).first->second;
    contestant.trial = std::make_unique<Trial>(spec_, contestant.choice, threads_);
    contestant.trial->pack(side.tensors);
    side.tensors.poison_output();
    contestant.trial->run(contestant.trial->complete(side.tensors.arguments()));
    if (const Comparison comparison = side.answer.compare(side.tensors); comparison.wrong > 0) {
        contestant.miss = comparison.first;
        contestant.ns = std::numeric_limits<double>::infinity();
        contestant.trial.reset();
    }
    return contestant.miss.empty();
}

void Tuner::take_turn(Contestant &contestant) {
    watch_(contestant);
    if (!prepare(contestant))
        return;
    Side &side = sides_.at(sums_of(*contestant.choice.kernel));
    const tconv_tensors arguments = contestant.trial->complete(side.tensors.arguments());
    auto begin = now_();
    contestant.trial->run(arguments);  // the others have filled the caches
    const double one = nanoseconds(now_() - begin);
    const int runs = static_cast<int>(std::clamp(kTurnNs / one, 1.0, 1000.0));
    begin = now_();
    for (int i = 0; i < runs; i++)
        contestant.trial->run(arguments);
    contestant.ns = std::min(contestant.ns, nanoseconds(now_() - begin) / runs);
    contestant.turns++;
}

Tuner::Field Tuner::compete(Field field, size_t keep, double drop, Clock::time_point end) {
    const auto faster = [](const Contestant *a, const Contestant *b) { return a->ns < b->ns; };
    const auto leave = [&](size_t staying) {
        std::stable_sort(field.begin(), field.end(), faster);
        for (size_t i = staying; i < field.size(); i++) {
            if (field[i] != untuned_ && field[i] != taken_)
                field[i]->trial.reset();
        }
        field.resize(std::min(staying, field.size()));
    };
    // When the time has come, those who have not had their turn yet go without: they stand in the order of their chances.
    const auto all_turn = [&] {
        for (Contestant *const contestant : field) {
            if (now_() > end && is_measured(*untuned_) && is_measured(*taken_))
                return;
            take_turn(*contestant);
        }
        const auto left_field = [&](const Contestant *contestant) {
            return std::find(field.begin(), field.end(), contestant) == field.end();
        };
        if (left_field(untuned_))
            take_turn(*untuned_);
        if (taken_ != untuned_ && left_field(taken_))
            take_turn(*taken_);
    };
    all_turn();
    all_turn();  // one that was disturbed gets a second chance
    std::stable_sort(field.begin(), field.end(), faster);
    leave(static_cast<size_t>(std::count_if(field.begin(), field.end(), [&](const Contestant *contestant) {
        return contestant->ns <= drop * field[0]->ns;
    })));
    while (now_() < end) {
        // What is left of the time, shared by the halvings to come.
        const double halvings = 1 + std::max(0.0, std::ceil(std::log2(static_cast<double>(field.size()) /
                                                                      static_cast<double>(keep))));
        const auto begin = now_();
        const auto until = begin + std::chrono::duration_cast<Clock::duration>((end - begin) / halvings);
        do
            all_turn();
        while (now_() < until);
        if (field.size() > keep)
            leave(std::max(keep, (field.size() + 1) / 2));
    }
    leave(keep);
    return field;
}

bool Tuner::run(double seconds, const Watch &watch) {
    watch_ = watch;
    const auto begin = now_();
    const auto at = [&](double share) {
        return begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds * share));
    };
    Field field;
    for (const Kernel *kernel : kernels_) {
        if (Contestant *const contestant = enter(*kernel, {}))
            field.push_back(contestant);
    }
    if (field.empty())
        return false;
    const auto estimate = [](const Contestant *a, const Contestant *b) {
        return a->choice.cost.cycles < b->choice.cost.cycles;
    };
    std::stable_sort(field.begin(), field.end(), estimate);
    untuned_ = field[0];
    while (field.size() > kFewKernels &&
           field.back()->choice.cost.cycles > kFarEstimate * untuned_->choice.cost.cycles)
        field.pop_back();
    taken_ = untuned_;
    if (choice_taken_ && std::find(kernels_.begin(), kernels_.end(), choice_taken_->kernel) != kernels_.end()) {
        enter(*choice_taken_->kernel, choice_taken_->cut);
        if (Contestant *const entered = of_form(*choice_taken_->kernel, choice_taken_->blocking)) {
            taken_ = entered;
            // Whatever its estimate, and before the time may be over.
            std::erase(field, taken_);
            field.insert(field.begin(), taken_);
        }
    }

    field = compete(std::move(field), kBestKernels, kSlowKernel, at(kKernelShare));
    if (std::isinf(field[0]->ns))
        return false;
    Field cuts = field;
    for (const Contestant *contestant : field) {
        const Field more = neighbours(*contestant);
        cuts.insert(cuts.end(), more.begin(), more.end());
    }
    cuts = compete(std::move(cuts), 2, kSlowCut, at((1 + kKernelShare) / 2));
    // From the winner on, as far as that leads.
    Field further = neighbours(*cuts[0]);
    further.insert(further.begin(), cuts.begin(), cuts.end());
    further = compete(std::move(further), 2, kSlowCut, at(1));
    winner_ = further[0];
    // What the estimates would choose had its turns whether it was left in the field or not.
    if (untuned_->miss.empty() && untuned_->ns < winner_->ns)
        winner_ = untuned_;
    if (!(winner_->ns < kWorthwhile * taken_->ns) && taken_->miss.empty())
        winner_ = taken_;
    return true;
}

}  // namespace tconv::tool
