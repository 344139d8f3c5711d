// What a snapshot is bound to: the kernel, the processor, and the trees that the processes had mapped.

import Glibc
import Linux
package import Wire

extension Binding {
    /// This host, and these directories, which are open.
    package init(root: Int32, code: Int32?, layers: [Int32]) throws(Refusal) {
        self.init()
        do throws(SystemError) {
            kernel = String(try Files.readText("/proc/version").dropLast())
            let text = try Files.readText("/proc/cpuinfo", limit: 16 << 20)
            let lines = text.split(separator: "\n").prefix { !$0.hasPrefix("processor\t: 1") }
            processor = lines.filter { $0.hasPrefix("flags") || $0.hasPrefix("model name") }.joined(separator: ";")
            self.root = try Self.name(root)
            self.code = try code.map { raw throws(SystemError) in try Self.name(raw) } ?? ""
            for layer in layers { self.layers.append(Remark(try Self.name(layer))) }
        } catch {
            throw Refusal(.snapshot, "find out what the snapshot is bound to: \(error)")
        }
    }

    /// A tree is known by where it really is: roots and code are never changed in place.
    private static func name(_ raw: Int32) throws(SystemError) -> String { try Files.readLink("/proc/self/fd/\(raw)") }

    /// Which of it is another there, in words; nil when all is the same.
    package func difference(from other: Binding) -> String? {
        if kernel != other.kernel { return "it was made under another kernel" }
        if processor != other.processor { return "it was made on another processor" }
        if root != other.root { return "it was made with another root file system" }
        if code != other.code { return "it was made with other code" }
        if layers != other.layers { return "it was made with other layers" }
        return nil
    }
}
