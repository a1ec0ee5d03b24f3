// The other end of worker.py for peers with a C or C++ API: PROGRAM THREADS. One JSON object a line on standard input,
// one back on standard output for each.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

#include "peer.h"

namespace {

using Clock = std::chrono::steady_clock;
using peers::Json;

// Nanoseconds, as in serve.py. Shorter runs are timed several at a time, for the clock's own cost; a longer first run is as
// good as a second.
constexpr double kShortestSample = 20e3, kWarmByNow = 100e6;

double nanoseconds(peers::Peer &peer, int times) {
    const auto begin = Clock::now();
    for (int i = 0; i < times; i++)
        peer.run();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / times;
}

void read_floats(const std::string &path, const peers::Floats &to) {
    std::ifstream file(path, std::ios::binary);
    const auto bytes = static_cast<std::streamsize>(to.size() * sizeof(float));
    if (!file.read(reinterpret_cast<char *>(to.data()), bytes))
        throw std::runtime_error("cannot read " + path);
}

peers::Problem problem_of(const Json &request) {
    const Json &fields = request["layer"];
    const auto pair = [&](const char *name) { return fields[name].get<peers::Pair>(); };
    const peers::Layer layer = {.batch = fields["batch"],
                                .in_channels = fields["in_channels"],
                                .out_channels = fields["out_channels"],
                                .groups = fields["groups"],
                                .in_size = pair("in_size"),
                                .kernel = pair("kernel"),
                                .stride = pair("stride"),
                                .dilation = pair("dilation"),
                                .pad_begin = pair("pad_begin"),
                                .pad_end = pair("pad_end"),
                                .output_padding = pair("output_padding"),
                                .size = pair("size"),
                                .bias = fields["bias"],
                                .nhwc = request["layout"] == "nhwc",
                                .text = request["text"]};
    peers::Problem problem = {layer, peers::Floats(layer.input_count()), peers::Floats(layer.filter_count()),
                              peers::Floats(layer.bias ? static_cast<size_t>(layer.out_channels) : 0)};
    read_floats(request["input"], problem.input);
    read_floats(request["filter"], problem.filter);
    if (layer.bias)
        read_floats(request["bias"], problem.bias);
    return problem;
}

class Server {
public:
    explicit Server(int threads) : peer_(peers::make_peer(threads)) {}

    Json answer(const Json &request) {
        const std::string op = request["op"];
        if (op == "hello")
            return {{"version", peer_->version()}};
        if (op == "prepare")
            return prepare(request);
        if (op == "time")
            return {{"ns", time_runs(request["seconds"], request["warm"])}};
        if (op == "rates")
            return peer_->rates();
        if (op == "release") {
            peer_->release();
            problem_.reset();
            return Json::object();
        }
        throw std::runtime_error("unknown op " + op);
    }

private:
    Json prepare(const Json &request) {
        problem_.emplace(problem_of(request));
        Json answer;
        try {
            answer = peer_->prepare(*problem_);
        } catch (const peers::Unsupported &reason) {
            return {{"skip", reason.what()}};
        }
        one_ = nanoseconds(*peer_, 1);
        if (one_ < kWarmByNow)
            one_ = nanoseconds(*peer_, 1);
        peers::Floats output(problem_->layer.output_count());
        peer_->read_output(output.data());
        std::ofstream file(request["output"].get<std::string>(), std::ios::binary);
        const auto bytes = static_cast<std::streamsize>(output.size() * sizeof(float));
        if (!file.write(reinterpret_cast<const char *>(output.data()), bytes))
            throw std::runtime_error("cannot write " + request["output"].get<std::string>());
        answer["ns"] = one_;
        return answer;
    }

    std::vector<double> time_runs(double seconds, bool warm) {
        if (warm)
            peer_->run();
        const int times = std::max(1, static_cast<int>(std::lround(kShortestSample / one_)));
        std::vector<double> samples;
        const auto end = Clock::now() + std::chrono::duration<double>(seconds);
        do
            samples.push_back(nanoseconds(*peer_, times));
        while (Clock::now() < end);
        return samples;
    }

    std::unique_ptr<peers::Peer> peer_;
    std::optional<peers::Problem> problem_;
    double one_ = 0;  // nanoseconds of a run
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s THREADS\n", argv[0]);
        return 2;
    }
    // Answers go where standard output was; what libraries print joins their errors.
    std::FILE *answers = fdopen(dup(STDOUT_FILENO), "w");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    try {
        Server server(std::atoi(argv[1]));
        for (std::string line; std::getline(std::cin, line);) {
            std::fprintf(answers, "%s\n", server.answer(Json::parse(line)).dump().c_str());
            std::fflush(answers);
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
