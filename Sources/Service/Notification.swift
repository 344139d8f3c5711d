// Tells a service manager that asked (NOTIFY_SOCKET) what state we are in, as sd_notify does.

import Glibc
import Linux

enum Notification {
    static func ready() { send("READY=1") }
    static func stopping() { send("STOPPING=1") }

    private static func send(_ text: String) {
        guard let value = unsafe getenv("NOTIFY_SOCKET") else { return }
        let path = unsafe String(cString: value)
        // Who asked and does not listen has only itself to blame.
        try? StreamSockets.notify(path, text)
    }
}
