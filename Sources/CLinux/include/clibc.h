// The C library's heap, as far as Swift does not see it.
#pragma once
#include <stdint.h>

// Allocations of so many bytes and more are mapped each by itself.
void clibc_map_from(int32_t bytes);
// Gives free memory back to the kernel, wherever it lies.
void clibc_give_back(void);
