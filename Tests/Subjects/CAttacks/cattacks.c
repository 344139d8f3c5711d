#define _GNU_SOURCE
#include "cattacks.h"

#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static long result(long value) { return value < 0 ? -errno : value; }

long attack_call(long number, long a, long b, long c, long d, long e, long f) {
    return result(syscall(number, a, b, c, d, e, f));
}

long attack_call32(long number, long a, long b, long c) {
    long value;
    // The gate zeroes r8 to r11 on some kernels.
    __asm__ volatile("int $0x80"
                     : "=a"(value)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "r8", "r9", "r10", "r11", "memory");
    return value;
}

// MARK: - Processes

long attack_fork(void) { return result(fork()); }

long attack_wait(int32_t pid, int32_t flags, int32_t *status) {
    int how = 0;
    long found;
    do {
        found = waitpid(pid, &how, flags | __WALL);
    } while (found < 0 && errno == EINTR);
    *status = how;
    return result(found);
}

static long away(long pid) {
    if (pid == 0) _exit(0);
    int status;
    if (pid > 0) waitpid(pid, &status, __WALL);
    return pid;
}

long attack_clone_away(uint64_t flags) { return away(result(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0))); }

long attack_clone3_away(uint64_t flags) {
    struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
    return away(result(syscall(SYS_clone3, &arguments, sizeof arguments)));
}

static void *idle(void *seconds) {
    sleep((unsigned)(uintptr_t)seconds);
    return NULL;
}

long attack_threads(uint32_t count, uint32_t seconds) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384);
    long made = 0;
    for (; made < count; made++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, idle, (void *)(uintptr_t)seconds) != 0) break;
    }
    return made;
}

long attack_process_memory(int32_t pid, uint64_t address, void *bytes, uint64_t count, int32_t write) {
    struct iovec here = {bytes, count};
    struct iovec there = {(void *)(uintptr_t)address, count};
    return result(write ? process_vm_writev(pid, &here, 1, &there, 1, 0) : process_vm_readv(pid, &here, 1, &there, 1, 0));
}

// MARK: - Files by handle

union handle {
    struct file_handle header;
    uint8_t bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

long attack_handle_of(const char *path, uint8_t *bytes, uint32_t *count, int32_t *type) {
    union handle handle = {.header.handle_bytes = MAX_HANDLE_SZ};
    int mount;
    long value = result(name_to_handle_at(AT_FDCWD, path, &handle.header, &mount, 0));
    if (value < 0) return value;
    *count = handle.header.handle_bytes;
    *type = handle.header.handle_type;
    memcpy(bytes, handle.bytes + sizeof(struct file_handle), *count);
    return 0;
}

long attack_open_handle(int32_t mount, const uint8_t *bytes, uint32_t count, int32_t type) {
    if (count > MAX_HANDLE_SZ) return -EINVAL;
    union handle handle = {.header = {.handle_bytes = count, .handle_type = type}};
    memcpy(handle.bytes + sizeof(struct file_handle), bytes, count);
    return result(open_by_handle_at(mount, &handle.header, O_RDONLY));
}

// MARK: - Sockets

static long attached(int domain, const void *address, socklen_t size, int listening) {
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int failed = listening ? bind(fd, address, size) || listen(fd, 1024) : connect(fd, address, size);
    if (!failed) return fd;
    long reason = -errno;
    close(fd);
    return reason;
}

long attack_unix(const char *name, int32_t abstract, int32_t listening) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length + 1 >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path + (abstract ? 1 : 0), name, length);
    return attached(AF_UNIX, &address, offsetof(struct sockaddr_un, sun_path) + length + 1, listening);
}

long attack_tcp(uint16_t *port, int32_t listening) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = listening ? 0 : htons(*port);
    long fd = attached(AF_INET, &address, sizeof address, listening);
    if (fd < 0 || !listening) return fd;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
    *port = ntohs(address.sin_port);
    return fd;
}

long attack_bind_vsock(void) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = VMADDR_PORT_ANY, .svm_cid = VMADDR_CID_ANY};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    long value = result(bind(fd, (struct sockaddr *)&address, sizeof address));
    close(fd);
    return value;
}

long attack_fill_netlink(uint32_t count) {
    struct {
        struct nlmsghdr header;
        uint8_t message[16];
    } request = {.header = {.nlmsg_len = 32, .nlmsg_type = 18, .nlmsg_flags = NLM_F_REQUEST}};
    request.message[4] = 1;
    long waited = 0;
    for (uint32_t i = 0; i < count; i++) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) return -errno;
        uint32_t figures[9] = {0};
        socklen_t size = sizeof figures;
        // 200 KB where a socket is not told otherwise.
        for (int sent = 0; sent < 100; sent++) send(fd, &request, sizeof request, 0);
        if (getsockopt(fd, SOL_SOCKET, 55, figures, &size) == 0) waited += figures[0];
    }
    return waited;
}

long attack_fill_sockets(uint32_t count) {
    static char bytes[60000];
    static int sockets[1024];
    if (count > sizeof sockets / sizeof *sockets) return -EINVAL;
    int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sender < 0) return -errno;
    for (uint32_t i = 0; i < count; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        int most = 1 << 30;
        int fd = sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0) return -errno;
        if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof most);
        for (int sent = 0; sent < 4; sent++) {
            sendto(sender, bytes, sizeof bytes, 0, (struct sockaddr *)&address, size);
        }
    }
    long waited = 0;
    for (uint32_t i = 0; i < count; i++) {
        long had;
        while ((had = recv(sockets[i], bytes, sizeof bytes, 0)) > 0) waited += had;
        close(sockets[i]);
    }
    close(sender);
    return waited;
}

long attack_fill_options(uint32_t count) {
    // As many headers as a call takes, each of which says what the one before has said.
    static uint8_t options[64 << 10];
    const struct cmsghdr header = {CMSG_LEN(sizeof(int)), IPPROTO_IPV6, IPV6_HOPLIMIT};
    const int hops = 5;
    uint32_t size = 0;
    for (; size + CMSG_SPACE(sizeof hops) < sizeof options; size += CMSG_SPACE(sizeof hops)) {
        memcpy(options + size, &header, sizeof header);
        memcpy(CMSG_DATA((struct cmsghdr *)(options + size)), &hops, sizeof hops);
    }
    int sockets[1024];
    uint32_t made = 0;
    long error = 0;
    for (; made < count && made < sizeof sockets / sizeof *sockets; made++) {
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) { error = -errno; break; }
        // An older kernel takes 20 KB at most, whole headers of it.
        long taken = setsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, options, size);
        if (taken < 0 && errno == ENOBUFS && made == 0) {
            size = 16 * 1024 / CMSG_SPACE(sizeof hops) * CMSG_SPACE(sizeof hops);
            taken = setsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, options, size);
        }
        if (taken < 0) {
            error = -errno;
            close(fd);
            break;
        }
        sockets[made] = fd;
    }
    for (uint32_t i = 0; i < made; i++) close(sockets[i]);
    return made ? (long)made * size : error;
}

long attack_join_groups(uint32_t count) {
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct ipv6_mreq group = {.ipv6mr_interface = 1, .ipv6mr_multiaddr.s6_addr = {0xff, 0x02}};
    long joined = 0, error = 0;
    for (uint32_t i = 0; i < count && !error; i++) {
        group.ipv6mr_multiaddr.s6_addr[12] = 1;
        group.ipv6mr_multiaddr.s6_addr[14] = (uint8_t)(i >> 8);
        group.ipv6mr_multiaddr.s6_addr[15] = (uint8_t)i;
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group, sizeof group) < 0) error = -errno;
        else joined++;
    }
    close(fd);
    return joined ? joined : error;
}

long attack_attach_filter(void) {
    struct sock_filter code[] = {{0x06, 0, 0, 0xffff}};
    const struct sock_fprog program = {1, code};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    long value = result(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
    close(fd);
    return value;
}

long attack_netlink(int32_t protocol, uint16_t type, uint16_t flags, const void *payload, uint32_t count, void *reply,
                    uint32_t room) {
    struct {
        struct nlmsghdr header;
        uint8_t payload[256];
    } request = {.header = {NLMSG_LENGTH(count), type, flags | NLM_F_REQUEST, 1, 0}};
    if (count > sizeof request.payload) return -EINVAL;
    memcpy(request.payload, payload, count);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    struct timeval patience = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    long value = result(send(fd, &request, request.header.nlmsg_len, 0));
    if (value >= 0) value = result(recv(fd, reply, room, 0));
    close(fd);
    if (value < (long)sizeof(struct nlmsghdr)) return value < 0 ? value : -EPROTO;
    const struct nlmsghdr *answer = reply;
    if (answer->nlmsg_type != NLMSG_ERROR) return value;
    int error = ((const struct nlmsgerr *)NLMSG_DATA(answer))->error;
    return error < 0 ? error : value;
}

// MARK: - Calls with structures

long attack_capset(uint64_t effective, uint64_t permitted) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {
        {.effective = (uint32_t)effective, .permitted = (uint32_t)permitted},
        {.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32)},
    };
    return result(syscall(SYS_capset, &header, sets));
}

long attack_bpf_map(void) {
    union bpf_attr attributes = {0};
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 8;
    attributes.max_entries = 1;
    return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

long attack_perf_everybody(void) {
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1};
    return result(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, 0));
}

long attack_keep_tick(void) {
    struct timex clock = {0};
    if (adjtimex(&clock) < 0) return -errno;
    struct timex same = {.modes = ADJ_TICK, .tick = clock.tick};
    return result(adjtimex(&same));
}

long attack_keep_timezone(void) {
    struct timezone zone = {0};
    if (syscall(SYS_gettimeofday, NULL, &zone) < 0) return -errno;
    // The first time zone that a kernel is given moves its clock, unless it is this one.
    if (zone.tz_minuteswest != 0) return -ECANCELED;
    return result(syscall(SYS_settimeofday, NULL, &zone));
}

long attack_modify_ldt(void) {
    struct user_desc entry = {.limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
    return result((int)syscall(SYS_modify_ldt, 1, &entry, sizeof entry));
}
