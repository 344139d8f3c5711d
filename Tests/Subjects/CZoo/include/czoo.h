// What the zoo needs and Swift cannot say: system calls by number, signal handlers, registers held across a wait, memory
// that is touched to see whether that is possible. Calls return a negative errno on failure. No policy: what a state
// ought to be is judged in Swift.
//
// Only headers that define numbers are included, because the kernel's structures and glibc's cannot both be seen by one
// Swift module.
#pragma once
#include <asm/unistd_64.h>
#include <stdint.h>

long zoo_call(long number, long a, long b, long c, long d, long e, long f);
/// Returns twice.
long zoo_fork(void);
/// Ends the calling thread alone, even the first, without any clean-up.
_Noreturn void zoo_leave(void);
/// The address of the kernel's own page of code, and other words of the auxiliary vector.
uint64_t zoo_auxiliary(uint64_t key);

/// Has a child that shares the caller's memory and waits for ever, and waits for it, as vfork does; never returns.
void zoo_wait_for_sharer(void);

// MARK: - Signals

/// Installs a handler that takes notes and returns; `blocked` is one more signal that it holds off, or 0.
long zoo_handle(int32_t signal, uint32_t flags, int32_t blocked);
/// Installs a handler that takes notes, then reads one byte of this descriptor before it returns.
long zoo_handle_by_reading(int32_t signal, uint32_t flags, int32_t descriptor);
/// What the notes say: how often it ran, and of the last time the value, code and sender, an address on the stack that it
/// ran on, and the signals that were held off meanwhile.
struct zoo_notes {
    int64_t count, value;
    int32_t code, sender;
    uint64_t stack, mask;
};
struct zoo_notes zoo_notes(int32_t signal);
void zoo_forget(int32_t signal);

// MARK: - Memory

/// From now on malloc, which has the heap too, does not move its end.
void zoo_settle_heap(void);
/// Whether reading, or writing back what stands there, ends in SIGSEGV.
int32_t zoo_faults(uint64_t address, int32_t writing);
/// Calls what stands at `address` as a function of no arguments.
int32_t zoo_run(uint64_t address);
/// Uses this much of the stack, all of it, and returns a sum of it that `bytes` and `seed` decide.
uint64_t zoo_deep(uint64_t bytes, uint64_t seed);
/// One word, as it is at this moment; and the same, which leaves 0 there.
uint64_t zoo_word(uint64_t address);
uint64_t zoo_take_word(uint64_t address);
/// A variable of the calling thread's own.
int64_t zoo_own(void);
void zoo_set_own(int64_t value);

// MARK: - Threads

/// The processor that the kernel has noted in the calling thread's restartable sequence, or -1 without one.
int32_t zoo_noted_processor(void);
/// Multiplies the second of three words for ever by 6364136223846793005, and counts in the third; the first is odd
/// while they do not belong together.
_Noreturn void zoo_compute(uint64_t words);
/// A lock that tells its next owner when an owner has died: made in `room` of 64 bytes.
long zoo_robust_make(void *room);
long zoo_robust_lock(void *room);
long zoo_robust_repair(void *room);

// MARK: - Registers
//
// Each loads registers with what `given` holds, waits, and writes what it then finds to `found`. Those named `hold` wait
// in a read of one byte from `descriptor`; those named `spin` stay in user space until the word `flag` is not 0.

/// rbx, rbp, r8 to r10, r12 to r15.
long zoo_hold_general(int32_t descriptor, const void *given, void *found);
/// All but rsp and rdi; the last word found is the flags, of which the direction flag is set.
long zoo_spin_general(const void *flag, const void *given, void *found);
/// 16 registers of 16 bytes.
long zoo_hold_sse(int32_t descriptor, const void *given, void *found);
/// 16 registers of 32 bytes.
long zoo_hold_avx(int32_t descriptor, const void *given, void *found);
/// 32 registers of 64 bytes, then 7 masks of 8.
long zoo_hold_avx512(int32_t descriptor, const void *given, void *found);
/// 16 registers of 16 bytes.
long zoo_spin_sse(const void *flag, const void *given, void *found);
/// Three numbers on the stack of the x87, and a control word that rounds down in double precision: 10 bytes each, then 2.
long zoo_hold_x87(int32_t descriptor, void *found);
/// The control and status word of SSE.
uint32_t zoo_sse_control(void);
void zoo_set_sse_control(uint32_t word);
/// One third, as the rounding mode makes it.
double zoo_third(void);
/// 0, 256 or 512: how wide the vectors of this processor are.
int32_t zoo_vector_width(void);
/// The word at the base of the gs segment.
uint64_t zoo_word_at_gs(void);
