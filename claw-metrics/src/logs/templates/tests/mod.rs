mod forms;
mod headers;
mod names;
mod structured;

use proptest::prelude::*;

use super::*;

fn mine(lines: &[&str]) -> (Miner, Vec<TemplateId>) {
    let mut miner = Miner::new();
    let ids: Vec<TemplateId> = lines.iter().map(|line| miner.insert(line)).collect();
    let ids = ids.into_iter().map(|id| miner.resolve(id)).collect();
    (miner, ids)
}

fn text(line: &str) -> String {
    mine(&[line]).0.templates().remove(0).text
}

#[test]
fn masks_what_varies_by_its_form() {
    for (line, template) in [
        ("took 12.5 ms", "took <*> ms"),
        ("2024-05-01 10:00:00,123 ERROR failed", "<*> ERROR failed"),
        (
            "[Mon Dec 05 07:57:02 2005] [error] mod_jk child workerEnv in error state 6",
            "[<*>] [error] mod_jk child workerEnv in error state <*>",
        ),
        ("id=3f2504e0-4f89-11d3-9a0c-0305e82c3301 done", "id=<*> done"),
        (
            "src: /10.250.19.102:54106 dest: /10.250.19.102:50010",
            "src: <*> dest: <*>",
        ),
        (
            "GET https://shop.example.com/cart?id=7&x=y failed",
            "GET <*> failed",
        ),
        (
            "open /etc/app/config.yaml: no such file",
            "open <*>: no such file",
        ),
        ("user \"bob smith\" not found", "user <*> not found"),
        ("can't find it, don't ask", "can't find it, don't ask"),
        (
            "proxy.cse.cuhk.edu.hk:5070 close, 403 bytes sent",
            "<*> close, <*> bytes sent",
        ),
        ("values [1, 2, 3] and [4, 5]", "values [<*>] and [<*>]"),
        ("mail from bob@example.com", "mail from <*>"),
        ("hash deadbeef ok", "hash <*> ok"),
        ("", ""),
        ("   ", ""),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn lists_of_any_length_are_alike() {
    let (miner, ids) = mine(&["nodes 1, 2 ready", "nodes 1, 2, 3, 4 ready", "nodes 9 ready"]);
    assert_eq!((ids[0], ids[1]), (ids[2], ids[2]));
    assert_eq!(miner.templates().len(), 1);
    assert_eq!(
        text("query [id:A1 size:1 id:B2 size:2 id:C3 size:3 ] done"),
        "query [id:<*> size:<*> ] done"
    );
    assert_eq!(text("one two one two"), "one two one two");
}

#[test]
fn verbs_stay_apart_and_names_do_not() {
    let users = ["bob", "alice", "carol", "dave", "erin", "frank", "grace", "heidi"];
    let mut lines: Vec<String> = Vec::new();
    for user in users {
        lines.push(format!("session opened for user {user} by root"));
        lines.push(format!("session closed for user {user} by root"));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (miner, ids) = mine(&lines);
    let texts: Vec<String> = miner
        .templates()
        .into_iter()
        .map(|template| template.text)
        .collect();
    assert_eq!(
        texts,
        vec![
            "session opened for user <*> by root",
            "session closed for user <*> by root"
        ]
    );
    assert!(ids.iter().step_by(2).all(|id| *id == ids[0]));
    assert_eq!(
        miner
            .templates()
            .iter()
            .map(|template| template.count)
            .sum::<u64>(),
        16
    );
}

#[test]
fn two_variable_places_are_found_without_a_full_grid() {
    let names = [
        "ann", "ben", "cleo", "dora", "emil", "fay", "gus", "hal", "ida", "jon", "kim", "lea", "max", "ned",
    ];
    let hosts = [
        "saturn", "venus", "mars", "pluto", "io", "ceres", "juno", "vesta", "eris", "triton", "rhea",
        "dione", "titan", "luna",
    ];
    let lines: Vec<String> = names
        .iter()
        .zip(hosts)
        .map(|(name, host)| format!("login of {name} from host {host} was accepted"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (miner, _) = mine(&lines);
    assert_eq!(miner.templates().len(), 1, "{:#?}", miner.templates());
    assert_eq!(
        miner.templates()[0].text,
        "login of <*> from host <*> was accepted"
    );
}

#[test]
fn short_lines_are_not_joined_by_chance() {
    let (miner, _) = mine(&[
        "cache started",
        "cache stopped",
        "cache warmed",
        "cache failed",
        "cache full",
        "cache empty",
        "cache closed",
    ]);
    assert_eq!(miner.templates().len(), 7);
}

#[test]
fn the_order_of_lines_decides_nothing_but_ids() {
    let lines: Vec<String> = (0..40)
        .map(|i| {
            format!(
                "{} of volume-{} by {}",
                ["mount", "unmount"][i % 2],
                "abcdefgh".get(i % 8..i % 8 + 1).unwrap(),
                ["x.y", "y.z"][i / 20]
            )
        })
        .collect();
    let forward: Vec<&str> = lines.iter().map(String::as_str).collect();
    let backward: Vec<&str> = forward.iter().rev().copied().collect();
    let texts = |lines: &[&str]| {
        let mut texts: Vec<String> = mine(lines)
            .0
            .templates()
            .into_iter()
            .map(|template| template.text)
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(&forward), texts(&backward));
}

#[test]
fn endless_variety_is_bounded() {
    let mut miner = Miner::new();
    let word = |mut n: usize| {
        let mut text = String::new();
        while n > 0 {
            text.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
            n /= 26;
        }
        text
    };
    for i in 1..60_000 {
        // No two lines have the same words at the same place.
        let line = format!("{} {} {}", word(i), word(i * 7 + 1), word(i * 31 + 5));
        miner.insert(&line);
    }
    assert!(miner.templates().len() <= MAX_TEMPLATES + 1);
    assert_eq!(miner.lines(), 59_999);
    assert_eq!(
        miner
            .templates()
            .iter()
            .map(|template| template.count)
            .sum::<u64>(),
        59_999
    );
}

proptest! {
    #[test]
    fn any_text_is_taken_and_counted(lines in prop::collection::vec("(.|[\\[\\]\"'=:,/ ]){0,60}", 0..40)) {
        let mut miner = Miner::new();
        let ids: Vec<TemplateId> = lines.iter().map(|line| miner.insert(line)).collect();
        prop_assert_eq!(miner.templates().iter().map(|template| template.count).sum::<u64>(), lines.len() as u64);
        for id in ids {
            prop_assert!(miner.template(id).is_some());
        }
    }

    #[test]
    fn the_same_lines_give_the_same_templates(lines in prop::collection::vec("[a-c]{1,2} [a-f]{1,2} [a-c]{1} [0-9a-c]{1,2}", 0..80)) {
        let run = || {
            let mut miner = Miner::new();
            let ids: Vec<TemplateId> = lines.iter().map(|line| miner.insert(line)).collect();
            (ids, miner.templates())
        };
        prop_assert_eq!(run(), run());
    }
}
