//! The directives of Apache 2.4, and what each is here.

use super::reader::Reader;
use super::words::Words;
use super::{access, answer, environment, folder, header, rewriting};
use crate::directive::{DirectiveKind, IgnoredWhy};

/// How many arguments at least and at most.
pub(super) type Counts = (usize, usize);

/// Reads the arguments of a directive; reports what is wrong with them.
pub(super) type Read = fn(&mut Reader<'_>, &Known, &mut Words<'_>) -> Option<DirectiveKind>;

/// What a directive is here.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// It counts.
    Reads(Read),
    /// `Require`: may stand in a section of requirements.
    Requires(Read),
    /// `RewriteCond`: waits for its rule.
    Condition,
    /// It is taken and has no effect.
    Ignored(IgnoredWhy, Counts),
    /// Apache refuses it in an `.htaccess`.
    ServerOnly,
}

/// A directive that Apache knows.
pub(super) struct Known {
    /// As Apache's manual writes it.
    pub(super) name: &'static str,
    /// What it is here.
    pub(super) meaning: Meaning,
    /// How it looks.
    usage: &'static str,
}

impl Known {
    /// What to write.
    pub(super) fn help(&self) -> String {
        if self.usage.is_empty() {
            return "look it up in Apache's list of directives".to_owned();
        }
        format!("it looks so: {} {}", self.name, self.usage)
    }
}

/// The directive of a name; letters of both cases are the same.
pub(super) fn find(name: &[u8]) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.as_bytes().eq_ignore_ascii_case(name))
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.name)
}

const fn reads(name: &'static str, usage: &'static str, read: Read) -> Known {
    Known { name, usage, meaning: Meaning::Reads(read) }
}

const fn nodes(name: &'static str, least: usize, most: usize) -> Known {
    Known { name, usage: "", meaning: Meaning::Ignored(IgnoredWhy::NodesDo, (least, most)) }
}

const fn login(name: &'static str, least: usize, most: usize) -> Known {
    Known { name, usage: "", meaning: Meaning::Ignored(IgnoredWhy::Login, (least, most)) }
}

const fn server(name: &'static str) -> Known {
    Known { name, usage: "", meaning: Meaning::ServerOnly }
}

const MANY: usize = usize::MAX;

const KNOWN: &[Known] = &[
    reads("RewriteEngine", "On", rewriting::engine),
    reads("RewriteBase", "/folder/", rewriting::base),
    reads("RewriteOptions", "Inherit", rewriting::options),
    Known { name: "RewriteCond", usage: "%{HTTP_HOST} ^www\\. [NC]", meaning: Meaning::Condition },
    reads("RewriteRule", "^old$ /new [R=301,L]", rewriting::rule),
    reads("RewriteMap", "name txt:/path/of/map.txt", rewriting::map),
    reads("SetEnvIf", "Referer ^https://a\\.example/ ours", environment::set_env_if),
    reads("SetEnvIfNoCase", "Referer ^https://a\\.example/ ours", environment::set_env_if),
    reads("SetEnvIfExpr", "\"%{HTTP_HOST} == 'a.example'\" ours", environment::set_env_if_expression),
    reads("BrowserMatch", "Wget tool", environment::browser_match),
    reads("BrowserMatchNoCase", "wget tool", environment::browser_match),
    reads("SetEnv", "NAME value", environment::set_env),
    reads("UnsetEnv", "NAME", environment::unset_env),
    reads("PassEnv", "NAME", environment::pass_env),
    reads("Order", "Deny,Allow", access::order),
    reads("Allow", "from 192.0.2.0/24", access::allow_deny),
    reads("Deny", "from 192.0.2.0/24", access::allow_deny),
    reads("Satisfy", "Any", access::satisfy),
    reads("AuthMerging", "And", access::merging),
    Known { name: "Require", usage: "all granted", meaning: Meaning::Requires(access::require) },
    reads("DirectoryIndex", "index.html", folder::index),
    reads("DirectorySlash", "On", folder::slash),
    reads("ErrorDocument", "404 /errors/404.html", answer::error_document),
    reads("Redirect", "301 /old /new", answer::redirect),
    reads("RedirectTemp", "/old /new", answer::redirect_fixed),
    reads("RedirectPermanent", "/old /new", answer::redirect_fixed),
    reads("RedirectMatch", "301 ^/old/(.*)$ /new/$1", answer::redirect_match),
    reads("Header", "set Name \"value\"", header::header),
    reads("RequestHeader", "set Name \"value\"", header::header),
    login("AuthType", 1, 1),
    login("AuthName", 1, 1),
    login("AuthBasicProvider", 1, MANY),
    login("AuthBasicAuthoritative", 1, 1),
    login("AuthBasicFake", 1, 2),
    login("AuthDigestProvider", 1, MANY),
    login("AuthDigestDomain", 1, MANY),
    login("AuthDigestQop", 1, MANY),
    login("AuthDigestAlgorithm", 1, 1),
    login("AuthDigestNonceLifetime", 1, 1),
    login("AuthUserFile", 1, 1),
    login("AuthGroupFile", 1, 1),
    login("AuthDBMType", 1, 1),
    login("AuthDBMUserFile", 1, 1),
    login("AuthDBMGroupFile", 1, 1),
    login("AuthLDAPURL", 1, 2),
    login("AuthLDAPBindDN", 1, 1),
    login("AuthLDAPBindPassword", 1, 1),
    login("Anonymous", 1, MANY),
    nodes("AuthzSendForbiddenOnFailure", 1, 1),
    nodes("AcceptPathInfo", 1, 1),
    nodes("Action", 2, 3),
    nodes("AddAlt", 2, MANY),
    nodes("AddAltByEncoding", 2, MANY),
    nodes("AddAltByType", 2, MANY),
    nodes("AddCharset", 2, MANY),
    nodes("AddDefaultCharset", 1, 1),
    nodes("AddDescription", 2, MANY),
    nodes("AddEncoding", 2, MANY),
    nodes("AddHandler", 2, MANY),
    nodes("AddIcon", 2, MANY),
    nodes("AddIconByEncoding", 2, MANY),
    nodes("AddIconByType", 2, MANY),
    nodes("AddInputFilter", 2, MANY),
    nodes("AddLanguage", 2, MANY),
    nodes("AddOutputFilter", 2, MANY),
    nodes("AddOutputFilterByType", 2, MANY),
    nodes("AddType", 2, MANY),
    nodes("AllowMethods", 1, MANY),
    nodes("BrotliFilterNote", 1, 2),
    nodes("BufferSize", 1, 1),
    nodes("CGIMapExtension", 2, 2),
    nodes("CGIPassAuth", 1, 1),
    nodes("CGIVar", 2, 2),
    nodes("CharsetDefault", 1, 1),
    nodes("CharsetOptions", 1, MANY),
    nodes("CharsetSourceEnc", 1, 1),
    nodes("CheckBasenameMatch", 1, 1),
    nodes("CheckCaseOnly", 1, 1),
    nodes("CheckSpelling", 1, 1),
    nodes("ContentDigest", 1, 1),
    nodes("CookieDomain", 1, 1),
    nodes("CookieExpires", 1, 1),
    nodes("CookieName", 1, 1),
    nodes("CookieStyle", 1, 1),
    nodes("CookieTracking", 1, 1),
    nodes("DefaultIcon", 1, 1),
    nodes("DefaultLanguage", 1, 1),
    nodes("DefaultType", 1, 1),
    nodes("DeflateCompressionLevel", 1, 1),
    nodes("DirectoryCheckHandler", 1, 1),
    nodes("DirectoryIndexRedirect", 1, 1),
    nodes("EnableMMAP", 1, 1),
    nodes("EnableSendfile", 1, 1),
    nodes("ExpiresActive", 1, MANY),
    nodes("ExpiresByType", 2, 2),
    nodes("ExpiresDefault", 1, 1),
    nodes("FallbackResource", 1, 2),
    nodes("FileETag", 0, MANY),
    nodes("FilterChain", 1, MANY),
    nodes("FilterDeclare", 1, 2),
    nodes("FilterProtocol", 2, 3),
    nodes("FilterProvider", 3, 3),
    nodes("ForceLanguagePriority", 1, MANY),
    nodes("ForceType", 1, 1),
    nodes("HeaderName", 1, 1),
    nodes("ImapBase", 1, 1),
    nodes("ImapDefault", 1, 1),
    nodes("ImapMenu", 1, 1),
    nodes("IndexHeadInsert", 1, 1),
    nodes("IndexIgnore", 1, MANY),
    nodes("IndexIgnoreReset", 1, 1),
    nodes("IndexOptions", 0, MANY),
    nodes("IndexOrderDefault", 2, 2),
    nodes("IndexStyleSheet", 1, 1),
    nodes("InputSed", 1, MANY),
    nodes("LanguagePriority", 1, MANY),
    nodes("LimitRequestBody", 1, 1),
    nodes("LimitXMLRequestBody", 1, 1),
    nodes("MetaDir", 1, 1),
    nodes("MetaFiles", 1, 1),
    nodes("MetaSuffix", 1, 1),
    nodes("ModMimeUsePathInfo", 1, 1),
    nodes("MultiviewsMatch", 1, 2),
    nodes("Options", 0, MANY),
    nodes("OutputSed", 1, MANY),
    nodes("QualifyRedirectURL", 1, 1),
    nodes("ReadmeName", 1, 1),
    nodes("ReflectorHeader", 1, 2),
    nodes("RegisterHttpMethod", 1, MANY),
    nodes("RemoveCharset", 1, MANY),
    nodes("RemoveEncoding", 1, MANY),
    nodes("RemoveHandler", 1, MANY),
    nodes("RemoveInputFilter", 1, MANY),
    nodes("RemoveLanguage", 1, MANY),
    nodes("RemoveOutputFilter", 1, MANY),
    nodes("RemoveType", 1, MANY),
    nodes("RLimitCPU", 1, 2),
    nodes("RLimitMEM", 1, 2),
    nodes("RLimitNPROC", 1, 2),
    nodes("SSIErrorMsg", 1, 1),
    nodes("SSIETag", 1, 1),
    nodes("SSILastModified", 1, 1),
    nodes("SSILegacyExprParser", 1, 1),
    nodes("SSITimeFormat", 1, 1),
    nodes("SSIUndefinedEcho", 1, 1),
    nodes("SSLCipherSuite", 1, 2),
    nodes("SSLOptions", 1, MANY),
    nodes("SSLRenegBufferSize", 1, 1),
    nodes("SSLRequire", 1, MANY),
    nodes("SSLRequireSSL", 0, 0),
    nodes("SSLUserName", 1, 1),
    nodes("SSLVerifyClient", 1, 1),
    nodes("SSLVerifyDepth", 1, 1),
    nodes("ScriptInterpreterSource", 1, 1),
    nodes("ServerSignature", 1, 1),
    nodes("Session", 1, MANY),
    nodes("SessionCookieName", 1, 2),
    nodes("SessionEnv", 1, MANY),
    nodes("SessionMaxAge", 1, 1),
    nodes("SetHandler", 1, 1),
    nodes("SetInputFilter", 1, 1),
    nodes("SetOutputFilter", 1, 1),
    nodes("Substitute", 1, 1),
    nodes("SubstituteMaxLineLength", 1, 1),
    nodes("XBitHack", 1, 1),
    nodes("php_value", 1, 2),
    nodes("php_flag", 1, 2),
    nodes("php_admin_value", 1, 2),
    nodes("php_admin_flag", 1, 2),
    nodes("suPHP_ConfigPath", 1, 1),
    nodes("lsapi_phprc", 1, 1),
    nodes("ModPagespeed", 1, 1),
    nodes("SecFilterEngine", 1, 1),
    nodes("SecFilterScanPOST", 1, 1),
    nodes("SecRuleEngine", 1, 1),
    nodes("PassengerEnabled", 1, 1),
    server("AccessFileName"),
    server("Alias"),
    server("AliasMatch"),
    server("AllowEncodedSlashes"),
    server("AllowOverride"),
    server("AllowOverrideList"),
    server("CustomLog"),
    server("Define"),
    server("DocumentRoot"),
    server("ErrorLog"),
    server("ExtendedStatus"),
    server("HostnameLookups"),
    server("Include"),
    server("IncludeOptional"),
    server("KeepAlive"),
    server("KeepAliveTimeout"),
    server("LimitInternalRecursion"),
    server("LimitRequestFields"),
    server("LimitRequestFieldSize"),
    server("LimitRequestLine"),
    server("Listen"),
    server("LoadModule"),
    server("LogFormat"),
    server("LogLevel"),
    server("MaxKeepAliveRequests"),
    server("MergeSlashes"),
    server("Mutex"),
    server("ProxyPass"),
    server("ProxyPassMatch"),
    server("ProxyPassReverse"),
    server("ProxyPreserveHost"),
    server("ProxyRequests"),
    server("ScriptAlias"),
    server("ScriptAliasMatch"),
    server("ServerAdmin"),
    server("ServerAlias"),
    server("ServerName"),
    server("ServerRoot"),
    server("ServerTokens"),
    server("SSLCertificateFile"),
    server("SSLCertificateKeyFile"),
    server("SSLEngine"),
    server("SSLProtocol"),
    server("SSLProxyEngine"),
    server("TimeOut"),
    server("TraceEnable"),
    server("UnDefine"),
    server("UseCanonicalName"),
    server("User"),
    server("Group"),
    server("UserDir"),
];

/// Modules whose directives are read here or left to the nodes: what `<IfModule>` takes for loaded.
const MODULES: &[&str] = &[
    "core",
    "so",
    "http_core",
    "access_compat",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "autoindex",
    "deflate",
    "dir",
    "env",
    "expires",
    "filter",
    "headers",
    "mime",
    "negotiation",
    "proxy",
    "proxy_http",
    "reqtimeout",
    "rewrite",
    "setenvif",
    "ssl",
    "status",
    "version",
    "http2",
    "mpm_event",
    "unixd",
    "watchdog",
    "log_config",
    "socache_shmcb",
];

/// Whether a module counts as loaded: `mod_rewrite.c` and `rewrite_module` are names of one.
pub(super) fn has_module(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let file = |module: &str| match module {
        "core" | "http_core" => name.strip_suffix(".c") == Some(module),
        "mpm_event" => name == "event.c",
        _ => name.strip_prefix("mod_").and_then(|name| name.strip_suffix(".c")) == Some(module),
    };
    MODULES.iter().any(|module| file(module) || name.strip_suffix("_module") == Some(module))
}
