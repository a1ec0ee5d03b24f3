// Finds the fastest kernel and blocking for one layer by measurement.
//
// Every kernel with the blocking that its rules give starts; the better half stays, round after round (successive halving),
// and then other blockings of the best compete in the same way. Contestants take turns, so that what disturbs a machine
// disturbs all, and each is compared with the oracle before it is timed. What plans take now, by tables or by the cost model,
// stays to the end: what is not measurably faster does not replace it. So does the cost model's choice, which may win yet.
#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "choose.h"
#include "layers_csv.h"
#include "verify.h"

namespace tconv::tool {

struct Contestant {
    Choice choice;
    Cut cut;
    std::unique_ptr<Trial> trial;  // while it competes
    int turns = 0;
    double ns = std::numeric_limits<double>::infinity();  // of a run, in its best turn: what disturbs only adds
    std::string miss;                                     // the first wrong output; empty if none
};

class Tuner {
public:
    using Clock = std::chrono::steady_clock;
    using Now = std::function<Clock::time_point()>;
    using Watch = std::function<void(const Contestant &)>;

    // `kernels`: those to try. `taken`: what a plan takes now, if it is of one of them. `now`: the clock of all
    // measurements, a test's own where figures must be known.
    Tuner(const tconv_spec &spec, std::span<const Kernel *const> kernels, const std::optional<Choice> &taken,
          const Threads &threads, Now now = Clock::now);

    // Competes for about `seconds`; watch hears whose turn it is. False if no kernel computes the layer.
    bool run(double seconds, const Watch &watch);

    // Valid after run: every contestant, the winner, what a plan takes now (without tables, or where that is none of the
    // kernels to try, the cost model's choice), and the cost model's choice.
    const std::vector<std::unique_ptr<Contestant>> &contestants() const { return all_; }
    const Contestant &winner() const { return *winner_; }
    const Contestant &taken() const { return *taken_; }
    const Contestant &untuned() const { return *untuned_; }

private:
    using Field = std::vector<Contestant *>;

    Contestant *enter(const Kernel &kernel, const Cut &cut);
    Contestant *of_form(const Kernel &kernel, const Blocking &blocking) const;
    Field neighbours(const Contestant &of);
    // Halves the field until `keep` are left, or the time has come.
    Field compete(Field field, size_t keep, double drop, Clock::time_point end);
    bool prepare(Contestant &contestant);
    void take_turn(Contestant &contestant);

    struct Side {  // of kernels that are exact on the same data
        ExactData data;
        Answer answer;
        Tensors tensors;
        Side(const tconv_spec &spec, Sums sums);
    };

    const tconv_spec spec_;
    std::vector<const Kernel *> kernels_;
    const std::optional<Choice> choice_taken_;
    const Threads &threads_;
    const Now now_;
    Watch watch_;
    std::map<Sums, Side> sides_;
    std::vector<std::unique_ptr<Contestant>> all_;
    Contestant *winner_ = nullptr, *taken_ = nullptr, *untuned_ = nullptr;
};

}  // namespace tconv::tool
