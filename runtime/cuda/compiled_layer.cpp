// The functions of a compiled layer. tconv-compiler puts this file, driver.cpp and modules.cpp as one object into each
// libNAME.a, these names with the layer's before them.
#include <pthread.h>

#include <cstdlib>
#include <cstring>

#include "launches.h"
#include "modules.h"

using namespace tconv;

namespace {

// What a context holds of the layer.
struct Loaded {
    CuContext context;
    CuAddress baked;
    uint32_t count;
    LoadedModule *modules[kMostKernels];
    CuFunction functions[kMostKernels];
    Loaded *next;
};

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Loaded *all;

template<typename Type>
const Type *at(const LaunchesHeader &table, uint64_t offset) {
    return reinterpret_cast<const Type *>(reinterpret_cast<const char *>(&table) + offset);
}

const CompiledKernel *kernels_of(const LaunchesHeader &table) {
    return at<CompiledKernel>(table, sizeof table);
}

const CompiledLaunch *launches_of(const LaunchesHeader &table) {
    return reinterpret_cast<const CompiledLaunch *>(kernels_of(table) + table.kernels);
}

void release(const Driver &driver, Loaded *loaded) {
    for (uint32_t i = 0; i < loaded->count; i++)
        release_module(driver, loaded->modules[i]);
    if (loaded->baked != 0)
        driver.memory_free(loaded->baked);
    std::free(loaded);
}

// The copy may still be under way when the driver returns from it, and streams need not wait for one another.
tconv_status copy_baked(const Driver &driver, const LaunchesHeader &table, Loaded &loaded, Message &message) {
    CuResult result = driver.memory_allocate(&loaded.baked, static_cast<size_t>(table.baked_bytes));
    if (result != 0)
        loaded.baked = 0;
    if (result == 0)
        result = driver.copy_to_device(loaded.baked, at<char>(table, table.baked), static_cast<size_t>(table.baked_bytes));
    if (result == 0)
        result = driver.stream_synchronize(nullptr);
    return driver_status(driver, result, "", message);
}

tconv_status load(const Driver &driver, const LaunchesHeader &table, CuContext context, Loaded **result) {
    Message unheard(nullptr, 0);
    CuDevice device = 0;
    int arch = 0;
    tconv_status status = driver_status(driver, driver.context_get_device(&device), "", unheard);
    if (status == TCONV_OK)
        status = device_arch(driver, device, &arch, unheard);
    if (status != TCONV_OK)
        return status;
    auto *const made = static_cast<Loaded *>(std::calloc(1, sizeof(Loaded)));
    if (made == nullptr)
        return TCONV_OUT_OF_MEMORY;
    made->context = context;
    for (uint32_t i = 0; i < table.kernels && status == TCONV_OK; i++) {
        const CompiledKernel &kernel = kernels_of(table)[i];
        status = load_function(driver, context, at<ImagesHeader>(table, kernel.images), arch, at<char>(table, kernel.entry),
                               &made->modules[i], &made->functions[i], unheard);
        if (status == TCONV_OK)
            made->count++;
    }
    if (status == TCONV_OK && table.baked_bytes > 0)
        status = copy_baked(driver, table, *made, unheard);
    if (status != TCONV_OK) {
        release(driver, made);
        return status;
    }
    made->next = all;
    all = made;
    *result = made;
    return TCONV_OK;
}

// The link to what a context holds; to NULL if that is nothing.
Loaded **find(CuContext context) {
    Loaded **link = &all;
    while (*link != nullptr && (*link)->context != context)
        link = &(*link)->next;
    return link;
}

tconv_status current_context(const Driver **found, CuContext *context) {
    Message unheard(nullptr, 0);
    tconv_status status;
    const Driver *const known = driver(&status, unheard);
    if (known == nullptr)
        return status;
    *found = known;
    status = driver_status(*known, known->context_get_current(context), "", unheard);
    return status == TCONV_OK && *context == nullptr ? TCONV_NO_DEVICE : status;
}

tconv_status loaded_here(const LaunchesHeader &table, const Driver **driver, Loaded **loaded) {
    CuContext context = nullptr;
    tconv_status status = current_context(driver, &context);
    if (status != TCONV_OK)
        return status;
    pthread_mutex_lock(&mutex);
    *loaded = *find(context);
    if (*loaded == nullptr)
        status = load(**driver, table, context, loaded);
    pthread_mutex_unlock(&mutex);
    return status;
}

tconv_status check(const LaunchesHeader &table, bool packs, void *const *pointers) {
    auto taken = [&](int place) {
        const bool by_pack = place == kFilter || place == kPacked, by_run = place != kFilter && place != kBaked;
        return table.alignment[place] != 0 && (packs ? by_pack : by_run);
    };
    for (int place = 0; place < kPlaces; place++) {
        if (taken(place) && pointers[place] == nullptr)
            return TCONV_INVALID_ARGUMENT;
    }
    for (int place = 0; place < kPlaces; place++) {
        if (taken(place) && reinterpret_cast<uintptr_t>(pointers[place]) % table.alignment[place] != 0)
            return TCONV_MISALIGNED;
    }
    return TCONV_OK;
}

tconv_status launch(const Driver &driver, const LaunchesHeader &table, const Loaded &loaded, const CompiledLaunch &launch,
                    void *const *pointers, CuStream stream) {
    const auto *const arguments =
        reinterpret_cast<const CompiledArgument *>(launches_of(table) + table.launches) + launch.first_argument;
    int64_t values[kMostArguments];
    void *addresses[kMostArguments];
    for (uint32_t i = 0; i < launch.arguments; i++) {
        const CompiledArgument &argument = arguments[i];
        const int64_t base = argument.place == kPlaces ? 0
                             : argument.place == kBaked
                                 ? static_cast<int64_t>(loaded.baked)
                                 : static_cast<int64_t>(reinterpret_cast<uintptr_t>(pointers[argument.place]));
        values[i] = base + argument.value;
        addresses[i] = &values[i];
    }
    const CuResult result = driver.launch(loaded.functions[launch.kernel], launch.grid[0], launch.grid[1], launch.grid[2],
                                          launch.block[0], launch.block[1], launch.block[2], launch.shared_bytes, stream,
                                          addresses, nullptr);
    Message unheard(nullptr, 0);
    return driver_status(driver, result, "", unheard);
}

tconv_status make(const LaunchesHeader &table, bool packs, void *const *pointers, CuStream stream) {
    tconv_status status = check(table, packs, pointers);
    const uint32_t begin = packs ? 0 : table.pack_launches, end = packs ? table.pack_launches : table.launches;
    if (status != TCONV_OK || begin == end)
        return status;
    const Driver *driver = nullptr;
    Loaded *loaded = nullptr;
    status = loaded_here(table, &driver, &loaded);
    for (uint32_t i = begin; i < end && status == TCONV_OK; i++)
        status = launch(*driver, table, *loaded, launches_of(table)[i], pointers, stream);
    return status;
}

}  // namespace

extern "C" {

int tconv_compiled_load(const LaunchesHeader *table) {
    const Driver *driver = nullptr;
    Loaded *loaded = nullptr;
    return loaded_here(*table, &driver, &loaded);
}

int tconv_compiled_unload() {
    const Driver *driver = nullptr;
    CuContext context = nullptr;
    const tconv_status status = current_context(&driver, &context);
    if (status != TCONV_OK)
        return status;
    pthread_mutex_lock(&mutex);
    Loaded **const link = find(context);
    if (Loaded *const loaded = *link; loaded != nullptr) {
        *link = loaded->next;
        release(*driver, loaded);
    }
    pthread_mutex_unlock(&mutex);
    return TCONV_OK;
}

int tconv_compiled_pack(const LaunchesHeader *table, void *filter, void *packed, void *stream) {
    void *pointers[kPlaces] = {};
    pointers[kFilter] = filter;
    pointers[kPacked] = packed;
    return make(*table, true, pointers, static_cast<CuStream>(stream));
}

int tconv_compiled_run(const LaunchesHeader *table, void *input, void *packed, void *bias, void *slope, void *residual,
                       void *output, void *workspace, void *stream) {
    void *const pointers[kPlaces] = {nullptr, input, packed, bias, slope, residual, output, workspace, nullptr};
    return make(*table, false, pointers, static_cast<CuStream>(stream));
}

}  // extern "C"
