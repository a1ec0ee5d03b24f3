// The tables that a plan may follow: of the folders that TCONV_DB names, then those inside this library.
#pragma once

#include <cstdio>

#include "message.h"
#include "tuned_row.h"

namespace tconv {

// `folders` as TCONV_DB has them: separated by colons, searched in order; "none" rules out every table, the library's own
// too; NULL or empty: only those. A folder or a file that does not exist has no rows.
struct TunedSources {
    const char *folders;
    const char *microarchitecture;
};
TunedSources tuned_sources();  // of this process and this processor

// The rows of one instruction set and element type that may concern a layer, table after table, line after line. Rows of
// other microarchitectures, kernel sizes and strides are passed over unread; a malformed one too, with "FILE:LINE:
// complaint" in `complaints`. Nothing is kept: tables are read anew, without memory of their own, by each plan.
class TunedRows {
public:
    TunedRows(const TunedSources &sources, Isa isa, const tconv_spec &spec, Message &complaints);
    ~TunedRows();
    TunedRows(const TunedRows &) = delete;
    TunedRows &operator=(const TunedRows &) = delete;

    bool next(TunedRow *row);
    // Of the row that next() gave last.
    const char *table() const { return table_; }
    int line() const { return line_; }
    bool shipped() const { return file_ == nullptr; }

private:
    bool open_next();
    bool read_line();

    TunedSources sources_;
    Message &complaints_;
    char name_[32];   // of the file in each folder
    char sizes_[64];  // "_k4x4_s2x2_" of the layer's text
    char table_[512] = "";
    char text_[1024];
    const char *folders_;
    const char *shipped_ = nullptr;  // the rest of the library's own table
    std::FILE *file_ = nullptr;
    int line_ = 0;
    bool open_ = false, own_left_;
};

}  // namespace tconv
