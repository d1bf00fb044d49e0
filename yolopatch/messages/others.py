"""Messages of other packages and of the system that stand in ours, as templates: our sources do not name them."""

SYSTEM = (
    *("No such file or directory", "Permission denied", "No space left on device", "Is a directory"),
    *("Not a directory", "File exists", "Directory not empty", "Read-only file system", "File name too long"),
    *("Too many open files", "Connection refused", "Connection reset by peer", "Exec format error"),
    *("Operation not permitted", "Input/output error", "Cannot allocate memory", "Disk quota exceeded"),
    *("Too many levels of symbolic links", "Invalid argument", "Device or resource busy", "Stale file handle"),
    *("Network is unreachable", "Resource temporarily unavailable"),
)

YAML = (
    "did not find expected {0}",
    "could not find expected {0}",
    "mapping values are not allowed in this context",
    "found character that cannot start any token",
    "found a tab character where an indentation space is expected",
)

CLICK = (
    "No such command {0}",
    "No such command {0}. Did you mean {1}?",
    "No such command {0}. (Did you mean one of: {1}?)",
    "No such option: {0}",
    "No such option {0}",
    "No such option: {0} Did you mean {1}?",
    "No such option {0}. Did you mean {1}?",
    "No such option: {0} (Possible options: {1})",
    "No such option {0}. (Did you mean one of: {1}?)",
    "Missing option {0}",
    "Missing option {0}. Choose from: {1}",
    "Missing argument {0}",
    "Missing parameter: {0}",
    "Missing command",
    "Option {0} requires an argument",
    "Option {0} requires {1} arguments",
    "Option {0} does not take a value",
    "Got unexpected extra argument ({0})",
    "Got unexpected extra arguments ({0})",
    "Invalid value for {0}: {1}",
    "Invalid value: {0}",
    "Argument {0} takes {1} values",
)

# What click says of a value, in `_VALUE`.
_VALUE = ("Invalid value for {0}: {1}", "Invalid value: {0}")
VALUES = (
    "{0} is not a valid integer",
    "{0} is not a valid integer range",
    "{0} is not a valid float",
    "{0} is not a valid float range",
    "{0} is not a valid boolean",
    "{0} is not a valid boolean. Recognized values: {1}",
    "{0} is not in the range {1}",
    "'{0}' is not '{1}'",
    "{0} is not one of {1}",
    "{0} does not match the format {1}",
    "{0} does not match the formats {1}",
    "Could not open file {0}: {1}",
    "Path {0} does not exist",
    "File {0} does not exist",
    "Directory {0} does not exist",
    "Path {0} is a directory",
    "File {0} is a directory",
    "Directory {0} is a file",
    "Path {0} is not readable",
    "File {0} is not readable",
    "File {0} is not writable",
)

PYDANTIC = (
    "Field required",
    "Extra inputs are not permitted",
    "Input should be a valid string",
    "Input should be a valid integer",
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be a valid integer, got a number with a fractional part",
    "Input should be a valid number",
    "Input should be a valid number, unable to parse string as a number",
    "Input should be a finite number",
    "Input should be a valid boolean",
    "Input should be a valid boolean, unable to interpret input",
    "Input should be a valid dictionary",
    "Input should be a valid dictionary or instance of {0}",
    "Input should be an object",
    "Input should be a valid list",
    "Input should be a valid tuple",
    "Input should be a valid date",
    "Input is not a valid path",
    "Input should be None",
    "Input should be {0}",
    "Input should be {0} or {1}",
    "Input should be greater than {0}",
    "Input should be greater than or equal to {0}",
    "Input should be less than {0}",
    "Input should be less than or equal to {0}",
    "String should have at least {0} character",
    "String should have at least {0} characters",
    "String should have at most {0} characters",
    "String should match pattern '{0}'",
    "List should have at least {0} item after validation, not {1}",
    "List should have at least {0} items after validation, not {1}",
    "List should have at most {0} items after validation, not {1}",
    "Tuple should have at least {0} items after validation, not {1}",
    "Tuple should have at most {0} items after validation, not {1}",
    "Dictionary should have at least {0} item after validation, not {1}",
    "Invalid JSON: {0}",
)

# What the command line puts around a message, and what it says of a bug.
OURS = ("error:", "unexpected {0}: {1}; this is a bug of yolopatch, please report it with {2}")

MESSAGES: dict[str, tuple[tuple[str | None, str], ...]] = {
    "Python": tuple((None, text) for text in SYSTEM),
    "click": (*((None, text) for text in CLICK), *((context, text) for context in _VALUE for text in VALUES)),
    "PyYAML": tuple((None, text) for text in YAML),
    "pydantic": tuple((None, text) for text in PYDANTIC),
    "yolopatch/cli/output.py": tuple((None, text) for text in OURS),
}
"""For each owner, context and message."""
