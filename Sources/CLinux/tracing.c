#define _GNU_SOURCE
#include "ctracing.h"
#include <arpa/inet.h>
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAME(name) _Static_assert(CLINUX_##name == name, #name)
SAME(PTRACE_SEIZE); SAME(PTRACE_INTERRUPT); SAME(PTRACE_DETACH); SAME(PTRACE_SINGLESTEP); SAME(PTRACE_GETSIGMASK);
SAME(PTRACE_CONT); SAME(PTRACE_SETSIGMASK); SAME(PTRACE_EVENT_STOP);
SAME(PTRACE_SETOPTIONS); SAME(PTRACE_O_EXITKILL);
SAME(NT_PRSTATUS); SAME(NT_X86_XSTATE); SAME(KCMP_FILE);
SAME(MAP_SHARED); SAME(MAP_PRIVATE); SAME(MAP_FIXED); SAME(MAP_ANONYMOUS); SAME(MAP_GROWSDOWN); SAME(MAP_NORESERVE);
SAME(MAP_FIXED_NOREPLACE);

static long result(long value) { return value < 0 ? -errno : value; }

// The library's own wrapper gives the result of some requests another meaning.
long clinux_ptrace(long request, int32_t tid, uint64_t address, uint64_t data) {
    return result(syscall(SYS_ptrace, request, tid, address, data));
}

long clinux_get_registers(int32_t tid, int32_t kind, void *bytes, uint64_t count) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    long outcome = clinux_ptrace(PTRACE_GETREGSET, tid, (uint64_t)kind, (uintptr_t)&part);
    return outcome < 0 ? outcome : (long)part.iov_len;
}

long clinux_set_registers(int32_t tid, int32_t kind, const void *bytes, uint64_t count) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    long outcome = clinux_ptrace(PTRACE_SETREGSET, tid, (uint64_t)kind, (uintptr_t)&part);
    return outcome < 0 ? outcome : (long)part.iov_len;
}

long clinux_pending_signals(int32_t tid, int32_t shared, uint64_t first, void *bytes) {
    _Static_assert(sizeof(siginfo_t) == 128, "a signal is 128 bytes");
    struct { uint64_t offset; uint32_t flags; int32_t count; } arguments = {
        .offset = first, .flags = shared ? 1 : 0, .count = 32};
    return clinux_ptrace(PTRACE_PEEKSIGINFO, tid, (uintptr_t)&arguments, (uintptr_t)bytes);
}

// A stop is told by SIGCHLD, which stays pending while it is blocked: one that comes between the look and the wait ends the
// wait.
long clinux_wait_stopped(int32_t tid, int32_t *status, uint64_t nanoseconds) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    struct timespec rest = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
    while (1) {
        long outcome = result(waitpid(tid, status, __WALL | WNOHANG));
        if (outcome != 0 && outcome != -EINTR) return outcome;
        // Another thread's stop ends the wait early, and that is no harm: the caller looks again.
        // Its time is up, or a timer came: the caller looks at the clock.
        if (sigtimedwait(&child, NULL, &rest) < 0) return result(waitpid(tid, status, __WALL | WNOHANG));
    }
}

// All that this process has seized. The handler below may come at any time: a number is written before it is counted.
static int32_t seized[8192];
static volatile int32_t seized_count;

long clinux_seize(int32_t tid) {
    if (seized_count == sizeof seized / sizeof *seized) return -E2BIG;
    long outcome = clinux_ptrace(PTRACE_SEIZE, tid, 0, 0);
    if (outcome < 0) return outcome;
    seized[seized_count] = tid;
    seized_count = seized_count + 1;
    return 0;
}

// A wait tells of the stop of a traced thread whatever it asks for, and then it is told: each is looked at first, and only
// an end is taken.
static void reap(int number) {
    (void)number;
    int kept = errno;
    for (int32_t index = 0; index < seized_count; index++) {
        siginfo_t found = {0};
        if (waitid(P_PID, (id_t)seized[index], &found, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || !found.si_pid) continue;
        if (found.si_code != CLD_EXITED && found.si_code != CLD_KILLED && found.si_code != CLD_DUMPED) continue;
        waitid(P_PID, (id_t)seized[index], &found, WEXITED | WNOHANG | __WALL);
    }
    errno = kept;
}

void clinux_reap_traced(int32_t on) {
    struct sigaction action = {.sa_handler = reap, .sa_flags = SA_RESTART};
    struct itimerval every = {0};
    if (on) {
        sigaction(SIGALRM, &action, NULL);
        every.it_interval.tv_usec = every.it_value.tv_usec = 10000;
    }
    setitimer(ITIMER_REAL, &every, NULL);
}

long clinux_robust_list(int32_t tid, uint64_t *head, uint64_t *length) {
    void *list = NULL;
    size_t size = 0;
    long outcome = result(syscall(SYS_get_robust_list, tid, &list, &size));
    *head = (uintptr_t)list;
    *length = size;
    return outcome;
}

long clinux_take_descriptor(int32_t pidfd, int32_t fd) { return result(syscall(SYS_pidfd_getfd, pidfd, fd, 0)); }
long clinux_open_process(int32_t pid) { return result(syscall(SYS_pidfd_open, pid, 0)); }

long clinux_compare_files(int32_t pid, int32_t fd, int32_t other_pid, int32_t other_fd) {
    return result(syscall(SYS_kcmp, pid, other_pid, KCMP_FILE, fd, other_fd));
}

uint64_t clinux_vector_state_size(uint64_t parts) {
    // The legacy part and the header; then each part where the processor has it.
    uint64_t size = 576;
    for (uint32_t part = 2; part < 63; part++) {
        uint32_t length, offset, ecx, edx;
        if (!(parts >> part & 1)) continue;
        __cpuid_count(13, part, length, offset, ecx, edx);
        if (offset + length > size) size = offset + length;
    }
    return size;
}

long clinux_timer_left(int32_t fd, uint64_t values[4]) {
    struct itimerspec left;
    if (timerfd_gettime(fd, &left) < 0) return -errno;
    values[0] = (uint64_t)left.it_interval.tv_sec, values[1] = (uint64_t)left.it_interval.tv_nsec;
    values[2] = (uint64_t)left.it_value.tv_sec, values[3] = (uint64_t)left.it_value.tv_nsec;
    return 0;
}

long clinux_map(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t fd, uint64_t offset) {
    void *place = mmap((void *)address, length, protection, flags, fd, (off_t)offset);
    return place == MAP_FAILED ? -errno : (long)(uintptr_t)place;
}

void clinux_rewrite(uint8_t *byte) { *(volatile uint8_t *)byte = *(volatile uint8_t *)byte; }

static void take_address(const struct sockaddr_storage *from, socklen_t length, uint32_t *address, uint16_t *port,
                         struct clinux_socket *about) {
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *inet = (const void *)from;
        *address = ntohl(inet->sin_addr.s_addr);
        *port = ntohs(inet->sin_port);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *inet = (const void *)from;
        *port = ntohs(inet->sin6_port);
        *address = IN6_IS_ADDR_V4MAPPED(&inet->sin6_addr) ? ntohl(inet->sin6_addr.s6_addr32[3]) : 0;
        about->is_local_v6_any = IN6_IS_ADDR_UNSPECIFIED(&inet->sin6_addr);
    } else if (from->ss_family == AF_UNIX && about) {
        const struct sockaddr_un *local = (const void *)from;
        about->name_length = length > offsetof(struct sockaddr_un, sun_path)
                                 ? (uint32_t)(length - offsetof(struct sockaddr_un, sun_path))
                                 : 0;
        // A path that fills its room is given out with one byte more, a zero behind its end.
        if (about->name_length > sizeof about->name) about->name_length = sizeof about->name;
        memcpy(about->name, local->sun_path, about->name_length);
    }
}

long clinux_describe_socket(int32_t fd, struct clinux_socket *about) {
    memset(about, 0, sizeof *about);
    socklen_t length = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &about->family, &length) < 0) return -errno;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &about->type, &length);
    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &about->protocol, &length);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &about->listens, &length);
    struct sockaddr_storage address;
    length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        take_address(&address, length, &about->local_address, &about->local_port, about);
    length = sizeof address;
    struct clinux_socket remote = {0};
    if (getpeername(fd, (struct sockaddr *)&address, &length) == 0) {
        about->is_connected = 1;
        take_address(&address, length, &about->remote_address, &about->remote_port, &remote);
        // Of a connected Unix socket the name is the other side's: its own is seldom any.
        if (about->family == AF_UNIX && about->name_length == 0) {
            about->name_length = remote.name_length;
            memcpy(about->name, remote.name, remote.name_length);
        }
    }
    return 0;
}

long clinux_peek(int32_t fd, void *bytes, uint64_t count) {
    return result(recv(fd, bytes, count, MSG_PEEK | MSG_DONTWAIT));
}

long clinux_waiting(int32_t fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

// What is in a pipe is doubled into another, and read from there.
long clinux_peek_pipe(int32_t fd, void *bytes, uint64_t count) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    fcntl(ends[1], F_SETPIPE_SZ, count < 65536 ? 65536 : (int)count);
    long copied = result(tee(fd, ends[1], count, SPLICE_F_NONBLOCK));
    if (copied > 0) copied = result(read(ends[0], bytes, (size_t)copied));
    close(ends[0]);
    close(ends[1]);
    return copied == -EAGAIN ? 0 : copied;
}

long clinux_pipe_size(int32_t fd) { return result(fcntl(fd, F_GETPIPE_SZ)); }
long clinux_seals(int32_t fd) { return result(fcntl(fd, F_GET_SEALS)); }

long clinux_stat_descriptor(int32_t fd, struct clinux_stat *about) {
    struct stat file;
    if (fstat(fd, &file) < 0) return -errno;
    *about = (struct clinux_stat){
        .device = file.st_dev, .inode = file.st_ino, .size = (uint64_t)file.st_size, .mode = file.st_mode,
        .links = file.st_nlink, .raw_device = file.st_rdev, .user = file.st_uid, .group = file.st_gid,
        .modified_seconds = file.st_mtim.tv_sec, .modified_nanoseconds = file.st_mtim.tv_nsec};
    return 0;
}

long clinux_capset_only(uint64_t capabilities) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {
        {.effective = (uint32_t)capabilities, .permitted = (uint32_t)capabilities},
        {.effective = (uint32_t)(capabilities >> 32), .permitted = (uint32_t)(capabilities >> 32)}};
    return result(syscall(SYS_capset, &header, sets));
}

long clinux_unix_peers(uint32_t *pairs, uint32_t most) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return -errno;
    struct { struct nlmsghdr head; struct unix_diag_req body; } request = {
        .head = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX, .udiag_show = UDIAG_SHOW_PEER}};
    long count = result(send(fd, &request, sizeof request, 0));
    if (count >= 0) count = 0;
    static char answer[65536] __attribute__((aligned(8)));
    while (count >= 0) {
        long length = result(recv(fd, answer, sizeof answer, 0));
        if (length <= 0) { count = length < 0 ? length : count; break; }
        int done = 0;
        for (struct nlmsghdr *head = (void *)answer; NLMSG_OK(head, length); head = NLMSG_NEXT(head, length)) {
            if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR) { done = 1; break; }
            struct unix_diag_msg *message = NLMSG_DATA(head);
            int rest = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof *message));
            uint32_t peer = 0;
            int shut = 0;
            for (struct rtattr *one = (void *)(message + 1); RTA_OK(one, rest); one = RTA_NEXT(one, rest)) {
                if (one->rta_type == UNIX_DIAG_PEER) peer = *(uint32_t *)RTA_DATA(one);
                if (one->rta_type == UNIX_DIAG_SHUTDOWN) shut = *(uint8_t *)RTA_DATA(one);
            }
            if (peer && count < (long)most) {
                pairs[2 * count] = message->udiag_ino;
                pairs[2 * count + 1] = shut ? UINT32_MAX : peer;
                count++;
            }
        }
        if (done) break;
    }
    close(fd);
    return count;
}

long clinux_attributes(const char *path) {
    long length = result(listxattr(path, NULL, 0));
    return length == -ENOTSUP ? 0 : length;
}

long clinux_next_data(int32_t fd, uint64_t from) { return result(lseek(fd, (off_t)from, SEEK_DATA)); }
long clinux_next_hole(int32_t fd, uint64_t from) { return result(lseek(fd, (off_t)from, SEEK_HOLE)); }
