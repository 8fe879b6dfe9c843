//! Label and field selectors, as the API server reads them.

use serde_json::Value;

/// Whether the object has the labels that `selector` asks for. What cannot be read as a requirement is not met.
pub(super) fn labels_match(object: &Value, selector: Option<&str>) -> bool {
    let labels = object.pointer("/metadata/labels");
    let label = |name: &str| labels.and_then(|labels| labels.get(name)).and_then(Value::as_str);
    requirements(selector.unwrap_or_default())
        .iter()
        .all(|requirement| {
            let text = requirement.trim();
            if let Some((name, values)) = set(text, " in ") {
                label(name).is_some_and(|value| values.contains(&value))
            } else if let Some((name, values)) = set(text, " notin ") {
                label(name).is_none_or(|value| !values.contains(&value))
            } else if let Some((name, value)) = text.split_once("!=") {
                label(name.trim()) != Some(value.trim())
            } else if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
                label(name.trim()) == Some(value.trim())
            } else if let Some(name) = text.strip_prefix('!') {
                label(name.trim()).is_none()
            } else {
                text.is_empty() || label(text).is_some()
            }
        })
}

/// Whether the object's fields have the values that `selector` asks for.
pub(super) fn fields_match(object: &Value, selector: Option<&str>) -> bool {
    let field = |path: &str| {
        let pointer = format!("/{}", path.trim().replace('.', "/"));
        object
            .pointer(&pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    requirements(selector.unwrap_or_default())
        .iter()
        .all(|requirement| {
            if let Some((path, value)) = requirement.split_once("!=") {
                field(path) != value.trim()
            } else if let Some((path, value)) = requirement.split_once('=') {
                field(path) == value.trim_start_matches('=').trim()
            } else {
                requirement.trim().is_empty()
            }
        })
}

/// The parts between commas that are not within parentheses.
fn requirements(selector: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    selector
        .split(|letter| {
            match letter {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            letter == ',' && depth == 0
        })
        .collect()
}

/// `name in (a, b)`: the name and the values.
fn set<'a>(text: &'a str, word: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (name, values) = text.split_once(word)?;
    let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some((name.trim(), values.split(',').map(str::trim).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn label_selectors_are_read_as_the_api_server_reads_them() {
        let object = json!({"metadata": {"labels": {"app": "cart", "tier": "web"}}});
        for (selector, matches) in [
            ("", true),
            ("app=cart", true),
            ("app==cart,tier=web", true),
            ("app!=cart", false),
            ("team!=x", true),
            ("app in (cart, basket),tier", true),
            ("app notin (cart)", false),
            ("!team", true),
            ("team", false),
            ("app in cart", false),
        ] {
            assert_eq!(labels_match(&object, Some(selector)), matches, "{selector}");
        }
    }

    #[test]
    fn field_selectors_compare_text() {
        let object = json!({"involvedObject": {"name": "cart-1"}, "type": "Warning"});
        assert!(fields_match(
            &object,
            Some("involvedObject.name=cart-1,type!=Normal")
        ));
        assert!(!fields_match(&object, Some("involvedObject.name=cart-2")));
    }
}
