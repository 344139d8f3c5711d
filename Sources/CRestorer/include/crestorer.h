// The restorer: a few hundred bytes of code that turn a process into another one. It knows nothing of processes; it makes
// the system calls that a program of steps names, one after the other. What the steps are is decided in Swift
// (Snapshot/Program).
//
// It runs while there is no C library and no stack but its own: the memory that those were in is given up by the steps.
// So it is copied to memory of its own, where nothing of the process that it becomes lies, and has no relocations.

#ifndef CRESTORER_H
#define CRESTORER_H

#include <stdint.h>

// What a step does.
enum {
    RESTORER_CALL = 0,     // a system call; its failure is the end
    RESTORER_TRY = 1,      // a system call that may fail
    RESTORER_PATCH = 2,    // four bytes of the data become the value of a slot: offset, slot
    RESTORER_FORK = 3,     // a system call (clone3) that returns twice; the child goes on at the step `target`
    RESTORER_THREAD = 4,   // the same, for a thread: its stack is the number `stack`
    RESTORER_LEAVE = 5,    // a thread: arrive, wait for the first one, go on as what was captured: frame, word
    RESTORER_FINISH = 6,   // the first thread: arrive, pass the gate, give up these bytes: frame, word, start, size
    RESTORER_PLACE = 7,    // a descriptor: slot, number it shall have, close-on-exec flag
    RESTORER_STOP = 8,     // end the process with a status
    RESTORER_COUNT = 9,    // how many threads the process has, the first among them
    RESTORER_TAKE = 10,    // a slot becomes four bytes of the data: offset
};

// How an argument of a system call is meant.
enum {
    RESTORER_VALUE = 0,
    RESTORER_SLOT = 1,       // the number that an earlier call returned
    RESTORER_DATA = 2,       // the address of an offset in the data
    RESTORER_PARAMETER = 3,  // what the caller has put there
};

// Descriptors of every process while it is restored: the pipe to pid 1, closed by the last thread that arrives; and the
// counter that pid 1 opens as the gate.
enum { RESTORER_ARRIVALS = 1020, RESTORER_GATE = 1021 };

enum { RESTORER_NO_SLOT = 0xffff, RESTORER_SLOTS = 1024, RESTORER_PARAMETERS = 32, RESTORER_STACK = 1024 };

struct restorer_step {
    uint16_t kind;
    // Where the result is kept.
    uint16_t slot;
    uint32_t number;
    uint8_t modes[8];
    uint64_t arguments[6];
};

// What a process writes to pid 1: nothing but zeros when all of its threads have arrived, or the step that failed, counted
// from one, and its errno.
struct restorer_packet {
    uint32_t failed_step;
    int32_t error;
};

// In front of the steps, in memory that is given up at the end. It is each process's own: nothing of it is shared.
struct restorer {
    struct restorer_step *steps;
    uint8_t *data;
    // Threads of this process that have not arrived.
    uint32_t left;
    uint32_t pad;
    uint64_t parameters[RESTORER_PARAMETERS];
    int32_t slots[RESTORER_SLOTS];
};

// The code, to be copied: its first byte, and how many there are. It is entered at its first byte.
const void *crestorer_code(void);
uint64_t crestorer_code_size(void);

// Makes a copy of the caller, with the number `pid` in its pid namespace. Zero in the copy; here its number, or a
// negative errno.
//
// The copy has the caller's table of descriptors, instead of a copy of that, where it `shares_files`.
long crestorer_fork(int32_t pid, int shares_files);

// Becomes what the steps from `first` on say.
//
// `code` is where the code was copied to. The caller's registration for restartable sequences is made known to the steps
// in the parameters 0 (address) and 1 (length).
__attribute__((noreturn)) void crestorer_enter(struct restorer *restorer, const void *code, uint64_t first,
                                               void *stack_top);

#endif
