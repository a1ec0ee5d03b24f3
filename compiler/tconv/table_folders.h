// Where the commands look for tuned tables (docs/tuning.md): --db, and the user's own folder.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace tconv::tool {

// The user's own: TCONV_CACHE_DIR, else XDG_CACHE_HOME/tconv, else ~/.cache/tconv; in it "tuned". Empty without a home.
std::string cache_folder();

// Adds --db to a command.
void add_db_option(CLI::App &command, std::string &db);

// Puts --db and the user's folder into TCONV_DB, where the library reads them. Without --db an environment that has TCONV_DB
// already is left as it is. Failure (kBadInput) for a --db that is no folder, unless `writes`: such a command makes it.
void apply_db(const std::string &db, bool writes = false);

}  // namespace tconv::tool
