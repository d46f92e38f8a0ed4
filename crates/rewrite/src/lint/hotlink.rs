//! Doubts about rules that refuse by what the request says of the page it comes from.

use super::host::HostPattern;
use super::rules::{looks_at_field, may_hold, may_take, subject};
use super::{Doubts, refusal};
use crate::directive::{
    CondTest, DirectiveKind, DocumentKind, File, Joined, Named, Regex, RewriteCond, RewriteRule, Substitution,
};
use source::{Diagnostic, DiagnosticId, Span};

pub(super) fn check(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    error_document(doubts, rule);
    let ours: Vec<(&RewriteCond, &Regex)> =
        referers(rule).filter(|(condition, _)| condition.negated).collect();
    let theirs: Vec<(&RewriteCond, &Regex)> =
        referers(rule).filter(|(condition, _)| !condition.negated).collect();
    if refusal(rule).is_none() && !swaps_file(rule) {
        return;
    }
    let hosts: Vec<(HostPattern<'_>, Span)> =
        ours.iter().filter_map(|(_, regex)| HostPattern::of(regex).map(|host| (host, regex.span))).collect();
    for (host, span) in &hosts {
        open_ends(doubts, host, *span);
    }
    own_names(doubts, &hosts);
    whole_site(doubts, rule, &ours);
    empty_referer(doubts, rule, &ours, &theirs);
    image_search(doubts, rule, &ours);
    for (condition, regex) in &theirs {
        let follows_ours =
            rule.conditions.iter().zip(rule.conditions.iter().skip(1)).any(|(before, after)| {
                std::ptr::eq(after, *condition)
                    && before.joined == Joined::Or
                    && before.negated
                    && looks_at_field(before, b"Referer")
            });
        if follows_ours || speaks_of_address(regex) {
            let what = "this looks at the page the request comes from, not at where the client is";
            let help = "ask for the client's address if that is meant: RewriteCond %{REMOTE_ADDR} ^192\\.0\\.2\\., or `Require not ip 192.0.2.0/24`";
            doubts.warning(
                "referer-is-no-address",
                what,
                (condition.subject.span, "the Referer field"),
                help,
            );
        }
    }
}

/// The conditions that compare the referer with a pattern.
fn referers(rule: &RewriteRule) -> impl Iterator<Item = (&RewriteCond, &Regex)> {
    rule.conditions.iter().filter(|condition| looks_at_field(condition, b"Referer")).filter_map(|condition| {
        match &condition.test {
            CondTest::Regex(regex) => Some((condition, regex)),
            _ => None,
        }
    })
}

/// Whether a rule puts something else in the place of a file: a hot-linker's picture.
fn swaps_file(rule: &RewriteRule) -> bool {
    let Substitution::Template(template) = &rule.substitution else { return false };
    let text = template.text.to_ascii_lowercase();
    [b".gif".as_slice(), b".jpg", b".jpeg", b".png", b".webp"].iter().any(|ending| text.ends_with(ending))
}

/// Pages of others that pass for ours.
fn open_ends(doubts: &mut Doubts<'_>, host: &HostPattern<'_>, span: Span) {
    if let Some(url) = host.passes_anywhere() {
        let what = format!("the name may stand anywhere in the referer, so other sites pass: {url}");
        let help = format!("tie it to the host: {}", tied(&host.name));
        doubts.warning("unanchored-domain", what, (span, "not tied to the host"), help);
    } else if let Some(url) = host.passes_longer() {
        let what = format!("more may follow the name, so other sites pass: {url}");
        let help = format!("end it: {}", tied(&host.name));
        doubts.warning("unanchored-domain", what, (span, "has no end"), help);
    }
}

/// A condition that holds for pages of other hosts only. A name without an ending is no host yet.
fn tied(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let (ending, remark) =
        if name.contains('.') { ("", "") } else { ("\\.com", " (with the ending of your own domain)") };
    format!("!^https?://([^/]+\\.)?{}{ending}(/|$) [NC]{remark}", name.replace('.', "\\."))
}

/// The site's own other names: with and without `www.`, `http` and `https`.
fn own_names(doubts: &mut Doubts<'_>, hosts: &[(HostPattern<'_>, Span)]) {
    let Some((first, span)) = hosts.first() else { return };
    let known = |scheme: &str, www: &str| hosts.iter().any(|(host, _)| host.knows(first, scheme, www));
    let any = |scheme: &str| known(scheme, "") || known(scheme, "www.");
    let help = format!("let one pattern stand for all: {}", tied(&first.name));
    let missing = match (any("http"), any("https")) {
        (true, false) => Some("pages of the site itself that come over https are refused"),
        (false, true) => Some("pages of the site itself that come over http are refused"),
        (true, true) if !known("https", "") => Some("pages of the site itself without www. are refused"),
        (true, true) if !known("https", "www.") && first.name.matches('.').count() == 1 => {
            Some("pages of the site itself with www. are refused")
        }
        _ => None,
    };
    if let Some(what) = missing {
        doubts.warning("own-name-refused", what, (*span, "one of the site's names"), help);
    }
}

/// A rule for every path.
fn whole_site(doubts: &mut Doubts<'_>, rule: &RewriteRule, ours: &[(&RewriteCond, &Regex)]) {
    let takes_all = [b"".as_slice(), b"a", b"a/b.c", b"index.html"]
        .iter()
        .all(|path| rule.pattern.compiled.is_match(path).unwrap_or(false) != rule.negated);
    // What the request is like otherwise (its query, its method) may be what the rule is about.
    let is_about_pages = rule.conditions.iter().all(|condition| {
        looks_at_field(condition, b"Referer")
            || matches!(subject(condition), Some(Named::RequestUri | Named::RequestFilename))
    });
    if !takes_all || !is_about_pages || ours.is_empty() || refusal(rule).is_none() {
        return;
    }
    let paths = rule.conditions.iter().filter_map(|condition| match (subject(condition), &condition.test) {
        (Some(Named::RequestUri | Named::RequestFilename), CondTest::Regex(regex)) => Some(regex),
        _ => None,
    });
    let mut paths = paths.peekable();
    if paths.peek().is_none() {
        let what = "the rule takes every path: pages too are refused to all who come from another site, search engines first";
        let help = "name the files that are meant in the pattern: \\.(mp3|ogg|jpe?g|png)$";
        return doubts.warning("rule-for-everything", what, (rule.pattern.span, "every path"), help);
    }
    if let Some(path) =
        paths.find(|path| !matches!(path.text.first(), Some(b'^' | b'.')) && !path.text.ends_with(b"$"))
    {
        let shown = String::from_utf8_lossy(&path.text).into_owned();
        let shown = shown.trim_end_matches(".*").trim_start_matches('/').to_owned();
        let what = "the rule takes every path, and the condition on the path fits in the middle of one too: its conditions are tried for each request, and /other/audio/ is hit as well";
        let what = what.replace("/other/audio/", &format!("/other/{shown}"));
        let help = format!("put the folder into the rule's pattern: ^{shown}");
        doubts.warning("rule-for-everything", what, (rule.pattern.span, "every path"), help);
    }
}

/// What becomes of requests that name no page.
fn empty_referer(
    doubts: &mut Doubts<'_>,
    rule: &RewriteRule,
    ours: &[(&RewriteCond, &Regex)],
    theirs: &[(&RewriteCond, &Regex)],
) {
    let known = |condition: &RewriteCond| {
        let holds = match (&condition.test, looks_at_field(condition, b"Referer")) {
            (CondTest::Regex(regex), true) => regex.compiled.is_match(b"").ok()?,
            (CondTest::Text(crate::directive::Comparison::Equal, text), true) => text.is_empty(),
            _ => return None,
        };
        Some(holds != condition.negated)
    };
    let may_be_refused = may_hold(&rule.conditions, &known);
    if let Some((condition, regex)) = ours.iter().find(|(condition, _)| known(condition) == Some(true)) {
        if may_be_refused {
            let what = "requests without a referer are refused: feed readers, players, links in mail, and browsers that keep it to themselves";
            let help = "let them through with a condition before this one: RewriteCond %{HTTP_REFERER} !^$";
            let _ = condition;
            doubts.warning("empty-referer-refused", what, (regex.span, "also where there is none"), help);
        }
        return;
    }
    let only_empty = |regex: &Regex| {
        regex.compiled.is_match(b"").unwrap_or(false)
            && !regex.compiled.is_match(b"https://evil.example/").unwrap_or(true)
    };
    if let Some((_, regex)) = theirs.iter().find(|(_, regex)| only_empty(regex)).filter(|_| ours.is_empty()) {
        let what = "this refuses requests without a referer (feed readers, players, links in mail) and lets all other sites through";
        let help = "turn it round: RewriteCond %{HTTP_REFERER} !^$ and RewriteCond %{HTTP_REFERER} !^https?://([^/]+\\.)?your\\.example(/|$) [NC]";
        doubts.warning("foreign-sites-pass", what, (regex.span, "only where there is none"), help);
    }
}

/// Whether a pattern looks as if an address were meant.
fn speaks_of_address(regex: &Regex) -> bool {
    let text = String::from_utf8_lossy(&regex.text).replace('\\', "");
    let numbers = text.split(|letter: char| !letter.is_ascii_digit() && letter != '.').any(|piece| {
        piece.trim_matches('.').split('.').filter(|number| number.parse::<u8>().is_ok()).count() >= 3
    });
    let words = text.as_bytes().windows(4).any(|four| {
        matches!(four, [before, b'I', b'P', after] if before.is_ascii_lowercase() && !after.is_ascii_uppercase())
    });
    numbers || words
}

/// Pages of search engines that show the pictures they have found, and link to the files.
const IMAGE_SEARCHES: [&str; 3] =
    ["https://www.google.com/", "https://www.bing.com/", "https://duckduckgo.com/"];

/// Search engines' pages with pictures.
fn image_search(doubts: &mut Doubts<'_>, rule: &RewriteRule, ours: &[(&RewriteCond, &Regex)]) {
    let takes = |path: &[u8]| may_take(rule, path);
    let is_for_pictures = ["jpg", "jpeg", "png", "gif", "webp"]
        .iter()
        .any(|ending| takes(format!("a/b.{ending}").as_bytes()) && !takes(b"a/b.html"));
    // a pattern that names no host (`!^$`) is about something else
    let Some((_, regex)) = ours.iter().find(|(_, regex)| HostPattern::of(regex).is_some()) else { return };
    if is_for_pictures && IMAGE_SEARCHES.iter().all(|page| may_refuse_page(rule, page.as_bytes())) {
        let what = "pictures are refused to those who come from the picture pages of search engines too: www.google.com is a stranger like others";
        let help = "if search engines may show them: RewriteCond %{HTTP_REFERER} !^https?://([^/]+\\.)?(google\\.[a-z.]{2,6}|bing\\.com|duckduckgo\\.com)(/|$) [NC]";
        doubts.warning("image-search-refused", what, (regex.span, "holds for them"), help);
    }
}

/// Whether a rule may hit a request that comes from a page.
fn may_refuse_page(rule: &RewriteRule, page: &[u8]) -> bool {
    let known = |condition: &RewriteCond| match (&condition.test, looks_at_field(condition, b"Referer")) {
        (CondTest::Regex(regex), true) => Some(regex.compiled.is_match(page).ok()? != condition.negated),
        _ => None,
    };
    may_hold(&rule.conditions, &known)
}

/// Rules against hot-linking that take pages of the site itself for those of strangers: its names and addresses, as
/// who runs it knows them, ask for its files with `http://NAME/` as the referer.
pub fn lint_own_names(file: &File, names: &[String]) -> Vec<Diagnostic> {
    let mut doubts = Doubts { file, found: Vec::new() };
    super::each_scope(&file.directives, &mut |scope| {
        for rule in super::rules_of(scope).filter(|rule| refusal(rule).is_some() || swaps_file(rule)) {
            let mut ours = referers(rule).filter(|(condition, _)| condition.negated);
            let Some((_, regex)) = ours.find(|(_, regex)| HostPattern::of(regex).is_some()) else { continue };
            let refused = names.iter().find(|name| {
                ["http", "https"]
                    .iter()
                    .any(|scheme| may_refuse_page(rule, format!("{scheme}://{name}/a/page.html").as_bytes()))
            });
            let Some(name) = refused else { continue };
            let what = format!("pages of the site itself are refused where they were opened as {name}");
            let help = format!(
                "let it through too: RewriteCond %{{HTTP_REFERER}} !^https?://{}(:[0-9]+)?(/|$) [NC]",
                name.replace('.', "\\.").replace('[', "\\[").replace(']', "\\]")
            );
            doubts.warning("own-name-refused", what, (regex.span, "does not know this name"), help);
        }
    });
    doubts.found
}

/// The page shown for a refusal, refused too.
fn error_document(doubts: &mut Doubts<'_>, rule: &RewriteRule) {
    let Some(status) = refusal(rule) else { return };
    let file = doubts.file;
    let document = file.directives.iter().rev().find_map(|directive| match &directive.kind {
        DirectiveKind::ErrorDocument(document) if document.status == status => {
            Some((directive.span, document))
        }
        _ => None,
    });
    let Some((span, document)) = document else { return };
    let (Some(DocumentKind::Path), Some(path)) = (document.kind, &document.document) else { return };
    let Some([b'/', path @ ..]) = path.text.split(|byte| *byte == b'?').next() else { return };
    if path.contains(&b'%') || !may_take(rule, path) {
        return;
    }
    let shown = String::from_utf8_lossy(path).into_owned();
    let what = format!(
        "the page that is shown for a {status} is refused by the same rule, so a bare page is shown instead"
    );
    let help =
        format!("except it with a condition: RewriteCond %{{REQUEST_URI}} !^/{}$", shown.replace('.', "\\."));
    let told = Diagnostic::warning(DiagnosticId("error-page-refused"), what);
    let told =
        told.at(&file.source, rule.pattern.span, "takes the page too").at(&file.source, span, "the page");
    doubts.found.push(told.help(help));
}
