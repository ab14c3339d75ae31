// What this x86 processor can do, and whether the operating system keeps the registers for it.
//
// Read from the processor itself: compilers' own questions need a runtime library that not every
// compiler brings. Bits are those of Intel's Software Developer's Manual, volume 2, CPUID, and
// volume 1, chapter 13, XCR0.
#pragma once

#include <cpuid.h>

#include <cstdint>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

struct Leaf {
    unsigned a = 0, b = 0, c = 0, d = 0;  // zeros where the processor has no such leaf

    explicit Leaf(unsigned number, unsigned part = 0) {
        if (__get_cpuid_max(0, nullptr) >= number) __cpuid_count(number, part, a, b, c, d);
    }
};

inline bool all(uint64_t value, uint64_t bits) { return (value & bits) == bits; }

constexpr uint64_t bit(int n) { return uint64_t{1} << n; }

// Registers that the operating system saves, one bit for each kind.
inline uint64_t saved_registers() {
    if (!all(Leaf(1).c, bit(27))) return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

inline bool has_avx2() {
    constexpr uint64_t kXmm = bit(1), kYmm = bit(2);
    return all(saved_registers(), kXmm | kYmm) && all(Leaf(1).c, bit(12)) && all(Leaf(7).b, bit(5));
}

inline bool has_avxvnni() { return has_avx2() && Leaf(7).a >= 1 && all(Leaf(7, 1).a, bit(4)); }

inline bool has_avx512vnni() {
    constexpr uint64_t kFoundation = bit(16), kDoubleQuad = bit(17), kByteWord = bit(30),
                       kLengths = bit(31), kDotProducts = bit(11);
#ifdef __APPLE__
    constexpr uint64_t kSaved = 0;  // macOS saves these registers from their first use on
#else
    constexpr uint64_t kSaved = bit(5) | bit(6) | bit(7);  // masks, upper halves, further registers
#endif
    return has_avx2() && all(saved_registers(), kSaved) &&
           all(Leaf(7).b, kFoundation | kDoubleQuad | kByteWord | kLengths) &&
           all(Leaf(7).c, kDotProducts);
}

#ifdef __linux__
// Linux gives a process the tiles' registers when it asks for them.
inline bool has_amx() {
    constexpr uint64_t kTiles = bit(24), kBytes = bit(25), kSaved = bit(17) | bit(18);
    constexpr int kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return has_avx512vnni() && all(saved_registers(), kSaved) && all(Leaf(7).d, kTiles | kBytes) &&
           !syscall(SYS_arch_prctl, kRequest, kTileData);
}
#endif

}  // namespace
