//! What the gateway answers to bodies in any order and of any shape: nothing that is refused looks as if it had been done, and
//! no body makes an error of the gateway's own.

use serde_json::{Value, json};

use super::{
    gateway::{Gateway, bundle_of, eager, entry},
    *,
};

/// Before the month of the readings here has ended: all of them can be corrected.
const NOW: &str = "2026-01-10T00:00:00Z";
const DAY: &str = "2026-01-05";

fn word(answer: &Value) -> &str {
    answer["issue"][0]["details"]["coding"][0]["code"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn text(answer: &Value) -> &str {
    answer["issue"][0]["details"]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn as_status(status: &str, observation: &str) -> String {
    observation.replace("\"final\"", &format!("\"{status}\""))
}

/// An entry with a `fullUrl`.
fn entry_as(full_url: &str, method: &str, url: &str, resource: &str) -> String {
    format!(r#"{{"fullUrl":"{full_url}","resource":{resource},"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

fn identified(observation: &str) -> String {
    observation.replacen("\"code\"", r#""identifier":[{"system":"urn:lab","value":"1"}],"code""#, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_taken_is_not_withdrawn_and_what_was_counts_until_it_is() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, NOW).await;
    assert_eq!(gateway.send("PUT", "/Patient/p", &patient()).await.0, 201);
    // The sender's own id is not the one that the gateway gave.
    let (status, taken) = gateway.send("POST", "/Observation", &identified(&weight("o1", DAY, "22.0"))).await;
    assert_eq!(status, 201, "{taken}");
    let id = taken["id"].as_str().unwrap();
    let wrong = as_status("entered-in-error", &weight("o1", DAY, "22.0"));
    let (status, refused) = gateway.send("PUT", "/Observation/o1", &wrong).await;
    assert_eq!((status, word(&refused)), (404, "nothing-to-withdraw"), "{refused}");
    assert_eq!(
        (&refused["resourceType"], &refused["issue"][0]["code"]),
        (&json!("OperationOutcome"), &json!("not-found"))
    );
    assert_eq!(gateway.get("/Observation/o1").await.0, 404, "nothing of it is kept");
    let (status, refused) = gateway.send("PUT", "/Observation/o1", &identified(&wrong)).await;
    assert_eq!((status, word(&refused)), (409, "identifier-taken"), "{refused}");
    assert_eq!(gateway.state(id).await, "queued");

    // In a Bundle, too.
    let entries =
        [entry("PUT", "Patient/q", &patient().replace("\"p\"", "\"q\"")), entry("PUT", "Observation/o1", &wrong)];
    let (status, refused) = gateway.send("POST", "/", &bundle_of("transaction", &entries)).await;
    assert_eq!((status, word(&refused)), (404, "nothing-to-withdraw"), "{refused}");
    assert_eq!(refused["issue"][0]["expression"], json!(["Bundle.entry[1].resource.id"]));
    assert_eq!(gateway.get("/Patient/q").await.0, 404, "the transaction was refused whole");
    let (status, answer) = gateway.send("POST", "/", &bundle_of("batch", &entries)).await;
    assert_eq!((status, &answer["entry"][1]["response"]["status"]), (200, &json!("404")), "{answer}");

    // As a new one there is nothing in it either; by its own id it is withdrawn, once for good.
    assert_eq!(gateway.send("POST", "/Observation", &wrong).await.0, 422);
    let found = gateway.get("/Observation?identifier=urn:lab%7C1").await.1;
    assert_eq!(found["entry"][0]["resource"]["id"], id);
    let right = identified(&wrong.replace("\"id\":\"o1\"", &format!("\"id\":\"{id}\"")));
    for _ in 0..2 {
        assert_eq!(gateway.send("PUT", &format!("/Observation/{id}"), &right).await.0, 200);
        assert_eq!(gateway.state(id).await, "withdrawn");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_leaves_what_was_taken_before_and_that_is_said() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, NOW).await;
    gateway.send("PUT", "/Patient/p", &patient()).await;
    assert_eq!(gateway.send("PUT", "/Observation/o1", &weight("o1", DAY, "22.0")).await.0, 201);
    let stands = "what was taken of this id before stays as it is";
    for status in ["cancelled", "unknown", "preliminary", "registered", "nonsense"] {
        for (id, known) in [("o1", true), ("o2", false)] {
            let body = as_status(status, &weight(id, DAY, "23.0"));
            let (code, refused) = gateway.send("PUT", &format!("/Observation/{id}"), &body).await;
            assert_eq!((code, text(&refused).contains(stands)), (422, known), "{status}: {refused}");
        }
    }
    // Of another code the catalogue knows nothing; the weight is still there.
    let other = weight("o1", DAY, "22.0").replace("29463-7", "99999-9");
    let (code, refused) = gateway.send("PUT", "/Observation/o1", &other).await;
    assert_eq!((code, text(&refused).contains(stands)), (422, true), "{refused}");
    let whole = bundle_of("transaction", &[entry("PUT", "Observation/o1", &other)]);
    let (code, refused) = gateway.send("POST", "/", &whole).await;
    assert_eq!((code, word(&refused)), (422, "stands"), "{refused}");
    let whole = bundle_of("transaction", &[entry("PUT", "Observation/o9", &other.replace("o1", "o9"))]);
    assert_eq!(gateway.send("POST", "/", &whole).await.1["entry"][0]["response"]["status"], "204", "of nothing there");
    assert_eq!(gateway.state("o1").await, "queued");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_precondition_is_kept_or_refused_and_no_method_pretends() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, NOW).await;
    gateway.send("PUT", "/Patient/p", &patient()).await;
    gateway.send("PUT", "/Observation/o1", &weight("o1", DAY, "22.0")).await;
    let put = async |path: &str, header: (&str, &str), body: &str| {
        let request = gateway.client.put(format!("{}{path}", gateway.url)).header(header.0, header.1);
        let request = request.header("content-type", "application/fhir+json").body(body.to_owned());
        request.send().await.unwrap().status().as_u16()
    };
    for (header, value, expected) in [
        ("if-match", "W/\"2\"", 412),
        ("if-match", "\"1\"", 200),
        ("if-match", "W/\"1\"", 412),
        ("if-match", "W/\"2\"", 200),
        ("if-match", "*", 400),
        ("if-match", "1", 400),
        ("if-none-match", "*", 400),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 400),
    ] {
        // A repeat of what is there is the same version.
        let body = weight("o1", DAY, if expected == 200 && value == "\"1\"" { "23.0" } else { "24.0" });
        assert_eq!(put("/Observation/o1", (header, value), &body).await, expected, "{header}: {value}");
    }
    assert_eq!(put("/Observation/o2", ("if-match", "W/\"1\""), &weight("o2", DAY, "24.0")).await, 412, "none is there");
    assert_eq!(put("/Patient/p", ("if-match", "W/\"1\""), &patient()).await, 200);
    assert_eq!(put("/Patient/p", ("if-match", "W/\"2\""), &patient()).await, 412);
    let conditional = |condition: &str| {
        let text = weight("o1", DAY, "25.0");
        let request = format!(r#"{{"method":"PUT","url":"Observation/o1",{condition}}}"#);
        bundle_of("transaction", &[format!(r#"{{"resource":{text},"request":{request}}}"#)])
    };
    for (condition, expected) in [
        (r#""ifMatch":"W/\"1\"""#, 412),
        (r#""ifNoneMatch":"*""#, 400),
        (r#""ifModifiedSince":"2026-01-01T00:00:00Z""#, 400),
        (r#""ifMatch":"W/\"3\"""#, 200),
    ] {
        assert_eq!(gateway.send("POST", "/", &conditional(condition)).await.0, expected, "{condition}");
    }
    let by_identifier = "Observation?identifier=http://lab|1";
    let whole = bundle_of("transaction", &[entry_as("urn:uuid:1", "PUT", by_identifier, &weight("o1", DAY, "26.0"))]);
    let (status, refused) = gateway.send("POST", "/", &whole).await;
    assert_eq!((status, word(&refused)), (405, "conditional-update"), "{refused}");
    let (status, refused) =
        gateway.send("PUT", "/Observation?identifier=urn:lab%7C1", &weight("o1", DAY, "26.0")).await;
    assert_eq!((status, word(&refused)), (405, "conditional-update"), "{refused}");
    for method in ["PATCH", "DELETE"] {
        for id in ["o1", "nobody"] {
            let (status, refused) = gateway.send(method, &format!("/Observation/{id}"), "[]").await;
            assert_eq!((status, &refused["resourceType"]), (405, &json!("OperationOutcome")), "{method} {id}");
            let whole = bundle_of("batch", &[entry(method, &format!("Observation/{id}"), "null")]);
            let (_, answer) = gateway.send("POST", "/", &whole).await;
            assert_eq!(answer["entry"][0]["response"]["status"], "405", "{method} {id}");
        }
    }
    assert_eq!(gateway.get("/Observation/o1").await.1["meta"]["versionId"], "4");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_has_no_order_and_a_reference_may_take_any_form() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, NOW).await;
    let by_identifier = format!("Patient?identifier={PERSON_SYSTEM}|NAME");
    let forms = [
        "Patient/ID",
        "urn:uuid:ID",
        "https://hospital.example/fhir/Patient/ID",
        "Patient/ID/_history/7",
        &by_identifier,
    ];
    for kind in ["transaction", "batch"] {
        for (position, form) in forms.iter().enumerate() {
            for method in ["PUT", "POST"] {
                let id = format!("{kind}-{position}-{method}");
                let named = format!("person {id}");
                let reference = form.replace("ID", &id).replace("NAME", &named);
                let of = weight(&format!("o-{id}"), DAY, "22.0").replace("Patient/p", &reference);
                let who = patient_as(&id, &named, r#""gender":"female","birthDate":"1980-02-29""#);
                let url = if method == "PUT" { format!("Patient/{id}") } else { "Patient".to_owned() };
                let first = entry("PUT", &format!("Observation/o-{id}"), &of);
                let entries = [first, entry_as(&format!("urn:uuid:{id}"), method, &url, &who)];
                let (status, answer) = gateway.send("POST", "/", &bundle_of(kind, &entries)).await;
                assert_eq!(status, 200, "{method} {reference}: {answer}");
                for entry in answer["entry"].as_array().unwrap() {
                    assert_eq!(entry["response"]["status"], "201", "{method} {reference}: {answer}");
                }
                assert_eq!(gateway.state(&format!("o-{id}")).await, "queued");
            }
        }
    }
    gateway.stop().await;
}

/// Every place in a document, as a JSON pointer.
fn places(document: &Value, at: String, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match document {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(position, value)| (position.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in below {
        places(value, format!("{at}/{name}"), found);
    }
    found.push(at);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_an_error_of_the_gateways_own() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, NOW).await;
    let pressure = panel(
        "o2",
        "85354-9",
        "2026-01-06T08:00:00+08:00",
        &[component("8480-6", &quantity("120", "mm[Hg]")), component("8462-4", &quantity("80", "mm[Hg]"))],
    );
    let entries = [
        entry("PUT", "Observation/o1", &weight("o1", DAY, "22.0")),
        entry("POST", "Observation", &identified(&pressure)),
        entry_as("urn:uuid:p", "PUT", "Patient/p", &patient()),
    ];
    let document: Value = serde_json::from_str(&bundle_of("transaction", &entries)).unwrap();
    let mut all = Vec::new();
    places(&document, String::new(), &mut all);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let long = format!("\"{}\"", "9".repeat(5_000));
    let odd = [
        "null",
        "true",
        "0",
        "-1",
        "1e400",
        "0.1e-32",
        "\"\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[null]",
        "[{}]",
        "\"Patient/\"",
        "\"0001-01-01\"",
        "\"9999-12-31T23:59:60.999999999999+14:00\"",
        "\"entered-in-error\"",
        "\"DELETE\"",
        "\"Observation?identifier=a|b\"",
        &deep,
        &long,
    ];
    let mut answered = std::collections::BTreeMap::new();
    for place in &all {
        for value in odd {
            let mut changed = document.clone();
            *changed.pointer_mut(place).unwrap() = json!("THE-PLACE");
            let body = changed.to_string().replace("\"THE-PLACE\"", value);
            for body in [body.clone(), body.replace("\"transaction\"", "\"batch\"")] {
                let (status, answer) = gateway.send("POST", "/", &body).await;
                *answered.entry(status).or_insert(0) += 1;
                assert!((200..500).contains(&status), "{place} = {value:.80}: {status} {answer}");
                let kind = if status == 200 { "Bundle" } else { "OperationOutcome" };
                assert_eq!(answer["resourceType"], kind, "{place} = {value:.80}: {status} {answer}");
                for entry in answer["entry"].as_array().into_iter().flatten() {
                    let status: u16 = entry["response"]["status"].as_str().unwrap().parse().unwrap();
                    assert!((200..500).contains(&status), "{place} = {value:.80}: {answer}");
                }
            }
        }
    }
    assert!(answered.contains_key(&200) && answered.contains_key(&400) && answered.contains_key(&422), "{answered:?}");
    // The same resource twice, and two of one identifier, in one request.
    let twice = [entries[0].clone(), entries[0].replace("22.0", "23.0"), entries[1].clone(), entries[1].clone()];
    let with_patient: Vec<String> = twice.into_iter().chain([entries[2].clone()]).collect();
    for kind in ["transaction", "batch"] {
        let (status, answer) = gateway.send("POST", "/", &bundle_of(kind, &with_patient)).await;
        assert!(status < 500, "{kind}: {status} {answer}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_does_not_take_is_refused_in_the_gateways_own_words() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, NOW).await;
    for (path, expected) in [
        ("/Observation/a_b", (400, "id-form")),
        ("/Patient/a_b", (400, "id-form")),
        ("/Observation?Zhang=1", (400, "search")),
        ("/Observation?_id=a&identifier=b%7C1", (400, "search")),
        ("/Observation", (400, "search")),
        ("/$import/Zhang", (404, "unknown")),
        ("/nothing", (404, "no-route")),
    ] {
        let (status, refused) = gateway.get(path).await;
        assert_eq!((status, word(&refused)), expected, "{path}: {refused}");
        assert!(!refused.to_string().contains("Zhang"), "{refused}");
    }
    let (status, found) = gateway.get("/Observation?_id=nothing&_format=json").await;
    assert_eq!((status, &found["total"]), (200, &json!(0)), "{found}");
    let sent = gateway.client.post(format!("{}/Observation", gateway.url)).header("content-type", "text/plain");
    let answer = sent.body("{}").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (415, &"application/fhir+json".parse().unwrap())
    );
    let refused: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(word(&refused), "media-type", "{refused}");
    gateway.stop().await;
}
