//! Writes the API's description as a page for people: routes by tag, with parameters, answers and a command to try.

use std::fmt::{self, Display, Write};

use serde_json::Value;

use super::code_samples;

/// How the page looks, in daylight and at night.
pub(super) const STYLE: &str = include_str!("docs.css");

/// The page.
pub(super) fn render(document: &Value) -> String {
    let mut html = String::new();
    // Writing to a String does not fail.
    let _ = write_page(&mut html, document);
    html
}

/// Text that is safe between tags and in attributes.
struct Safe<'a>(&'a str);

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

/// The same for sentences: what stands between backticks is code.
struct Prose<'a>(&'a str);

impl Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every second part is between two of them; one without its other half is left as it is.
        let parts: Vec<&str> = self.0.split('`').collect();
        for (index, part) in parts.iter().enumerate() {
            match index % 2 {
                1 if index + 1 < parts.len() => write!(f, "<code>{}</code>", Safe(part))?,
                1 => write!(f, "`{}", Safe(part))?,
                _ => Safe(part).fmt(f)?,
            }
        }
        Ok(())
    }
}

fn prose<'a>(value: &'a Value, name: &str) -> Prose<'a> {
    Prose(value[name].as_str().unwrap_or_default())
}

fn text<'a>(value: &'a Value, name: &str) -> Safe<'a> {
    Safe(value[name].as_str().unwrap_or_default())
}

fn write_page(html: &mut String, document: &Value) -> fmt::Result {
    let info = &document["info"];
    write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{0}: API</title>\
         <link rel=\"stylesheet\" href=\"docs.css\"></head><body><main><h1>{0}: API</h1><p>{1}</p>\
         <p>Version {2}. For programs: <a href=\"v1/openapi.json\">openapi.json</a>. <a href=\"../\">To the page</a></p>",
        text(info, "title"),
        prose(info, "description"),
        text(info, "version")
    )?;
    for tag in document["tags"].as_array().into_iter().flatten() {
        write!(html, "<h2>{}</h2><p>{}</p>", text(tag, "name"), prose(tag, "description"))?;
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, route) in methods.as_object().into_iter().flatten() {
                if route["tags"][0] == tag["name"] {
                    write_route(html, &method.to_uppercase(), path, route)?;
                }
            }
        }
    }
    html.push_str("</main></body></html>");
    Ok(())
}

fn write_route(html: &mut String, method: &str, path: &str, route: &Value) -> fmt::Result {
    write!(
        html,
        "<section><h3><span>{method}</span> <code>{}</code></h3><p><strong>{}.</strong> {}</p><pre>{}</pre>",
        Safe(path),
        text(route, "summary"),
        prose(route, "description"),
        text(&route[code_samples::NAME][0], "source")
    )?;
    write_parameters(html, route)?;
    html.push_str("<details><summary>Answers</summary><dl>");
    for (status, answer) in route["responses"].as_object().into_iter().flatten() {
        let kinds = answer["content"].as_object().into_iter().flatten().map(|(kind, _)| kind.as_str());
        let kinds: Vec<&str> = kinds.collect();
        let kinds = kinds.join(", ");
        write!(
            html,
            "<dt>{status}</dt><dd>{} <small>{}</small></dd>",
            prose(answer, "description"),
            Safe(&kinds)
        )?;
    }
    html.push_str("</dl></details></section>");
    Ok(())
}

fn write_parameters(html: &mut String, route: &Value) -> fmt::Result {
    let parameters = route["parameters"].as_array().filter(|parameters| !parameters.is_empty());
    let Some(parameters) = parameters else { return Ok(()) };
    html.push_str("<details><summary>Parameters</summary><dl>");
    for parameter in parameters {
        let words = parameter["schema"]["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let words: Vec<&str> = words.collect();
        write!(
            html,
            "<dt><code>{}</code></dt><dd>{} <small>{}</small></dd>",
            text(parameter, "name"),
            prose(parameter, "description"),
            Safe(&words.join(" | "))
        )?;
    }
    html.push_str("</dl></details>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_no_markup() {
        assert_eq!(Prose("a `<b>` and ` c").to_string(), "a <code>&lt;b&gt;</code> and ` c");
        assert_eq!(Safe("<a href=\"x\">&'").to_string(), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }
}
