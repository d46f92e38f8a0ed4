//! Synthetic logs in which nothing is wrong. Saying so is worth as much as finding something.

use super::story::{Ask, BROWSERS, START, Story, accused, tally};
use analyser::Verdict;
use analyser::log::Usuals;

const HOUR: i64 = 3600;

/// Nothing is said of the log but that.
fn expect_nothing(story: &Story) {
    let (_, findings) = story.look();
    let verdicts: Vec<Verdict> = findings.iter().map(|finding| finding.verdict).collect();
    assert_eq!(verdicts, [Verdict::NothingUnusual]);
    assert!(!findings[0].evidence.is_empty());
}

#[test]
fn a_small_blog_with_robots_feeds_and_image_search() {
    let mut story = Story::new(20);
    story.blog(72);
    expect_nothing(&story);
}

#[test]
fn a_log_of_one_hour() {
    let mut story = Story::new(21);
    story.blog(1);
    expect_nothing(&story);
}

#[test]
fn a_log_of_a_year() {
    let mut story = Story::new(22);
    for day in 0..365 {
        for _ in 0..6 {
            let hour = day * 24 + 8 + i64::try_from(story.dice.roll(12)).unwrap();
            let at = story.moment(START + hour * HOUR);
            story.visit(at, 2);
        }
    }
    expect_nothing(&story);
}

#[test]
fn no_line_at_all_and_one_line() {
    let story = Story::new(23);
    let (summary, findings) = story.look();
    assert_eq!((summary.total.requests, findings.len()), (0, 1));
    assert_eq!(findings[0].verdict, Verdict::NothingUnusual);
    assert!(accused(&findings).is_empty(), "an empty log is no proof of anything");
    let mut story = Story::new(24);
    let from = "10.1.1.1".to_owned();
    story.ask(&Ask {
        at: START,
        from,
        target: "/a.mp3",
        status: 200,
        bytes: 90_000_000,
        referer: "http://x.example/",
        agent: "-",
    });
    expect_nothing(&story);
}

#[test]
fn programs_that_talk_to_an_api() {
    let mut story = Story::new(25);
    for number in 0..6_000_i64 {
        let target = format!("/api/v1/items/{}", story.dice.roll(500));
        let from = format!("10.3.0.{}", 1 + story.dice.roll(30));
        let bytes = 500 + story.dice.roll(20_000);
        story.ask(&Ask {
            at: START + number * 20,
            from,
            target: &target,
            status: 200,
            bytes,
            referer: "-",
            agent: "okhttp/4.12.0",
        });
    }
    expect_nothing(&story);
}

#[test]
fn a_host_of_images_whose_pages_are_served_elsewhere() {
    let mut story = Story::new(26);
    for number in 0..8_000_i64 {
        let target = format!("/img/{}.jpg", story.dice.roll(300));
        let (from, agent) = (story.address(), story.dice.one_of(&BROWSERS));
        let bytes = 30_000 + story.dice.roll(90_000);
        story.ask(&Ask {
            at: START + number * 30,
            from,
            target: &target,
            status: 200,
            bytes,
            referer: "https://www.shop.example/",
            agent,
        });
    }
    expect_nothing(&story);
}

#[test]
fn an_intranet_that_sends_no_referers() {
    let mut story = Story::new(27);
    for number in 0..3_000_i64 {
        let from = format!("10.0.0.{}", 1 + story.dice.roll(60));
        let agent = story.dice.one_of(&BROWSERS);
        let targets = ["/wiki/start", "/wiki/plan", "/files/handbook.pdf", "/img/plan.png", "/wiki/news"];
        let target = story.dice.one_of(&targets);
        let bytes = if target.starts_with("/files") { 400_000 } else { 20_000 };
        story.ask(&Ask { at: START + number * 60, from, target, status: 200, bytes, referer: "-", agent });
    }
    expect_nothing(&story);
}

#[test]
fn everybody_behind_one_proxy() {
    let mut story = Story::new(28);
    for number in 0..1_200_i64 {
        let agent = format!("{} Person/{}", BROWSERS[0], story.dice.roll(80));
        story.visit_of(START + number * 120, 2, ("10.0.0.1", &agent), "-");
    }
    expect_nothing(&story);
}

#[test]
fn a_podcast_that_its_listeners_fetch() {
    let mut story = Story::new(29);
    story.blog(72);
    let players = [
        "AppleCoreMedia/1.0.0.21A329 (iPhone; U; CPU OS 17_0)",
        "AntennaPod/3.4.0",
        "Overcast/3.0 (+http://overcast.fm/)",
    ];
    for _ in 0..900 {
        let hour = i64::try_from(story.dice.roll(72)).unwrap();
        let (at, from, agent) =
            (story.moment(START + hour * HOUR), story.address(), story.dice.one_of(&players));
        let target = format!("/audio/episode-{}.mp3", story.dice.roll(5));
        story.ask(&Ask { at, from, target: &target, status: 206, bytes: 9_000_000, referer: "-", agent });
    }
    expect_nothing(&story);
}

#[test]
fn a_mirror_of_packages() {
    let mut story = Story::new(30);
    for number in 0..5_000_i64 {
        let target = format!("/pool/main/p{}.deb", story.dice.roll(200));
        let from = story.address();
        let bytes = 100_000 + story.dice.roll(3_000_000);
        story.ask(&Ask {
            at: START + number * 40,
            from,
            target: &target,
            status: 200,
            bytes,
            referer: "-",
            agent: "Debian APT-HTTP/1.3 (2.6.1)",
        });
    }
    expect_nothing(&story);
}

#[test]
fn a_site_that_people_reach_by_its_bare_address() {
    let mut story = Story::new(31);
    for number in 0..900_i64 {
        let (from, agent) = (story.address(), story.dice.one_of(&BROWSERS));
        let (at, page) = (START + number * 200, format!("/page/{}.html", story.dice.roll(20)));
        let referer = format!("http://10.20.30.40{page}");
        let html = Ask { at, from, target: &page, status: 200, bytes: 8_000, referer: "-", agent };
        story.ask(&html);
        for image in 0..4 {
            let target = format!("/pics/{image}.jpg");
            story.ask(&Ask { target: &target, bytes: 90_000, referer: &referer, ..html.clone() });
        }
    }
    let (summary, findings) = story.look();
    assert_eq!(findings.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [Verdict::NothingUnusual]);
    assert_eq!(summary.own_names[0].name, "10.20.30.40", "shown, so that a person can confirm it");
}

#[test]
fn a_favourite_file_that_did_not_grow() {
    let mut story = Story::new(32);
    story.blog(96);
    for number in 0..600_i64 {
        let (from, agent) = (story.address(), story.dice.one_of(&BROWSERS));
        let page = format!("/post/{}", number % 40);
        let at = START + number * 570;
        story.visit_of(at, 1, (&from, agent), "-");
        let _ = page;
        let referer = format!("https://www.blog.example/post/{}", number % 40);
        story.ask(&Ask {
            at: at + 90,
            from,
            target: "/files/film.mp4",
            status: 200,
            bytes: 20_000_000,
            referer: &referer,
            agent,
        });
    }
    expect_nothing(&story);
}

#[test]
fn a_few_pictures_shown_elsewhere_are_not_worth_a_night() {
    let mut story = Story::new(33);
    story.blog(240);
    for _ in 0..12 {
        let (from, agent) = (story.address(), story.dice.one_of(&BROWSERS));
        let at = story.moment(START + 30 * HOUR);
        story.ask(&Ask {
            at,
            from,
            target: "/img/3-0.jpg",
            status: 200,
            bytes: 60_000,
            referer: "https://forum.example/",
            agent,
        });
    }
    expect_nothing(&story);
}

#[test]
fn a_format_without_referers_says_that_it_cannot_see_them() {
    let mut text = String::new();
    for number in 0..500 {
        let line = format!(
            "10.0.{}.{} - - [02/Mar/2026:{:02}:{:02}:00 +0000] \"GET /a{}.html HTTP/1.1\" 200 4000\n",
            number % 20,
            1 + number % 200,
            number % 20,
            number % 60,
            number % 30
        );
        text.push_str(&line);
    }
    let (summary, findings) = tally(&text, "common", 1).finish(&Usuals::default(), START + 99 * 86_400);
    assert!(summary.without_referer.is_none() && summary.referer_classes.is_empty());
    assert!(findings[0].evidence.iter().any(|evidence| evidence.text.contains("has no referers")));
}
