// A file whose bytes are locks. A lock belongs to the open file: it goes when the last process that has it open is gone,
// however that process ended, so it says for certain whether an owner still lives.

internal import CLinux
import Glibc

package struct RecordLock: ~Copyable {
    private let file: FileDescriptor

    package init(path: String) throws(SystemError) {
        file = try Files.open(path, .readWrite | .create | .noFollow, mode: 0o600)
    }

    /// True when byte `index` is ours now. One that we hold already counts as ours: remember what you took.
    package func take(_ index: UInt64) throws(SystemError) -> Bool {
        let result = clinux_lock_byte(file.raw, index)
        if result == -Int(EAGAIN) || result == -Int(EACCES) { return false }
        try Kernel.check(result, "fcntl lock", String(index))
        return true
    }

    /// The same, tried again until so many nanoseconds have passed.
    package func take(_ index: UInt64, waiting patience: UInt64) throws(SystemError) -> Bool {
        let latest = Clock.now + patience
        while try !take(index) {
            guard Clock.now < latest else { return false }
            Clock.sleep(microseconds: 1000)
        }
        return true
    }

    package func release(_ index: UInt64) {
        _ = clinux_unlock_byte(file.raw, index)
    }
}
