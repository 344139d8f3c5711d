// Looking into other processes, and the memory of one's own: what making and using snapshots of processes takes.
#pragma once
#include <stdint.h>

enum : long {
    CLINUX_PTRACE_SEIZE = 0x4206,
    CLINUX_PTRACE_INTERRUPT = 0x4207,
    CLINUX_PTRACE_DETACH = 17,
    CLINUX_PTRACE_CONT = 7,
    CLINUX_PTRACE_SINGLESTEP = 9,
    CLINUX_PTRACE_GETSIGMASK = 0x420a,
    CLINUX_PTRACE_SETSIGMASK = 0x420b,
    CLINUX_PTRACE_EVENT_STOP = 128,
    CLINUX_PTRACE_GET_RSEQ_CONFIGURATION = 0x420f,
    CLINUX_PTRACE_SETOPTIONS = 0x4200,
    CLINUX_PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG = 0x4211,
    CLINUX_PTRACE_O_EXITKILL = 1 << 20,
};

enum : int32_t {
    CLINUX_NT_PRSTATUS = 1,
    CLINUX_NT_X86_XSTATE = 0x202,
    CLINUX_KCMP_FILE = 0,
};

long clinux_ptrace(long request, int32_t tid, uint64_t address, uint64_t data);
/// PTRACE_GETREGSET or SETREGSET: how many bytes were filled or taken.
long clinux_get_registers(int32_t tid, int32_t kind, void *bytes, uint64_t count);
long clinux_set_registers(int32_t tid, int32_t kind, const void *bytes, uint64_t count);
/// Signals that are pending for a thread, or with `shared` for its process, but for the first ones: 128 bytes each, at
/// most 32.
long clinux_pending_signals(int32_t tid, int32_t shared, uint64_t first, void *bytes);
/// Waits for a traced thread to stop, for so many nanoseconds: its number and the status as of waitpid, or 0. Blocks SIGCHLD
/// in the caller.
long clinux_wait_stopped(int32_t tid, int32_t *status, uint64_t nanoseconds);
/// PTRACE_SEIZE, noted for `clinux_reap_traced`; E2BIG for more than 8,192 in the life of the caller.
long clinux_seize(int32_t tid);
/// From here on, until it is called with 0, every 10 ms: threads that were seized and have ended are let go of, whatever the
/// caller waits in.
void clinux_reap_traced(int32_t on);
long clinux_robust_list(int32_t tid, uint64_t *head, uint64_t *length);

/// Another process's descriptor, as one of the caller's own.
long clinux_take_descriptor(int32_t pidfd, int32_t fd);
long clinux_open_process(int32_t pid);
/// 0 when two descriptors are one open file.
long clinux_compare_files(int32_t pid, int32_t fd, int32_t other_pid, int32_t other_fd);

/// The length of the vector state with these parts, as the processor lays it out; and the parts that it has on.
uint64_t clinux_vector_state_size(uint64_t parts);

/// Seconds and nanoseconds that a timerfd has left and its interval: four numbers.
long clinux_timer_left(int32_t fd, uint64_t values[4]);

long clinux_map(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t fd, uint64_t offset);

/// Writes a byte as it is.
void clinux_rewrite(uint8_t *byte);

enum : int32_t {
    CLINUX_MAP_SHARED = 1,
    CLINUX_MAP_PRIVATE = 2,
    CLINUX_MAP_FIXED = 0x10,
    CLINUX_MAP_ANONYMOUS = 0x20,
    CLINUX_MAP_GROWSDOWN = 0x100,
    CLINUX_MAP_NORESERVE = 0x4000,
    CLINUX_MAP_FIXED_NOREPLACE = 0x100000,
};

/// Address family, type, protocol, whether it listens, local and remote port, and for a Unix socket its name. The name's
/// length is returned.
struct clinux_socket {
    int32_t family, type, protocol, listens;
    uint32_t local_address, remote_address;
    uint16_t local_port, remote_port;
    uint32_t name_length;
    char name[108];
    int32_t is_connected;
    int32_t is_local_v6_any;
};
long clinux_describe_socket(int32_t fd, struct clinux_socket *socket);
/// Inodes of the connected Unix sockets of the caller's network, each followed by that of its other end.
long clinux_unix_peers(uint32_t *pairs, uint32_t most);
/// The names of extended attributes of a file, or 0 when it has none: how many bytes they take.
long clinux_attributes(const char *path);
/// Where the next data of a file begins, or the next hole: -ENXIO at its end.
long clinux_next_data(int32_t fd, uint64_t from);
long clinux_next_hole(int32_t fd, uint64_t from);
/// Bytes that wait in a pipe or socket, without taking them.
long clinux_peek(int32_t fd, void *bytes, uint64_t count);
long clinux_waiting(int32_t fd);
long clinux_peek_pipe(int32_t fd, void *bytes, uint64_t count);
long clinux_pipe_size(int32_t fd);
long clinux_seals(int32_t fd);

struct clinux_stat {
    uint64_t device, inode, size, mode, links, raw_device;
    uint32_t user, group;
    int64_t modified_seconds, modified_nanoseconds;
};
long clinux_stat_descriptor(int32_t fd, struct clinux_stat *about);

/// Sets what a process may do in its own user namespace to these capabilities, effective and permitted.
long clinux_capset_only(uint64_t capabilities);
