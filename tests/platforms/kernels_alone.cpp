// Runs a library of kernels without Python, and compares each instruction set that this processor
// has with the cases of golden_cases.py:
//
//     kernels_alone LIBRARY CASES [ALL]
//
// ends with 0 if all agree. ALL, if given, is how many instruction sets there must be.
#include "../../cadyq_cli/engine/native/kernels.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#ifdef _WIN32
#include <windows.h>
static void* load(const char* path) { return (void*)LoadLibraryA(path); }
static void* find(void* library, const char* name) {
    return (void*)GetProcAddress((HMODULE)library, name);
}
#else
#include <dlfcn.h>
static void* load(const char* path) { return dlopen(path, RTLD_NOW); }
static void* find(void* library, const char* name) { return dlsym(library, name); }
#endif

static int up(int number, int multiple) { return (number + multiple - 1) / multiple * multiple; }

struct Case {
    int32_t height, width, inputs, outputs, size;
    std::vector<int16_t> codes;
    std::vector<int8_t> weight;
    std::vector<float> scale, bias, result;
};

template <typename T> static bool take(FILE* file, std::vector<T>& into, size_t count) {
    into.resize(count);
    return fread(into.data(), sizeof(T), count, file) == count;
}

static std::vector<Case> read(const char* path) {
    std::vector<Case> cases;
    FILE* file = fopen(path, "rb");
    Case c;
    while (file && fread(&c.height, sizeof(int32_t), 5, file) == 5) {
        size_t pixels = (size_t)c.height * c.width, taps = (size_t)c.size * c.size;
        if (!take(file, c.codes, pixels * c.inputs) ||
            !take(file, c.weight, taps * c.inputs * c.outputs) ||
            !take(file, c.scale, c.outputs) || !take(file, c.bias, c.outputs) ||
            !take(file, c.result, pixels * c.outputs))
            return {};
        cases.push_back(c);
    }
    return cases;
}

template <typename T> static T* aligned(std::vector<T>& memory, size_t count) {
    memory.assign(count + 64 / sizeof(T), T(0));
    return (T*)(((uintptr_t)memory.data() + 63) / 64 * 64);
}

// Whether the results of a case are those that were expected, by each kernel that takes it.
static bool agrees(const Kernels& kernels, const Case& c) {
    const int lanes = kernels.lanes, pitch = up(c.inputs, lanes), columns = up(c.width, kTile);
    std::vector<int16_t> memory, packed_memory;
    int16_t* codes = aligned(
        memory, (size_t)(up(c.height, kTile) + 2 * kPad) * (columns + 2 * kPad) * pitch);
    for (int y = 0; y < c.height; y++)
        for (int x = 0; x < c.width; x++)
            memcpy(codes + ((size_t)(y + kPad) * (columns + 2 * kPad) + x + kPad) * pitch,
                   &c.codes[((size_t)y * c.width + x) * c.inputs], 2 * c.inputs);
    Epilogue epilogue = {};
    epilogue.scale = c.scale.data(), epilogue.bias = c.bias.data(), epilogue.shuffle = 1;
    std::vector<float> map(c.result.size());
    const auto equal = [&](Status status) {
        return status == kDone && !memcmp(map.data(), c.result.data(), 4 * map.size());
    };
    const int side = 4 * c.outputs <= lanes ? 4 : 2 * c.outputs <= lanes ? 2 : 1;
    const size_t each = (size_t)pitch * up(c.outputs, lanes);
    int16_t* packed = aligned(packed_memory, each * c.size * (c.size + side - 1));
    if (kernels.pack_direct(c.weight.data(), c.inputs, c.outputs, c.size, side, packed) ||
        !equal(kernels.direct(codes, c.height, c.width, pitch, packed, c.outputs, c.size, side,
                              map.data(), &epilogue)))
        return false;
    if (c.size != 3) return true;
    packed = aligned(packed_memory, each * 36);
    return !kernels.pack_winograd(c.weight.data(), c.inputs, c.outputs, packed) &&
           equal(kernels.winograd(codes, c.height, c.width, pitch, packed, c.outputs, map.data(),
                                  &epilogue));
}

int main(int argc, char** argv) {
    void* library = argc > 2 ? load(argv[1]) : nullptr;
    if (!library) return printf("usage: kernels_alone LIBRARY CASES [ALL]\n"), 2;
    const auto name_of = (const char* (*)(int))find(library, "cadyq_name");
    const auto kernels_of = (const Kernels* (*)(const char*))find(library, "cadyq_kernels");
    const auto cases = read(argv[2]);
    if (!name_of || !kernels_of || cases.empty()) return printf("nothing to compare\n"), 2;
    int wrong = 0, sets = 0;
    for (int i = 0; const char* name = name_of(i); i++) {
        const Kernels* kernels = kernels_of(name);
        size_t right = 0;
        if (kernels)
            for (const Case& c : cases) right += agrees(*kernels, c);
        if (kernels)
            printf("%s: %d of %d cases agree\n", name, (int)right, (int)cases.size());
        else
            printf("%s: not on this processor\n", name);
        wrong += kernels && right < cases.size();
        sets += kernels != nullptr;
    }
    return wrong || sets < (argc > 3 ? atoi(argv[3]) : 1);
}
