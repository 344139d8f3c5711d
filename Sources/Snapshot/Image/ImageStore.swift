// Images on the disk: a directory for each, with its plan and its pages, root's own. One that is being written has a
// name that no snapshot can have, and gets its own in a single step when all of it is there. Its writer holds a lock on it
// meanwhile: what has such a name and no lock is a remnant.
//
//     plan    magic, version, length, digest (SHA-256); then the plan as Plan.visit writes it
//     pages   the memory, a page after the other, and the contents of files

import Archive
import Glibc
package import Linux
package import Wire

package struct ImageStore: ~Copyable {
    private let held: FileDescriptor
    private var directory: Directory { Directory(held) }

    /// Opens the directory, made first if need be. One that somebody else may write to, or put another in the place of,
    /// is not used: what is in it steers what root does.
    package init(path: String) throws(Refusal) {
        do throws(SystemError) {
            let place = try Files.makeTrusted(path, mode: 0o700)
            let about = try FileDetails(of: place)
            guard about.user == Credentials.userID, about.mode & 0o077 == 0 else {
                throw SystemError(call: "open", subject: "\(path), which is not our own alone", code: EPERM)
            }
            held = try Files.open(".", in: Directory(place), .directory)
        } catch {
            throw Refusal(.state, "cannot keep snapshots: \(error)")
        }
    }

    /// Removes what nobody is writing any more. False when somebody is still at work.
    @discardableResult
    package func clearDrafts() -> Bool { LockedDirectory.removeAbandoned(in: held) { $0.hasPrefix(".") } }

    package var names: [String] {
        ((try? Files.names(in: held)) ?? []).filter { SnapshotName.problem($0) == nil }.sorted()
    }

    package func has(_ name: String) -> Bool { Files.exists("\(name)/plan", in: directory) }

    package func remove(_ name: String) {
        guard SnapshotName.problem(name) == nil else { return }
        let doomed = Self.hiddenName(of: name)
        do throws(SystemError) {
            try Files.rename(name, in: directory, to: doomed, in: directory)
            try Trees.remove(doomed, in: directory)
        } catch {}
    }

    /// One that no other directory has or had.
    private static func hiddenName(of name: String) -> String { ".\(name).\(getpid()).\(Clock.now)" }

    // MARK: writing

    package struct Draft: ~Copyable {
        let own: LockedDirectory
        package let pages: PageFile
    }

    package func begin(_ name: String) throws(Refusal) -> Draft {
        do throws(SystemError) {
            let own = try LockedDirectory(in: directory) { _ in Self.hiddenName(of: name) }
            let file = try Files.open("pages", in: own.directory, [.readWrite, .create, .exclusive], mode: 0o600)
            return Draft(own: own, pages: PageFile(file))
        } catch {
            throw Refusal(.state, "begin a snapshot: \(error)")
        }
    }

    /// Puts the whole image under its name, in place of one that was there: at any moment, also of one when the power
    /// goes, there is one of them or the other.
    package func finish(
        _ draft: consuming Draft, _ plan: Plan, _ ceilings: Ceilings = .largest, as name: String
    ) throws(Refusal) {
        let (own, hidden) = (draft.own.directory, draft.own.name)
        do {
            try draft.pages.finish()
            var plan = plan
            plan.pagesSize = draft.pages.size
            plan.pagesSum = try PageSum.of(draft.pages.raw, size: plan.pagesSize)
            let file = try Files.open("plan", in: own, [.write, .create, .exclusive], mode: 0o600)
            let bytes = try PlanFile.encode(plan)
            // What could not be read again is refused now, with its reason.
            _ = try PlanFile.decode(bytes, ceilings)
            try Files.write(bytes, to: file.raw, named: "plan")
            try FileRegions.synchronize(file.raw)
            // Its names are on the disk before its own is, or a directory could be found that has not all of them.
            try Files.synchronizeNames(in: ".", of: own)
            if Files.exists(name, in: directory) {
                try Files.exchange(hidden, with: name, in: directory)
                try? Trees.remove(hidden, in: directory)
            } else {
                try Files.rename(hidden, in: directory, to: name, in: directory)
            }
            try FileRegions.synchronize(held.raw)
        } catch {
            try? Trees.remove(hidden, in: directory)
            throw Refusal(.state, "write a snapshot: \(error)")
        }
    }

    // MARK: reading

    /// As it lies on the disk: nothing in it has been looked at.
    struct Unread: ~Copyable {
        let name: String
        let plan: [UInt8]
        let pages: FileDescriptor
        let pagesSize: UInt64
        let touched: [UInt8]?
    }

    package struct Image: ~Copyable {
        package let plan: Plan
        package let pages: FileDescriptor
        package let touched: TouchedPages
    }

    package func open(_ name: String, _ ceilings: Ceilings = .largest) throws(Refusal) -> Image {
        try unread(name).read(ceilings)
    }

    /// For a process that has no right to open it.
    package func stored(_ name: String) throws(Refusal) -> StoredPlan {
        if let problem = SnapshotName.problem(name) { throw Refusal(.snapshot, problem) }
        do throws(SystemError) {
            return try StoredPlan.open(name, in: directory, at: name)
        } catch {
            if error.code == ENOENT { throw Refusal(.snapshot, "there is no snapshot \(name)") }
            throw Self.unusable(name, error)
        }
    }

    func unread(_ name: String) throws(Refusal) -> Unread {
        if let problem = SnapshotName.problem(name) { throw Refusal(.snapshot, problem) }
        do throws(SystemError) {
            let file = try Files.open("\(name)/plan", in: directory, [.noFollow])
            let plan = try Files.read(file, limit: PlanFile.longest, named: "plan")
            let pages = try Files.open("\(name)/pages", in: directory, [.noFollow])
            let size = try FileDetails(pages.raw).size
            return Unread(name: name, plan: plan, pages: pages, pagesSize: size, touched: touchedBytes(name))
        } catch {
            if error.code == ENOENT { throw Refusal(.snapshot, "there is no snapshot \(name)") }
            throw Self.unusable(name, error)
        }
    }

    static func unusable(_ name: String, _ error: any Error) -> Refusal {
        Refusal(.snapshot, "the snapshot \(name) cannot be used: \(error)")
    }
}

extension ImageStore.Unread {
    consuming func read(_ ceilings: Ceilings) throws(Refusal) -> ImageStore.Image {
        do {
            let decoded = try PlanFile.decode(plan, ceilings)
            guard pagesSize == decoded.pagesSize else {
                throw PlanFile.Failure("its pages are not all there, or more than there were")
            }
            let hint = touched.flatMap { TouchedPages(decoding: $0) }
            return ImageStore.Image(plan: decoded, pages: pages, touched: hint ?? TouchedPages())
        } catch {
            throw ImageStore.unusable(name, error)
        }
    }
}

extension ImageStore {
    /// Which pages a first event is known to write to; nothing when none has told yet.
    package func touched(_ name: String) -> TouchedPages? {
        touchedBytes(name).flatMap { TouchedPages(decoding: $0) }
    }

    private func touchedBytes(_ name: String) -> [UInt8]? {
        try? Files.read("\(name)/touched", in: directory, limit: TouchedPages.longest)
    }

    package func setTouched(_ pages: TouchedPages, of name: String) throws(SystemError) {
        try Trees.replace("\(name)/touched", in: directory, with: pages.encoded())
    }
}
