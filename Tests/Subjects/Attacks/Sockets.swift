// Sockets of the host and of the sandbox beside, families of sockets that reach past the network namespace or into little
// used parts of the kernel, and the shared memory and queues of System V and POSIX.

internal import CAttacks
import Glibc

extension Attack {
    static let sockets: [Attack] = [
        Attack(
            "abstract-socket-reached", "Connects to an abstract Unix socket of the host.", .without([.networkNamespace])
        ) {
            stage in
            let name = try stage.text("abstract")
            return try judge("connect", unsafe attack_unix(name, 1, 0), held: [ECONNREFUSED, EPERM, EACCES])
        },
        Attack("path-socket-reached", "Connects to a Unix socket of the host by its path, as to a daemon's.", .outside)
        {
            stage in
            let path = try stage.text("socket")
            return try judge("connect", unsafe attack_unix(path, 0, 0), held: Reasons.absent)
        },
        Attack("loopback-reached", "Connects to a port of the host's own 127.0.0.1.", .without([.networkNamespace])) {
            stage in
            var port = UInt16(clamping: try stage.number("port"))
            let result = unsafe attack_tcp(&port, 0)
            return try judge("connect", result, held: [ECONNREFUSED, ENETUNREACH, EPERM, EACCES])
        },
        Attack("sockets-listed-by-proc", "Lists the host's Unix sockets in /proc.", .without([.networkNamespace])) {
            stage in
            try seek(stage.text("abstract"), at: "/proc/self/net/unix")
        },
        Attack("sockets-listed-by-netlink", "Lists the host's Unix sockets by sock_diag.", .outside) { stage in
            // struct unix_diag_req: family, states, "show names".
            let request: [UInt8] = [
                1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
            ]
            let reply = Buffer(1 << 20)
            let count = netlink(4, 20, 0x300, request, reply)
            guard count > 0 else {
                return try judge("sock_diag", count, held: Reasons.refused + [EPROTONOSUPPORT, EAFNOSUPPORT])
            }
            return seek(try stage.text("abstract"), in: .success(reply.text(count)), of: "sock_diag", held: [])
        },
        socket("raw-socket", "Opens a raw socket, to forge packets.", AF_INET, 3, 1),
        socket("packet-socket", "Opens a packet socket, to listen to everybody's packets.", 17, 3, 0x0300),
        socket("express-data-path-socket", "Opens an AF_XDP socket.", 44, 3, 0, needs: [.machine]),
        socket("crypto-socket", "Opens an AF_ALG socket: the kernel's ciphers.", 38, 5, 0, needs: [.machine]),
        socket("key-socket", "Opens an AF_KEY socket: the kernel's table of IPsec.", 15, 3, 2, needs: [.machine]),
        Attack("vsock-bound", "Binds a socket towards the machine that this one may be a guest of.", .outside) { _ in
            try judge("AF_VSOCK", attack_bind_vsock(), held: Reasons.refused + [EAFNOSUPPORT])
        },
        Attack(
            "netlink-filled", "Leaves 16 MB of the kernel's answers unread in netlink sockets: nobody counts them.",
            .without([.seccomp]), needs: [.limits], options: ["--memory", "128"], endings: [123]
        ) { _ in
            let waiting = attack_fill_netlink(200)
            guard waiting >= 0 else {
                return try judge("netlink", waiting, held: Reasons.refused + [EAFNOSUPPORT, ENOBUFS, ENOMEM])
            }
            let what = "\(waiting >> 20) MB waited in 200 sockets"
            return waiting > 16 << 20 ? .through(what) : .held(what)
        },
        Attack(
            "socket-options-filled", "Keeps 56 MB (14 on older kernels) in options of 900 sockets: nobody counts it.",
            .without([.seccomp]), needs: [.limits], options: ["--memory", "128"], endings: [123]
        ) { _ in
            let kept = attack_fill_options(900)
            guard kept >= 0 else { return try judge("setsockopt", kept, held: Reasons.refused + [ENOPROTOOPT]) }
            let what = "\(kept >> 20) MB in the options of sockets"
            return kept > 8 << 20 ? .through(what) : .held(what)
        },
        Attack(
            "multicast-groups-joined",
            "Joins 1,000 multicast groups with one socket; nobody counts their memory.",
            .without([.seccomp])
        ) { _ in
            let joined = attack_join_groups(1000)
            guard joined >= 0 else { return try judge("setsockopt", joined, held: Reasons.refused + [ENOPROTOOPT]) }
            return joined > 100 ? .through("joined \(joined) groups") : .held("joined \(joined) groups")
        },
        Attack(
            "filter-attached",
            "Attaches a program to a socket: its machine code comes from room that all on the host share.",
            .without([.seccomp])
        ) { _ in
            try judge("SO_ATTACH_FILTER", attack_attach_filter(), held: Reasons.refused + [ENOPROTOOPT])
        },
        Attack("link-changed", "Changes a network interface by rtnetlink (brings `lo` to where it is).", .outside) {
            _ in
            // struct ifinfomsg: index 1, and no flag changed.
            let request: [UInt8] = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            return try judge("RTM_NEWLINK", netlink(0, 16, 4, request, Buffer(4096)))
        },
        Attack("route-changed", "Adds a network route by rtnetlink, by an address that the kernel refuses.", .outside) {
            _ in
            // struct rtmsg of an impossible family's length: who may not, is refused before it is looked at.
            let request: [UInt8] = [2, 33, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0]
            return try judge(
                "RTM_NEWROUTE", netlink(0, 24, 4, request, Buffer(4096)), reached: [EINVAL, ENODEV, ENETUNREACH])
        },
        Attack("audit-reached", "Asks for the state of the host's audit, which could be turned off.", .outside) { _ in
            let reached = netlink(9, 1000, 4, [0, 0, 0, 0], Buffer(4096))
            return try judge("AUDIT_GET", reached, held: Reasons.refused + [EPROTONOSUPPORT, ECONNREFUSED])
        },
        Attack("netfilter-reached", "Reaches nf_tables, the part of the kernel most often broken.", .outside) { _ in
            let reached = netlink(12, 10 << 8 | 16, 4, [0, 0, 0, 0], Buffer(4096))
            return try judge("NFT_MSG_GETGEN", reached, held: Reasons.refused + [EPROTONOSUPPORT])
        },
        Attack("segment-attached", "Attaches a System V segment of the host.", .without([.ipcNamespace, .seccomp])) {
            stage in
            let segment = call(__NR_shmget, try stage.number("segment"), 0, 0)
            guard segment >= 0 else { return try judge("shmget", segment, held: Reasons.refused + [ENOENT]) }
            let address = call(__NR_shmat, segment, 0, 0o10000)
            guard let place = unsafe UnsafePointer<CChar>(bitPattern: address), address > 0 else {
                return try judge("shmat", address)
            }
            return seek(try stage.token, in: .success(unsafe String(cString: place)), of: "shmat", held: [])
        },
        Attack("queue-opened", "Opens a POSIX message queue of the host.", .without([.ipcNamespace, .seccomp])) {
            stage in
            let queue = call(__NR_mq_open, try stage.text("queue"), O_RDWR, 0, 0)
            return try judge("mq_open", queue, held: Reasons.refused + [ENOENT])
        },
    ]

    private static func socket(
        _ name: String, _ tries: String, _ family: Int32, _ type: Int32, _ protocolNumber: Int32, needs: [Need] = []
    ) -> Attack {
        Attack(name, tries, .outside, needs: needs) { _ in
            let result = call(__NR_socket, family, type, protocolNumber)
            return try judge("socket", result, held: Reasons.refused + [EAFNOSUPPORT])
        }
    }

    private static func netlink(
        _ family: Int32, _ type: UInt16, _ flags: UInt16, _ payload: [UInt8], _ reply: Buffer
    ) -> Int {
        unsafe attack_netlink(
            family, type, flags, payload, UInt32(payload.count), reply.address, UInt32(reply.count))
    }
}
