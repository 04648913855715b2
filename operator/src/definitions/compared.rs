//! One definition against another: which fields of ours a cluster's does not have, and what is left of a status without them. Pure; part of
//! `definitions`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

/// The schema of our version, if it is served.
pub(super) fn schema(definition: &CustomResourceDefinition) -> Option<&JSONSchemaProps> {
    let mut versions = definition.spec.versions.iter();
    let ours = versions.find(|version| version.name == purser_crds::VERSION && version.served)?;
    ours.schema.as_ref()?.open_api_v3_schema.as_ref()
}

/// The paths of `ours` that `theirs` does not have; below a field that is missing none is named.
pub(super) fn lacks(ours: &JSONSchemaProps, theirs: &JSONSchemaProps) -> Vec<String> {
    let mut paths = Vec::new();
    compare((ours, theirs), "", &mut paths);
    paths
}

fn compare(
    (ours, theirs): (&JSONSchemaProps, &JSONSchemaProps),
    at: &str,
    paths: &mut Vec<String>,
) {
    if theirs.x_kubernetes_preserve_unknown_fields == Some(true) {
        return;
    }
    for (name, ours) in ours.properties.iter().flatten() {
        let dot = if at.is_empty() { "" } else { "." };
        let path = format!("{at}{dot}{name}");
        match theirs.properties.as_ref().and_then(|known| known.get(name)) {
            Some(theirs) => compare((ours, theirs), &path, paths),
            None => paths.push(path),
        }
    }
    if let (Some(ours), Some(theirs)) = (item(ours), item(theirs)) {
        compare((ours, theirs), &format!("{at}[]"), paths);
    }
    if let (Some(ours), Some(theirs)) = (value(ours), value(theirs)) {
        compare((ours, theirs), &format!("{at}.*"), paths);
    }
}

fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(item) => Some(item),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn value(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.additional_properties.as_ref()? {
        JSONSchemaPropsOrBool::Schema(value) => Some(value),
        JSONSchemaPropsOrBool::Bool(_) => None,
    }
}

/// Takes out of an object what its schema does not have.
pub(super) fn keep_known(object: &mut Map<String, Value>, schema: &JSONSchemaProps) {
    let Some(known) = &schema.properties else {
        return;
    };
    object.retain(|name, _| known.contains_key(name));
    for (name, field) in object {
        let Some(schema) = known.get(name) else {
            continue;
        };
        let items = field.as_array_mut().into_iter().flatten();
        for one in items.filter_map(Value::as_object_mut) {
            if let Some(schema) = item(schema) {
                keep_known(one, schema);
            }
        }
        if let Some(inner) = field.as_object_mut() {
            keep_known(inner, schema);
        }
    }
}
