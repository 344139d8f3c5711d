// One state of a function, whole: what it is, where its code and its layers are. It never changes; a function that is
// deployed again gets another.

package import Lambda
package import Wire

package final class FunctionVersion: Sendable {
    package let name: String
    package let version = "$LATEST"
    /// Told apart from all others, also of the same function.
    package let revision: String
    package let configuration: FunctionConfiguration
    package let content: FunctionContent
    package let modified: WallTime

    package init(
        name: String, revision: String, configuration: FunctionConfiguration, content: FunctionContent,
        modified: WallTime
    ) {
        self.name = name
        self.revision = revision
        self.configuration = configuration
        self.content = content
        self.modified = modified
    }

    package var json: JSON {
        .object(
            [("name", .text(name)), ("version", .text(version)), ("revision", .text(revision))]
                + configuration.members + content.figures.members + [("modified", .text(modified.iso))])
    }
}
