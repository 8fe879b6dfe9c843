//! Names, of which a log may show few.

use super::{mine, text};

#[test]
fn a_name_behind_its_kind_varies_however_few_there_are() {
    for (line, template) in [
        ("granted access to user bo", "granted access to user <*>"),
        (
            "rejected by user ann at gate 3",
            "rejected by user <*> at gate <*>",
        ),
        ("no such user: bo", "no such user: bo"),
        (
            "bad ticket for invalid user ann [gate]",
            "bad ticket for invalid user <*> [gate]",
        ),
        (
            "slow scan of table berths, 12 rows",
            "slow scan of table <*> rows",
        ),
        ("published to topic arrivals", "published to topic <*>"),
        ("bad ticket for bo from 10.1.2.3", "bad ticket for <*> from <*>"),
        (
            "bad ticket for invalid user !ann",
            "bad ticket for invalid user <*>",
        ),
        (
            "lost the line to gauge at 10.1.2.3:80",
            "lost the line to <*> at <*>",
        ),
        ("turned to port at 12:30:00", "turned to port at <*>"),
        ("give way! now! ok", "give way! now! ok"),
        // What is done, states and compounds are no names.
        (
            "gate opened for user registration",
            "gate opened for user registration",
        ),
        ("cleanup of user sessions", "cleanup of user sessions"),
        ("waiting for node ready", "waiting for node ready"),
        ("waiting for leader", "waiting for leader"),
        ("asked for help from ann", "asked for help from ann"),
        ("user bo went ashore", "user bo went ashore"),
        ("mode of service AUTO", "mode of service AUTO"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn a_value_of_a_key_that_asks_for_a_name_varies() {
    for (line, template) in [
        (
            "evicted pod=cart namespace=shop reason=Pressure",
            "evicted pod=<*> namespace=<*> reason=Pressure",
        ),
        (
            "done hostname=gauge ready=true mode=AUTO",
            "done hostname=<*> ready=true mode=AUTO",
        ),
        (
            "moved owner=null by=Crew{ann, Rank{mate}}",
            "moved owner=<*> by=<*>",
        ),
        ("moved owner=Crew{} on", "moved owner=<*> on"),
        ("peeked origin=pier.example", "peeked origin=<*>"),
        (
            "threw kind=harbour.FullException",
            "threw kind=harbour.FullException",
        ),
        ("open Crew{ann", "open Crew{ann"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn names_with_many_dots_vary_and_exceptions_do_not() {
    for (line, template) in [
        ("changed harbour.gate.depth", "changed <*>"),
        (
            "resolving mail.pier.example. ok",
            "resolving mail.pier.example. ok",
        ),
        ("started org.pier.app/.Main", "started <*>"),
        ("order.created sent", "order.created sent"),
        ("e.g. this... and that", "e.g. this... and that"),
        (
            "thrown: java.lang.IllegalStateException: shut",
            "thrown: java.lang.IllegalStateException: shut",
        ),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
    let (_, ids) = mine(&["failed: java.io.IOException", "failed: java.lang.Error"]);
    assert_ne!(ids[0], ids[1]);
}
