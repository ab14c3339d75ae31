// The plain C interface: one set of entry points for every instruction set in this library.

#include "kernels.h"

#include <cstring>

#ifdef CADYQ_X86
#include "processor.h"
#endif

#ifdef _WIN32
#define CADYQ_EXPORT __declspec(dllexport)
#else
#define CADYQ_EXPORT __attribute__((visibility("default")))
#endif

#define DECLARE(isa) namespace isa { extern const Kernels kernels; }
DECLARE(generic)
#ifdef CADYQ_X86
DECLARE(avx2)
DECLARE(avxvnni)
DECLARE(avx512vnni)
#ifdef __linux__
DECLARE(amx)
#endif
#endif

namespace {

struct Choice {
    const char* name;
    const Kernels* kernels;
    bool (*runs)();
};

const Choice kChoices[] = {  // the best first
#ifdef CADYQ_X86
#ifdef __linux__
    {"amx", &amx::kernels, has_amx},
#endif
    {"avx512vnni", &avx512vnni::kernels, has_avx512vnni},
    {"avxvnni", &avxvnni::kernels, has_avxvnni},
    {"avx2", &avx2::kernels, has_avx2},
#endif
    {"generic", &generic::kernels, [] { return true; }},
};

}  // namespace

extern "C" {

#ifdef __GLIBC__
// By this function of the C++ runtime compilers have a thread's variables destroyed. The C library
// does the work, so no runtime is needed, and the library runs wherever there is this C library.
int __cxa_thread_atexit_impl(void (*destroy)(void*), void* variable, void* library);
__attribute__((visibility("hidden"))) int __cxa_thread_atexit(void (*destroy)(void*),
                                                              void* variable, void* library) {
    return __cxa_thread_atexit_impl(destroy, variable, library);
}
#endif

// Of the sources, by which a caller notices a library of others; see build.py.
CADYQ_EXPORT const char* cadyq_fingerprint() { return CADYQ_FINGERPRINT; }

// Name of the i-th instruction set of this library, the best first; null behind the last.
CADYQ_EXPORT const char* cadyq_name(int i) {
    return i >= 0 && i < (int)(sizeof kChoices / sizeof *kChoices) ? kChoices[i].name : nullptr;
}

// The kernels of an instruction set, or null where this processor cannot run them.
CADYQ_EXPORT const Kernels* cadyq_kernels(const char* name) {
    for (const Choice& choice : kChoices)
        if (!strcmp(choice.name, name)) return choice.runs() ? choice.kernels : nullptr;
    return nullptr;
}
}
