//! Values that are known by their form.

use super::{mine, text};

#[test]
fn a_size_is_one_value_in_any_unit() {
    for (line, template) in [
        ("flushed 12 MB to disk", "flushed <*> to disk"),
        ("flushed 900 B to disk", "flushed <*> to disk"),
        ("heap 1.5 GiB (1610612736 bytes), free 3 KB", "heap <*>, free <*>"),
        ("read 900 bytes from tape", "read <*> bytes from tape"),
        ("read 1126 bytes (1.1 KB) from tape", "read <*> bytes from tape"),
        (
            "read 1126 bytes (twice) from tape",
            "read <*> bytes (twice) from tape",
        ),
        ("built 3 B-trees", "built <*> B-trees"),
        ("copied at 3 MB/s", "copied at <*>"),
        ("step 3 Begin", "step <*> Begin"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn a_bound_is_a_value() {
    for (line, template) in [
        ("backup done after <1 min", "backup done after <*>"),
        ("latency >250 ms, depth <3", "latency <*>, depth <*>"),
        ("core<0> of board<1> up", "core<<*>> of board<<*>> up"),
        ("list <b> is empty", "list <b> is empty"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
    let (_, ids) = mine(&["backup done after <1 min", "backup done after 00:17"]);
    assert_eq!(ids[0], ids[1]);
}
