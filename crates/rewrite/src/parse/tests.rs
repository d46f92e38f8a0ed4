//! What Apache 2.4.71 takes and what it answers 500 to, as it was seen to do.

use super::{DIRECTIVES_MAX, Parsed, parse};
use crate::directive::{CondTest, DirectiveKind, RuleFlag, Substitution, TemplatePart};
use source::Source;
use std::sync::Arc;

fn read(text: impl Into<Vec<u8>>) -> Parsed {
    parse(&Arc::new(Source::new(".htaccess", text.into())))
}

/// The errors in a text, as ids.
fn errors(text: impl Into<Vec<u8>>) -> Vec<&'static str> {
    let parsed = read(text);
    let errors = parsed.diagnostics.iter().filter(|told| told.severity == source::Severity::Error);
    errors.map(|told| told.id.0).collect()
}

fn taken(texts: &[&str]) {
    for text in texts {
        assert_eq!(errors(*text), Vec::<&str>::new(), "{text}");
    }
}

fn refused(id: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(errors(*text), [id], "{text}");
    }
}

#[test]
fn rules_are_taken_as_apache_takes_them() {
    taken(&[
        "RewriteRule foo\" bar",
        "RewriteRule \"a b\" /x \"[F]\"",
        "RewriteRule x - [F] whatever follows",
        "RewriteRule x - [F] # a comment behind flags is not looked at",
        "RewriteRule x - \"[F, L]\"",
        "RewriteRule \"x\" \"-",
        "RewriteRule x - [Dfoo,UNC,UnsafeAllow3F,UnsafePrefixStat,BCTLS,BNE=/,BNP,S=x,S=-1]",
        "RewriteRule x - [R=abc,R=200,R=301x,R=,R=permanent,F=1,forbidden,f,L=1,CO=x]",
        "RewriteRule x \"\" [F]",
        "RewriteRule \"\" - [F]",
        "RewriteRule ! -",
        "RewriteRule \"^\"- [F]",
        "RewriteRule ^ - [E=x:1,E=y:a]b,F]",
        "RewriteRule ^a\\ b - [F]",
        "RewriteRule (?=x)x -",
        "RewriteRule (?<n>a)\\k<n> -",
        "RewriteRule a++ -",
        "RewriteRule \\Qa( -",
        "RewriteRule a{ -",
        "RewriteCond %{HTTP_HOST} a",
        "RewriteCond %{HTTP_HOST} \"\"",
        "RewriteCond %{HTTP_HOST} !-f [NC]",
        "RewriteCond 5 \"-eq 5\"",
        "RewriteCond 5 -eq5",
        "RewriteCond %{HTTP_HOST} a [novary,ornext,nocase]",
        "rewriteengine ON off whatever",
        "\"RewriteEngine\" \"on\"",
        "RewriteOptions Inherit inheritbefore MaxRedirects=10 AllowNoSlash MergeBase",
        "RewriteMap a txt:/b",
    ]);
}

#[test]
fn rules_are_refused_as_apache_refuses_them() {
    refused(
        "blank-in-flags",
        &["RewriteRule x - [F, L]", "RewriteRule x - [ F ]", "RewriteCond x y [NC, OR]"],
    );
    refused(
        "trailing-comment",
        &["RewriteRule x - # why", "RewriteBase /x # why", "Require all granted # why"],
    );
    refused(
        "trailing-comment",
        &["SetEnv a b # c", "Redirect 301 /x /y # c", "Deny from all # c", "Header set X b # c"],
    );
    refused("trailing-comment", &["ErrorDocument 404 /x # c", "Require ip 127.0.0.0/8 # c"]);
    refused(
        "flags-not-in-brackets",
        &["RewriteRule x - F", "RewriteRule x - [F", "RewriteRule x - [F]y", "RewriteCond 5 -eq 5"],
    );
    refused("flags-not-in-brackets", &["RewriteRule ^ \"a\\\"b\" [F]", "RewriteRule ^ /x\"y z\" [F]"]);
    refused(
        "unknown-flag",
        &["RewriteRule x - []", "RewriteRule x - [,F]", "RewriteRule x - [F,]", "RewriteRule x - [QS]"],
    );
    refused(
        "unknown-flag",
        &[
            "RewriteRule x - [NX]",
            "RewriteRule x - [R=299]",
            "RewriteRule x - [R=999]",
            "RewriteCond x y [XX]",
        ],
    );
    refused(
        "htaccess-pattern",
        &[
            "RewriteRule * -",
            "RewriteRule [a -",
            "RewriteRule ( -",
            "RewriteRule ) -",
            "RewriteRule \"\\\" -",
        ],
    );
    refused(
        "htaccess-pattern",
        &[
            "RewriteRule a{2,1} -",
            "RewriteRule [z-a] -",
            "RewriteRule ?a -",
            "RewriteCond x (",
            "SetEnvIf a ( b",
        ],
    );
    refused(
        "wrong-arguments",
        &["RewriteRule x", "RewriteRule \"x -", "RewriteCond x", "RewriteEngine Maybe", "RewriteEngine"],
    );
    refused(
        "wrong-arguments",
        &["RewriteBase x", "RewriteBase", "RewriteBase \"\"", "RewriteOptions", "RewriteOptions Foo"],
    );
    refused("map-refused", &["RewriteMap a prg:/b", "RewriteMap a dbm=sdbm:/b", "RewriteMap a fastdbd:x"]);
}

#[test]
fn sections_are_taken_and_refused_as_apache_does() {
    taken(&[
        "<IfModule foo>\nFoo bar\n<Bar>\n</Bar>\n</IfModule> x",
        "<ifmodule !foo>\nRewriteEngine Off\n</IFMODULE>",
        "<IfModule \"mod_headers.c\">\n</IfModule>\n<IfModule mod_headers.c >\n</IfModule>",
        "<IfDefine X>\nFoo\n</IfDefine>\n<IfVersion >= 2.4>\n</IfVersion>\n<IfVersion !< 2.4>\n</IfVersion>",
        "<IfDirective Foo>\nFoo\n</IfDirective>\n<IfSection Foo>\nFoo\n</IfSection>",
        "<Files a>\n<Files b>\n</Files>\n</Files>",
        "<If true>\n<If \"true\" >\n</If>\n</If>\nRewriteEngine On\n<Files x>\n</Files>\n<Else>\n</Else>",
        "<Limit GET POST>\nRequire all denied\nRewriteEngine On\n</Limit>\n<LimitExcept HEAD>\n</LimitExcept>",
        "<Limit GET>\n<RequireAll>\n<IfModule mod_headers.c>\nRequire all granted\n</IfModule>\n</RequireAll>\n</Limit>",
        "<RequireAny>\n<Limit GET>\nRequire all granted\n</Limit>\n</RequireAny>",
        "<Files ~ \"\\.html$\">\n</Files>\n<FilesMatch x>\n</FilesMatch>",
        "<RequireAll>\nRequire not ip 192.0.2.1\nRequire method TRACE\n</RequireAll>",
    ]);
    refused(
        "section-not-closed",
        &["<IfModule foo>", "<IfModule foo\n</IfModule>", "<Files a>\n<IfModule a>\n</Files>"],
    );
    refused("section-not-closed", &["<IfModule a>\n<Files>\n</IfModule>"]);
    refused("section-not-open", &["</IfModule>", "<Else>\n</Else>", "<Files a>\n</Files >\n</Files>"]);
    refused("unknown-directive", &["<Foo>\n</Foo>", "Foo bar", "RewriteLog x", "< Files a>\n</>"]);
    refused(
        "misplaced-directive",
        &["<Directory /x>\n</Directory>", "DocumentRoot /x", "Alias /x /y", "AllowOverride All"],
    );
    refused(
        "misplaced-directive",
        &["<Limit GET>\n<Files a>\n</Files>\n</Limit>", "<Limit GET>\n<If true>\n</If>\n</Limit>"],
    );
    refused("misplaced-directive", &["<RequireAny>\nSetEnv a\nRequire all granted\n</RequireAny>"]);
    refused(
        "wrong-arguments",
        &[
            "<Limit FOO>\n</Limit>",
            "<Limit get>\n</Limit>",
            "<Limit>\n</Limit>",
            "<Limit GET, POST>\n</Limit>",
        ],
    );
    refused(
        "wrong-arguments",
        &["<Files a b>\n</Files>", "<If>\n</If>", "<Files>\n</Files>", "<IfVersion foo>\n</IfVersion>"],
    );
    refused("unquoted-expression", &["<If %{HTTP_HOST} == 'x'>\n</If>"]);
    refused("empty-requirements", &["<RequireAll>\n</RequireAll>"]);
    refused(
        "negated-requirement",
        &["Require not ip 1.2.3.4", "<RequireAny>\nRequire not ip 1.2.3.4\n</RequireAny>"],
    );
}

#[test]
fn access_is_taken_and_refused_as_apache_does() {
    taken(&[
        "Require all granted\nRequire env X\nRequire env\nRequire ip 127 127.0.0.1/8 127.0.0.1/255.0.0.0 ::1",
        "Require host a.example .example\nRequire forward-dns a.example\nRequire local x\nRequire method GET",
        "Require expr \"true\"\nRequire expr %{HTTP_HOST} == \"x\"\nRequire valid-user\nRequire user a",
        "Allow from all\nallow FROM 127.0.0.1 1.2.3.4\nDeny from foo .com 10. env=X env=!X env= 1.2.3.4,5.6.7.8 ALL",
        "Order deny,allow\nOrder \"Allow,Deny\"\nOrder mutual-failure\nSatisfy any\nSatisfy All",
    ]);
    refused(
        "wrong-arguments",
        &["Require all foo", "Require All Granted", "Require granted", "Require ip", "Require ip foo"],
    );
    refused(
        "wrong-arguments",
        &[
            "Require ip 1.2.3.4/33",
            "Require ip 1.2.3.4, 127.0.0.1",
            "Require method FOO",
            "Require",
            "Require IP 1",
        ],
    );
    refused(
        "wrong-arguments",
        &["Allow all", "Allow from", "Deny from 300.1.1.1", "Deny from 0.0.0.0/0", "Deny from 1.2.3.4/x"],
    );
    refused(
        "wrong-arguments",
        &[
            "Order Deny, Allow",
            "Order foo",
            "Order",
            "Order deny,allow x",
            "Order deny,allow,",
            "Satisfy foo",
            "Satisfy",
        ],
    );
}

#[test]
fn variables_and_answers_are_taken_and_refused_as_apache_does() {
    taken(&[
        "SetEnvIf Referer foo x\nSetEnvIf \"^X-\" a !b c=d\nSetEnvIfNoCase Remote_Addr ^127 =x\nSetEnvIf Referer foo x # c",
        "BrowserMatch foo x\nSetEnvIfExpr \"true\" x\nSetEnv a\nSetEnv \"a b\" c\nUnsetEnv a b\nPassEnv PATH",
        "ErrorDocument 404 /x\nErrorDocument 404 \"foo bar\"\nErrorDocument 404 \"foo\nErrorDocument 404 default\nErrorDocument 404 foo",
        "Redirect /x http://a/\nRedirect x /y\nRedirect 301 /x\nRedirect gone /x\nRedirect gone\nRedirect 404 /x\nRedirect 304 /x /y",
        "RedirectMatch x /y\nRedirectMatch 301 x y\nRedirectMatch gone x\nRedirectTemp /x /y\nRedirectMatch 404 /\\.git",
        "Header set X-A b\nHeader set X-A b env=!Q\nHeader set X-A b \"expr=true\"\nHeader always set X-A: \"\"\nHeader unset X-A env=Q",
        "Header edit* X-A b c env=Q\nHeader echo ^X-\nHeader set X-A 50%\nHeader set X-A \"a %t %D %l %{Q}e %{HTTPS}s %% z\"",
        "Header set X-A b early\nRequestHeader setifempty a b\nHeader SET X-A expr=%{HTTP_HOST}",
        "Options +Indexes\nDirectoryIndex\nExpiresByType text/html \"access plus 1 month\"\nphp_value a b\nAuthType Basic",
    ]);
    refused(
        "wrong-arguments",
        &[
            "SetEnvIf Referer foo",
            "SetEnvIf",
            "SetEnvIf X \"\" b",
            "BrowserMatch foo",
            "SetEnv",
            "SetEnv a b c",
        ],
    );
    refused(
        "wrong-arguments",
        &["ErrorDocument 404", "ErrorDocument 404 foo bar", "ErrorDocument 299 /x", "ErrorDocument abc /x"],
    );
    refused(
        "wrong-arguments",
        &[
            "Redirect gone /x /y",
            "Redirect foo /x /y",
            "Redirect",
            "Redirect 301 /x y",
            "Redirect 301 /x /y z",
        ],
    );
    refused(
        "wrong-arguments",
        &["RedirectPermanent /x", "RedirectMatch x", "RedirectMatch foo x /y", "Redirect 30 /x /y"],
    );
    refused(
        "wrong-arguments",
        &[
            "Header set X-A",
            "Header foo X-A b",
            "Header set X-A b c",
            "Header set X-A %q",
            "Header set X-A b env=",
        ],
    );
    refused(
        "wrong-arguments",
        &[
            "Header set X-A \"%{foo\"",
            "Header edit X-A b",
            "RequestHeader note X b",
            "RequestHeader always set X b",
        ],
    );
    refused(
        "wrong-arguments",
        &["Header set X-A a\"b c\"", "Header set X-A \"a\"b", "AuthName", "AddType a"],
    );
}

#[test]
fn blanks_nobody_sees_and_lines_that_are_joined() {
    taken(&[
        "RewriteRule ^ - \\\r\n[F]\r\n",
        "# c \\\nFoo\n",
        "  # c\n\t RewriteEngine On",
        "RewriteEngine\u{b}On",
        "",
    ]);
    refused("flags-not-in-brackets", &["RewriteRule ^ - \\ \n"]);
    refused(
        "byte-order-mark",
        &["\u{feff}RewriteEngine On", "\u{feff}# c\nRewriteEngine On", "\n\u{feff}\n"],
    );
    refused("invisible-blank", &["\u{a0}\nRewriteEngine On", "Options\u{a0}None", "\u{a0} RewriteEngine On"]);
    let parsed = read("\u{feff}RewriteEngine On\n");
    assert!(
        matches!(parsed.file.directives[0].kind, DirectiveKind::RewriteEngine(true)),
        "read on behind the mark"
    );
}

#[test]
fn what_stands_in_a_rule_is_kept_with_its_place() {
    let text = "RewriteCond %{HTTP_REFERER} !^$ [NC,OR]\nRewriteCond %{TIME_HOUR} -ge12\nRewriteRule ^a(.*) /b$1?x=%1 [R=301,E=k:$1,NC]\n";
    let parsed = read(text);
    let [rule] = parsed.file.directives.as_slice() else { panic!("{parsed:?}") };
    let DirectiveKind::RewriteRule(rule) = &rule.kind else { panic!() };
    let slice = |span| String::from_utf8_lossy(parsed.file.source.slice(span)).into_owned();
    assert_eq!(rule.conditions.len(), 2);
    assert!(rule.conditions[0].negated && rule.conditions[0].ignores_case);
    assert_eq!(slice(rule.conditions[0].pattern), "!^$");
    assert!(matches!(rule.conditions[1].test, CondTest::Number(_, 12)));
    assert_eq!(slice(rule.flags[1].span), "E=k:$1");
    assert!(matches!(rule.flags[0].flag, RuleFlag::Redirect(301)));
    assert!(rule.pattern.ignores_case);
    let Substitution::Template(template) = &rule.substitution else { panic!() };
    let groups: Vec<String> = template
        .parts
        .iter()
        .filter_map(|part| match part {
            TemplatePart::RuleGroup(_, span) | TemplatePart::CondGroup(_, span) => Some(slice(*span)),
            _ => None,
        })
        .collect();
    assert_eq!(groups, ["$1", "%1"]);
}

#[test]
fn sections_that_count_for_good_stand_in_place_and_the_others_are_gone() {
    let parsed = read(
        "<IfModule mod_rewrite.c>\nRewriteEngine On\n</IfModule>\n<IfModule mod_none.c>\nSetEnv a\n</IfModule>\n",
    );
    assert_eq!(parsed.file.directives.len(), 1);
    assert_eq!(parsed.file.left_out.len(), 1);
    let parsed =
        read("RewriteCond a b\n<IfModule mod_rewrite.c>\nRewriteCond c d\n</IfModule>\nRewriteRule x -\n");
    let DirectiveKind::RewriteRule(rule) = &parsed.file.directives[0].kind else { panic!() };
    assert_eq!(rule.conditions.len(), 2, "conditions belong to the next rule of the folder, sections or not");
}

#[test]
fn every_mistake_is_told_once_and_reading_goes_on() {
    assert_eq!(
        errors("Foo\nRewriteRule x - [F, L]\nRewriteBase x\n<Files a>\n"),
        ["unknown-directive", "blank-in-flags", "wrong-arguments", "section-not-closed"]
    );
    let parsed = read("RewriteCond a (\nRewriteCond b c\nRewriteRule ( -\nRewriteRule x -\n");
    let DirectiveKind::RewriteRule(rule) = &parsed.file.directives[0].kind else { panic!() };
    assert_eq!(rule.conditions.len(), 0, "conditions of a rule that cannot be read go with it");
}

#[test]
fn a_file_has_bounds() {
    assert_eq!(errors(vec![b'#'; (1 << 20) + 1]), ["htaccess-too-large"]);
    assert_eq!(errors("SetEnv a\n".repeat(DIRECTIVES_MAX + 1)), ["htaccess-too-large"]);
    let long = "RewriteRule (.*)a{99}$ - [F]\n".repeat(DIRECTIVES_MAX + 1);
    assert!(read(long).file.directives.is_empty(), "they are counted first");
    assert_eq!(errors("<Files a>\n".repeat(40) + &"</Files>\n".repeat(40)), ["htaccess-too-large"]);
    assert_eq!(errors("Foo\n".repeat(500)).len(), 201);
}
