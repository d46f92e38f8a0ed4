//! The tree that all rule files stand in, the maps, and the machine: the same for Apache and for us.

/// Folders, from the root down.
pub(crate) const FOLDERS: [&str; 19] = [
    "/app",
    "/app/public",
    "/audio",
    "/blog",
    "/cache",
    "/docs",
    "/docs/deep",
    "/docs/deep/er",
    "/img",
    "/images",
    "/private",
    "/wp-admin",
    "/wp-content",
    "/wp-content/uploads",
    "/wp-includes",
    "/files",
    "/media",
    "/shop",
    "/with space",
];

/// Files; empty where the text is.
pub(crate) const FILES: [(&str, &str); 30] = [
    ("/index.html", "home\n"),
    ("/index.php", "php\n"),
    ("/robots.txt", "robots\n"),
    ("/favicon.ico", "icon\n"),
    ("/feed.xml", "feed\n"),
    ("/empty.txt", ""),
    ("/403.html", "no\n"),
    ("/404.html", "none\n"),
    ("/audio/song.mp3", "song\n"),
    ("/audio/other.ogg", "other\n"),
    ("/img/a.png", "a\n"),
    ("/img/logo.gif", "logo\n"),
    ("/images/nohotlink.png", "swap\n"),
    ("/docs/page.html", "page\n"),
    ("/docs/index.html", "docs\n"),
    ("/docs/old.html", "old\n"),
    ("/docs/deep/page.html", "page\n"),
    ("/docs/deep/er/page.html", "page\n"),
    ("/wp-admin/index.php", "admin\n"),
    ("/wp-content/uploads/pic.jpg", "pic\n"),
    ("/wp-includes/load.php", "load\n"),
    ("/blog/index.php", "blog\n"),
    ("/app/index.php", "app\n"),
    ("/app/public/index.php", "public\n"),
    ("/app/public/style.css", "style\n"),
    ("/private/secret.txt", "secret\n"),
    ("/cache/page.html.gz", "packed\n"),
    ("/files/report.pdf", "report\n"),
    ("/shop/index.php", "shop\n"),
    ("/with space/page.html", "page\n"),
];

/// A file that may be run.
pub(crate) const EXECUTABLE: &str = "/files/run.sh";
/// A link to `/index.html`.
pub(crate) const LINK: &str = "/link.html";

/// Maps by name: what stands behind `RewriteMap NAME`, a text for those that are read from a file.
pub(crate) const MAPS: [(&str, &str, &str); 9] = [
    ("lower", "int:tolower", ""),
    ("upper", "int:toupper", ""),
    ("escape", "int:escape", ""),
    ("unescape", "int:unescape", ""),
    ("pages", "txt", PAGES),
    ("hosts", "txt", HOSTS),
    ("numbers", "txt", "1 one\n2 two\n3 three\n4 four\n5 five\n6 six\n"),
    ("pool", "rnd", "static same|same|same\nsingle only\n"),
    ("bad", "txt", "bad-agent -\nevil.example -\n203.0.113.7 -\n"),
];

const PAGES: &str = "# old names of pages\nold new\nA%20b spaced\nfirst   docs/page.html   # a remark is text\n\
    \tindented value\nempty\nnested ${lower:X}\nquoted \"two words\"\nUPPER up\ncaf\u{e9} coffee\nlast end";
const HOSTS: &str =
    "www.site.example main\nblog.site.example blog\nshop.site.example shop\nsite.example main\n";

/// What `SERVER_ADMIN` and `SERVER_NAME` are without a Host.
pub(crate) const ADMIN: &str = "admin@site.example";
/// Where our side says that the tree is; Apache's own folder is written as this.
pub(crate) const ROOT: &str = "/srv/htdocs";

/// What the origin says in its answers, whatever is asked.
pub(crate) const ORIGIN_FIELDS: [(&str, &str); 4] =
    [("X-Origin", "one"), ("Cache-Control", "private"), ("X-Powered-By", "echo/1"), ("X-List", "a, b")];
