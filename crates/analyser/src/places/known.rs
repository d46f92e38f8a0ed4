//! Where logs lie when no configuration says so: distributions and hosting panels.

use super::Found;
use super::root::Root;

/// A place, and where in its path the domain stands.
struct Known {
    /// `{}` stands for the domain.
    pattern: &'static str,
    of: &'static str,
}

const KNOWN: [Known; 18] = [
    Known { pattern: "/var/log/apache2/*access*.log", of: "Apache on Debian" },
    Known { pattern: "/var/log/httpd/*access_log", of: "Apache on RHEL" },
    Known { pattern: "/var/log/httpd/*access*.log", of: "Apache on RHEL" },
    Known { pattern: "/var/log/apache2/*access_log", of: "Apache on SUSE" },
    Known { pattern: "/usr/local/apache2/logs/*access_log", of: "Apache from source" },
    Known { pattern: "/var/log/nginx/*access*.log", of: "nginx" },
    Known { pattern: "/var/log/lighttpd/access.log", of: "lighttpd" },
    Known { pattern: "/var/log/caddy/*.log", of: "Caddy" },
    Known { pattern: "/var/log/traefik/access.log", of: "Traefik" },
    Known { pattern: "/var/log/icecast2/access.log", of: "Icecast" },
    Known { pattern: "/usr/local/apache/domlogs/{}", of: "cPanel" },
    Known { pattern: "/var/log/apache2/domlogs/{}", of: "cPanel" },
    Known { pattern: "/var/www/vhosts/system/{}/logs/*access*log", of: "Plesk" },
    Known { pattern: "/var/www/vhosts/{}/statistics/logs/*access*log", of: "Plesk before 11.5, Virtuozzo" },
    Known { pattern: "/var/log/httpd/domains/{}.log", of: "DirectAdmin" },
    Known { pattern: "/var/log/ispconfig/httpd/{}/access.log", of: "ISPConfig" },
    Known { pattern: "/var/www/{}/log/access.log", of: "ISPConfig" },
    Known { pattern: "/var/log/virtualmin/{}_access_log", of: "Virtualmin" },
];

pub(super) fn look(root: &Root, found: &mut Found) {
    for known in &KNOWN {
        for path in root.matching(&known.pattern.replace("{}", "*")) {
            let place = root.at(&path);
            let Some(domain) = domain_in(&path, known.pattern) else {
                found.add(place, None, None, known.of);
                continue;
            };
            // cPanel keeps other counts beside the logs.
            let is_log =
                !domain.ends_with("bytes_log") && !domain.contains("ftpxferlog") && !domain.contains("ftp.");
            let domain = domain.strip_suffix("-ssl_log").unwrap_or(&domain);
            if place.is_file() && is_log && domain.contains('.') && !has_rotation(domain) {
                found.add(place, Some(domain), None, known.of);
            }
        }
    }
}

/// What stands in a path where its pattern has the domain.
fn domain_in(path: &str, pattern: &str) -> Option<String> {
    let (before, after) = pattern.split_once("{}")?;
    let rest = path.strip_prefix(before)?;
    // The domain is one part of the path, or its beginning.
    let end = match after.split('*').next().filter(|after| !after.is_empty()) {
        Some(after) => rest.find(after)?,
        None => rest.find('/').unwrap_or(rest.len()),
    };
    Some(rest[..end].to_ascii_lowercase())
}

/// Whether a file is an older one: those are found by the name of the newest.
fn has_rotation(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    matches!(last, "gz" | "zst" | "bz2") || last.bytes().all(|byte| byte.is_ascii_digit())
}
