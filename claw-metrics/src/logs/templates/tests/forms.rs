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

#[test]
fn an_address_is_one_value_whatever_its_groups_are() {
    for (line, template) in [
        ("lease for 02:42:ac:11:00:02 renewed", "lease for <*> renewed"),
        ("lease for ab:cd:ef:fa:ce:ad renewed", "lease for <*> renewed"),
        ("chip FF:F2:9F:aa:be:ee:00:0D:60:E9 found", "chip <*> found"),
        (
            "no route to fe80::dead:beef:1%eth0: given up",
            "no route to <*>: given up",
        ),
        ("dial [fd00:10::cafe]:5432 failed", "dial [<*>]:<*> failed"),
        ("bound to ::1 and ::ffff:10.0.0.1", "bound to <*> and <*>"),
        ("route to 2001:db8:abcd::/48 lost", "route to <*> lost"),
        (
            "std::begin and add::dec of fade:in",
            "std::begin and add::dec of fade:in",
        ),
        ("abc: def: bad", "abc: def: bad"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn what_is_known_of_an_address_stands_in_brackets_behind_it() {
    let (miner, ids) = mine(&[
        "probe from 10.1.2.3 () took 3 s",
        "probe from 10.1.2.4 (gauge.pier.example) took 3 s",
        "probe from fd00::7 (gauge) took 3 s",
        "probe from 10.1.2.5 (gauge of pier) took 3 s",
    ]);
    assert_eq!((ids[0], ids[0]), (ids[1], ids[2]));
    assert_ne!(ids[0], ids[3]);
    assert_eq!(miner.templates()[0].text, "probe from <*> (<*>) took <*> s");
    assert_eq!(text("probe () of a (b)"), "probe () of a (b)");
}
