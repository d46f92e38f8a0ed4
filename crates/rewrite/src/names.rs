//! The names of variables: those that rules and expressions share.

use crate::Variable;
use crate::directive::Named;

/// What a name stands for in `%{...}`, in rules and expressions alike; the name is in capitals.
pub(crate) fn shared(name: &[u8]) -> Option<Named> {
    if let Some(field) = name.strip_prefix(b"HTTP_") {
        let (_, field) = FIELDS.iter().find(|(known, _)| known.as_bytes() == field)?;
        return Some(Named::Field(field.as_bytes().to_vec()));
    }
    let own = OWN.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, named)| named.clone());
    own.or_else(|| Some(Named::Of(Variable::NAMED.into_iter().find(|one| one.name().as_bytes() == name)?)))
}

/// Fields of the request, behind `HTTP_`.
const FIELDS: [(&str, &str); 7] = [
    ("USER_AGENT", "User-Agent"),
    ("REFERER", "Referer"),
    ("COOKIE", "Cookie"),
    ("FORWARDED", "Forwarded"),
    ("HOST", "Host"),
    ("PROXY_CONNECTION", "Proxy-Connection"),
    ("ACCEPT", "Accept"),
];

/// What the evaluation knows itself.
const OWN: [(&str, Named); 20] = [
    ("REQUEST_URI", Named::RequestUri),
    ("REQUEST_FILENAME", Named::RequestFilename),
    ("SCRIPT_FILENAME", Named::RequestFilename),
    ("QUERY_STRING", Named::QueryString),
    ("PATH_INFO", Named::PathInfo),
    ("DOCUMENT_ROOT", Named::DocumentRoot),
    ("CONTEXT_PREFIX", Named::ContextPrefix),
    ("CONTEXT_DOCUMENT_ROOT", Named::ContextDocumentRoot),
    ("IS_SUBREQ", Named::IsSubrequest),
    ("HTTPS", Named::Https),
    ("IPV6", Named::Ipv6),
    ("API_VERSION", Named::ApiVersion),
    ("TIME_YEAR", Named::TimeYear),
    ("TIME_MON", Named::TimeMonth),
    ("TIME_DAY", Named::TimeDay),
    ("TIME_HOUR", Named::TimeHour),
    ("TIME_MIN", Named::TimeMinute),
    ("TIME_SEC", Named::TimeSecond),
    ("SCRIPT_USER", Named::Empty),
    ("SCRIPT_GROUP", Named::Empty),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_name_stands_for_one_thing() {
        let fields = FIELDS.iter().map(|(name, _)| format!("HTTP_{name}"));
        let own = OWN.iter().map(|(name, _)| (*name).to_owned());
        let named = Variable::NAMED.iter().map(|variable| variable.name().to_owned());
        let all: Vec<String> = fields.chain(own).chain(named).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        assert!(all.iter().all(|name| shared(name.as_bytes()).is_some()));
        assert_eq!(shared(b"HTTP_DATE"), None);
    }
}
