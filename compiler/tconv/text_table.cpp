#include "text_table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>

namespace tconv::tool {

namespace {

bool numeric(const std::string &cell) {
    return !cell.empty() && cell.find_first_not_of("0123456789.-+%e ") == std::string::npos;
}

}  // namespace

void TextTable::print() const {
    const size_t columns = rows_[0].size();
    std::vector<size_t> widths(columns, 0);
    std::vector<bool> right(columns, true);
    for (size_t r = 0; r < rows_.size(); r++) {
        for (size_t c = 0; c < columns; c++) {
            widths[c] = std::max(widths[c], rows_[r][c].size());
            right[c] = right[c] && (r == 0 || numeric(rows_[r][c]));
        }
    }
    for (const std::vector<std::string> &row : rows_) {
        std::string line;
        for (size_t c = 0; c < columns; c++) {
            const std::string padding(widths[c] - row[c].size(), ' ');
            line += (c == 0 ? "" : "  ") + (right[c] ? padding + row[c] : row[c] + padding);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        std::printf("%s\n", line.c_str());
    }
}

void Progress::step(size_t done, const std::string &what) {
    if (isatty(STDERR_FILENO) == 0)
        return;
    constexpr size_t kBar = 20;
    const size_t filled = total_ == 0 ? kBar : kBar * done / total_;
    std::fprintf(stderr, "\r\033[K[%s%s] %zu/%zu %.90s", std::string(filled, '#').c_str(),
                 std::string(kBar - filled, '.').c_str(), done, total_, what.c_str());
    std::fflush(stderr);
    shown_ = true;
}

void Progress::clear() {
    if (shown_)
        std::fprintf(stderr, "\r\033[K");
    shown_ = false;
}

std::string formatted(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    std::string text(static_cast<size_t>(std::vsnprintf(nullptr, 0, format, arguments)), '\0');
    std::vsnprintf(text.data(), text.size() + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

std::string bytes_text(double bytes) {
    const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < std::size(units); unit++)
        bytes /= 1024;
    return formatted(unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
}

std::string time_text(double nanoseconds) {
    const char *const units[] = {"ns", "us", "ms", "s"};
    size_t unit = 0;
    for (; nanoseconds >= 1000 && unit + 1 < std::size(units); unit++)
        nanoseconds /= 1000;
    return formatted("%.3g %s", nanoseconds, units[unit]);
}

}  // namespace tconv::tool
