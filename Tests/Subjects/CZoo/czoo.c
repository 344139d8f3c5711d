#define _GNU_SOURCE
#include "czoo.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

static long result(long value) { return value < 0 ? -errno : value; }

long zoo_call(long number, long a, long b, long c, long d, long e, long f) {
    return result(syscall(number, a, b, c, d, e, f));
}

long zoo_fork(void) { return result(fork()); }

void zoo_leave(void) {
    for (;;) syscall(SYS_exit, 0);
}

void zoo_wait_for_sharer(void) {
    if (vfork() == 0)
        for (;;) syscall(SYS_pause);
}

uint64_t zoo_auxiliary(uint64_t key) { return getauxval(key); }

// MARK: - Signals

static volatile struct zoo_notes notes[65];
static volatile int descriptors[65];

static void note(int number, siginfo_t *info, void *context) {
    (void)context;
    int kept = errno;
    volatile struct zoo_notes *these = &notes[number];
    these->value = info ? (int64_t)(intptr_t)info->si_value.sival_ptr : 0;
    these->code = info->si_code;
    these->sender = info->si_pid;
    these->stack = (uint64_t)(uintptr_t)&kept;
    uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
    these->mask = mask;
    __atomic_add_fetch(&these->count, 1, __ATOMIC_SEQ_CST);
    errno = kept;
}

static void note_and_read(int number, siginfo_t *info, void *context) {
    int kept = errno;
    char byte;
    note(number, info, context);
    while (read(descriptors[number], &byte, 1) < 0 && errno == EINTR) {}
    errno = kept;
}

static long handle(int number, uint32_t flags, int blocked, void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_flags = (int)(flags | SA_SIGINFO), .sa_sigaction = handler};
    sigemptyset(&action.sa_mask);
    if (blocked) sigaddset(&action.sa_mask, blocked);
    return result(sigaction(number, &action, NULL));
}

long zoo_handle(int32_t number, uint32_t flags, int32_t blocked) { return handle(number, flags, blocked, note); }

long zoo_handle_by_reading(int32_t number, uint32_t flags, int32_t descriptor) {
    descriptors[number] = descriptor;
    return handle(number, flags, 0, note_and_read);
}

struct zoo_notes zoo_notes(int32_t number) { return notes[number]; }

void zoo_forget(int32_t number) { memset((void *)&notes[number], 0, sizeof notes[number]); }

// MARK: - Memory

void zoo_settle_heap(void) {
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 16 << 20);
    // More than is left of what it has, so that it takes what it may need at once.
    void *volatile taken[4];
    for (int i = 0; i < 4; i++) taken[i] = malloc(100 << 10);
    for (int i = 0; i < 4; i++) free(taken[i]);
}

static sigjmp_buf before_touch;

static void touched(int number) {
    (void)number;
    siglongjmp(before_touch, 1);
}

int32_t zoo_faults(uint64_t address, int32_t writing) {
    struct sigaction old, action = {.sa_handler = touched};
    sigaction(SIGSEGV, &action, &old);
    int faulted = sigsetjmp(before_touch, 1);
    if (!faulted) {
        volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)address;
        uint8_t value = *byte;
        if (writing) *byte = value;
    }
    sigaction(SIGSEGV, &old, NULL);
    return faulted;
}

int32_t zoo_run(uint64_t address) { return ((int32_t(*)(void))(uintptr_t)address)(); }

__attribute__((noinline)) uint64_t zoo_deep(uint64_t bytes, uint64_t seed) {
    volatile uint64_t frame[512];
    for (size_t i = 0; i < 512; i++) frame[i] = seed + i;
    uint64_t sum = bytes > sizeof frame ? zoo_deep(bytes - sizeof frame, seed + 1) : 0;
    for (size_t i = 0; i < 512; i++) sum += frame[i];
    return sum;
}

uint64_t zoo_word(uint64_t address) { return __atomic_load_n((uint64_t *)(uintptr_t)address, __ATOMIC_SEQ_CST); }

uint64_t zoo_take_word(uint64_t address) {
    return __atomic_exchange_n((uint64_t *)(uintptr_t)address, 0, __ATOMIC_SEQ_CST);
}

static _Thread_local int64_t own;

int64_t zoo_own(void) { return own; }

void zoo_set_own(int64_t value) { own = value; }

// MARK: - Threads

int32_t zoo_noted_processor(void) {
    if (__rseq_size == 0) return -1;
    struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
    return (int32_t)__atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED);
}

void zoo_compute(uint64_t place) {
    volatile uint64_t *words = (volatile uint64_t *)(uintptr_t)place;
    for (;;) {
        words[0]++;
        words[1] *= 6364136223846793005u;
        words[2]++;
        words[0]++;
    }
}

_Static_assert(sizeof(pthread_mutex_t) <= 64, "the room that Swift gives");

long zoo_robust_make(void *room) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    return -pthread_mutex_init(room, &attributes);
}

long zoo_robust_lock(void *room) { return -pthread_mutex_lock(room); }

long zoo_robust_repair(void *room) {
    int failed = pthread_mutex_consistent(room);
    return -(failed ? failed : pthread_mutex_unlock(room));
}

// MARK: - Registers

uint32_t zoo_sse_control(void) { return __builtin_ia32_stmxcsr(); }

void zoo_set_sse_control(uint32_t word) { __builtin_ia32_ldmxcsr(word); }

double zoo_third(void) {
    volatile double one = 1, three = 3;
    return one / three;
}

int32_t zoo_vector_width(void) {
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512f")) return 512;
    return __builtin_cpu_supports("avx") ? 256 : 0;
}

uint64_t zoo_word_at_gs(void) {
    uint64_t word;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(word));
    return word;
}
