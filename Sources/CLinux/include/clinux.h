// What Swift cannot say to the kernel by itself: the numbers of system calls, the constants that `import Glibc` hides,
// and the few calls whose arguments are structures. No policy, no state. Everything here returns a negative errno on
// failure; nobody reads `errno`.
//
// Only <stdint.h> is included, because the kernel's headers and glibc's define the same structures and cannot both be
// seen by one Swift module. The constants are restated here and checked against the kernel's headers in clinux.c.
#pragma once
#include <stdint.h>
#include "ctracing.h"
#include "clibc.h"

long clinux_call(long number, long a, long b, long c, long d, long e, long f);

/// clone3 without a new stack: it returns twice, like fork. `pidfd` receives a descriptor of the child. `cgroup` is
/// used when `flags` has CLINUX_CLONE_INTO_CGROUP.
long clinux_clone3(uint64_t flags, int32_t *pidfd, int32_t exit_signal, int32_t cgroup);

/// Makes a child that has the number `pid` and ends at once, and waits for it. Zero when it had that number.
long clinux_clone_with_number(int32_t pid);

/// mount_setattr on the mount that `fd` names. `user_namespace` is used when `set` has CLINUX_MOUNT_ATTR_IDMAP.
long clinux_mount_setattr(int32_t fd, uint64_t set, int32_t user_namespace);

long clinux_openat2(int32_t directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

/// One message of a sequenced-packet socket with up to 16 descriptors beside it. `flags` is 0 or CLINUX_MSG_DONTWAIT.
long clinux_send(int32_t socket, const void *bytes, uint64_t count, const int32_t *descriptors, uint32_t descriptor_count,
                 int32_t flags);
/// `descriptors` has room for 16. A message or a set of descriptors that did not fit gives -EMSGSIZE, and every
/// descriptor that came with it is closed.
long clinux_receive(int32_t socket, void *bytes, uint64_t count, int32_t *descriptors, uint32_t *descriptor_count,
                    int32_t flags);

/// Of the next message, which stays there; 0 at the end, -EAGAIN when there is none yet.
long clinux_next_length(int32_t socket);

/// Brings the loopback interface of the caller's network namespace up.
long clinux_loopback_up(void);

/// A stream socket that listens at 127.0.0.1 and `port`, or at an abstract Unix name of `length` bytes; close-on-exec and
/// non-blocking, like the one that is not yet connected. The one at a Unix name refuses descriptors; -ENOPROTOOPT where the
/// kernel cannot.
long clinux_listen_loopback(uint16_t port, int32_t backlog);
long clinux_listen_abstract(const char *name, uint32_t length, int32_t backlog);
long clinux_stream_socket(void);
/// 1 when `fd` is a socket that listens, 0 when it is one that does not, -ENOTSOCK for anything else.
long clinux_is_listening(int32_t fd);
/// From now on nobody can send descriptors to a Unix socket, nor to one that connects to it. -ENOPROTOOPT before 6.16.
long clinux_refuse_descriptors(int32_t fd);
/// 1 when what is read from `fd` may bring descriptors along.
long clinux_brings_descriptors(int32_t fd);
/// 1 when `fd` is a TCP socket of IPv4 whose end waits for nobody (SO_LINGER).
long clinux_is_plain_tcp(int32_t fd);
/// Reads from a Unix stream without waiting; up to 253 descriptors that came along become the caller's.
long clinux_receive_stream(int32_t fd, void *bytes, uint64_t count, int32_t *descriptors, uint32_t *descriptor_count);
/// Another number above 2 for the open file of `fd`, close-on-exec.
long clinux_duplicate(int32_t fd);
/// To close `fd` waits for nobody, where it is a socket.
void clinux_forbid_linger(int32_t fd);

/// Empties the capability sets of the calling thread, or reads the effective one.
long clinux_capset_none(void);
long clinux_effective_capabilities(uint64_t *effective);

/// Installs a BPF program of `count` instructions, 8 bytes each.
long clinux_seccomp_install(const void *instructions, uint16_t count);

/// Byte-range locks that belong to the open file, not to the process: F_OFD_SETLK.
long clinux_lock_byte(int32_t fd, uint64_t byte);
long clinux_unlock_byte(int32_t fd, uint64_t byte);
// The lock on a whole open file or directory (flock), not waited for.
long clinux_lock_whole(int32_t fd);

/// How a program is started: pairs of descriptors (from, to), and signals that shall have their usual effect again.
struct clinux_spawn_plan {
    const int32_t *streams, *signals;
    uint32_t stream_count, signal_count;
    int32_t own_session;
};

/// Starts a program with no signal blocked, in a session of its own where the plan says so. Both lists end with a null.
long clinux_spawn(const char *path, char *const *arguments, char *const *environment,
                  const struct clinux_spawn_plan *plan);

/// Waits for `pid` (or any child with -1) to end and says how: `code` is CLINUX_CLD_EXITED or a signal's.
long clinux_wait(int32_t pid, int32_t options, int32_t *code, int32_t *status);

/// A descriptor that gives the signals of `set` (a sigset_t), which the caller has blocked.
long clinux_signalfd(const void *set, int32_t flags);

/// Type bits, owner and permissions of what `fd` is open on, and whether it is an anonymous pipe.
long clinux_file_kind(int32_t fd, uint32_t *mode, uint32_t *owner, int32_t *anonymous_pipe);

long clinux_prlimit_set(int32_t resource, uint64_t soft, uint64_t hard);
long clinux_prlimit_get(int32_t resource, uint64_t *soft, uint64_t *hard);

long clinux_epoll_add(int32_t epoll, int32_t fd, uint32_t events, uint64_t token);
long clinux_epoll_change(int32_t epoll, int32_t fd, uint32_t events, uint64_t token);
/// Fills `tokens` with what is ready, at most 64.
long clinux_epoll_wait(int32_t epoll, uint64_t *tokens, uint32_t *events, int32_t timeout_ms);

/// A listening Unix stream socket at `path`, close-on-exec and non-blocking; or one that is connected to `path`, blocking.
long clinux_unix_listen(const char *path);
long clinux_unix_connect(const char *path);
// A word of memory that another process writes to or reads.
uint64_t clinux_load_word(const uint64_t *word);
void clinux_store_word(uint64_t *word, uint64_t value);
// Keeps a memory file at the size that it has, for good.
long clinux_seal_size(int32_t fd);
long clinux_size_is_sealed(int32_t fd);
// 1 when somebody listens there, 0 when nobody does; never waits.
long clinux_unix_is_served(const char *path);
/// One datagram to a Unix socket; a path that begins with @ is an abstract name.
long clinux_notify(const char *path, const char *text);
/// Begins to connect `fd` to 127.0.0.1:`port`: -EINPROGRESS when it takes a moment. Port 0 takes it apart again.
long clinux_inet_connect(int32_t fd, uint16_t port);
/// The error that a socket has met, as a negative errno, or 0.
long clinux_socket_error(int32_t fd);
long clinux_peer(int32_t fd, uint32_t *uid, uint32_t *gid);
/// Whether a socket's peer has `gid` among its supplementary groups: 1 or 0.
long clinux_peer_is_in(int32_t fd, uint32_t gid);
long clinux_no_delay(int32_t fd);
/// What the kernel keeps for each direction of a socket, in bytes, which it doubles.
long clinux_bound_buffers(int32_t fd, int32_t bytes);

/// Bytes and inodes of the file system that holds `path`: total and free.
long clinux_statfs(const char *path, uint64_t *type, uint64_t *total, uint64_t *available, uint64_t *inodes,
                   uint64_t *free_inodes);

enum : uint64_t {
    CLINUX_CLONE_NEWTIME = 0x00000080,
    CLINUX_CLONE_PARENT = 0x00008000,
    CLINUX_CLONE_NEWNS = 0x00020000,
    CLINUX_CLONE_NEWCGROUP = 0x02000000,
    CLINUX_CLONE_NEWUTS = 0x04000000,
    CLINUX_CLONE_NEWIPC = 0x08000000,
    CLINUX_CLONE_NEWUSER = 0x10000000,
    CLINUX_CLONE_NEWPID = 0x20000000,
    CLINUX_CLONE_NEWNET = 0x40000000,
    CLINUX_CLONE_INTO_CGROUP = 0x200000000ULL,
};

enum : uint64_t {
    CLINUX_MOUNT_ATTR_RDONLY = 0x1,
    CLINUX_MOUNT_ATTR_NOSUID = 0x2,
    CLINUX_MOUNT_ATTR_NODEV = 0x4,
    CLINUX_MOUNT_ATTR_NOEXEC = 0x8,
    CLINUX_MOUNT_ATTR_IDMAP = 0x00100000,
};

enum : uint64_t {
    CLINUX_RESOLVE_NO_MAGICLINKS = 0x02,
    CLINUX_RESOLVE_BENEATH = 0x08,
    CLINUX_RESOLVE_IN_ROOT = 0x10,
};

enum : int32_t {
    CLINUX_O_PATH = 010000000,
    CLINUX_O_DIRECTORY = 0200000,
    CLINUX_O_NOFOLLOW = 0400000,
    CLINUX_O_CLOEXEC = 02000000,
    CLINUX_AT_FDCWD = -100,
    CLINUX_AT_EMPTY_PATH = 0x1000,
    CLINUX_OPEN_TREE_CLONE = 1,
    CLINUX_MOVE_MOUNT_F_EMPTY_PATH = 4,
    CLINUX_FSOPEN_CLOEXEC = 1,
    CLINUX_FSMOUNT_CLOEXEC = 1,
    CLINUX_FSCONFIG_SET_FLAG = 0,
    CLINUX_FSCONFIG_SET_STRING = 1,
    CLINUX_FSCONFIG_CMD_CREATE = 6,
    CLINUX_MNT_DETACH = 2,
    CLINUX_MS_BIND = 0x1000,
    CLINUX_MS_REC = 0x4000,
    CLINUX_MS_PRIVATE = 0x40000,
};

enum : int32_t {
    CLINUX_PR_SET_PDEATHSIG = 1,
    CLINUX_PR_SET_DUMPABLE = 4,
    CLINUX_PR_CAPBSET_DROP = 24,
    CLINUX_PR_SET_SECUREBITS = 28,
    CLINUX_SECBIT_NO_SETUID_FIXUP = 4,
    CLINUX_PR_SET_NO_NEW_PRIVS = 38,
    CLINUX_PR_CAP_AMBIENT = 47,
    CLINUX_PR_CAP_AMBIENT_CLEAR_ALL = 4,
};

enum : int32_t {
    CLINUX_CLD_EXITED = 1,
    CLINUX_WNOHANG = 1,
    CLINUX_MSG_DONTWAIT = 0x40,
};

enum : uint32_t {
    CLINUX_EPOLLIN = 1,
    CLINUX_EPOLLOUT = 4,
    CLINUX_EPOLLHUP = 0x10,
    CLINUX_EPOLLRDHUP = 0x2000,
    CLINUX_EPOLLET = 1u << 31,
};

/// The numbers of the system calls that are made through clinux_call.
enum : long {
    CLINUX_SYS_read = 0,
    CLINUX_SYS_write = 1,
    CLINUX_SYS_close = 3,
    CLINUX_SYS_lseek = 8,
    CLINUX_SYS_pread64 = 17,
    CLINUX_SYS_pwrite64 = 18,
    CLINUX_SYS_mprotect = 10,
    CLINUX_SYS_munmap = 11,
    CLINUX_SYS_madvise = 28,
    CLINUX_SYS_getdents64 = 217,
    CLINUX_SYS_sched_getaffinity = 204,
    CLINUX_SYS_ioprio_get = 252,
    CLINUX_SYS_setns = 308,
    CLINUX_SYS_renameat2 = 316,
    CLINUX_SYS_fchmodat = 268,
    CLINUX_SYS_socketpair = 53,
    CLINUX_SYS_kill = 62,
    CLINUX_SYS_fsync = 74,
    CLINUX_SYS_fchdir = 81,
    CLINUX_SYS_getuid = 102,
    CLINUX_SYS_setgroups = 116,
    CLINUX_SYS_setresuid = 117,
    CLINUX_SYS_setresgid = 119,
    CLINUX_SYS_sched_setscheduler = 144,
    CLINUX_SYS_pivot_root = 155,
    CLINUX_SYS_prctl = 157,
    CLINUX_SYS_mount = 165,
    CLINUX_SYS_umount2 = 166,
    CLINUX_SYS_sethostname = 170,
    CLINUX_SYS_openat = 257,
    CLINUX_SYS_mkdirat = 258,
    CLINUX_SYS_mknodat = 259,
    CLINUX_SYS_fchownat = 260,
    CLINUX_SYS_unlinkat = 263,
    CLINUX_SYS_renameat = 264,
    CLINUX_SYS_symlinkat = 266,
    CLINUX_SYS_faccessat = 269,
    CLINUX_SYS_unshare = 272,
    CLINUX_SYS_eventfd2 = 290,
    CLINUX_SYS_epoll_create1 = 291,
    CLINUX_SYS_accept4 = 288,
    CLINUX_SYS_dup3 = 292,
    CLINUX_SYS_pipe2 = 293,
    CLINUX_SYS_getrandom = 318,
    CLINUX_SYS_memfd_create = 319,
    CLINUX_SYS_pidfd_send_signal = 424,
    CLINUX_SYS_open_tree = 428,
    CLINUX_SYS_move_mount = 429,
    CLINUX_SYS_fsopen = 430,
    CLINUX_SYS_fsconfig = 431,
    CLINUX_SYS_fsmount = 432,
    CLINUX_SYS_close_range = 436,
};
