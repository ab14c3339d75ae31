// Memory that a thread keeps for its next call.
#pragma once

#include <cstddef>
#include <cstdlib>

#ifdef _WIN32
#include <malloc.h>
#endif

namespace CADYQ_ISA {
namespace {

constexpr int kLine = 64;  // bytes of a cache line

// Whole cache lines; null where there is no memory.
inline void* lines(size_t bytes) {
#ifdef _WIN32
    return _aligned_malloc(bytes, kLine);
#else
    void* data = nullptr;
    return posix_memalign(&data, kLine, bytes) ? nullptr : data;
#endif
}

inline void release(void* data) {
#ifdef _WIN32
    _aligned_free(data);
#else
    free(data);
#endif
}

class Workspace {
  public:
    ~Workspace() { release(data_); }

    // Null where there is no memory.
    template <typename T>
    T* get(size_t count) {
        const size_t bytes = (count * sizeof(T) + kLine - 1) / kLine * kLine;
        if (bytes > size_) {
            release(data_);
            data_ = lines(bytes);
            size_ = data_ ? bytes : 0;
        }
        return static_cast<T*>(data_);
    }

  private:
    void* data_ = nullptr;
    size_t size_ = 0;
};

thread_local Workspace inputs_space, products_space, map_space, writer_space;

}  // namespace
}  // namespace CADYQ_ISA
