//! One synthetic log for each kind of verdict: it is given, and nobody else is accused.

use super::story::{Ask, BROWSERS, Dice, NOW, OWN, START, Story, accused, tally};
use analyser::log::Usuals;
use analyser::{Confidence, PathTrait, Verdict};
use std::fmt::Write as _;

const HOUR: i64 = 3600;
const SONG_BYTES: u64 = 4_200_000;

#[test]
fn a_forum_that_embeds_a_song_is_a_hot_linker_under_one_name() {
    let mut story = Story::new(2);
    story.blog(72);
    for _ in 0..300 {
        let (hour, from) = (i64::try_from(story.dice.roll(70)).unwrap(), story.address());
        let (at, agent) = (story.moment(START + hour * HOUR), story.dice.one_of(&BROWSERS));
        let referer = story.dice.one_of(&["http://forum.co.uk/t/9", "http://www.forum.co.uk/t/9?page=2"]);
        story.ask(&Ask {
            at,
            from,
            target: "/audio/song.mp3",
            status: 200,
            bytes: SONG_BYTES,
            referer,
            agent,
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::HotLink, "forum.co.uk")]);
    assert_eq!(findings[0].confidence, Confidence::High);
    assert_eq!(findings[0].counted.requests, 300);
    assert_eq!(findings[0].traits.referers, ["forum.co.uk"]);
    assert_eq!(findings[0].traits.paths, [PathTrait::Is("/audio/song.mp3".into())]);
}

/// The hoster's story: songs discovered elsewhere, fetched without a referer.
#[test]
fn songs_that_are_fetched_without_a_referer_from_one_day_on_are_found_with_the_day() {
    let mut story = Story::new(3);
    story.blog(96);
    for hour in 60..96 {
        for _ in 0..40 {
            let (at, number) = (story.moment(START + hour * HOUR), story.dice.roll(8));
            let from = format!("10.99.{}.{}", story.dice.roll(4), 1 + story.dice.roll(200));
            let (target, agent) = (format!("/audio/{number}.mp3"), story.dice.one_of(&BROWSERS));
            story.ask(&Ask {
                at,
                from,
                target: &target,
                status: 200,
                bytes: SONG_BYTES,
                referer: "-",
                agent,
            });
        }
    }
    let (summary, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::HotLinkWithoutReferer, "audio files below /audio/")]);
    assert_eq!(findings[0].confidence, Confidence::High, "it is what grew");
    assert_eq!(findings[0].traits.paths, [PathTrait::Below("/audio/".into())]);
    assert!(findings[0].traits.is_without_referer);
    let change = summary.domains[0].against_usual.as_ref().unwrap();
    assert_eq!(change.from_unix, START + 60 * HOUR);
    assert!(summary.concurrency.peak_to >= 3, "{:?}", summary.concurrency);
}

#[test]
fn one_address_that_fetches_every_archive_is_a_leech() {
    let mut story = Story::new(4);
    story.blog(48);
    for number in 0..400_i64 {
        let target = format!("/files/{number}.zip");
        let (from, agent) = ("10.7.7.7".to_owned(), "Wget/1.24.5");
        story.ask(&Ask {
            at: START + 20 * HOUR + number * 30,
            from,
            target: &target,
            status: 200,
            bytes: 8_000_000,
            referer: "-",
            agent,
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::SingleLeech, "10.7.7.7")]);
    assert_eq!(findings[0].traits.networks.len(), 1);
}

#[test]
fn somebody_who_reads_all_day_is_a_heavy_user_and_no_leech() {
    let mut story = Story::new(5);
    story.blog(48);
    for minute in 0..600 {
        story.visit_of(START + 10 * HOUR + minute * 60, 4, ("10.8.8.8", BROWSERS[0]), "-");
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::HeavyUser, "10.8.8.8")]);
}

#[test]
fn one_program_from_everywhere_with_a_made_up_referer_is_a_bot_farm() {
    let mut story = Story::new(6);
    story.blog(72);
    for number in 0..60_i64 {
        let from = format!("10.{}.40.9", 100 + number % 25);
        let (target, referer) = ("/files/dump.log", "https://www.blog.example/");
        story.ask(&Ask {
            at: START + number * HOUR,
            from,
            target,
            status: 200,
            bytes: 54_000_000,
            referer,
            agent: BROWSERS[2],
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::BotFarm, "/files/dump.log")]);
    assert_eq!(findings[0].traits.agents, [BROWSERS[2]]);
}

#[test]
fn a_crowd_that_a_news_page_sends_is_no_hot_link() {
    let mut story = Story::new(7);
    story.blog(96);
    for _ in 0..2_500 {
        let hour = 50 + i64::try_from(story.dice.roll(4)).unwrap();
        let (at, from, agent) =
            (story.moment(START + hour * HOUR), story.address(), story.dice.one_of(&BROWSERS));
        story.visit_of(at, 1, (&from, agent), "https://news.example/");
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::FlashCrowd, "news.example")]);
}

#[test]
fn a_crawler_that_outweighs_everybody_is_named() {
    let mut story = Story::new(8);
    story.blog(48);
    let agent = "Mozilla/5.0 (compatible; HungryBot/1.0; +https://hungry.example/bot)";
    for number in 0..20_000_i64 {
        let target =
            if number % 5000 == 0 { "/robots.txt".to_owned() } else { format!("/post/{number}?view=print") };
        let from = format!("10.200.1.{}", 1 + number % 60);
        story.ask(&Ask {
            at: START + number * 8,
            from,
            target: &target,
            status: 200,
            bytes: 30_000,
            referer: "-",
            agent,
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::Crawler, "HungryBot")]);
    assert_eq!(findings[0].confidence, Confidence::High);
}

#[test]
fn a_check_every_minute_is_monitoring() {
    let mut story = Story::new(9);
    story.blog(24);
    for number in 0..24 * 60 * 2_i64 {
        let (from, agent) = ("10.5.5.5".to_owned(), "check_http/v2.3.3 (monitoring-plugins 2.3.3)");
        story.ask(&Ask {
            at: START + number * 30,
            from,
            target: "/",
            status: 200,
            bytes: 300,
            referer: "-",
            agent,
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::Monitoring, "10.5.5.5")]);
}

#[test]
fn a_film_that_everybody_links_from_one_day_on_is_a_popular_file() {
    let mut story = Story::new(10);
    story.blog(96);
    let places = ["-", "https://t.co/x", "https://www.reddit.com/r/y", "https://mail.google.com/", "-"];
    for number in 0..800 {
        // seldom before, much since hour 60
        let hour = if number < 10 { number * 6 } else { 60 + i64::try_from(story.dice.roll(30)).unwrap() };
        let (at, from, agent) =
            (story.moment(START + hour * HOUR), story.address(), story.dice.one_of(&BROWSERS));
        let elsewhere = format!("https://site{}.example/", story.dice.roll(40));
        let referer = if number % 5 == 0 { &elsewhere } else { story.dice.one_of(&places) };
        story.ask(&Ask {
            at,
            from,
            target: "/files/film.mp4",
            status: 200,
            bytes: 20_000_000,
            referer,
            agent,
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::PopularFile, "/files/film.mp4")]);
}

#[test]
fn a_release_that_the_sites_own_visitors_fetch_is_its_own_doing() {
    let mut story = Story::new(11);
    story.blog(96);
    for _ in 0..600 {
        let hour = 60 + i64::try_from(story.dice.roll(30)).unwrap();
        let (at, from, agent) =
            (story.moment(START + hour * HOUR), story.address(), story.dice.one_of(&BROWSERS));
        story.visit_of(at, 1, (&from, agent), "-");
        let mut dice = Dice::new(u64::try_from(at).unwrap());
        let page = format!("{OWN}/post/{}", dice.roll(40));
        story.ask(&Ask {
            at: at + 60,
            from,
            target: "/app-2.0.apk",
            status: 200,
            bytes: 15_000_000,
            referer: &page,
            agent,
        });
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::OwnDeployment, "/app-2.0.apk")]);
}

#[test]
fn a_logo_that_no_browser_may_keep_is_the_sites_own_doing() {
    let mut story = Story::new(12);
    for hour in 0..72 {
        for _ in 0..8 {
            let (at, from, agent) =
                (story.moment(START + hour * HOUR), story.address(), story.dice.one_of(&BROWSERS));
            for page in 0..7 {
                story.visit_of(at + page * 40, 1, (&from, agent), OWN);
                let referer = format!("{OWN}/post/1");
                let logo = Ask {
                    at: at + page * 40,
                    from: from.clone(),
                    target: "/logo.png",
                    status: 200,
                    bytes: 300_000,
                    referer: &referer,
                    agent,
                };
                story.ask(&logo);
            }
        }
    }
    let (_, findings) = story.look();
    assert_eq!(accused(&findings), [(Verdict::OwnDeployment, "/logo.png")]);
    assert!(findings[0].counter_check.contains("Cache-Control"));
}

/// Two customers of one hoster: the one's pages show the other's pictures.
#[test]
fn a_neighbour_on_the_same_machine_is_a_hot_linker_too_and_its_own_pages_are_its_own() {
    let mut story = Story::new(13);
    let mut text = String::new();
    let mut take = |story: &mut Story, host: &str| {
        for line in story.text.lines() {
            writeln!(text, "{host}:443 {line}").unwrap();
        }
        story.text.clear();
    };
    story.blog(48);
    take(&mut story, "www.blog.example");
    for number in 0..400_i64 {
        let (from, agent) = (story.address(), story.dice.one_of(&BROWSERS));
        let at = START + number * 400;
        let page = Ask { at, from, target: "/cheap/shoes", status: 200, bytes: 20_000, referer: "-", agent };
        story.ask(&page);
        take(&mut story, "neighbour.example");
        let referer = "https://neighbour.example/cheap/shoes";
        story.ask(&Ask { target: "/img/3-0.jpg", bytes: 60_000, referer, ..page });
        take(&mut story, "www.blog.example");
    }
    let (_, findings) = tally(&text, "vhost_combined", 1).finish(&Usuals::default(), NOW);
    assert_eq!(accused(&findings), [(Verdict::HotLink, "neighbour.example")]);
    assert_eq!(findings[0].traits.domain.as_deref(), Some("www.blog.example"));
}

#[test]
fn a_host_of_files_that_one_forum_shows_is_hot_linked_where_it_is_known_that_the_forum_is_not_its_own() {
    let mut story = Story::new(12);
    for number in 0..300 {
        let (at, from) = (START + number * 7, story.address());
        let (target, referer) = ("/audio/song.mp3", "http://forum.example/t/9");
        story.ask(&Ask { at, from, target, status: 200, bytes: SONG_BYTES, referer, agent: BROWSERS[0] });
    }
    // Nobody opens pages, as on a site's own host of files, and nothing says whose pages these are.
    let (summary, findings) = story.look();
    assert_eq!(accused(&findings), [], "nothing that is more than a hint");
    assert!(summary.own_names.iter().any(|own| own.name == "forum.example" && own.is_guess));

    let mut said = tally(&story.text, "combined", 1);
    said.know_own(&["music.example".to_owned()]);
    let named: Vec<String> = story.text.lines().map(|line| format!("music.example:80 {line}\n")).collect();
    for mut tally in [said, tally(&named.concat(), "vhost_combined", 1)] {
        let (summary, findings) = tally.finish(&Usuals::default(), NOW);
        let found = findings.iter().find(|finding| finding.verdict == Verdict::HotLink);
        assert_eq!(found.map(|finding| finding.subject.as_str()), Some("forum.example"), "{findings:#?}");
        assert!(summary.own_names.iter().all(|own| !own.is_guess));
    }
}
