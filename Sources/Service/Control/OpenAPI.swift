// The description of the control socket that it serves itself.

let openAPIDocument = "{}"
