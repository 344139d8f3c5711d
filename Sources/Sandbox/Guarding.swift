// What pid 1 of a sandbox does once the isolation stands: starts the command, or one process after another as the keeper
// asks, and reaps, signals and waits. Nothing that runs inside has a way to talk to it; the keeper alone has.

import Glibc
import Linux
import Snapshot
import Wire

extension Inside {
    // MARK: the beginning

    /// Starts the command, or makes ready to wait; then tells the keeper.
    mutating func begin() throws(Refusal) {
        if !waits {
            let start = Clock.now
            let pid = try spawn(plan.request.command, plan.request.environment)
            log.add("start the command", from: start)
            command = pid
        }
        do throws(SystemError) {
            if !isOpen { try become(Privileges.guardian) }
            // The command's streams are its own: whoever reads them shall see their end when it ends.
            FileDescriptor.closeRange(from: 0, through: 2)
            if !waits { Self.closeOthers() }
        } catch {
            throw Refusal(.step, "guard the command: \(error)")
        }
        // Where it waits, descriptors are received later: none of them may take the number of a standard stream.
        if waits { Files.fillStandardStreams() }
        report(.started(steps: log.steps), listeners.numbers)
        listeners = Descriptors(owning: [])
        if waits, !isOpen { Self.closeOthers() }
    }

    private func become(_ users: UserIDs) throws(SystemError) {
        // Without this measure, an experiment, everything stays root.
        if !without.contains(.capabilities) { try Credentials.setUser(users) }
    }

    /// Starts a program with the rights of the user inside. The caller is `Privileges.starter`, so that what may be
    /// executed is decided by the user's rights too.
    private func spawn(
        _ command: [String], _ environment: [String], streams: [(from: Int32, to: Int32)] = []
    ) throws(Refusal) -> Int32 {
        let path = try Command.find(command[0], environment: environment)
        do throws(SystemError) {
            return try Spawn.start(
                path, arguments: command, environment: environment, streams: streams, ownSession: true)
        } catch {
            throw Command.refusal(of: path, error)
        }
    }

    // MARK: afterwards

    /// Does as the keeper says and reaps whatever ends. Returns when the command has ended or the keeper is gone; the
    /// kernel then kills what is left inside.
    mutating func watch() {
        do throws(SystemError) {
            let children = try Signals.divert([SIGCHLD])
            let queue = try EventQueue()
            try queue.watch(children.raw, token: 0)
            try queue.watch(channel.raw, token: 1)
            if let arrivals = gate?.watched { try queue.watchEnd(arrivals, token: 2) }
            // One that ended before the signal was diverted.
            if try reap() { return }
            while true {
                let tokens = try queue.wait(milliseconds: hasToForget ? Self.moment : -1)
                if tokens.isEmpty, hasToForget { forget() }
                for token in tokens {
                    switch token {
                    case 0:
                        _ = try Signals.take(from: children)
                        if try reap() { return }
                    case 1: if try !obey() { return }
                    default: finishRestore()
                    }
                }
            }
        } catch {
            report(.refused(Refusal(.step, "watch the sandbox: \(error)")))
        }
    }

    /// False when the keeper is gone.
    private mutating func obey() throws(SystemError) -> Bool {
        let limit = waits ? InitRequest.longest : InitRequest.longestWithoutStart
        while true {
            // Most are short: the room for the longest would be memory that this process keeps.
            switch try channel.receiveNext(limit: limit) {
            case .closed: return false
            case .nothing: return true
            case .message(let message):
                guard let request = try? InitRequest(decoding: message.bytes) else { continue }
                try obey(request, message.takeDescriptors())
            }
        }
    }

    private mutating func obey(_ request: InitRequest, _ descriptors: consuming Descriptors) throws(SystemError) {
        switch request {
        case .signal(let number, let signal):
            // A number that is no longer there has ended, and its end is on its way to the keeper.
            let pid = waits ? processes.first { $0.number == number }?.pid : command
            if let pid { try? Processes.signal(signal, toProcess: pid) }
        case .start(let request):
            start(request, descriptors)
        case .killAll:
            // Everything in this namespace but this process. When there is nothing, there is nothing to kill.
            try? Processes.signal(SIGKILL, toProcess: -1)
        case .socket:
            let socket = try Network.makeSocket()
            report(.socket, [socket.raw])
        case .restore: restore(logs: descriptors)
        case .go: break
        }
    }

    private mutating func start(_ request: ProcessRequest, _ streams: borrowing Descriptors) {
        do throws(Refusal) {
            // What was to be restored is started from its beginning instead.
            if isOpen {
                processes = []
                plan.restoration?.discard()
                try close()
                gate = nil
            }
            guard waits, streams.count == 3, processes.count < ProcessRequest.mostInASandbox,
                !processes.contains(where: { $0.number == request.number })
            else { throw Refusal(.request, "the process \(request.number) cannot be started in this sandbox") }
            let pid = try startAsUser(request, streams)
            processes.append(InsideProcess(number: request.number, pid: pid))
            report(.processStarted(request.number, pid: pid))
        } catch {
            report(.processRefused(request.number, error))
        }
    }

    private func startAsUser(
        _ request: ProcessRequest, _ streams: borrowing Descriptors
    ) throws(Refusal) -> Int32 {
        do throws(SystemError) {
            try become(Privileges.starter)
        } catch {
            throw Refusal(.step, "become the user: \(error)")
        }
        // There is no going on as the starter, and no reason why the way back could fail.
        defer { do { try become(Privileges.guardian) } catch { _exit(1) } }
        // What was received has numbers above those of the standard streams.
        return try spawn(
            request.command, request.environment,
            streams: [(streams[0], 0), (streams[1], 1), (streams[2], 2)])
    }

    /// True when the command that the sandbox was made for was among those that ended.
    private mutating func reap() throws(SystemError) -> Bool {
        while let (pid, ending) = try Processes.wait(block: false) {
            // Others are orphans of what was started.
            if !waits {
                if pid != command { continue }
                switch ending {
                case .exited(let status): report(.exited(status: status))
                case .signalled(let signal): report(.signalled(number: signal))
                }
                return true
            }
            guard let index = processes.firstIndex(where: { $0.pid == pid }) else { continue }
            if gate != nil {
                restoredProcessEnded()
                continue
            }
            let number = processes.remove(at: index).number
            switch ending {
            case .exited(let status): report(.processEnded(number, .exited(status)))
            case .signalled(let signal): report(.processEnded(number, .signalled(signal)))
            }
        }
        return false
    }
}
