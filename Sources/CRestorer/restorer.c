#define _GNU_SOURCE
#include "crestorer.h"
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSIDE __attribute__((section("restorer"), used))
#define INLINE static inline __attribute__((always_inline))

INLINE long call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    long result;
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

INLINE uint64_t value(const struct restorer *self, const struct restorer_step *step, int index) {
    uint64_t argument = step->arguments[index];
    switch (step->modes[index]) {
    case RESTORER_SLOT: return (uint64_t)(int64_t)self->slots[argument];
    case RESTORER_DATA: return (uint64_t)(uintptr_t)(self->data + argument);
    case RESTORER_PARAMETER: return self->parameters[argument];
    default: return argument;
    }
}

// The only function in the section: all others are part of it.
INSIDE __attribute__((noreturn)) static void run(struct restorer *self, uint64_t first) {
    for (const struct restorer_step *step = self->steps + first;; step++) {
        long result = 0;
        switch (step->kind) {
        case RESTORER_CALL:
        case RESTORER_TRY:
        case RESTORER_FORK:
            result = call(step->number, value(self, step, 0), value(self, step, 1), value(self, step, 2),
                          value(self, step, 3), value(self, step, 4), value(self, step, 5));
            if (step->kind == RESTORER_TRY) break;
            if (step->kind == RESTORER_FORK && result == 0) {
                step = self->steps + step->arguments[5] - 1;
                continue;
            }
            if (step->slot != RESTORER_NO_SLOT) self->slots[step->slot] = (int32_t)result;
            break;
        case RESTORER_PATCH:
            *(int32_t *)(self->data + step->arguments[0]) = self->slots[step->arguments[1]];
            break;
        case RESTORER_PLACE: {
            uint64_t from = value(self, step, 0), to = step->arguments[1];
            // F_SETFD, for one that has its number already.
            if (from == to) {
                result = call(SYS_fcntl, to, 2, step->arguments[2] != 0, 0, 0, 0);
            } else {
                result = call(SYS_dup3, from, to, step->arguments[2], 0, 0, 0);
                if (result >= 0 && step->arguments[3]) call(SYS_close, from, 0, 0, 0, 0, 0);
            }
            break;
        }
        case RESTORER_THREAD: {
            // The new thread has no stack frame to return to: it begins this function anew, on its own stack.
            register uint64_t arguments __asm__("rdi") = value(self, step, 0);
            register uint64_t size __asm__("rsi") = step->arguments[1];
            register uint64_t target __asm__("r13") = step->arguments[5];
            register struct restorer *whole __asm__("r12") = self;
            __asm__ volatile(
                "syscall\n\t"
                "test %%rax, %%rax\n\t"
                "jnz 1f\n\t"
                "mov %%r12, %%rdi\n\t"
                "mov %%r13, %%rsi\n\t"
                "xor %%ebp, %%ebp\n\t"
                "call run\n\t"
                "1:"
                : "=a"(result)
                : "a"((long)SYS_clone3), "r"(arguments), "r"(size), "r"(whole), "r"(target)
                : "rcx", "r11", "memory");
            break;
        }
        case RESTORER_AWAIT: {
            uint32_t *word = &self->report->words[step->arguments[0]];
            while (!__atomic_load_n(word, __ATOMIC_ACQUIRE))
                call(SYS_futex, (uint64_t)word, FUTEX_WAIT, 0, 0, 0, 0);
            break;
        }
        case RESTORER_SIGNAL: {
            uint32_t *word = &self->report->words[step->arguments[0]];
            __atomic_store_n(word, 1, __ATOMIC_RELEASE);
            call(SYS_futex, (uint64_t)word, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
            break;
        }
        case RESTORER_LEAVE:
        case RESTORER_FINISH: {
            register uint64_t frame __asm__("r12") = step->arguments[0];
            register uint64_t start __asm__("rdi") = step->arguments[1];
            register uint64_t size __asm__("rsi") = step->arguments[2];
            if (step->kind == RESTORER_LEAVE) {
                // From the moment of the last instruction but these, nothing here is touched any more.
                __asm__ volatile(
                    "lock decl %0\n\t"
                    "mov %%r12, %%rsp\n\t"
                    "mov $15, %%eax\n\t"
                    "syscall\n\t"
                    "ud2"
                    : "+m"(self->left)
                    : "r"(frame)
                    : "memory");
                __builtin_unreachable();
            }
            // One that is late still has the right to restore, and what goes on here could write to what it runs.
            while (__atomic_load_n(&self->left, __ATOMIC_ACQUIRE)) call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
            start = step->arguments[1];
            size = step->arguments[2];
            __asm__ volatile(
                "mov $11, %%eax\n\t"
                "syscall\n\t"
                "mov %%r12, %%rsp\n\t"
                "mov $15, %%eax\n\t"
                "syscall\n\t"
                "ud2" ::"r"(frame),
                "r"(start), "r"(size)
                : "memory", "rax", "rcx", "r11");
            __builtin_unreachable();
        }
        case RESTORER_TAKE:
            self->slots[step->slot] = *(int32_t *)(self->data + step->arguments[0]);
            break;
        case RESTORER_COUNT: self->left = (uint32_t)step->arguments[0]; break;
        case RESTORER_STOP:
            call(SYS_exit_group, step->arguments[0], 0, 0, 0, 0, 0);
            __builtin_unreachable();
        default: result = -ENOSYS;
        }
        if (result < 0 && step->kind != RESTORER_TRY) {
            // The first that fails is the one that is told.
            uint32_t none = 0;
            if (__atomic_compare_exchange_n(&self->report->failed_step, &none, (uint32_t)(step - self->steps) + 1, 0,
                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                self->report->error = (int32_t)-result;
            // Pid 1 looks at the report when this counts.
            uint64_t one = 1;
            call(SYS_write, RESTORER_DONE, (uint64_t)&one, sizeof one, 0, 0, 0);
            call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
        }
    }
}

extern const uint8_t __start_restorer[], __stop_restorer[];

const void *crestorer_code(void) { return __start_restorer; }
uint64_t crestorer_code_size(void) { return (uint64_t)(__stop_restorer - __start_restorer); }

long crestorer_fork(int32_t pid, int shares_files) {
    pid_t wanted = pid;
    struct clone_args arguments = {.flags = shares_files ? CLONE_FILES : 0,
                                   .exit_signal = SIGCHLD,
                                   .set_tid = (uintptr_t)&wanted,
                                   .set_tid_size = 1};
    long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    return child < 0 ? -errno : child;
}

void crestorer_enter(struct restorer *restorer, const void *code, uint64_t first, void *stack_top) {
    // The kernel would end a process whose registration lies in memory that is gone.
    restorer->parameters[0] = (uint64_t)((uint8_t *)__builtin_thread_pointer() + __rseq_offset);
    restorer->parameters[1] = sizeof(struct rseq);
    const uint8_t *entry = (const uint8_t *)code + ((const uint8_t *)run - __start_restorer);
    __asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1\n\tud2" ::"r"(stack_top), "r"(entry),
                     "D"(restorer), "S"(first)
                     : "memory");
    __builtin_unreachable();
}

void crestorer_open(struct restorer_report *report, uint32_t word) {
    __atomic_store_n(&report->words[word], 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &report->words[word], FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}
