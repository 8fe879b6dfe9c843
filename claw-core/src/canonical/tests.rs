//! The test vectors of RFC 8785, and what holds for every value.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn double(value: f64) -> String {
    to_string(&json!(value)).unwrap()
}

/// RFC 8785, appendix B: the bits of a double, and its text.
#[test]
fn numbers_are_written_as_appendix_b_has_them() {
    let table: [(u64, &str); 24] = [
        (0x0000000000000000, "0"),
        (0x8000000000000000, "0"),
        (0x0000000000000001, "5e-324"),
        (0x8000000000000001, "-5e-324"),
        (0x7fefffffffffffff, "1.7976931348623157e+308"),
        (0xffefffffffffffff, "-1.7976931348623157e+308"),
        (0x4340000000000000, "9007199254740992"),
        (0xc340000000000000, "-9007199254740992"),
        (0x4430000000000000, "295147905179352830000"),
        (0x44b52d02c7e14af5, "9.999999999999997e+22"),
        (0x44b52d02c7e14af6, "1e+23"),
        (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
        (0x444b1ae4d6e2ef4e, "999999999999999700000"),
        (0x444b1ae4d6e2ef4f, "999999999999999900000"),
        (0x444b1ae4d6e2ef50, "1e+21"),
        (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
        (0x3eb0c6f7a0b5ed8d, "0.000001"),
        (0x41b3de4355555553, "333333333.3333332"),
        (0x41b3de4355555554, "333333333.33333325"),
        (0x41b3de4355555555, "333333333.3333333"),
        (0x41b3de4355555556, "333333333.3333334"),
        (0x41b3de4355555557, "333333333.33333343"),
        (0xbecbf647612f3696, "-0.0000033333333333333333"),
        (0x43143ff3c1cb0959, "1424953923781206.2"),
    ];
    for (bits, text) in table {
        assert_eq!(double(f64::from_bits(bits)), text, "{bits:016x}");
    }
}

#[test]
fn nothing_that_is_no_number_gets_in() {
    // Appendix B: NaN and the infinities are errors. A value cannot hold them.
    for bits in [
        0x7fff_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000,
        0xfff0_0000_0000_0000,
    ] {
        assert!(Number::from_f64(f64::from_bits(bits)).is_none());
    }
}

/// RFC 8785, sections 3.2.2 (the input) and 3.2.3 (the output).
#[test]
fn the_sample_object_is_written_as_the_rfc_has_it() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let output = concat!(
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(to_string(&serde_json::from_str(input).unwrap()).unwrap(), output);
}

/// RFC 8785, section 3.2.3: sorted by UTF-16 code units, not by code points.
#[test]
fn keys_are_sorted_as_the_example_has_them() {
    let input = r#"{
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let text = to_string(&serde_json::from_str(input).unwrap()).unwrap();
    let places: Vec<_> = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]
    .iter()
    .map(|name| text.find(name).unwrap())
    .collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn strings_are_escaped_as_little_as_may_be() {
    let all: String = ('\0'..='\u{ff}').collect();
    let text = to_string(&json!(all)).unwrap();
    assert!(text.starts_with(
        "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\\u0010"
    ));
    assert!(text.contains("\\u001f !\\\"#") && text.contains("[\\\\]") && text.contains("~\u{7f}\u{80}"));
    assert_eq!(serde_json::from_str::<String>(&text).unwrap(), all);
}

#[test]
fn an_integer_between_two_doubles_is_not_rounded() {
    let two_to_53 = 1_u64 << 53;
    assert_eq!(to_string(&json!(two_to_53)).unwrap(), "9007199254740992");
    assert_eq!(to_string(&json!(1_u64 << 60)).unwrap(), "1152921504606847000");
    for inexact in [
        json!(two_to_53 + 1),
        json!(-(two_to_53 as i64) - 1),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(1_152_921_504_606_847_000_u64),
    ] {
        let nested = json!({"a": [inexact]});
        let error = to_string(&nested).unwrap_err();
        assert!(
            error.to_string().contains(&inexact.to_string())
                && error.to_string().contains("write it as a string")
        );
        assert_eq!(
            to_string(&representable(nested.clone())).unwrap(),
            format!("{{\"a\":[\"{inexact}\"]}}")
        );
        assert_eq!(for_digest(&nested), format!("{{\"a\":[{inexact}n]}}"));
    }
    assert_eq!(to_string(&json!(i64::MIN)).unwrap(), "-9223372036854776000");
}

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        ".{0,8}".prop_map(Value::from),
        "[\\x00-\\x20\\\\\"]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same value with its keys put in the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .rev()
                .map(|(key, item)| (key.clone(), reversed(item)))
                .collect(),
        ),
        Value::Array(items) => items.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

/// Whether two values are the same where `1` and `1.0` are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn the_text_is_the_same_value_whatever_the_order(value in value()) {
        let value = representable(value);
        let text = to_string(&value).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&back, &value), "{} reads back as {}", value, back);
        prop_assert_eq!(&to_string(&reversed(&value)).unwrap(), &text);
        prop_assert_eq!(&for_digest(&value), &text);
        // Read as doubles, as an implementation in ECMAScript reads them, it is written the same again.
        prop_assert_eq!(to_string(&as_doubles(back)).unwrap(), text);
    }

    #[test]
    fn every_double_reads_back(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        prop_assert_eq!(double(number).parse::<f64>().unwrap(), number);
    }

    #[test]
    fn integers_are_told_apart_in_digests(a in any::<u64>(), by in 1..2000_u64) {
        prop_assert_ne!(for_digest(&json!(a)), for_digest(&json!(a.wrapping_add(by))));
    }
}

fn as_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.into_iter().map(as_doubles).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, item)| (key, as_doubles(item)))
            .collect(),
        other => other,
    }
}
