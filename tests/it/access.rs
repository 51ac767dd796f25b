//! Who may do what: the admin token and its cookie, API keys and their quotas, other sites, proxies.

mod keys;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, header};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Server, client_with, triangle_glb};

/// What only administrators may do. The job that is named does not exist: rights are looked at first.
const FOR_ADMINISTRATORS: [(Method, &str); 7] = [
    (Method::GET, "/api/v1/jobs"),
    (Method::GET, "/api/v1/backup"),
    (Method::GET, "/api/v1/keys"),
    (Method::POST, "/api/v1/keys"),
    (Method::POST, "/api/v1/queue/pause"),
    (Method::POST, "/api/v1/queue/resume"),
    (Method::POST, "/api/v1/queue/purge?older_than_seconds=0"),
];

async fn code_of(answer: Response) -> String {
    let problem: Value = answer.json().await.unwrap();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_concerns_all_jobs_needs_the_token_also_on_this_machine() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let wrong = client_with("0123456789abcdef0123456789abcdef");
    for (method, path) in FOR_ADMINISTRATORS {
        for stranger in [&Client::new(), &wrong] {
            let answer = stranger.request(method.clone(), server.address(path)).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            assert_eq!(code_of(answer).await, "token_needed", "{path}");
        }
    }
    let mine = server.get("/api/v1/jobs").await;
    assert_eq!(mine.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_id_of_a_job_is_the_right_to_see_it_and_to_stop_it() {
    let data = tempdir().unwrap();
    let mut server = Server::start(data.path());
    server.client = Client::new();
    let id = server.submit(triangle_glb()).await;
    assert_eq!(server.get(&format!("/api/v1/jobs/{id}/original")).await.status(), StatusCode::OK);
    server.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert!(server.finished(&id).await["finished_at"].is_string());
    assert_eq!(server.delete(&id).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_token_is_made_once_kept_private_and_printed_once() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let file = data.path().join("admin-token");
    let token = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!((server.token.as_str(), token.len()), (token.as_str(), 64));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    server.terminate();
    fs::rename(&file, data.path().join("moved")).unwrap();
    fs::write(&file, &token).unwrap();
    let again = Server::start(data.path());
    assert_eq!(again.token, token, "the second start prints no other token");
    assert_eq!(again.get("/api/v1/jobs").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn admin_token_overrides_the_file() {
    let data = tempdir().unwrap();
    let server = Server::start_with(data.path(), &[("ADMIN_TOKEN", "s3cret")]);
    assert!(!data.path().join("admin-token").exists());
    let list = |token: &str| client_with(token).get(server.address("/api/v1/jobs")).send();
    assert_eq!(list("s3cret").await.unwrap().status(), StatusCode::OK);
    assert_eq!(list("s3cre").await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_data_folder_there_is_a_token_all_the_same() {
    let data = tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, b"no folder").unwrap();
    let server = Server::start(&file.join("data"));
    assert_eq!(server.token.len(), 64);
    assert_eq!(server.get("/api/v1/jobs").await.status(), StatusCode::OK);
    let stranger = Client::new().get(server.address("/api/v1/jobs")).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
}

/// A browser that does not follow redirects.
fn browser() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

/// The cookie that logging in with this token sets, as name and value, and its attributes.
async fn log_in(server: &Server, headers: &[(&str, &str)]) -> (String, String) {
    let request = browser().get(server.address(&format!("/login?token={}", server.token)));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[header::LOCATION], "/");
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once(';').unwrap();
    (pair.to_owned(), attributes.to_owned())
}

#[tokio::test]
async fn logging_in_gives_a_cookie_that_only_pages_of_this_server_can_use() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let (cookie, attributes) = log_in(&server, &[]).await;
    assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Strict"), "{attributes}");
    assert!(!attributes.contains("Secure"), "over HTTP a secure cookie would be thrown away");
    assert!(!cookie.contains(&server.token), "the cookie is not the token");
    let with = |method: Method, path: &str, headers: &[(&str, &str)]| {
        let request = Client::new().request(method, server.address(path)).header("cookie", &cookie);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };
    let pause = |headers: &'static [(&str, &str)]| with(Method::POST, "/api/v1/queue/pause", headers);
    let own = [("sec-fetch-site", "same-origin")];
    assert_eq!(with(Method::GET, "/api/v1/jobs", &own).await.unwrap().status(), StatusCode::OK);
    assert_eq!(pause(&[("sec-fetch-site", "same-origin")]).await.unwrap().status(), StatusCode::OK);
    for headers in [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        assert_eq!(pause(headers).await.unwrap().status(), StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    let left = with(Method::POST, "/logout", &[("origin", "https://evil.example")]).await.unwrap();
    assert_eq!(left.status(), StatusCode::FORBIDDEN);
    let left = browser().post(server.address("/logout")).header("cookie", &cookie).send().await.unwrap();
    assert!(left.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn the_form_takes_the_token_and_refuses_any_other() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let post = |token: String| {
        let form = browser().post(server.address("/login")).body(format!("token={token}"));
        form.header("content-type", "application/x-www-form-urlencoded").send()
    };
    let form = Client::new().get(server.address("/login")).send().await.unwrap();
    assert_eq!(form.status(), StatusCode::OK);
    assert!(form.text().await.unwrap().contains("type=\"password\""));
    assert_eq!(post(server.token.clone()).await.unwrap().status(), StatusCode::SEE_OTHER);
    let wrong = post("<script>".into()).await.unwrap();
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    assert!(!wrong.headers().contains_key(header::SET_COOKIE));
    assert!(!wrong.text().await.unwrap().contains("<script>"));
    // Nobody's memory is filled by what is read before it is known who sends it.
    assert_eq!(post("x".repeat(1 << 20)).await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure_and_browsers_stay_there() {
    let data = tempdir().unwrap();
    let server = Server::start_with(data.path(), &[("TRUSTED_PROXIES", "loopback")]);
    let (_, attributes) = log_in(&server, &[("x-forwarded-proto", "https")]).await;
    assert!(attributes.contains("; Secure"), "{attributes}");
    let get = |proto: &'static str| {
        Client::new().get(server.address("/health/live")).header("x-forwarded-proto", proto).send()
    };
    let https = get("https").await.unwrap();
    assert!(https.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
    assert!(!get("http").await.unwrap().headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn what_a_stranger_says_for_others_is_not_believed() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let request = Client::new().get(server.address("/health/live"));
    let request = request.header("x-forwarded-proto", "https").header("x-request-id", "mine");
    let answer = request.send().await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"));
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    assert!(id.len() == 32 && id != "mine", "{id}");
    // Nor does a new address for every upload make a new client of somebody.
    server.terminate();
    let server = limited(data.path(), &[]);
    assert_eq!(second_client(&server).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_a_trusted_proxy_says_is() {
    let data = tempdir().unwrap();
    let server = limited(data.path(), &[("TRUSTED_PROXIES", "127.0.0.0/8")]);
    assert_eq!(second_client(&server).await, StatusCode::ACCEPTED);
    let request = Client::new().get(server.address("/health/live")).header("x-request-id", "from-the-proxy");
    assert_eq!(request.send().await.unwrap().headers()["x-request-id"], "from-the-proxy");
}

/// A server that takes one unfinished job of a client.
fn limited(folder: &Path, variables: &[(&str, &str)]) -> Server {
    Server::start_with(folder, &[variables, &[("MAX_JOBS_PER_CLIENT", "1")]].concat())
}

/// Sends two files that wait, as from two addresses behind a proxy; returns what became of the second.
async fn second_client(server: &Server) -> StatusCode {
    assert_eq!(server.post("/api/v1/queue/pause").await.status(), StatusCode::OK);
    let send = |address: &'static str| {
        let request = Client::new().post(server.address("/api/v1/jobs")).header("x-forwarded-for", address);
        request.body(triangle_glb()).send()
    };
    assert_eq!(send("192.0.2.1").await.unwrap().status(), StatusCode::ACCEPTED);
    send("192.0.2.2").await.unwrap().status()
}

#[tokio::test]
async fn other_sites_may_use_the_api_only_when_they_are_named() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path());
    let ask = |server: &Server| {
        Client::new().get(server.address("/health/live")).header("origin", "https://shop.example").send()
    };
    assert!(!ask(&server).await.unwrap().headers().contains_key("access-control-allow-origin"));
    server.terminate();
    let server = Server::start_with(data.path(), &[("CORS_ORIGINS", "https://shop.example")]);
    let answer = ask(&server).await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example");
    assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    let other = Client::new().get(server.address("/health/live")).header("origin", "https://evil.example");
    assert!(!other.send().await.unwrap().headers().contains_key("access-control-allow-origin"));
    let preflight = Client::new()
        .request(Method::OPTIONS, server.address("/api/v1/jobs"))
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,idempotency-key");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["access-control-allow-headers"].to_str().unwrap().contains("idempotency-key"));
}
