// What plans of layers and of gradients share: threads, workspaces, packed filters and their views.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "array.h"
#include "memory.h"
#include "spec.h"

namespace tconv::python {

// The default hooks, with a log that becomes exceptions.
tconv_hooks logging_hooks();

// Such hooks, with a pool where there is more than one thread.
struct Threads {
    int32_t count;
    std::shared_ptr<tconv_pool> pool;
    tconv_hooks hooks;

    // None: tconv.default_threads(). Throws unless it is a number from 1 to 1024.
    explicit Threads(nanobind::handle threads);
};

// Workspaces of no run in progress. Taken and put back while the interpreter's lock is held, so that runs from many
// threads each have their own, and a run after the first allocates nothing.
class Workspaces {
public:
    // One workspace, for the time of a run.
    class Lease {
    public:
        explicit Lease(Workspaces &from);
        ~Lease() { from_.idle_.push_back(std::move(block_)); }
        Lease(const Lease &) = delete;
        Lease &operator=(const Lease &) = delete;
        void *get() const { return block_.get(); }

    private:
        Workspaces &from_;
        Block block_;
    };

    void set(const tconv_requirements &need) {
        alignment_ = need.alignment;
        bytes_ = need.workspace_bytes;
    }
    size_t bytes() const { return bytes_; }

private:
    size_t alignment_ = 1, bytes_ = 0, count_ = 0;
    std::vector<Block> idle_;
};

// A packed filter in aligned memory; read-only bytes in Python.
struct Packed {
    Block memory;
    size_t bytes;
};

// Shape and axes (positions of C_in, C_out/groups, kH, kW) of a filter array in this order.
struct FilterOrder {
    std::array<int64_t, 4> shape;
    std::array<int, 4> axes;

    FilterOrder(const Spec &spec, nanobind::handle filter_layout);
};

// What was given for `packed`; TypeError if it is not from a plan's pack or load.
template<typename T>
const T &packed_of(nanobind::handle packed) {
    if (!nanobind::isinstance<T>(packed))
        throw nanobind::type_error(("packed is of type " + nanobind::cast<std::string>(nanobind::inst_name(packed)) +
                                    "; it must come from a plan's pack")
                                       .c_str());
    return *nanobind::inst_ptr<T>(packed);
}

// A kernel's name, or NULL for None; valid as long as `kernel` is. TypeError if it is something else.
const char *kernel_name(nanobind::handle kernel);

// The members of a plan's requirements by name.
nanobind::dict sizes_of(const tconv_requirements &need);

// All of what `write(text, capacity)` writes, which is cut at the capacity.
std::string whole_text(const std::function<tconv_status(char *, size_t)> &write);

// `given`, or where that is None a buffer for a result of the framework of `like`, of the last `dimensions` of a shape.
class Result {
public:
    Result(nanobind::handle given, nanobind::handle like, const std::array<int64_t, 4> &shape, int dimensions,
           const Place &place = {});
    nanobind::handle buffer() const { return buffer_; }
    Access access() const { return own_ ? Access::kWriteOwn : Access::kWrite; }
    nanobind::object finished() const { return finish_.is_none() ? buffer_ : finish_(buffer_); }

private:
    bool own_;
    nanobind::object buffer_, finish_;
};

}  // namespace tconv::python
