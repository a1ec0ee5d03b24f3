#include "tuned_tables.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "layer_text.h"
#include "microarchitecture.h"

namespace tconv {

namespace {

struct ShippedTable {
    const char *name, *text;
};

constexpr ShippedTable shipped_tables[] = {
#include "tuned_tables.inc"
    {nullptr, nullptr},
};

const char *shipped_text(const char *name) {
    for (const ShippedTable &table : shipped_tables) {
        if (table.name != nullptr && std::strcmp(table.name, name) == 0)
            return table.text;
    }
    return nullptr;
}

// Whether a line is of another microarchitecture, or its layer of other sizes: before the dear parsing of that. Lines that
// have no such columns are not.
bool of_another(const char *line, const char *microarchitecture, const char *sizes) {
    const char *const end = *line == '"' ? std::strchr(line + 1, '"') : nullptr;
    if (end == nullptr || end[1] != ',')
        return false;
    const char *const found = std::strstr(line, sizes);
    if (found == nullptr || found > end)
        return true;
    const size_t length = std::strcspn(end + 2, ",");
    return length != std::strlen(microarchitecture) || std::strncmp(end + 2, microarchitecture, length) != 0;
}

// NULL where there is none. One that is no regular file is none either, and `odd`: to open a FIFO would wait for a writer,
// and a device may never end.
std::FILE *open_table(const char *path, bool *odd) {
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat about;
    const bool opened = file >= 0 && fstat(file, &about) == 0;
    *odd = opened && !S_ISREG(about.st_mode);
    std::FILE *const table = opened && !*odd ? fdopen(file, "r") : nullptr;
    if (table == nullptr && file >= 0)
        close(file);
    return table;
}

}  // namespace

TunedSources tuned_sources() {
    return {std::getenv("TCONV_DB"), microarchitecture()};
}

TunedRows::TunedRows(const TunedSources &sources, Isa isa, const tconv_spec &spec, Message &complaints)
    : sources_(sources), complaints_(complaints), folders_(sources.folders == nullptr ? "" : sources.folders) {
    std::snprintf(name_, sizeof name_, "%s-%s.csv", isa_name(least_with_vectors_of(isa)),
                  dtype_name(spec.dtype));
    std::snprintf(sizes_, sizeof sizes_, "_k%dx%d_s%dx%d_", spec.kernel_h, spec.kernel_w, spec.stride_h, spec.stride_w);
    own_left_ = std::strcmp(folders_, "none") != 0;
    if (!own_left_)
        folders_ = "";
}

TunedRows::~TunedRows() {
    if (file_ != nullptr)
        std::fclose(file_);
}

bool TunedRows::open_next() {
    line_ = 0;
    while (*folders_ != '\0') {
        const int length = static_cast<int>(std::strcspn(folders_, ":"));
        const int needed = std::snprintf(table_, sizeof table_, "%.*s/%s", length, folders_, name_);
        folders_ += length + (folders_[length] == ':' ? 1 : 0);
        if (length == 0 || needed >= static_cast<int>(sizeof table_))
            continue;
        bool odd;
        file_ = open_table(table_, &odd);
        if (file_ != nullptr)
            return true;
        if (odd)
            complaints_.append("%s: is no regular file; the table is ignored\n", table_);
    }
    if (!own_left_)
        return false;
    own_left_ = false;
    std::snprintf(table_, sizeof table_, "%s", name_);
    shipped_ = shipped_text(name_);
    return shipped_ != nullptr;
}

// A line that does not fit comes in parts, each of which is malformed.
bool TunedRows::read_line() {
    if (file_ != nullptr) {
        if (std::fgets(text_, sizeof text_, file_) == nullptr) {
            std::fclose(file_);
            file_ = nullptr;
            return false;
        }
        text_[std::strcspn(text_, "\r\n")] = '\0';
    } else {
        if (shipped_ == nullptr || *shipped_ == '\0')
            return false;
        const size_t length = std::strcspn(shipped_, "\n");
        std::snprintf(text_, sizeof text_, "%.*s", static_cast<int>(length), shipped_);
        shipped_ += length + (shipped_[length] == '\n' ? 1 : 0);
    }
    line_++;
    return true;
}

bool TunedRows::next(TunedRow *row) {
    for (;;) {
        if (!open_) {
            if (!open_next())
                return false;
            open_ = true;
        }
        if (!read_line()) {
            open_ = false;
            continue;
        }
        if (line_ == 1) {
            if (std::strcmp(text_, kTunedHeader) == 0)
                continue;
            complaints_.append("%s:1: the header is not %s; the table is ignored\n", table_, kTunedHeader);
            if (file_ != nullptr)
                std::fclose(file_);
            file_ = nullptr;
            shipped_ = nullptr;
            open_ = false;
            continue;
        }
        if (of_another(text_, sources_.microarchitecture, sizes_))
            continue;
        char why[384];
        Message complaint(why, sizeof why);
        if (parse_tuned_row(text_, row, complaint))
            return true;
        complaints_.append("%s:%d: %s; the row is ignored\n", table_, line_, why);
    }
}

}  // namespace tconv
