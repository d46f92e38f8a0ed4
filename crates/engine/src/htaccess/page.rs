//! The small pages that say why: with the sentences that Apache has for them, so that visitors and scripts read what
//! they are used to.

use crate::host::Built;
use message::{is_field_value, reason_of};

/// The page of an error; `also` is the status of an error document that could not be had.
pub(crate) fn error_page(status: u16, also: Option<u16>) -> Built {
    let reason = reason_of(status);
    let sentence = match status {
        400 => "Your browser sent a request that this server could not understand.",
        401 => {
            "This server could not verify that you are authorized to access the document requested. Either you \
             supplied the wrong credentials (e.g., bad password), or your browser doesn't understand how to supply the \
             credentials required."
        }
        403 => "You don't have permission to access this resource.",
        404 => "The requested URL was not found on this server.",
        405 => "The requested method is not allowed for this URL.",
        410 => {
            "The requested resource is no longer available on this server and there is no forwarding address. Please \
             remove all references to this resource."
        }
        500 => {
            "The server encountered an internal error or misconfiguration and was unable to complete your request."
        }
        503 => {
            "The server is temporarily unable to service your request due to maintenance downtime or capacity \
             problems. Please try again later."
        }
        _ => "",
    };
    let also = also.map_or(String::new(), |also| {
        let what = reason_of(also);
        format!(
            "<p>Additionally, a {also} {what} error was encountered while trying to use an ErrorDocument to handle \
             the request.</p>\n"
        )
    });
    page(status, &format!("<h1>{reason}</h1>\n<p>{sentence}</p>\n{also}"))
}

/// The page of a redirect, for those whose browser does not follow it. What no head can hold is no Location: 500.
pub(crate) fn redirect_page(status: u16, location: &[u8]) -> Built {
    if !is_field_value(location) {
        return error_page(500, None);
    }
    let link = escaped(location);
    let sentence = match status {
        303 => format!("The answer to your request is located <a href=\"{link}\">here</a>."),
        _ => format!("The document has moved <a href=\"{link}\">here</a>."),
    };
    let body = format!("<h1>{}</h1>\n<p>{sentence}</p>\n", reason_of(status));
    let mut built = page(status, &body);
    built.fields.push((b"Location".to_vec(), location.to_vec()));
    built
}

/// The text that `ErrorDocument` gives; HTML, as in Apache. What is no UTF-8 is what Apache takes all texts for.
pub(crate) fn document_text(status: u16, text: &[u8]) -> Built {
    let charset = if std::str::from_utf8(text).is_ok() { "utf-8" } else { "iso-8859-1" };
    Built {
        status,
        reason: reason_of(status).as_bytes().to_vec(),
        content_type: format!("text/html; charset={charset}").into_bytes(),
        fields: Vec::new(),
        body: text.to_vec(),
    }
}

fn page(status: u16, body: &str) -> Built {
    let reason = reason_of(status);
    let body = format!(
        "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>{status} {reason}</title>\n</head>\
         <body>\n{body}</body></html>\n"
    );
    document_text(status, body.as_bytes())
}

/// A URL in a page: nothing in it ends the attribute, or begins an element.
fn escaped(url: &[u8]) -> String {
    let mut out = String::new();
    for letter in String::from_utf8_lossy(url).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_apache_says_and_a_location_stays_a_location() {
        let refused = error_page(403, Some(404));
        let body = String::from_utf8(refused.body).unwrap();
        assert!(body.contains("<h1>Forbidden</h1>"), "{body}");
        assert!(body.contains("You don't have permission to access this resource."), "{body}");
        assert!(body.contains("Additionally, a 404 Not Found error was encountered"), "{body}");
        let moved = redirect_page(302, b"http://a.example/?a=\"><script>");
        let body = String::from_utf8(moved.body).unwrap();
        assert!(!body.contains("<script>"), "{body}");
        assert!(moved.fields.iter().any(|(name, _)| name == b"Location"));
        let nowhere = redirect_page(302, b"http://a.example/\r\nX: 1");
        assert_eq!((nowhere.status, nowhere.fields.len()), (500, 0));
        assert!(!String::from_utf8(nowhere.body).unwrap().contains("X: 1"));
    }
}
