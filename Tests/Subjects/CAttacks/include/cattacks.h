// What the attacks need and Swift cannot say: system calls by number and by the gates of other architectures, calls that
// return twice, and calls whose arguments are structures. Everything returns a negative errno on failure. No policy:
// what a result means is judged in Swift.
//
// Only headers that define numbers are included, because the kernel's structures and glibc's cannot both be seen by one
// Swift module.
#pragma once
#include <asm/unistd_64.h>
#include <stdint.h>

/// `syscall`, the gate of 64-bit programs.
long attack_call(long number, long a, long b, long c, long d, long e, long f);
/// `int 0x80`, the gate of 32-bit programs, which has its own numbers.
long attack_call32(long number, long a, long b, long c);

/// Returns twice.
long attack_fork(void);
/// How a child ended, as waitpid tells it; `flags` as for waitpid. 0 when it still runs.
long attack_wait(int32_t pid, int32_t flags, int32_t *status);
/// The child of these two ends at once; the parent learns whether it came to be.
long attack_clone_away(uint64_t flags);
long attack_clone3_away(uint64_t flags);
/// Does what the name says for as long as it lives, for somebody who captures it meanwhile; `again` are the arguments by
/// which the program comes here once more. Returns when there is no such name.
long attack_while_captured(const char *name, char *const *again);
/// Starts `count` threads that do nothing for `seconds`, and says how many came to be.
long attack_threads(uint32_t count, uint32_t seconds);

/// The memory of another process: `write` puts `bytes` there, otherwise they are fetched.
long attack_process_memory(int32_t pid, uint64_t address, void *bytes, uint64_t count, int32_t write);

/// The bytes by which a file system finds a file without its path, and a file opened by them.
long attack_handle_of(const char *path, uint8_t *bytes, uint32_t *count, int32_t *type);
long attack_open_handle(int32_t mount, const uint8_t *bytes, uint32_t count, int32_t type);

/// Sockets; with `listening` the other end is made instead. An abstract name has no leading zero byte here.
long attack_unix(const char *name, int32_t abstract, int32_t listening);
/// `port` is filled in when listening.
long attack_tcp(uint16_t *port, int32_t listening);
long attack_bind_vsock(void);
/// Asks for the loopback device on `count` netlink sockets until no more answers fit into them, and says how many bytes
/// of answers had waited, as the kernel counts them.
long attack_fill_netlink(uint32_t count);
/// Sends to `count` datagram sockets as much as they take, and says how many bytes had waited in them.
long attack_fill_sockets(uint32_t count);
/// Sets the longest options on so many sockets; how many bytes of the kernel's they had, or a code.
long attack_fill_options(uint32_t count);
/// Joins so many multicast groups with one socket; how many it was in, or a code.
long attack_join_groups(uint32_t count);
/// Zero, or a code.
long attack_attach_filter(void);

/// Sends one netlink request and fetches what is answered, up to `room` bytes. An error that is answered is returned.
long attack_netlink(int32_t protocol, uint16_t type, uint16_t flags, const void *payload, uint32_t count, void *reply,
                    uint32_t room);

long attack_capset(uint64_t effective, uint64_t permitted);
/// Creates the smallest map that there is.
long attack_bpf_map(void);
/// Counts the time of the whole of processor 0, everybody's.
long attack_perf_everybody(void);
/// Gives the kernel the clock's tick, or the time zone, that it has already.
long attack_keep_tick(void);
long attack_keep_timezone(void);
/// A descriptor table entry of the calling process alone.
long attack_modify_ldt(void);
