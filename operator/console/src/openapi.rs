//! The table as OpenAPI 3.1. Called by the route that serves it. It must never say anything that the table does not.

use crate::route::{Route, Shape, Who, Wrap};
use crate::routes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document.
pub(crate) fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut schemas = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all() {
        let described = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = described;
    }
    let mut components: Map<String, Value> = schemas.take_definitions(true);
    components.insert("Failure".to_owned(), failure());
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Purser management API", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "http", "scheme": "bearer", "description": "The token of POST /api/user/login."},
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, sk-…"},
            },
        },
    })
}

fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["success", "message", "data"],
        "properties": {
            "success": {"const": false},
            "message": {"type": "string", "minLength": 1},
            "data": {"type": "null"},
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.what,
        "responses": responses(route, schemas),
    });
    let mut parameters = in_path(route);
    for shape in &route.query {
        parameters.extend(in_query(*shape, schemas));
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(shape) = route.body {
        let schema = shape(schemas);
        operation["requestBody"] = json!({"required": !route.may_lack_body, "content": {"application/json": {"schema": schema}}});
    }
    match route.who {
        Who::Anyone | Who::Signature => {}
        Who::Key => operation["security"] = json!([{"key": []}]),
        _ => operation["security"] = json!([{"session": []}]),
    }
    operation
}

/// `get_api_token_id`.
fn name(route: &Route) -> String {
    let words = route
        .path
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!(
        "{}_{}",
        route.method.as_str().to_lowercase(),
        words.join("_")
    )
}

fn in_path(route: &Route) -> Vec<Value> {
    let name = route
        .path
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let one = |(name, _): (&str, &str)| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}});
    name.map(one).into_iter().collect()
}

/// Each member of the shape is a parameter.
fn in_query(shape: Shape, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let schema = shape(schemas).to_value();
    let whole = match schema.get("$ref").and_then(Value::as_str) {
        Some(path) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            schemas.definitions().get(name).cloned().unwrap_or_default()
        }
        None => schema,
    };
    let members = whole["properties"].as_object().cloned().unwrap_or_default();
    members.into_iter().map(|(name, schema)| {
        let description = schema["description"].clone();
        json!({"name": name, "in": "query", "required": false, "description": description, "schema": plain(schema)})
    }).collect()
}

/// A query has no null: what may be left out is left out.
fn plain(mut schema: Value) -> Value {
    if let Some(kinds) = schema["type"].as_array().cloned() {
        let kind = kinds.into_iter().find(|kind| kind != "null");
        schema["type"] = kind.unwrap_or_default();
    }
    if let Some(members) = schema.as_object_mut() {
        members.remove("default");
        members.remove("description");
    }
    schema
}

fn responses(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let data = route.data.map(|shape| shape(schemas).to_value());
    let data = data.unwrap_or_else(|| json!({}));
    let whole = match route.wrap {
        Wrap::Bare => data,
        Wrap::Envelope => json!({
            "type": "object",
            "required": ["success", "message", "data"],
            "properties": {"success": {"const": true}, "message": {"type": "string"}, "data": data},
        }),
    };
    let mut content = json!({"application/json": {"schema": whole}});
    if route.path == "/api/statement" {
        for kind in ["text/csv", "text/html"] {
            content[kind] = json!({"schema": {"type": "string"}});
        }
    }
    let failure = json!({
        "description": "a failure, with its own status",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
    });
    json!({
        "200": {"description": route.what, "content": content},
        "default": failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_name_is_used_once() {
        let document = document();
        let text = document.to_string();
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(
                !document["components"]["schemas"][name].is_null(),
                "{name} is nowhere"
            );
        }
        let mut names: Vec<String> = routes::all().iter().map(name).collect();
        names.sort();
        let many = names.len();
        names.dedup();
        assert_eq!(names.len(), many);
    }
}
