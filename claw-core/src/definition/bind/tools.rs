//! Holds the definition of a tool against the registered tool.

use super::registered;
use crate::definition::capabilities::Capabilities;
use crate::definition::schema::{Arguments, ParameterSchema};
use crate::definition::tool::{Parameter, ToolDefinition};
use crate::registry::Registry;
use crate::yaml::quoted;
use crate::yaml::{Located, ProblemKind, Problems, did_you_mean};

/// The definition with everything filled in that it leaves to the registered tool.
pub(super) fn bind(
    tool: &ToolDefinition,
    path: &str,
    registry: &Registry,
    capabilities: &Capabilities,
    problems: &mut Problems,
) -> ToolDefinition {
    let mut bound = tool.clone();
    if !registered(&tool.name, path, registry, capabilities, problems) {
        return bound;
    }
    let Some(spec) = registry.get(&tool.name).map(|tool| tool.spec()) else {
        return bound;
    };
    if let Some(auth) = &tool.auth
        && spec.access.kubernetes.is_empty()
    {
        problems.add(
            ProblemKind::Mismatch,
            auth.place,
            format!("{path}.auth"),
            format!(
                "{} does not call the Kubernetes API, so no service account would be used",
                quoted(&tool.name)
            ),
            "leave `auth` out",
        );
    }
    let arguments = Arguments(spec.input.as_value());
    for (name, parameter) in &mut bound.parameters {
        let path = format!("{path}.parameters.{name}");
        let needed = arguments.required().any(|required| required == name);
        match arguments.get(name) {
            Some(schema) => {
                check(parameter, schema, needed, &path, problems);
                if let Some((workflow, step)) = capabilities.setter_of(&tool.name, name) {
                    let what = format!("{} of {}", quoted(name), quoted(&tool.name));
                    let setter = format!("the step {} of {} gives it", quoted(step), quoted(workflow));
                    set_by_a_step(parameter, schema, &what, &setter, &path, problems);
                }
            }
            None => problems.add(
                ProblemKind::Mismatch,
                parameter.kind.place,
                path,
                format!("the tool has no parameter {}", quoted(name)),
                did_you_mean(name, arguments.names()),
            ),
        }
        let by_default = needed && parameter.default.is_none();
        parameter.required.get_or_insert(by_default);
    }
    for name in arguments.required() {
        if !tool.parameters.contains_key(name) {
            let types = arguments
                .get(name)
                .map(ParameterSchema::type_names)
                .unwrap_or_default();
            problems.add(
                ProblemKind::Mismatch,
                tool.name.place,
                path,
                format!("the tool needs the parameter `{name}`, which is not declared"),
                format!("add it to `parameters`, with its type ({types})"),
            );
        }
    }
    bound
}

/// Refuses what would not take effect, or refuse every call, where a step gives the parameter a value of its own. The
/// tool's own default changes nothing, and may stand.
fn set_by_a_step(
    parameter: &Parameter,
    schema: ParameterSchema<'_>,
    what: &str,
    setter: &str,
    path: &str,
    problems: &mut Problems,
) {
    let own = schema.default();
    let mut refuse = |place, key: &str, of: &str, remedy: String| {
        problems.add(
            ProblemKind::NotAvailable,
            place,
            format!("{path}.{key}"),
            format!("not available yet: {of} for {what}: {setter} a value of its own"),
            remedy,
        );
    };
    if let Some(default) = &parameter.default
        && Some(&default.value) != own
    {
        let remedy = match own {
            Some(own) if !own.is_null() => {
                format!("leave `default` out, or write {own}, which is the tool's own")
            }
            _ => "leave `default` out".to_owned(),
        };
        refuse(default.place, "default", "a default", remedy);
    }
    if let Some(first) = parameter.choices.first() {
        refuse(
            first.place,
            "enum",
            "a list of values",
            "leave `enum` out".to_owned(),
        );
    }
}

fn check(
    parameter: &Parameter,
    schema: ParameterSchema<'_>,
    needed: bool,
    path: &str,
    problems: &mut Problems,
) {
    if !schema.takes(parameter.kind.value) {
        problems.add(
            ProblemKind::Mismatch,
            parameter.kind.place,
            format!("{path}.type"),
            format!(
                "the tool does not take a value of type {}",
                parameter.kind.as_str()
            ),
            format!("write `type: {}`", schema.type_names()),
        );
        return;
    }
    let mut value = |value: &Located<_>, key: &str| {
        if let Err(reason) = schema.check(&value.value) {
            let message = format!("the tool does not take {}: {reason}", value.value);
            let path = format!("{path}.{key}");
            problems.add(
                ProblemKind::Mismatch,
                value.place,
                path,
                message,
                "write a value that it takes",
            );
        }
    };
    if let Some(default) = &parameter.default {
        value(default, "default");
    }
    for choice in &parameter.choices {
        value(choice, "enum");
    }
    if needed && parameter.required == Some(false) && parameter.default.is_none() {
        problems.add(
            ProblemKind::Mismatch,
            parameter.kind.place,
            format!("{path}.required"),
            "the tool needs this parameter in every call",
            "remove `required: false`, or add a default",
        );
    }
}
