//! How structured lines call the parts that every line has.

/// What happened.
pub(super) const MESSAGE_KEYS: &[&str] = &[
    "msg",
    "message",
    "@message",
    "log",
    "text",
    "event",
    "body",
    "short_message",
];

/// What went wrong.
pub(super) const ERROR_KEYS: &[&str] = &[
    "error",
    "err",
    "exception",
    "cause",
    "reason",
    "detail",
    "details",
    "error_message",
    "exception_message",
    "stderr",
];

/// How bad it is.
pub(super) const LEVEL_KEYS: &[&str] = &[
    "level",
    "lvl",
    "severity",
    "log_level",
    "loglevel",
    "@level",
    "levelname",
    "log.level",
    "severity_text",
    "priority",
];

/// When it was written.
pub(super) const TIME_KEYS: &[&str] = &[
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "t",
    "date",
    "datetime",
    "eventTime",
];

/// A stack trace.
pub(super) const STACK_KEYS: &[&str] = &[
    "stack",
    "stack_trace",
    "stacktrace",
    "exc_info",
    "traceback",
    "error.stack_trace",
    "exception.stacktrace",
];

/// Whether `key` is one of `names`, in any case.
pub(super) fn is_key(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.eq_ignore_ascii_case(name))
}
