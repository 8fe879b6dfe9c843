//! How the structs of this module read JSON: only the fields that are used, absent and `null` alike are the default.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::container::IntOrString;
use super::meta::Meta;
use super::selector::LabelSelector;
use super::workload::Active;

/// Declares structs that mirror a part of a Kubernetes object.
///
/// Every field is optional in the JSON, `null` counts as absent, unknown fields are skipped without being built, and a
/// field that holds its default is not written. Controllers and people both write `null` where the API says "list", so
/// this must hold for each field; saying it once here keeps it so.
macro_rules! slim {
    ($(
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $( $(#[$field_attribute:meta])* pub $field:ident : $type:ty, )*
        }
    )*) => { $(
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $(
                $(#[$field_attribute])*
                #[serde(
                    default,
                    deserialize_with = "crate::model::slim::null_as_default",
                    skip_serializing_if = "crate::model::slim::is_default"
                )]
                pub $field: $type,
            )*
        }

        impl crate::model::slim::Fit for $name {}
    )* };
}

/// Declares that structs with a `metadata` field are objects of a kind.
macro_rules! objects {
    ($( $name:ident => $kind:literal, )*) => { $(
        impl crate::model::Object for $name {
            fn kind(&self) -> &str {
                $kind
            }

            fn meta(&self) -> &crate::model::Meta {
                &self.metadata
            }
        }
    )* };
}

pub(super) use {objects, slim};

pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + Fit,
{
    let mut value = Option::<T>::deserialize(deserializer)?.unwrap_or_default();
    value.fit();
    Ok(value)
}

/// A value of a field, which takes no more memory than it needs.
pub(super) trait Fit {
    /// Gives back what is over.
    fn fit(&mut self) {}
}

/// A list that is read item by item has room for four at least. Most lists in pods have one, and there are thousands of
/// pods.
impl<T> Fit for Vec<T> {
    fn fit(&mut self) {
        self.shrink_to_fit();
    }
}

macro_rules! fits {
    ($($type:ty),* $(,)?) => { $(impl Fit for $type {})* };
}
fits!(Active, bool, i32, i64, String, IntOrString, LabelSelector, Meta);

impl<T> Fit for Option<T> {}
impl<T> Fit for Box<T> {}
impl<K, V> Fit for BTreeMap<K, V> {}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
