//! What rules made of a path: where it leads.

use crate::Excess;
use crate::compare::number;
use crate::escape::{escape_absolute, escape_path, scheme};
use crate::known::{Known, Need};
use crate::limits::COOKIES_MAX;
use crate::request::Request;
use crate::rule::{ListEnd, Rule};
use crate::site::Folder;
use crate::{Cookie, Variable};

/// What the rules of a round came to.
#[derive(Debug)]
pub(crate) enum Rewritten<'r> {
    /// The request goes on as it is.
    Unchanged,
    /// As [`Self::Unchanged`], but the query may be another.
    SamePath(&'r Rule),
    /// A path to begin again with, and its query behind a `?`.
    Internal(Vec<u8>, &'r Rule),
    Redirect {
        status: u16,
        location: Vec<u8>,
        by: &'r Rule,
    },
    Proxy {
        url: Vec<u8>,
        by: &'r Rule,
    },
    Status(u16, &'r Rule),
}

/// Judges what a list of rules came to.
pub(crate) fn judge<'r>(
    end: &ListEnd<'r>,
    request: &mut Request<'_>,
    folder: &Folder,
) -> Known<Rewritten<'r>> {
    let by = match *end {
        ListEnd::Unchanged => return Ok(Rewritten::Unchanged),
        ListEnd::Status(status, by) => return Ok(Rewritten::Status(status, by)),
        ListEnd::Changed(by) => by,
    };
    let query = match &request.query {
        Ok(query) => query.clone(),
        Err(names) => return Err(Need::Unknown(names.clone())),
    };
    let name = request.file()?.name.clone();
    let has_controls =
        query.as_deref().is_some_and(|query| query.iter().any(|byte| *byte <= b' ' || *byte == 0x7f));
    if by.goes_to_proxy() {
        if has_controls {
            return Ok(Rewritten::Status(403, by));
        }
        return Ok(Rewritten::Proxy { url: with_query(name, query.as_deref()), by });
    }
    if let Some(scheme) = scheme(&name)
        && !by.passes_through()
    {
        let mut location =
            without_hidden_root(folder.base_in_url(name, scheme.length), request, scheme.length);
        if by.escapes() {
            location = escape_absolute(&location, scheme);
        }
        if let Some(query) = query {
            let is_as_it_came = match &request.original {
                Some(original) => original.query.as_ref().is_ok_and(|old| old.as_ref() == Some(&query)),
                None => true,
            };
            let stays = !by.escapes() || is_as_it_came;
            if stays && has_controls {
                return Ok(Rewritten::Status(403, by));
            }
            let query = if stays { query } else { escape_path(&query) };
            location = with_query(location, Some(&query));
        }
        let status = if (300..400).contains(&request.status) { request.status } else { 302 };
        request.status = 200;
        return Ok(Rewritten::Redirect { status, location, by });
    }
    if has_controls {
        return Ok(Rewritten::Status(403, by));
    }
    if name.first() != Some(&b'/') {
        return Ok(Rewritten::Status(400, by));
    }
    if request.original.as_ref().is_none_or(|original| original.name == name) {
        return Ok(Rewritten::SamePath(by));
    }
    let root = request.site.root().strip_suffix(b"/").unwrap_or(request.site.root());
    let name = match folder.base_in_path(&name) {
        Some(changed) => changed,
        None => match name.strip_prefix(root) {
            Some(rest) if rest.first() == Some(&b'/') => rest.to_vec(),
            _ => name,
        },
    };
    Ok(Rewritten::Internal(with_query(name, query.as_deref()), by))
}

/// A URL without the name that stands for a document root where none is configured.
fn without_hidden_root(url: Vec<u8>, request: &Request<'_>, behind_scheme: usize) -> Vec<u8> {
    let host = url.iter().skip(behind_scheme).position(|byte| *byte == b'/').map(|at| behind_scheme + at);
    let (head, path) = url.split_at(host.unwrap_or(url.len()));
    let hidden = request.site.hidden_root();
    match path.strip_prefix(hidden) {
        Some(rest) if !hidden.is_empty() => [head, rest].concat(),
        _ => url,
    }
}

fn with_query(mut url: Vec<u8>, query: Option<&[u8]>) -> Vec<u8> {
    if let Some(query) = query {
        url.push(b'?');
        url.extend_from_slice(query);
    }
    url
}

/// Makes a path a URL of this server; a URL stays.
pub(crate) fn qualify(request: &mut Request<'_>, path: Vec<u8>) -> Known<Vec<u8>> {
    if scheme(&path).is_some() || request.fixed(Variable::RequestMethod)?.as_ref() == b"CONNECT" {
        return Ok(path);
    }
    let slash: &[u8] = if path.first() == Some(&b'/') { b"" } else { b"/" };
    Ok([request.own_url()?.as_slice(), slash, &path].concat())
}

/// Makes a URL of this server a path; others stay.
pub(crate) fn reduce(request: &mut Request<'_>, url: Vec<u8>) -> Known<Vec<u8>> {
    let Some(scheme) = scheme(&url) else { return Ok(url) };
    let own_scheme = request.fixed(Variable::RequestScheme)?;
    let (head, rest) = url.split_at(scheme.length);
    if !head.strip_suffix(b"://").is_some_and(|name| name.eq_ignore_ascii_case(&own_scheme)) {
        return Ok(url);
    }
    let slash = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let colon = authority.iter().position(|byte| *byte == b':');
    let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
    let port = match port.strip_prefix(b":") {
        Some(port) => number(port),
        None => default_port(&own_scheme),
    };
    let is_name =
        host.eq_ignore_ascii_case(&request.fixed(Variable::ServerName)?) || request.facts.is_own_name(host);
    let is_own = is_name && port == number(&request.fixed(Variable::ServerPort)?);
    Ok(match (is_own, path) {
        (false, _) => url,
        (true, b"") => b"/".to_vec(),
        (true, path) => path.to_vec(),
    })
}

pub(crate) fn default_port(scheme: &[u8]) -> i32 {
    if scheme.eq_ignore_ascii_case(b"https") { 443 } else { 80 }
}

/// `CO=name:value:domain:lifetime:path:secure:httponly:samesite`, or with `;` for `:` where it begins with one.
/// The first cookie of a name counts.
pub(crate) fn add_cookie(request: &mut Request<'_>, text: &[u8]) -> Known<()> {
    let (separator, text) = match text.strip_prefix(b";") {
        Some(rest) => (b';', rest),
        None => (b':', text),
    };
    let mut words = text.split(|byte| *byte == separator).filter(|word| !word.is_empty());
    let (Some(name), Some(value), Some(domain)) = (words.next(), words.next(), words.next()) else {
        return Ok(());
    };
    if request.cookie_names.iter().any(|known| known == name) {
        return Ok(());
    }
    if request.cookies.len() == COOKIES_MAX {
        return Err(Need::TooMuch(Excess::Cookies));
    }
    let minutes = words.next().map(number).unwrap_or_default();
    let path = words.next().unwrap_or(b"/");
    let mut field = [name, b"=", value, b"; path=", path, b"; domain=", domain].concat();
    let is_on = |word: Option<&[u8]>, name: &[u8]| {
        word.is_some_and(|word| {
            word == b"1" || [b"true", name].iter().any(|on| word.eq_ignore_ascii_case(on))
        })
    };
    let is_secure = is_on(words.next(), b"secure");
    let is_http_only = is_on(words.next(), b"HttpOnly");
    if is_secure {
        field.extend_from_slice(b"; secure");
        // Apache forgets it where the cookie is not secure
        if is_http_only {
            field.extend_from_slice(b"; HttpOnly");
        }
    }
    if let Some(same_site) = words.next()
        && same_site != b"0"
        && !same_site.eq_ignore_ascii_case(b"false")
    {
        field.extend_from_slice(b"; SameSite=");
        field.extend_from_slice(same_site);
    }
    request.cookie_names.push(name.to_vec());
    let lifetime_seconds = (minutes != 0).then(|| i64::from(minutes) * 60);
    request.cookies.push(Cookie { field, lifetime_seconds });
    Ok(())
}
