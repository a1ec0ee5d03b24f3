#include "guarded_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>

#include "failure.h"

namespace tconv::compiler {

namespace {

constexpr std::array kInterruptions = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t interruption = 0;
volatile pid_t worker = 0;

void pass_on(int signal) {
    interruption = signal;
    if (worker > 0) {
        kill(worker, signal);
    }
}

// For its scope, interruptions are noted and passed on to the worker.
class Watch {
public:
    Watch() {
        struct sigaction action = {};
        action.sa_handler = pass_on;
        for (size_t i = 0; i < kInterruptions.size(); i++) {
            sigaction(kInterruptions[i], &action, &before_[i]);
        }
    }
    ~Watch() { restore(); }
    Watch(const Watch &) = delete;
    Watch &operator=(const Watch &) = delete;

    void restore() const {
        for (size_t i = 0; i < kInterruptions.size(); i++) {
            sigaction(kInterruptions[i], &before_[i], nullptr);
        }
    }

private:
    std::array<struct sigaction, kInterruptions.size()> before_;
};

}  // namespace

int in_guarded_process(const std::function<void()> &work) {
    std::cout.flush();
    std::fflush(nullptr);
    const Watch watch;
    const pid_t child = fork();
    if (child < 0) {
        throw std::runtime_error(std::string("no process can be started: ") + std::strerror(errno));
    }
    if (child == 0) {
        watch.restore();
        work();
        std::cout.flush();
        std::fflush(nullptr);
        _exit(0);
    }
    worker = child;
    if (interruption != 0) {
        kill(child, interruption);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    worker = 0;
    if (interruption != 0) {
        throw Interrupted{interruption};
    }
    if (WIFSIGNALED(status)) {
        throw std::runtime_error(std::string("the compiler was ended by a signal: ") + strsignal(WTERMSIG(status)));
    }
    // 1 means a wrong result, which nothing here computes: it is how LLVM ends where it cannot write.
    const int code = WEXITSTATUS(status);
    return code == 1 ? tool::kBadInput : code;
}

}  // namespace tconv::compiler
