//! Headers of lines as users give them.

use super::{mine, text};

#[test]
fn the_column_that_says_where_a_line_was_written_varies() {
    for (line, template) in [
        (
            "Mar  1 10:00:00 gauge cron[42]: job done",
            "<*> cron[<*>]: job done",
        ),
        (
            "Mar  1 10:00:00 gauge.pier kernel: link is up",
            "<*> kernel: link is up",
        ),
        (
            "2026-03-01T10:00:00.123+01:00 gauge cron[42]: job done",
            "<*> cron[<*>]: job done",
        ),
        (
            "<34>1 2026-03-01T10:00:00.123Z gauge cron 42 - - job done",
            "<<*>><*> cron <*> - - job done",
        ),
        ("[10:00:00] tide.exe *64 - gate shut", "[<*>] <*> - gate shut"),
        ("[03.01 10:00:00] gauge - gate shut", "[<*>] <*> - gate shut"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
    let lines = ["gauge", "pier-north", "tide7"].map(|host| format!("Mar 11 10:00:00 {host} su: gate shut"));
    let (_, ids) = mine(&lines.each_ref().map(String::as_str));
    assert_eq!((ids[0], ids[0]), (ids[1], ids[2]));
}

#[test]
fn what_happened_is_no_column() {
    for (line, template) in [
        ("Mar  1 10:00:00 ERROR gate: shut", "<*> ERROR gate: shut"),
        ("Mar  1 10:00:00 gate shut again", "<*> gate shut again"),
        (
            "2026-03-01T10:00:00Z failed dialling: no line",
            "<*> failed dialling: no line",
        ),
        (
            "[10:00:00] Disconnected - no line",
            "[<*>] Disconnected - no line",
        ),
        ("[10:00:00] gate shut - no line", "[<*>] gate shut - no line"),
        ("[10:00:00] info - no line", "[<*>] info - no line"),
        ("[pier] gauge - no line", "[pier] gauge - no line"),
        ("<b> is", "<b> is"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}
