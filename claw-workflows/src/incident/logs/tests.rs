use super::*;

/// A log with an entry a minute from an hour before the trouble until half an hour after.
fn told(line: impl Fn(i64) -> String) -> Digest {
    let at = |second: i64| Timestamp::from_second(1_777_629_600 + second).unwrap();
    let lines: String = (-60..30)
        .map(|minute| format!("{} {}\n", at(60 * minute), line(minute)))
        .collect();
    let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
    let raw = lines.as_bytes();
    digest(pod, "cart".to_owned(), false, raw, at(-7200), Some(at(0)), false)
}

#[test]
fn an_error_in_any_words_emerges_where_none_was_before() {
    let emerged =
        |digest: &Digest| -> Vec<bool> { digest.patterns.iter().map(|pattern| pattern.emerged).collect() };
    let error = "ERROR reserving failed: quota of the warehouse";
    let new = told(|minute| if minute < 0 { "INFO GET /items 200" } else { error }.to_owned());
    assert_eq!(emerged(&new), [true]);
    // It was there before, came once, or is a warning.
    let old = told(|minute| {
        if minute % 7 == 0 {
            error
        } else {
            "INFO GET /items 200"
        }
        .to_owned()
    });
    assert!(!emerged(&old).contains(&true), "{old:?}");
    let once = told(|minute| if minute == 3 { error } else { "INFO GET /items 200" }.to_owned());
    assert_eq!(emerged(&once), [false]);
    let warning = "WARN reserving failed: quota of the warehouse, timed out";
    let warned = told(|minute| {
        if minute < 0 {
            "INFO GET /items 200"
        } else {
            warning
        }
        .to_owned()
    });
    assert_eq!(emerged(&warned), [false]);
}

#[test]
fn a_rare_error_is_new_only_after_a_time_that_is_long_for_it() {
    let error = "ERROR reserving failed: quota of the warehouse";
    let emerged = |every: i64, from: i64| {
        let digest = told(|minute| {
            let due = minute >= from && (minute - from) % every == 0;
            if due { error } else { "INFO GET /items 200" }.to_owned()
        });
        digest.patterns.iter().any(|pattern| pattern.emerged)
    };
    // The log goes back for an hour before the trouble.
    assert!(emerged(1, -10));
    assert!(emerged(5, 0));
    assert!(
        !emerged(8, -40),
        "it may have come about every ten minutes all the time"
    );
    assert!(
        emerged(1, -14),
        "a quarter of an hour is long for what comes every minute"
    );
}

#[test]
fn whether_errors_are_new_is_not_known_of_a_log_that_begins_with_them() {
    let at = |second: i64| Timestamp::from_second(1_777_629_600 + second).unwrap();
    let repeated = |from: i64, times: usize, began: Option<i64>| {
        let lines: Vec<String> = (from..from + 30)
            .map(|minute| format!("{} ERROR reserving failed: quota\n", at(60 * minute)))
            .take(times)
            .collect();
        let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
        let raw = lines.concat();
        let digest = digest(
            pod,
            "cart".to_owned(),
            false,
            raw.as_bytes(),
            at(-7200),
            began.map(at),
            false,
        );
        let pattern = &digest.patterns[0];
        (pattern.emerged, pattern.repeated)
    };
    assert_eq!(repeated(0, 30, Some(0)), (false, true));
    // Who asks a question does not say when the trouble began.
    assert_eq!(repeated(0, 30, None), (false, true));
    // Such as came a few times, or that began long before, are not that.
    assert_eq!(repeated(0, 4, Some(0)), (false, false));
    assert_eq!(repeated(0, 4, None), (false, false));
    assert_eq!(repeated(-28, 30, Some(0)), (false, false));
}

#[test]
fn words_of_other_entries_are_usual_since_the_first_of_them() {
    let digest = told(|minute| match minute {
        -20 => "INFO reloaded the rates".to_owned(),
        minute if minute < 0 => "INFO GET /items 200".to_owned(),
        _ => "ERROR no rates for maxPollRecords".to_owned(),
    });
    let at = Timestamp::from_second(1_777_629_600 - 1200).unwrap();
    assert_eq!(digest.usual.get("rates"), Some(&Some(at)));
    assert_eq!(digest.usual.get("poll"), None);
}

fn firsts(from: i64, truncated: bool) -> Vec<Option<Timestamp>> {
    let at = |second: i64| Timestamp::from_second(1_777_629_600 + second).unwrap();
    let lines: String = (0..200)
        .map(|second| match second {
            150.. => format!("{} ERROR connection refused\n", at(second)),
            _ => format!("{} INFO served\n", at(second)),
        })
        .skip(usize::try_from(from).unwrap())
        .collect();
    let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
    let log = digest(
        pod,
        "cart".to_owned(),
        false,
        lines.as_bytes(),
        at(0),
        None,
        truncated,
    );
    log.patterns.iter().map(|pattern| pattern.first).collect()
}

#[test]
fn what_stands_where_a_log_was_cut_did_not_begin_there() {
    assert_eq!(firsts(170, true), [None]);
    let known = firsts(170, false);
    assert!(known[0].is_some());
    assert_eq!(firsts(100, true), firsts(0, false), "it began after the cut");
}

#[test]
fn the_outer_exception_names_whose_certificate_has_expired() {
    let log = "2026-05-01T10:00:00Z ERROR 1 --- [exec-0] s.SmsController : cannot send\n\
        org.springframework.web.client.ResourceAccessException: I/O error on POST request for \"https://api.sms.example/v2\": PKIX path validation failed\n\
        Caused by: javax.net.ssl.SSLHandshakeException: PKIX path validation failed\n\
        \tat java.base/sun.security.ssl.Alert.createSSLException(Alert.java:131)\n\
        Caused by: java.security.cert.CertificateExpiredException: NotAfter: Fri May 01 09:00:00 UTC 2026\n\
        \tat java.base/sun.security.x509.CertificateValidity.valid(CertificateValidity.java:277)\n";
    let pod = EntityRef::namespaced("Pod", "shop", "sms-1");
    let from = "2026-05-01T09:00:00Z".parse().unwrap();
    let log = digest(pod, "sms".to_owned(), false, log.as_bytes(), from, None, false);
    let named = Indication {
        kind: Indicator::CertificateExpired,
        target: Some("api.sms.example".to_owned()),
    };
    assert_eq!(log.patterns[0].indications, [named]);
}

#[test]
fn the_outer_exception_names_who_cut_the_connection() {
    let named = |outer: &str| {
        let log = format!(
            "2026-05-01T10:00:00Z ERROR 1 --- [sync-1] s.Sync : sync failed\n\
             org.acme.ResourceAccessException: {outer}: Connection reset\n\
             \tat org.acme.Rest.call(Rest.java:888)\n\
             Caused by: java.net.SocketException: Connection reset\n\
             \tat java.base/sun.nio.ch.NioSocketImpl.implRead(NioSocketImpl.java:328)\n"
        );
        let pod = EntityRef::namespaced("Pod", "shop", "sync-1");
        let from = "2026-05-01T09:00:00Z".parse().unwrap();
        let log = digest(pod, "sync".to_owned(), false, log.as_bytes(), from, None, false);
        log.patterns[0].indications[0].target.clone()
    };
    let request = "I/O error on GET request for \"http://stock.back.svc:8080/v2\"";
    assert_eq!(named(request).as_deref(), Some("stock.back.svc:8080"));
    assert_eq!(named("I/O error"), None);
}

#[test]
fn a_flag_was_set_where_a_log_first_tells_it_after_a_while() {
    let told = |lines: &[(i64, &str)]| -> Vec<String> {
        let at = |second: i64| Timestamp::from_second(1_777_629_600 + second).unwrap();
        let log: String = lines
            .iter()
            .map(|(second, text)| format!("{} INFO {text}\n", at(*second)))
            .collect();
        let pod = EntityRef::namespaced("Pod", "shop", "cart-1");
        let log = digest(pod, "cart".to_owned(), false, log.as_bytes(), at(0), None, false);
        log.flags.into_iter().map(|set| set.flag).collect()
    };
    let set = "feature flag new-pricing set to true";
    assert_eq!(told(&[(0, "served"), (600, set), (660, set)]), ["new-pricing"]);
    // At its start a program tells what there is, and some tell it with every request.
    assert!(told(&[(0, "started"), (1, set), (600, "served")]).is_empty());
    assert!(told(&[(1, set), (600, set), (1200, set)]).is_empty());
    // Before the time that is looked at.
    assert!(told(&[(-1200, "served"), (-600, set), (600, "served")]).is_empty());
}

#[test]
fn every_stream_has_a_source() {
    for (labels, expected) in [
        (
            &[("pod", "cart-1"), ("namespace", "shop"), ("container", "c")][..],
            "Pod shop/cart-1",
        ),
        (&[("app", "cart"), ("container", "c")], "Service cart"),
        (&[("container", "cart")], "Service cart"),
        (
            &[("filename", "/var/log/cart.log"), ("app", "")],
            "Log /var/log/cart.log",
        ),
        (&[("level", "error")], "Log of unknown source"),
        (&[], "Log of unknown source"),
    ] {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(source_of(&labels.collect()).0.to_string(), expected);
    }
}
