//! A command to try for each route, as `x-codeSamples` of the API's description.
//!
//! Put together of what the description says of a route: its body, its parameters and their examples, its answers. The
//! extension is Redocly's, and others know it too; who does not leaves it out. A test runs every one of them.

use serde_json::{Value, json};

/// Where a route's command is.
pub(super) const NAME: &str = "x-codeSamples";

/// Gives each route of a description its command.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].take();
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, route) in methods.as_object_mut().into_iter().flatten() {
            let source = command(&method.to_uppercase(), path, route, &schemas);
            route[NAME] = json!([{ "lang": "Shell", "label": "curl", "source": source }]);
        }
    }
    document["components"]["schemas"] = schemas;
}

/// A command for a shell. `$SERVER`, `$ID` and `$TOKEN` are the reader's.
fn command(method: &str, path: &str, route: &Value, schemas: &Value) -> String {
    let (query, address) = query_and_path(path, route);
    let body = body(&route["requestBody"]["content"], schemas);
    // Without a body curl asks by GET, with one by POST.
    let usual = if body.is_empty() { "GET" } else { "POST" };
    let verb = if method != usual { format!(" -X {method}") } else { String::new() };
    // Only administrators are told that a token is needed.
    let unauthorized = route["responses"]["401"]["description"].as_str().unwrap_or_default();
    let is_for_admins = unauthorized.contains("token_needed");
    let token = if is_for_admins { " -H \"Authorization: Bearer $TOKEN\"" } else { "" };
    let file = downloaded(&route["responses"]["200"]["content"]);
    format!("curl -sS{verb}{token}{body}{file} \"$SERVER{address}{query}\"")
}

/// The parameters that must be there, with their examples.
fn query_and_path(path: &str, route: &Value) -> (String, String) {
    let (mut query, mut path) = (String::new(), path.replace("{id}", "$ID"));
    for parameter in route["parameters"].as_array().into_iter().flatten() {
        let (Some(name), true) = (parameter["name"].as_str(), parameter["required"] == true) else {
            continue;
        };
        let example = words(&parameter["example"]);
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), &example);
        } else {
            query += &format!("{}{name}={example}", if query.is_empty() { '?' } else { '&' });
        }
    }
    (query, path)
}

/// What is sent: files of a form, a form's words, JSON, or a file.
fn body(content: &Value, schemas: &Value) -> String {
    let fields = |kind: &str| {
        let schema = &content[kind]["schema"];
        let name = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        let schema = name.map_or(schema, |name| &schemas[name]);
        let needed = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let fields: Vec<(String, Value)> =
            needed.map(|name| (name.to_owned(), schema["properties"][name]["example"].clone())).collect();
        fields
    };
    if content["multipart/form-data"].is_object() {
        let names = fields("multipart/form-data").into_iter().map(|(name, _)| match name.as_str() {
            "file" => " -F file=@model.glb".to_owned(),
            name => format!(" -F {name}=@{name}.glb"),
        });
        return names.collect();
    }
    if content["application/json"].is_object() {
        let json: Value = fields("application/json").into_iter().collect();
        return format!(" -H \"Content-Type: application/json\" -d '{json}'");
    }
    if content["application/x-www-form-urlencoded"].is_object() {
        let fields = fields("application/x-www-form-urlencoded").into_iter();
        return fields.map(|(name, example)| format!(" -d \"{name}={}\"", words(&example))).collect();
    }
    if content.is_object() { " --data-binary @model.glb".to_owned() } else { String::new() }
}

/// Where an answer goes that is not for reading.
fn downloaded(content: &Value) -> &'static str {
    let kinds = content.as_object().into_iter().flatten().map(|(kind, _)| kind.as_str());
    let mut names = kinds.filter_map(|kind| match kind {
        "model/gltf-binary" => Some(" -o small.glb"),
        "application/zip" => Some(" -o small.zip"),
        "image/png" => Some(" -o view.png"),
        "application/octet-stream" => Some(" -o download.bin"),
        _ => None,
    });
    names.next_back().unwrap_or_default()
}

/// A text without its quotation marks.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
