// The plain C interface: one set of entry points for every instruction set in this library.

#include "kernels.h"

#include <cstring>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define DECLARE(isa) namespace isa { extern const Kernels kernels; }
DECLARE(generic)
#ifdef CADYQ_X86
DECLARE(avx2)
DECLARE(avxvnni)
DECLARE(avx512vnni)
DECLARE(amx)
#endif

namespace {

#ifdef CADYQ_X86
bool has_avx512vnni() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

// Linux gives a process the tiles' registers when it asks for them.
bool has_amx() {
#ifdef __linux__
    constexpr int kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return has_avx512vnni() && __builtin_cpu_supports("amx-int8") &&
           !syscall(SYS_arch_prctl, kRequest, kTileData);
#else
    return false;
#endif
}
#endif

struct Choice {
    const char* name;
    const Kernels* kernels;
    bool (*runs)();
};

const Choice kChoices[] = {  // the best first
#ifdef CADYQ_X86
    {"amx", &amx::kernels, has_amx},
    {"avx512vnni", &avx512vnni::kernels, has_avx512vnni},
    {"avxvnni", &avxvnni::kernels,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avxvnni"); }},
    {"avx2", &avx2::kernels,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#endif
    {"generic", &generic::kernels, [] { return true; }},
};

}  // namespace

extern "C" {

// Of the sources, by which a caller notices a library of others; see build.py.
const char* cadyq_fingerprint() { return CADYQ_FINGERPRINT; }

// Name of the i-th instruction set of this library, the best first; null behind the last.
const char* cadyq_name(int i) {
    return i >= 0 && i < (int)(sizeof kChoices / sizeof *kChoices) ? kChoices[i].name : nullptr;
}

// The kernels of an instruction set, or null where this processor cannot run them.
const Kernels* cadyq_kernels(const char* name) {
    for (const Choice& choice : kChoices)
        if (!strcmp(choice.name, name)) return choice.runs() ? choice.kernels : nullptr;
    return nullptr;
}
}
