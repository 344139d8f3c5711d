"""From the name of a handler to the function."""
import sys

from .fault import Fault


def load(handler):
    """Imports the module of a handler, `directory/module.function` or `package.module.function`."""
    name, dot, function = handler.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName",
                    f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    path = name.replace("/", ".")
    if path.partition(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict",
                    f"Cannot use built-in module {name} as a handler module")
    try:
        __import__(path)
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from None
    except SyntaxError as error:
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{name}': {error}",
                    [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']) from None
    try:
        return getattr(sys.modules[path], function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{name}'") from None
