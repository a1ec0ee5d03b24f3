#include "processes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "Halide.h"

namespace tconv::compiler {

void in_processes(size_t count, const std::function<void(size_t)> &work) {
    const size_t at_once = std::max(1u, std::thread::hardware_concurrency());
    bool failed = false;
    size_t running = 0;
    auto wait_for_one = [&] {
        int status = 0;
        failed = wait(&status) < 0 || status != 0 || failed;
        running--;
    };
    std::cout.flush();
    for (size_t i = 0; i < count; i++) {
        if (running == at_once) {
            wait_for_one();
        }
        const pid_t child = fork();
        if (child < 0) {
            failed = true;
            break;
        }
        if (child == 0) {
            try {
                work(i);
                _exit(0);
            } catch (const Halide::Error &error) {
                std::cerr << "tconv-compiler: " << error.what() << "\n";
            } catch (const std::exception &error) {
                std::cerr << "tconv-compiler: " << error.what() << "\n";
            }
            _exit(1);
        }
        running++;
    }
    while (running > 0) {
        wait_for_one();
    }
    if (failed) {
        throw std::runtime_error("compiling kernels failed");
    }
}

}  // namespace tconv::compiler
