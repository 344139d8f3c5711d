#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAME(name) _Static_assert(CLINUX_##name == name, #name)
SAME(CLONE_NEWTIME); SAME(CLONE_PARENT); SAME(CLONE_NEWNS); SAME(CLONE_NEWCGROUP); SAME(CLONE_NEWUTS);
SAME(CLONE_NEWIPC); SAME(CLONE_NEWUSER); SAME(CLONE_NEWPID); SAME(CLONE_NEWNET); SAME(CLONE_INTO_CGROUP);
SAME(MOUNT_ATTR_RDONLY); SAME(MOUNT_ATTR_NOSUID); SAME(MOUNT_ATTR_NODEV); SAME(MOUNT_ATTR_NOEXEC);
SAME(MOUNT_ATTR_IDMAP); SAME(RESOLVE_NO_MAGICLINKS); SAME(RESOLVE_IN_ROOT); SAME(RESOLVE_BENEATH);
SAME(O_PATH); SAME(O_DIRECTORY); SAME(O_NOFOLLOW); SAME(O_CLOEXEC); SAME(AT_FDCWD); SAME(AT_EMPTY_PATH);
SAME(OPEN_TREE_CLONE); SAME(MOVE_MOUNT_F_EMPTY_PATH);
SAME(FSOPEN_CLOEXEC); SAME(FSMOUNT_CLOEXEC); SAME(FSCONFIG_SET_FLAG); SAME(FSCONFIG_SET_STRING);
SAME(FSCONFIG_CMD_CREATE); SAME(MS_BIND); SAME(MS_REC); SAME(MS_PRIVATE); SAME(PR_SET_PDEATHSIG); SAME(PR_SET_DUMPABLE);
SAME(PR_CAPBSET_DROP);
SAME(PR_SET_SECUREBITS); SAME(SECBIT_NO_SETUID_FIXUP); SAME(PR_SET_NO_NEW_PRIVS); SAME(PR_CAP_AMBIENT); SAME(PR_CAP_AMBIENT_CLEAR_ALL); SAME(CLD_EXITED);
SAME(WNOHANG); SAME(MSG_DONTWAIT); SAME(EPOLLIN); SAME(EPOLLOUT); SAME(EPOLLHUP); SAME(EPOLLRDHUP);
_Static_assert(CLINUX_EPOLLET == (uint32_t)EPOLLET, "EPOLLET");
SAME(SYS_read); SAME(SYS_write); SAME(SYS_close); SAME(SYS_socketpair); SAME(SYS_kill); SAME(SYS_fchdir);
SAME(SYS_getuid); SAME(SYS_setgroups); SAME(SYS_setresuid);
SAME(SYS_setresgid); SAME(SYS_sched_setscheduler); SAME(SYS_pivot_root); SAME(SYS_prctl); SAME(SYS_mount); SAME(SYS_umount2);
SAME(SYS_sethostname); SAME(SYS_openat); SAME(SYS_mkdirat); SAME(SYS_mknodat);
SAME(SYS_fchownat); SAME(SYS_unlinkat); SAME(SYS_renameat); SAME(SYS_symlinkat); SAME(SYS_faccessat);
SAME(SYS_unshare); SAME(SYS_eventfd2); SAME(SYS_epoll_create1); SAME(SYS_dup3); SAME(SYS_pidfd_send_signal);
SAME(SYS_open_tree); SAME(SYS_move_mount); SAME(SYS_fsopen); SAME(SYS_fsconfig); SAME(SYS_fsmount);
SAME(SYS_close_range); SAME(SYS_pread64); SAME(SYS_fsync); SAME(SYS_fchmodat); SAME(SYS_accept4); SAME(SYS_pipe2); SAME(SYS_getrandom);
SAME(SYS_lseek); SAME(SYS_memfd_create); SAME(SYS_pwrite64); SAME(SYS_mprotect); SAME(SYS_munmap); SAME(SYS_madvise);
SAME(SYS_getdents64); SAME(SYS_sched_getaffinity); SAME(SYS_ioprio_get); SAME(SYS_setns); SAME(SYS_renameat2);

enum { descriptors_most = 16 };

static long result(long value) { return value < 0 ? -errno : value; }

long clinux_call(long number, long a, long b, long c, long d, long e, long f) {
    return result(syscall(number, a, b, c, d, e, f));
}

long clinux_clone3(uint64_t flags, int32_t *pidfd, int32_t exit_signal, int32_t cgroup) {
    struct clone_args arguments = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uintptr_t)pidfd,
        .exit_signal = exit_signal,
        .cgroup = cgroup,
    };
    return result(syscall(SYS_clone3, &arguments, sizeof arguments));
}

long clinux_clone_with_number(int32_t pid) {
    pid_t wanted = pid;
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
    long child = result(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (child == 0) _exit(0);
    if (child < 0) return child;
    waitpid((pid_t)child, NULL, 0);
    return child == pid ? 0 : -ESRCH;
}

long clinux_mount_setattr(int32_t fd, uint64_t set, int32_t user_namespace) {
    struct mount_attr attributes = {
        .attr_set = set,
        .userns_fd = (set & MOUNT_ATTR_IDMAP) ? user_namespace : 0,
    };
    return result(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes));
}

long clinux_openat2(int32_t directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return result(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

long clinux_send(int32_t socket, const void *bytes, uint64_t count, const int32_t *descriptors,
                 uint32_t descriptor_count, int32_t flags) {
    if (descriptor_count > descriptors_most) return -EMSGSIZE;
    union { char space[CMSG_SPACE(descriptors_most * sizeof(int))]; struct cmsghdr align; } control = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, descriptor_count * sizeof(int));
    }
    return result(sendmsg(socket, &message, MSG_NOSIGNAL | flags));
}

long clinux_receive(int32_t socket, void *bytes, uint64_t count, int32_t *descriptors, uint32_t *descriptor_count,
                    int32_t flags) {
    union { char space[CMSG_SPACE(descriptors_most * sizeof(int))]; struct cmsghdr align; } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    *descriptor_count = 0;
    ssize_t length = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (length < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        uint32_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors + *descriptor_count, CMSG_DATA(header), found * sizeof(int));
        *descriptor_count += found;
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (uint32_t i = 0; i < *descriptor_count; i++) close(descriptors[i]);
        *descriptor_count = 0;
        return -EMSGSIZE;
    }
    return length;
}

long clinux_next_length(int32_t socket) { return result(recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT)); }

long clinux_loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    long outcome = result(ioctl(fd, SIOCSIFFLAGS, &request));
    close(fd);
    return outcome;
}

// Since Linux 6.16: off, whoever sends descriptors to the socket is refused with EPERM. A connection has what its listener
// had when it came, so nothing can be queued before it is accepted either.
static const int pass_rights = 83;

long clinux_refuse_descriptors(int32_t fd) {
    const int off = 0;
    return result(setsockopt(fd, SOL_SOCKET, pass_rights, &off, sizeof off));
}

long clinux_brings_descriptors(int32_t fd) {
    int domain = 0, passes = 0;
    socklen_t length = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) return -errno;
    if (domain != AF_UNIX) return 0;
    length = sizeof passes;
    return getsockopt(fd, SOL_SOCKET, pass_rights, &passes, &length) < 0 || passes != 0;
}

long clinux_is_plain_tcp(int32_t fd) {
    int domain = 0, type = 0, protocol = 0;
    struct linger linger = {0};
    socklen_t length = sizeof domain, linger_length = sizeof linger;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0) return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &linger_length) < 0) return -errno;
    return domain == AF_INET && type == SOCK_STREAM && protocol == IPPROTO_TCP && !linger.l_onoff;
}

long clinux_receive_stream(int32_t fd, void *bytes, uint64_t count, int32_t *descriptors, uint32_t *descriptor_count) {
    enum { most = 253 };  // in one message, by the kernel's own limit
    union { char space[CMSG_SPACE(most * sizeof(int))]; struct cmsghdr align; } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    *descriptor_count = 0;
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        uint32_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (*descriptor_count + found > most) found = most - *descriptor_count;
        memcpy(descriptors + *descriptor_count, CMSG_DATA(header), found * sizeof(int));
        *descriptor_count += found;
    }
    return length;
}

long clinux_duplicate(int32_t fd) { return result(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

void clinux_forbid_linger(int32_t fd) {
    const struct linger none = {0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static long listening(int domain, const void *address, socklen_t length, int32_t backlog) {
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    const int yes = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        (domain == AF_UNIX && clinux_refuse_descriptors(fd) < 0) || bind(fd, address, length) < 0 ||
        listen(fd, backlog) < 0) {
        long outcome = -errno;
        close(fd);
        return outcome;
    }
    return fd;
}

long clinux_listen_loopback(uint16_t port, int32_t backlog) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return listening(AF_INET, &address, sizeof address, backlog);
}

long clinux_listen_abstract(const char *name, uint32_t length, int32_t backlog) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
    // The first byte stays zero: that makes the name abstract.
    memcpy(address.sun_path + 1, name, length);
    return listening(AF_UNIX, &address, offsetof(struct sockaddr_un, sun_path) + 1 + length, backlog);
}

long clinux_stream_socket(void) { return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

long clinux_is_listening(int32_t fd) {
    int listens = 0;
    socklen_t length = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0) return -errno;
    return listens != 0;
}

long clinux_capset_none(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    return result(syscall(SYS_capset, &header, none));
}

long clinux_effective_capabilities(uint64_t *effective) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {0};
    long outcome = result(syscall(SYS_capget, &header, sets));
    *effective = (uint64_t)sets[1].effective << 32 | sets[0].effective;
    return outcome;
}

long clinux_seccomp_install(const void *instructions, uint16_t count) {
    _Static_assert(sizeof(struct sock_filter) == 8, "an instruction is 8 bytes");
    struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};
    return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static struct flock byte_range(uint64_t byte, short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
}

long clinux_lock_byte(int32_t fd, uint64_t byte) {
    struct flock range = byte_range(byte, F_WRLCK);
    return result(fcntl(fd, F_OFD_SETLK, &range));
}

long clinux_unlock_byte(int32_t fd, uint64_t byte) {
    struct flock range = byte_range(byte, F_UNLCK);
    return result(fcntl(fd, F_OFD_SETLK, &range));
}

long clinux_lock_whole(int32_t fd) { return result(flock(fd, LOCK_EX | LOCK_NB)); }

long clinux_wait(int32_t pid, int32_t options, int32_t *code, int32_t *status) {
    siginfo_t info = {0};
    if (waitid(pid < 0 ? P_ALL : P_PID, pid < 0 ? 0 : pid, &info, WEXITED | options) < 0) return -errno;
    *code = info.si_code;
    *status = info.si_status;
    return info.si_pid;
}

long clinux_signalfd(const void *set, int32_t flags) { return result(signalfd(-1, set, flags)); }

long clinux_file_kind(int32_t fd, uint32_t *mode, uint32_t *owner, int32_t *anonymous_pipe) {
    struct stat file;
    if (fstat(fd, &file) < 0) return -errno;
    *mode = file.st_mode;
    *owner = file.st_uid;
    *anonymous_pipe = 0;
    if (S_ISFIFO(file.st_mode)) {
        const long pipe_file_system = 0x50495045;
        struct statfs system;
        if (fstatfs(fd, &system) < 0) return -errno;
        *anonymous_pipe = system.f_type == pipe_file_system;
    }
    return 0;
}

long clinux_prlimit_set(int32_t resource, uint64_t soft, uint64_t hard) {
    struct rlimit64 limit = {.rlim_cur = soft, .rlim_max = hard};
    return result(prlimit64(0, resource, &limit, NULL));
}

long clinux_prlimit_get(int32_t resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit64 limit = {0};
    long outcome = result(prlimit64(0, resource, NULL, &limit));
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return outcome;
}

static long epoll_set(int32_t epoll, int operation, int32_t fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return result(epoll_ctl(epoll, operation, fd, &event));
}

long clinux_epoll_add(int32_t epoll, int32_t fd, uint32_t events, uint64_t token) {
    return epoll_set(epoll, EPOLL_CTL_ADD, fd, events, token);
}

long clinux_epoll_change(int32_t epoll, int32_t fd, uint32_t events, uint64_t token) {
    return epoll_set(epoll, EPOLL_CTL_MOD, fd, events, token);
}

long clinux_epoll_wait(int32_t epoll, uint64_t *tokens, uint32_t *events, int32_t timeout_ms) {
    struct epoll_event ready[64];
    int count = epoll_wait(epoll, ready, 64, timeout_ms);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        tokens[i] = ready[i].data.u64;
        events[i] = ready[i].events;
    }
    return count;
}

long clinux_statfs(const char *path, uint64_t *type, uint64_t *total, uint64_t *available, uint64_t *inodes,
                   uint64_t *free_inodes) {
    struct statfs system;
    if (statfs(path, &system) < 0) return -errno;
    *type = (uint64_t)system.f_type;
    *total = system.f_blocks * (uint64_t)system.f_bsize;
    *available = system.f_bavail * (uint64_t)system.f_bsize;
    *inodes = system.f_files;
    *free_inodes = system.f_ffree;
    return 0;
}

static long unix_address(const char *path, struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

long clinux_unix_listen(const char *path) {
    struct sockaddr_un address;
    long outcome = unix_address(path, &address);
    if (outcome < 0) return outcome;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    // An older kernel cannot: who reads from its connections has to ask.
    clinux_refuse_descriptors(fd);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1024) == 0) return fd;
    outcome = -errno;
    close(fd);
    return outcome;
}

long clinux_unix_connect(const char *path) {
    struct sockaddr_un address;
    long outcome = unix_address(path, &address);
    if (outcome < 0) return outcome;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    outcome = -errno;
    close(fd);
    return outcome;
}

long clinux_unix_is_served(const char *path) {
    struct sockaddr_un address;
    long outcome = unix_address(path, &address);
    if (outcome < 0) return outcome;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    outcome = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : -errno;
    close(fd);
    // One whose queue is full is served all the same.
    return outcome == 0 || outcome == -EAGAIN;
}

uint64_t clinux_load_word(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
void clinux_store_word(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }

enum { size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

long clinux_seal_size(int32_t fd) { return result(fcntl(fd, F_ADD_SEALS, size_seals)); }

long clinux_size_is_sealed(int32_t fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & size_seals) == size_seals;
}

long clinux_notify(const char *path, const char *text) {
    struct sockaddr_un address;
    long outcome = unix_address(path, &address);
    if (outcome < 0) return outcome;
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@');
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    outcome = result(sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, length));
    close(fd);
    return outcome;
}

long clinux_inet_connect(int32_t fd, uint16_t port) {
    struct sockaddr_in address = {.sin_family = port ? AF_INET : AF_UNSPEC, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return result(connect(fd, (struct sockaddr *)&address, sizeof address));
}

long clinux_socket_error(int32_t fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}

long clinux_peer(int32_t fd, uint32_t *uid, uint32_t *gid) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}

long clinux_peer_is_in(int32_t fd, uint32_t gid) {
    gid_t groups[256];
    socklen_t length = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0) return 0;
    for (size_t i = 0; i < length / sizeof *groups; i++)
        if (groups[i] == gid) return 1;
    return 0;
}

long clinux_bound_buffers(int32_t fd, int32_t bytes) {
    // The kernel doubles it, for what it needs beside the bytes.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0) return -errno;
    // A connection that is there already keeps the window of its beginning otherwise. A Unix socket has none.
    setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, sizeof bytes);
    return result(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
}

long clinux_no_delay(int32_t fd) {
    int on = 1;
    return result(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}
