// Aligned columns on standard output, and a line of progress on a terminal.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace tconv::tool {

// Printed at the end, when all widths are known. Cells that look like numbers are aligned to the right.
class TextTable {
public:
    explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void print() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

// "12/90 layer what" on standard error, rewritten in place; silent where that is not a terminal.
class Progress {
public:
    explicit Progress(size_t total) : total_(total) {}
    ~Progress() { clear(); }
    void step(size_t done, const std::string &what);
    void clear();

private:
    size_t total_;
    bool shown_ = false;
};

__attribute__((format(printf, 1, 2))) std::string formatted(const char *format, ...);

// 1234567 -> "1.18 MiB"
std::string bytes_text(double bytes);
// 1234.5 ns -> "1.23 us"
std::string time_text(double nanoseconds);

}  // namespace tconv::tool
