#define _GNU_SOURCE
#include "clibc.h"
#include <malloc.h>

void clibc_map_from(int32_t bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

void clibc_give_back(void) { malloc_trim(0); }
