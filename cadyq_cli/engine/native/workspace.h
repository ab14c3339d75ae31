// Memory that a thread keeps for its next call.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace CADYQ_ISA {
namespace {

constexpr int kLine = 64;  // bytes of a cache line

class Workspace {
  public:
    ~Workspace() { free(data_); }

    // Null where there is no memory.
    template <typename T>
    T* get(size_t count) {
        const size_t bytes = (count * sizeof(T) + kLine - 1) / kLine * kLine;
        if (bytes > size_) {
            free(data_);
            data_ = aligned_alloc(kLine, bytes);
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
