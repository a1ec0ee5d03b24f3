#include "modules.h"

#include <pthread.h>

#include <cstdlib>
#include <cstring>

namespace tconv {

struct LoadedModule {
    CuContext context;
    const ImagesHeader *images;
    CuModule module;
    CuFunction function;
    int users;
    LoadedModule *next;
};

namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
LoadedModule *all;

tconv_status load(const Driver &driver, CuContext context, const ImagesHeader *images, int arch, const char *entry,
                  LoadedModule **loaded, Message &message) {
    const void *const image = image_for(images, arch);
    if (image == nullptr)
        return message.fail(TCONV_INTERNAL, "the device code of this library is damaged");
    auto *const made = static_cast<LoadedModule *>(std::malloc(sizeof(LoadedModule)));
    if (made == nullptr)
        return message.fail(TCONV_OUT_OF_MEMORY, "no memory to remember a module (%zu bytes)", sizeof(LoadedModule));
    *made = {context, images, nullptr, nullptr, 0, all};
    CuResult result = driver.module_load(&made->module, image);
    const char *doing = "loading a kernel (cuModuleLoadData)";
    if (result == 0) {
        result = driver.module_get_function(&made->function, made->module, entry);
        doing = "finding a kernel (cuModuleGetFunction)";
        if (result != 0)
            driver.module_unload(made->module);
    }
    if (result != 0) {
        std::free(made);
        return driver_status(driver, result, doing, message);
    }
    all = made;
    *loaded = made;
    return TCONV_OK;
}

}  // namespace

const void *image_for(const ImagesHeader *images, int arch) {
    if (std::memcmp(images->magic, kImagesMagic, sizeof kImagesMagic) != 0)
        return nullptr;
    const auto *const entries = reinterpret_cast<const ImageEntry *>(images + 1);
    const ImageEntry *best = nullptr;
    for (uint32_t i = 0; i < images->count; i++) {
        const ImageEntry &entry = entries[i];
        const int of = static_cast<int>(entry.arch);
        if (of != 0 ? of / 10 == arch / 10 && of <= arch && (best == nullptr || entry.arch > best->arch) : best == nullptr)
            best = &entry;
    }
    return best != nullptr ? reinterpret_cast<const char *>(images) + best->offset : nullptr;
}

tconv_status load_function(const Driver &driver, CuContext context, const ImagesHeader *images, int arch, const char *entry,
                           LoadedModule **module, CuFunction *function, Message &message) {
    pthread_mutex_lock(&mutex);
    LoadedModule *found = all;
    while (found != nullptr && (found->context != context || found->images != images))
        found = found->next;
    tconv_status status = TCONV_OK;
    if (found == nullptr)
        status = load(driver, context, images, arch, entry, &found, message);
    if (status == TCONV_OK) {
        found->users++;
        *module = found;
        *function = found->function;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

void release_module(const Driver &driver, LoadedModule *module) {
    pthread_mutex_lock(&mutex);
    if (--module->users == 0) {
        LoadedModule **link = &all;
        while (*link != module)
            link = &(*link)->next;
        *link = module->next;
        // A context that is gone has taken the module with it, and refuses; there is nothing else to be done.
        if (driver.context_push(module->context) == 0) {
            driver.module_unload(module->module);
            CuContext popped;
            driver.context_pop(&popped);
        }
        std::free(module);
    }
    pthread_mutex_unlock(&mutex);
}

}  // namespace tconv
