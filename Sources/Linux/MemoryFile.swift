// A file that is only memory, for libraries that insist on writing to a descriptor.

internal import CLinux
import Glibc

package enum MemoryFile {
    package static func make(named name: String) throws(SystemError) -> FileDescriptor {
        let closeOnExec = 1
        let result = name.withAddress { Kernel.call(CLINUX_SYS_memfd_create, $0, closeOnExec) }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "memfd_create", name)))
    }

    package static func contents(of file: borrowing FileDescriptor, limit: Int) throws(SystemError) -> [UInt8] {
        try Kernel.check(Kernel.call(CLINUX_SYS_lseek, Int(file.raw), 0, Int(SEEK_SET)), "lseek")
        return try Files.read(file, limit: limit, named: "a memory file")
    }
}
