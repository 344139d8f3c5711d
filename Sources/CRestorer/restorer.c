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
        // From its arrival on a thread runs nothing but what follows, and the frame. It holds no right, the filter is
        // closed for it, and what it still reads is its own stack, or registers.
        case RESTORER_LEAVE: {
            // The first thread gives up stacks and steps as soon as all have arrived: so this is in registers alone. The
            // word is zero until then, which is what an arrival looks like, too.
            register uint64_t frame __asm__("r12") = step->arguments[0];
            register uint64_t word __asm__("r13") = step->arguments[1];
            __asm__ volatile(
                "lock decl %[left]\n\t"
                "jnz 1f\n\t"
                "mov %[write], %%eax\n\t"
                "mov %[arrivals], %%edi\n\t"
                "mov %%r13, %%rsi\n\t"
                "mov $8, %%edx\n\t"
                "syscall\n\t"
                "mov %[close], %%eax\n\t"
                "mov %[arrivals], %%edi\n\t"
                "syscall\n\t"
                "1:\n\t"
                "cmpl $0, (%%r13)\n\t"
                "jne 2f\n\t"
                "mov %[futex], %%eax\n\t"
                "mov %%r13, %%rdi\n\t"
                "mov %[wait], %%esi\n\t"
                "xor %%edx, %%edx\n\t"
                "xor %%r10d, %%r10d\n\t"
                "syscall\n\t"
                "jmp 1b\n\t"
                "2:\n\t"
                "mov %%r12, %%rsp\n\t"
                "mov %[leave], %%eax\n\t"
                "syscall\n\t"
                "ud2"
                : [left] "+m"(self->left)
                : "r"(frame), "r"(word), [arrivals] "i"(RESTORER_ARRIVALS), [write] "i"(SYS_write),
                  [close] "i"(SYS_close), [futex] "i"(SYS_futex), [wait] "i"(FUTEX_WAIT_PRIVATE),
                  [leave] "i"(SYS_rt_sigreturn)
                : "memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r10", "r11");
            __builtin_unreachable();
        }
        case RESTORER_FINISH: {
            if (__atomic_sub_fetch(&self->left, 1, __ATOMIC_ACQ_REL) == 0) {
                const struct restorer_packet arrived = {0, 0};
                call(SYS_write, RESTORER_ARRIVALS, (uint64_t)&arrived, sizeof arrived, 0, 0, 0);
                call(SYS_close, RESTORER_ARRIVALS, 0, 0, 0, 0, 0);
            }
            uint64_t opened;
            do result = call(SYS_read, RESTORER_GATE, (uint64_t)&opened, sizeof opened, 0, 0, 0);
            while (result == -EINTR);
            // Nobody waits for an answer any more, and nobody goes on here without the gate.
            if (result != sizeof opened) call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
            call(SYS_close, RESTORER_GATE, 0, 0, 0, 0, 0);
            register uint64_t frame __asm__("r12") = step->arguments[0];
            register uint64_t word __asm__("r13") = step->arguments[1];
            register uint64_t start __asm__("rdi") = step->arguments[2];
            register uint64_t size __asm__("rsi") = step->arguments[3];
            // The others go on when nothing of the restore is left but code and frames.
            __asm__ volatile(
                "mov %[munmap], %%eax\n\t"
                "syscall\n\t"
                "test %%r13, %%r13\n\t"
                "jz 1f\n\t"
                "movl $1, (%%r13)\n\t"
                "mov %[futex], %%eax\n\t"
                "mov %%r13, %%rdi\n\t"
                "mov %[wake], %%esi\n\t"
                "mov $0x7fffffff, %%edx\n\t"
                "syscall\n\t"
                "1:\n\t"
                "mov %%r12, %%rsp\n\t"
                "mov %[leave], %%eax\n\t"
                "syscall\n\t"
                "ud2"
                : "+r"(start), "+r"(size)
                : "r"(frame), "r"(word), [munmap] "i"(SYS_munmap), [futex] "i"(SYS_futex),
                  [wake] "i"(FUTEX_WAKE_PRIVATE), [leave] "i"(SYS_rt_sigreturn)
                : "memory", "cc", "rax", "rcx", "rdx", "r10", "r11");
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
            // It has not arrived, so the pipe is open; and a packet is written whole.
            const struct restorer_packet failed = {(uint32_t)(step - self->steps) + 1, (int32_t)-result};
            call(SYS_write, RESTORER_ARRIVALS, (uint64_t)&failed, sizeof failed, 0, 0, 0);
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
