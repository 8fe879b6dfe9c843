use std::collections::BTreeSet;

use claw_core::report::Report;
use proptest::prelude::*;

use super::*;
use crate::deliver::sample;

fn html(report: &Report) -> String {
    render(report).unwrap()
}

/// Names of the elements and attributes of a document.
fn markup(html: &str) -> BTreeSet<String> {
    let style_end = html.find("</style>").unwrap();
    html[style_end..]
        .split('<')
        .skip(1)
        .flat_map(|tag| {
            let tag = tag.split('>').next().unwrap();
            let name = tag
                .split([' ', '\n'])
                .next()
                .unwrap()
                .trim_matches('/')
                .to_owned();
            // Values are quoted and hold no quotes, so every other piece is an attribute's name.
            let attributes = tag.split('"').step_by(2).filter_map(|piece| {
                piece
                    .strip_suffix('=')
                    .map(|piece| piece.rsplit([' ', '\n']).next().unwrap().to_owned())
            });
            attributes.chain([name]).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn incident() {
    insta::assert_snapshot!(html(&sample::incident()));
}

#[test]
fn every_link_leads_to_evidence() {
    let html = html(&sample::incident());
    let links: Vec<_> = html
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(links.len() > 8);
    for link in links {
        assert!(html.contains(&format!("id=\"{link}\"")), "{link}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = html(&sample::crowded());
    for part in ["src=", "@import", "<script", "<link", "<iframe", "<object"] {
        assert!(!html.contains(part), "{part}");
    }
    // What a person may follow is not loaded: the page of a runbook.
    assert_eq!(
        html.matches("href=\"http").count(),
        html.matches("rel=\"noreferrer noopener\"").count()
    );
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn hostile_text_adds_no_markup() {
    let mut report = sample::incident();
    let plain = markup(&html(&report));
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'<style>*{display:none}</style>";
    report.title = evil.into();
    report.case = evil.into();
    report.cluster = evil.into();
    report.hypotheses[0].cause = evil.into();
    report.hypotheses[0].mechanism = evil.into();
    report.hypotheses[0].entity.name = evil.into();
    report.hypotheses[0].terms[0].name = evil.into();
    report.recommendations[0].command = Some(evil.into());
    report.timeline[0].text = evil.into();
    report.timeline[0].entity.name = evil.into();
    report.topology.nodes[0].entity.name = evil.into();
    report.topology.edges[0].via = evil.into();
    report.changes[0].change.reference = evil.into();
    report.gaps[0].source = evil.into();
    assert_eq!(markup(&html(&report)), plain);
}

#[test]
fn a_long_report_says_what_it_leaves_out() {
    let mut report = sample::incident();
    let symptom = report.symptoms[0].clone();
    report.symptoms = vec![symptom; 1_300];
    assert!(html(&report).contains("and 300 more in the JSON form"));
}

#[test]
fn equal_reports_are_equal_pages() {
    assert_eq!(html(&sample::crowded()), html(&sample::crowded()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_report_is_escaped(report in sample::arbitrary::report()) {
        let html = html(&report);
        prop_assert!(!html.contains(sample::arbitrary::MARKER));
        let known = markup(&self::html(&sample::incident()));
        for name in markup(&html) {
            prop_assert!(known.contains(&name) || ["marker-start", "/"].contains(&name.as_str()), "{name:?}");
        }
    }
}

/// Writes pages to look at: `CLAW_PAGES=DIR cargo test -p claw-workflows -- --ignored write_pages`.
#[test]
#[ignore = "writes files for people to look at"]
#[allow(clippy::disallowed_methods)] // a test for people, who say where to write
fn write_pages() {
    let folder = std::path::PathBuf::from(std::env::var_os("CLAW_PAGES").unwrap());
    let mut wide = sample::incident();
    wide.topology = sample::mesh(60);
    let mut many = sample::incident();
    many.topology = sample::mesh(300);
    for (name, report) in [
        ("incident", sample::incident()),
        ("unknown", sample::unknown()),
        ("healthy", sample::healthy()),
        ("ambiguous", sample::ambiguous(10)),
        ("crowded", sample::crowded()),
        ("mesh60", wide),
        ("mesh300", many),
    ] {
        let page = html(&report);
        let dark = page.replace("(prefers-color-scheme: dark)", "all");
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
        std::fs::write(folder.join(format!("{name}-dark.html")), dark).unwrap();
    }
}
